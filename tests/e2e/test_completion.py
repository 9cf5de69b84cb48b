"""Completion in real shells: commands, what follows them, options with what they take, files."""

import contextlib
import os
import pty
import select
import subprocess
import time

import pytest

from lib import agent as agents
from lib import need

COMMANDS = "run check reference status health show parked recorder state completion".split()


def script(shell, tmp_path):
    done = agents.run("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    path = tmp_path / ("_oxpecker" if shell == "zsh" else "oxpecker." + shell)
    path.write_text(done.stdout)
    return path


def bash(path, folder, *words):
    """What bash offers for the last of these words."""
    text = f'source "{path}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _oxpecker; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run([need.program("bash"), "--norc", "-c", text, "bash", "oxpecker", *words], capture_output=True,
                          text=True, check=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def fish(path, folder, *words):
    """What fish offers, without its descriptions."""
    line = " ".join(["oxpecker", *words])
    argv = [need.program("fish"), "--no-config", "-c", f"source {path}; complete -C '{line}'"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=folder,
                          env={**os.environ, "HOME": str(folder)})
    assert done.stderr == ""
    return [row.split("\t")[0] for row in done.stdout.splitlines()]


@pytest.mark.parametrize("ask", [bash, fish])
def test_words_and_options_are_offered(tmp_path, ask):
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "one file.yaml").touch()
    path = script(ask.__name__, tmp_path)
    offers = lambda *words: set(ask(path, folder, *words))  # noqa: E731
    assert offers("") >= set(COMMANDS)
    assert offers("re") == {"reference", "recorder"}
    assert offers("parked", "") == {"ls", "show", "replay", "drop"}
    assert offers("parked", "show", "") - {""} == set()  # `show` is no command here
    assert offers("--set", "memory=16MiB", "show", "") == {"logs", "traces", "metrics"}
    assert offers("show", "logs", "--l") == {"--limit", "--level"}
    assert offers("health", "--l") - {""} == set()
    assert {"--debug", "--config", "--version", "--help"} <= offers("--")
    assert "--config" not in offers("completion", "--")
    assert offers("show", "--limit", "") - {""} == set()  # a number
    assert {name.replace("\\", "") for name in offers("check", "one")} == {"one file.yaml"}
    assert {name.replace("\\", "") for name in offers("status", "--config", "one")} == {"one file.yaml"}


def test_bash_breaks_words_at_equals_signs(tmp_path):
    path = script("bash", tmp_path)
    assert bash(path, tmp_path, "--set", "memory", "=", "16MiB", "show", "t") == ["traces"]


class Terminal:
    """A shell at a terminal, as a person has it."""

    def __init__(self, argv, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(argv[0], argv, {**os.environ, "TERM": "dumb", "HOME": str(folder), "ZDOTDIR": str(folder)})
        self.shown = ""

    def type(self, keys):
        self.shown = ""
        os.write(self.fd, keys.encode())

    def read_until(self, *words, deadline=60):
        began = time.monotonic()
        while not all(word in self.shown for word in words):
            assert time.monotonic() - began < deadline, f"{words} not in {self.shown[-2000:]!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                self.shown += os.read(self.fd, 65536).decode(errors="replace")
        return self.shown

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_zsh_completes_at_a_terminal(tmp_path):
    zsh, path = need.program("zsh"), script("zsh", tmp_path)
    subprocess.run([zsh, "-n", path], check=True)
    with contextlib.closing(Terminal([zsh, "-f", "-i"], tmp_path)) as terminal:
        terminal.type(f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -D; PS1='$ '; echo re''ady\r")
        terminal.read_until("ready")
        terminal.type("oxpecker par\t")
        terminal.read_until("parked ")
        terminal.type("re\t")
        terminal.read_until("replay ")
        terminal.type("--ren\t")
        terminal.read_until("--rename ")
        terminal.type("\x15oxpecker show \t")
        terminal.read_until("logs", "metrics", "traces")
        terminal.type("\x15oxpecker re\t\t")
        terminal.read_until("reference", "recorder", "print every option with its default")


def test_another_shell_is_refused():
    done = agents.run("completion", "tcsh")
    assert done.returncode == 2 and "expected bash, zsh or fish" in done.stderr


def test_the_manual_page_says_what_help_says():
    page = agents.run("reference", "--man", env={"SOURCE_DATE_EPOCH": 1795000000}).stdout
    assert page.startswith('.TH OXPECKER 1 2026-11-18 "oxpecker ')
    done = subprocess.run([need.program("mandoc"), "-Tutf8", "-Owidth=1000"], input=page, capture_output=True,
                          text=True)
    lint = subprocess.run(["mandoc", "-Tlint", "-Wstyle"], input=page, capture_output=True, text=True)
    assert (lint.returncode, lint.stdout) == (0, "")
    plain = "".join(c for i, c in enumerate(done.stdout) if c != "\b" and done.stdout[i + 1:i + 2] != "\b")
    for command in COMMANDS:
        for word in (word for word in agents.run(command, "--help").stdout.split() if len(word) > 3):
            assert word.strip("[]").replace("`", "") in plain, (command, word)
