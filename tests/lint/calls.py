#!/usr/bin/env python3
"""Calls that must not be made: unbounded copies, hidden state, blocking, threads of our own outside the lanes, sleep in
tests; and chains of `failed ? failed : x`. Python tests may sleep in wait_until() alone: it is the one place that
waits, and it has a deadline.
"""

import ast
import re

import source

NEVER = "strcpy strcat sprintf vsprintf gets strtok atoi atol atof system popen alloca".split()
NEVER += "rand srand localtime gmtime".split()
OUTSIDE_TESTS = "setenv putenv".split()
IN_TESTS = "sleep usleep nanosleep clock_nanosleep".split()
THREADS = ["pthread_create", "thrd_create"]


def called(code, words):
    pattern = re.compile(r"(?<![\w>.])(" + "|".join(words) + r")\s*\(")
    for match in pattern.finditer(code):
        yield code.count("\n", 0, match.start()) + 1, match.group(1)


def banned_for(name):
    words = NEVER + IN_TESTS + ([] if name.startswith("tests/") else OUTSIDE_TESTS)
    if not name.startswith("agent/loop/"):
        words = words + THREADS
    return words


def c_complaints():
    for name in source.files(".c", ".h"):
        if name.startswith("tests/bench/"):
            continue  # the yardstick is kept as it was measured elsewhere
        code = source.bare(source.read(name))
        for line, word in called(code, banned_for(name)):
            yield f"{name}:{line}: {word}() is not used here"
        for match in re.finditer(r"\bfailed \? failed :", code):
            line = code.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: failed ? failed : x: return early, or use a writer (base/writer.h)"
        for match in re.finditer(r"\btypedef\s+(struct|union)\b", code):
            yield f"{name}:{code.count(chr(10), 0, match.start()) + 1}: typedef {match.group(1)}: write struct x"


def is_sleep(node):
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    return getattr(function, "attr", None) == "sleep" or getattr(function, "id", None) == "sleep"


def sleeps(tree):
    """Line numbers of calls of sleep() outside a function wait_until()."""
    waiting = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == "wait_until":
            waiting.update(id(inner) for inner in ast.walk(node))
    return [node.lineno for node in ast.walk(tree) if is_sleep(node) and id(node) not in waiting]


def python_complaints():
    for name in source.files(".py"):
        for line in sleeps(ast.parse(source.read(name), name)):
            yield f"{name}:{line}: sleep(): wait for a condition with wait_until()"


if __name__ == "__main__":
    source.finish(list(c_complaints()) + list(python_complaints()))
