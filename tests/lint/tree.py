#!/usr/bin/env python3
"""The tree: what stands at the top level, words that mark unfinished work, paths of somebody's machine, lock files
without addresses."""

import re

import source

TOP = {"agent", "collectors", "exporters", "proto", "conf", "tests", "CMakeLists.txt", "CMakePresets.json", "README.md",
       "CHANGELOG.md", "LICENSE"}
SUMS = ("go.sum", "package-lock.json")
# Each in two pieces, so that this file passes its own test.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" "DO", "FIX" "ME", "X" "XX"]) + r")\b")
MACHINE = re.compile(r"(?<![\w.}])(/" "work/|/" "root/|/" r"home/\w)")
REGISTRY = re.compile("registry" r"\.npmjs|" "proxy" r"\.golang\.org|" "pypi" r"\.org/simple|files\.pythonhosted", re.I)
BINARY = (".png", ".gz", ".bin", ".db", ".ico")


def lines_of(name):
    try:
        return list(enumerate(source.read(name).splitlines(), 1))
    except UnicodeDecodeError:  # a corpus file
        return []


def complaints_of(name):
    if "/corpus/" in name or name.endswith(BINARY):
        return
    for number, line in lines_of(name):
        if REGISTRY.search(line):
            yield f"{name}:{number}: address of a package registry"
        if name.endswith(SUMS):
            continue
        if UNFINISHED.search(line):
            yield f"{name}:{number}: mark of unfinished work"
        if MACHINE.search(line):
            yield f"{name}:{number}: path of one machine"


def main():
    names = source.tracked()
    outside = sorted({name.split("/")[0] for name in names} - TOP)
    complaints = [f"{name}: does not belong at the top level" for name in outside if not name.startswith(".")]
    source.finish(complaints + [c for name in names for c in complaints_of(name)])


if __name__ == "__main__":
    main()
