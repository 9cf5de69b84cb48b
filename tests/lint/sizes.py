#!/usr/bin/env python3
"""Functions of at most 60 lines, nesting of 3 and 5 parameters; lines of at most 120 columns with tabs of eight.

A brace counter and a reader of statements, good enough for this code's style; it is no C parser. `else if` does not
nest deeper, a switch does, its cases do not.
"""

import re
import statistics

import source

LINES, NESTING, PARAMETERS, COLUMNS = 60, 3, 5, 120
# libmicrohttpd and nghttp2 call these
DICTATED = {"on_request", "on_h2_field", "on_h2_data", "read_h2_answer", "size_h2_body", "add_h2_body"}
TOKEN = re.compile(r"\w+|[^\w\s]")
OPENING, CLOSING = {"(": ")", "{": "}", "[": "]"}, set(")}]")


class Function:
    def __init__(self, name, file, line, lines, parameters, nesting):
        self.name, self.file, self.line = name, file, line
        self.lines, self.parameters, self.nesting = lines, parameters, nesting

    def complaints(self):
        place = f"{self.file}:{self.line}: {self.name}()"
        if self.lines > LINES:
            yield f"{place} has {self.lines} lines, more than {LINES}"
        if self.nesting > NESTING:
            yield f"{place} nests {self.nesting} deep, more than {NESTING}"
        if self.parameters > PARAMETERS and self.name not in DICTATED:
            yield f"{place} takes {self.parameters} parameters, more than {PARAMETERS}"


def skip_group(tokens, i):
    """The index behind the group that opens at i."""
    depth = 0
    while i < len(tokens):
        depth += (tokens[i] in OPENING) - (tokens[i] in CLOSING)
        i += 1
        if depth == 0:
            break
    return i


class Nesting:
    """Reads the statements of a body and remembers how deep control structures stand in each other."""

    def __init__(self, body):
        self.tokens, self.i, self.deepest = TOKEN.findall(body), 0, 0
        while self.i < len(self.tokens):
            self.statement(0)

    def peek(self, ahead=0):
        return self.tokens[self.i + ahead] if self.i + ahead < len(self.tokens) else ""

    def control(self, depth):
        self.deepest = max(self.deepest, depth + 1)
        self.i += 1
        if self.peek() == "(":
            self.i = skip_group(self.tokens, self.i)
        self.statement(depth + 1)

    def block(self, depth):
        self.i += 1
        while self.peek() not in ("}", ""):
            self.statement(depth)
        self.i += 1

    def simple(self):
        while self.peek() not in (";", "}", ""):
            self.i = skip_group(self.tokens, self.i) if self.peek() in OPENING else self.i + 1
        if self.peek() == ";":
            self.i += 1

    def statement(self, depth):
        word = self.peek()
        if word == "{":
            self.block(depth)
        elif word == "if":
            self.choice(depth)
        elif word in ("for", "while", "switch"):
            self.control(depth)
        elif word == "do":
            self.control(depth)
            self.simple()
        elif word in ("case", "default"):
            while self.peek() not in (":", ""):
                self.i += 1
            self.i += 1
        elif self.peek(1) == ":" and re.match(r"[a-z_]", word):
            self.i += 2
        else:
            self.simple()
            self.i += word == "}"

    def choice(self, depth):
        self.control(depth)
        while self.peek() == "else":
            self.i += 1
            if self.peek() == "if":
                self.control(depth)
            else:
                self.statement(depth + 1)
                return


def body_end(text, i):
    depth = 0
    while i < len(text):
        depth += (text[i] == "{") - (text[i] == "}")
        i += 1
        if depth == 0:
            break
    return i


def count_parameters(head):
    """Of `name(a, b)`: the commas of the outermost parentheses."""
    inside, depth, commas = "", 0, 0
    for c in head[head.index("("):]:
        depth += (c == "(") - (c == ")")
        commas += c == "," and depth == 1
        inside += c
        if depth == 0:
            break
    return 0 if inside.strip("() \n\t") in ("", "void") else commas + 1


HEAD = re.compile(r"(\w+)\s*\([^;{}=]*\)\s*$", re.S)


def head_of(text):
    """The match of a function's head at the end of `text`, its attributes taken off, or None."""
    return HEAD.search(re.sub(r"__attribute__\s*\(\(.*?\)\)", "", text, flags=re.S))


def functions_of(name):
    text = source.without_directives(source.bare(source.read(name)))
    start = i = 0
    while i < len(text):
        if text[i] == ";":
            start = i + 1
        elif text[i] == "{":
            end, head = body_end(text, i), head_of(text[start:i])
            if head:
                line = text.count("\n", 0, i) + 1
                body = text[i + 1:end - 1]
                yield Function(head.group(1), name, line, text.count("\n", i, end) + 1,
                               count_parameters(head.group()), Nesting(body).deepest)
                start = end
            i = end
            continue
        i += 1


def long_lines():
    for name in source.files(".c", ".h", ".py", ".sh", ".js", ".go"):
        if name.startswith("tests/bench/"):
            continue  # the yardstick is kept as it was measured elsewhere
        for number, line in enumerate(source.read(name).splitlines(), 1):
            if len(line.expandtabs(8)) > COLUMNS:
                yield f"{name}:{number}: {len(line.expandtabs(8))} columns, more than {COLUMNS}"


def main():
    names = [name for name in source.files(".c", ".h") if not name.startswith("tests/bench/")]
    functions = [function for name in names for function in functions_of(name)]
    ours = [function for function in functions if not function.file.startswith("tests/")] or functions
    if not ours:
        source.finish(["no function was found: the reader is broken"])
    median = statistics.median(f.lines for f in ours)
    print(f"{len(ours)} functions outside tests, median {median:.0f} lines; the longest:")
    for function in sorted(ours, key=lambda f: -f.lines)[:8]:
        print(f"  {function.lines:3} lines  {function.file}:{function.line} {function.name}()")
    source.finish([c for function in functions for c in function.complaints()] + list(long_lines()))


if __name__ == "__main__":
    main()
