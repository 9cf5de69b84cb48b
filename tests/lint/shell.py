#!/usr/bin/env python3
"""Shell scripts parse, and shellcheck has nothing to say about them where it is installed."""

import shutil
import subprocess

import source

BARE = (".ci/run", "conf/debian/postinst", "conf/debian/prerm", "conf/debian/postrm")


def scripts():
    return [name for name in source.tracked() if name.endswith(".sh") or name in BARE]


def run(*command):
    done = subprocess.run(command, cwd=source.ROOT, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines() if done.returncode else []


def main():
    complaints = []
    for name in scripts():
        shell = "bash" if "bash" in source.read(name).splitlines()[0] else "sh"
        complaints += run(shell, "-n", name)
        if shutil.which("shellcheck"):
            complaints += run("shellcheck", "-f", "gcc", name)
    source.finish(complaints)


if __name__ == "__main__":
    main()
