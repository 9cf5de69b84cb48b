#!/usr/bin/env python3
"""The code is free of warnings under the compiler that did not build it, too: gcc's build is read by clang, and clang's
by gcc.

usage: compilers.py BUILD_FOLDER, finished, with its compile_commands.json. Exit status 77 when the other compiler is
not installed.

A file without warnings is not read again while the compiler, the flags and everything that was read with it are as they
were: what they were is kept in the build folder.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import source

KEPT = "lint_compilers.json"


@functools.cache
def contents(path):
    """A hash of the file, None if it is not there."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


class Clean:
    """What was read without a warning before, by its command: the files it was read from, and a hash over them all."""

    def __init__(self, folder, compiler):
        self.path = os.path.join(folder, KEPT)
        version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
        self.compiler, self.rows, self.names = f"{version} {contents(compiler)}", {}, []
        try:
            with open(self.path, encoding="utf-8") as file:
                kept = json.load(file)
            if kept["compiler"] == self.compiler:
                self.rows, self.names = kept["rows"], kept["names"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nothing is known, and everything is read

    def knows(self, key):
        numbers, hashed = self.rows.get(key, ([], None))
        return hashed is not None and self.hash([self.names[number] for number in numbers]) == hashed

    def hash(self, names):
        return hashlib.sha256(repr([(name, contents(name)) for name in names]).encode()).hexdigest()

    def save(self, read):
        """`read`: command → the files it was read from. Nothing else is kept."""
        names = sorted({name for of_one in read.values() for name in of_one})
        number = {name: at for at, name in enumerate(names)}
        rows = {key: ([number[name] for name in of_one], self.hash(of_one)) for key, of_one in read.items()}
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump({"compiler": self.compiler, "names": names, "rows": rows}, file)
        os.replace(self.path + ".new", self.path)

    def names_of(self, key):
        return [self.names[number] for number in self.rows[key][0]]


def read_by(compiler, command):
    """What makes the other compiler read the file: the command without its output, which is the same for a file that is
    part of several programs."""
    words = shlex.split(command["command"])
    at = words.index("-o")
    return json.dumps([command["directory"], compiler, *words[1:at], *words[at + 2:]])


def read(key):
    """The files that were read, or None, and the complaints."""
    folder, compiler, *words = json.loads(key)
    done = subprocess.run([compiler, "-fsyntax-only", "-MD", "-MF", "-", *words], cwd=folder, capture_output=True,
                          text=True)
    if done.returncode:
        return None, done.stderr.strip().splitlines() or [f"{shlex.join(words)}: exit status {done.returncode}"]
    rule = done.stdout.replace("\\\n", " ").split(": ", 1)[1]
    names = [name.replace("\\ ", " ") for name in re.findall(r"(?:\\ |\S)+", rule)]
    return [os.path.join(folder, name) for name in names], []


def complaints_of(commands, compiler, folder):
    """Also how many files were read; commands as in compile_commands.json."""
    clean, keys = Clean(folder, compiler), sorted({read_by(compiler, command) for command in commands})
    known = {key: clean.names_of(key) for key in keys if clean.knows(key)}
    anew = [key for key in keys if key not in known]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(anew, pool.map(read, anew)))
    clean.save({**known, **{key: names for key, (names, _) in found.items() if names}})
    return [line for _, lines in found.values() for line in lines], len(anew)


def is_ours(path):
    return os.path.commonpath([source.ROOT, path]) == source.ROOT and "/generated/" not in path


def main():
    with open(os.path.join(sys.argv[1], "compile_commands.json"), encoding="utf-8") as file:
        commands = [command for command in json.load(file) if is_ours(command["file"])]
    built_by = os.path.basename(shlex.split(commands[0]["command"])[0])
    other = shutil.which("gcc" if "clang" in built_by else "clang")
    if not other:
        print("the other compiler is not installed")
        sys.exit(77)
    complaints, count = complaints_of(commands, other, sys.argv[1])
    print(f"{count} files read by {other}, the others are as they were")
    source.finish(complaints)


if __name__ == "__main__":
    main()
