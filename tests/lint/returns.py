#!/usr/bin/env python3
"""A function of a header that returns int says what: 0 or -errno, or whatever else it is.

It is said in the comment of the declaration, in the one that a group of declarations stands under, in one that speaks
of each function of its paragraph, or at the top of the file. A comment counts if it has one of the words below; that
the words are true is for the tests of the function.
"""

import re

import source

SAID = re.compile(
    r"\b0\b|-E[A-Z]|-1\b|errno|\bAs (of )?[a-z_]+|as above|the same|exit status|descriptor|how many", re.I)
EACH = re.compile(r"\b(each|all|every function|functions)\b[^.]*\breturns?\b[^.]*(\b0\b|errno)", re.I | re.S)
FUNCTION = re.compile(r"^\t?(?:static inline )?int (\w+|\(\*\w+\))\(", re.M)
GROUP = re.compile(r"\s*(?:(?:static inline )?int [^;]*;\s*)*")
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def without_comments(text):
    """The same number of bytes and lines, with dots in place of the comments."""
    return COMMENT.sub(lambda found: re.sub(r"[^\n]", ".", found.group()), text)


def paragraph_before(text, at):
    """What stands between the last blank line outside of a comment and the declaration that begins at `at`."""
    start = 0
    for blank in re.finditer(r"\n[ \t]*\n", without_comments(text)[:at]):
        start = blank.end()
    return text[start:at]


def is_said(text, at):
    declaration = text[at:text.index("\n", text.index(";", at))]
    before = paragraph_before(text, at)
    comments = COMMENT.findall(before)
    nearest = comments[-1] if comments and GROUP.fullmatch(before[before.rindex("*/") + 2:]) else ""
    head = COMMENT.match(text)
    return bool(SAID.search(" ".join(COMMENT.findall(declaration)))
                or SAID.search(nearest)
                or any(EACH.search(comment) for comment in comments + ([head.group()] if head else [])))


def silent_functions(text):
    """Line and name of each function that does not say it."""
    code = without_comments(text)
    return [(code.count("\n", 0, match.start()) + 1, match.group(1))
            for match in FUNCTION.finditer(code) if not is_said(text, match.start())]


def complaints():
    for name in source.files(".h", folders=("agent", "collectors", "exporters", "proto")):
        for line, function in silent_functions(source.read(name)):
            yield f"{name}:{line}: {function}() does not say what it returns"


if __name__ == "__main__":
    source.finish(list(complaints()))
