#!/usr/bin/env python3
"""What nobody uses any more goes: numbers without a use, functions of headers that nobody else calls, members that
nobody names.

What only tests call goes, too. Two kinds may stay: a check of an invariant, NAME_check(), and what is there to turn the
world by hand, whose comment says that it is for tests. A function that its own file calls, and tests, may stand in a
header. Names are counted as words, so a name that two things share is not found; this is no reader of C.
"""

import collections
import re

import source

OURS = ("agent", "collectors", "exporters", "proto")
WORD = re.compile(r"[A-Za-z_]\w*")
NUMBER = re.compile(r"[{,]\s*([A-Z]\w+)\s*=")
DEFINED = re.compile(r"^[ \t]*#[ \t]*define\s+(\w+)", re.M)
DECLARED = re.compile(r"^(?!typedef|static|extern|return)[A-Za-z][\w \t*]*?\b(\w+)\([^;{}]*\)[^;{}]*;", re.M)
MEMBER = re.compile(r"\b(\w+)(?:\[[^\]]*\])?\s*(?=[;,])")
FOR_TESTS = re.compile(r"\b[Ff]or tests\b")


def words(files, folders):
    count = collections.Counter()
    for name, code in files.items():
        if name.split("/")[0] in folders:
            count.update(WORD.findall(code))
    return count


def bodies_of_structs(code):
    for match in re.finditer(r"\bstruct\s+\w*\s*\{", code):
        depth, i = 1, match.end()
        while depth and i < len(code):
            depth += (code[i] == "{") - (code[i] == "}")
            i += 1
        yield re.sub(r"\([^()]*\)", "", code[match.end():i - 1])


def stem(name):
    return name.rsplit(".", 1)[0]


def unused_numbers(name, code, ours, tests):
    found = [word for body in re.findall(r"\benum\s*\{[^}]*\}", code) for word in NUMBER.findall(body)]
    guard = re.match(r"\s*#ifndef (\w+)", code)
    found += [word for word in DEFINED.findall(code) if not guard or word != guard.group(1)]
    return [f"{name}: {word} is used nowhere" for word in found if ours[word] + tests[word] == 1]


def unused_functions(name, text, code, mentions, ours, tests):
    for word in DECLARED.findall(code):
        others = {stem(other) for other in mentions[word] if other.split("/")[0] in OURS} - {stem(name)}
        if others or word in re.findall(r"\bstatic inline\b[^;{]*\{[^}]*\b(\w+)\(", code):
            continue
        if ours[word] > 2 and tests[word]:
            continue
        if ours[word] > 2:
            yield f"{name}: {word}() is called by its own file alone: make it static"
        elif not tests[word]:
            yield f"{name}: {word}() is called by nobody"
        elif not word.endswith("_check") and not said_for_tests(text, word):
            yield f"{name}: {word}() is called by tests alone"


def said_for_tests(text, word):
    before = text[:re.search(rf"\b{word}\(", text).start()]
    comment = before[before.rfind("/*"):]
    return ";" not in comment[comment.rfind("*/"):] and bool(FOR_TESTS.search(comment))


def complaints_of(files):
    """`files`: path → text, of everything that is C."""
    code = {name: source.bare(text) for name, text in files.items()}
    ours, tests = words(code, OURS), words(code, ("tests",))
    mentions = collections.defaultdict(set)
    for name, bare in code.items():
        for word in WORD.findall(bare):
            mentions[word].add(name)
    for name in sorted(name for name in files if name.split("/")[0] in OURS):
        yield from unused_numbers(name, code[name], ours, tests)
        if name.endswith(".h"):
            yield from unused_functions(name, files[name], code[name], mentions, ours, tests)
        for body in bodies_of_structs(code[name]):
            for word in MEMBER.findall(body):
                if ours[word] == 1:
                    yield f"{name}: nobody names the member {word}"


if __name__ == "__main__":
    source.finish(list(complaints_of({name: source.read(name) for name in source.files(".c", ".h")})))
