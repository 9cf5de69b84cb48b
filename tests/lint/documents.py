#!/usr/bin/env python3
"""The documents: none of 150 lines or more, none with what a merge left open, links and paths that lead somewhere, and
in README no figure of what it costs that tests/bench/README.md does not have."""

import os
import re

import source

LINES = 150
LINK = re.compile(r"\[[^\]]+\]\(([^)#:\s]*)(?:#([^)\s]+))?\)")
# A path of the tree, such as agent/base/log.c or test_logs.py with a folder before it.
PATH = re.compile(r"`((?:\w+/)+\w+\.(?:c|h|py|sh|md|txt|yaml))`")
OPEN_MERGE = re.compile(r"^(?:<{7}|>{7}) ", re.M)
BESIDE = ("", "agent", "tests", "tests/e2e")
BENCH = "tests/bench/README.md"
FIGURE = re.compile(r"\d+(?:\.\d+)?")


def exists(*parts):
    return os.path.exists(os.path.join(source.ROOT, *parts))


def anchors(name):
    """What a forge calls the headings of a document."""
    heads = re.findall(r"^#+ (.+)$", source.read(name), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def bad_links(name, text):
    folder = os.path.dirname(name)
    for target, anchor in LINK.findall(text):
        path = os.path.normpath(os.path.join(folder, target)) if target else name
        if not exists(path):
            yield f"{name}: the link to {target} leads nowhere"
        elif anchor and anchor not in anchors(path):
            yield f"{name}: {path} has no heading #{anchor}"


def bad_paths(name, text):
    for path in PATH.findall(text):
        if not any(exists(folder, path) for folder in (*BESIDE, os.path.dirname(name))):
            yield f"{name}: there is no {path}"


def table_rows(text, head):
    """The rows of the table whose first row begins so."""
    found = re.search(r"^\| " + re.escape(head) + r".*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M)
    return found.group(1).splitlines() if found else []


def foreign_figures():
    rows = table_rows(source.read("README.md"), "CPU-seconds per million")
    if not rows:
        yield "README.md: the table of what it costs is not there"
    measured = set(FIGURE.findall(source.read(BENCH)))
    for row in rows:
        for figure in FIGURE.findall(row.split("|", 2)[2]):
            if figure not in measured:
                yield f"README.md: {figure} is not in {BENCH}: {row}"


def complaints_of(name):
    text = source.read(name)
    if text.count("\n") >= LINES:
        yield f"{name}: {text.count(chr(10))} lines; fewer than {LINES} are allowed"
    if OPEN_MERGE.search(text):
        yield f"{name}: a merge left both versions in it; make one of them"
    yield from bad_links(name, text)
    yield from bad_paths(name, text)


def main():
    names = [name for name in source.tracked() if name.endswith(".md")]
    source.finish([c for name in names for c in complaints_of(name)] + list(foreign_figures()))


if __name__ == "__main__":
    main()
