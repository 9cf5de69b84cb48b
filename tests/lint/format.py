#!/usr/bin/env python3
"""C source is laid out as .clang-format says, but for the files in unformatted.txt: those with tables aligned by hand,
and those whose turn has not come. Skipped (77) without clang-format 14, since each version lays out a little otherwise.

    format.py           complains about lines that clang-format would write otherwise
    format.py --list    writes unformatted.txt anew: files that are laid out by now leave it, none are added"""

import os
import re
import shutil
import subprocess
import sys

import source

LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unformatted.txt")
VERSION = "14"


def program():
    for name in ("clang-format-" + VERSION, "clang-format"):
        path = shutil.which(name)
        said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout if path else ""
        if re.search(rf"version {VERSION}\.", said):
            return path
    print(f"clang-format {VERSION} is not installed: conf/packages.sh tests")
    sys.exit(77)


def excused():
    with open(LIST, encoding="utf-8") as file:
        return {line.strip() for line in file if line.strip() and not line.startswith("#")}


def spots(names):
    """file:line of everything that is laid out otherwise."""
    done = subprocess.run([program(), "--dry-run", *names], cwd=source.ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return re.findall(r"^(\S+?:\d+):\d+: warning: code should be clang-formatted", done.stderr, re.M)


def main():
    names = source.files(".c", ".h")
    if sys.argv[1:] == ["--list"]:
        still = {spot.split(":")[0] for spot in spots(sorted(excused() & set(names)))}
        head = [line for line in open(LIST, encoding="utf-8") if line.startswith("#")]
        with open(LIST, "w", encoding="utf-8") as file:
            file.writelines(head + [name + "\n" for name in sorted(still)])
        return
    source.finish([f"{spot}: laid out otherwise; `clang-format-{VERSION} -i` on the file does it"
                   for spot in spots([name for name in names if name not in excused()])])


if __name__ == "__main__":
    main()
