#!/usr/bin/env python3
"""The code is free of warnings under the compiler that did not build it, too: gcc's build is read by clang, and clang's
by gcc.

usage: compilers.py BUILD_FOLDER, finished, with its compile_commands.json. Exit status 77 when the other compiler is
not installed.
"""

import concurrent.futures
import json
import os
import shlex
import shutil
import subprocess
import sys

import source


def check(command, compiler):
    words = shlex.split(command["command"])
    at = words.index("-o")
    words = [compiler, "-fsyntax-only", *words[1:at], *words[at + 2:]]
    done = subprocess.run(words, cwd=command["directory"], capture_output=True, text=True)
    return done.stderr.strip().splitlines() if done.returncode else []


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
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda command: check(command, other), commands)
    print(f"{len(commands)} files read by {other}")
    source.finish([line for lines in found for line in lines])


if __name__ == "__main__":
    main()
