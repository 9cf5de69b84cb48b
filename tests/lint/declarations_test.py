#!/usr/bin/env python3
"""returns.py and unused.py over files that are made up: what they are to find, they find, and nothing else."""

import returns
import source
import unused

RETURNS = {
    "said above it": ("/* Opens it. 0 or -errno. */\nint a_open(struct a *);\n", []),
    "said beside it": ("int a_open(struct a *); /* 0, -ENOMEM */\n", []),
    "said of a group": ("/* 0, -ENOSPC or -ENOMEM. */\nint a_put(struct a *);\nint a_end(struct a *);\n", []),
    "said of all": ("/*\n * Each function returns 0 or -errno.\n */\n\n/* Opens it. */\nint a_open(struct a *);\n", []),
    "not said": ("/* Opens it. */\nint a_open(struct a *);\n", ["a_open"]),
    "said of another function": (
        "/* Opens it. 0 or -errno. */\nint a_open(struct a *);\nvoid a_free(struct a *);\nint a_end(struct a *);\n",
        ["a_end"]),
    "said of a struct": ("/* 0: it is new. */\nstruct a {\n\tint x;\n};\nint a_open(struct a *);\n", ["a_open"]),
    "a callback": ("struct a {\n\t/* Called once. */\n\tint (*done)(void *);\n};\n", ["(*done)"]),
    "no int": ("/* Opens it. */\nbool a_open(struct a *);\n", []),
}

USED = {
    "proto/a.h": "/* A thing. */\n#ifndef OXP_A_H\n#define OXP_A_H\nenum { MOST = 3 };\nstruct a {\n\tint one;\n};\n"
                 "int a_new(struct a *);\nvoid a_check(struct a *);\n"
                 "/* For tests. */\nvoid a_turn(struct a *);\n#endif\n",
    "proto/a.c": "int a_new(struct a *a)\n{\n\treturn a->one < MOST;\n}\nvoid a_check(struct a *a)\n{\n}\n"
                 "void a_turn(struct a *a)\n{\n}\n",
    "proto/b.c": "int b(void)\n{\n\treturn a_new(NULL);\n}\n",
    "tests/unit/a.c": "int main(void)\n{\n\ta_check(NULL);\n\ta_turn(NULL);\n\ta_probe(NULL);\n}\n",
}

# Put before the #endif of proto/a.h, put behind proto/a.c → what is complained about, in part.
UNUSED = {
    "a number": ("enum { LEAST = 1 };\n", "", "LEAST is used nowhere"),
    "a macro": ("#define HALF(x) ((x) / 2)\n", "", "HALF is used nowhere"),
    "a member": ("struct b {\n\tint lost;\n};\n", "", "nobody names the member lost"),
    "a function": ("void a_gone(void);\n", "void a_gone(void)\n{\n}\n", "a_gone() is called by nobody"),
    "one that its own file calls": (
        "void a_own(void);\n", "void a_own(void)\n{\n}\nstatic void c(void)\n{\n\ta_own();\n}\n", "make it static"),
    "one that tests call": (
        "void a_probe(void *);\n", "void a_probe(void *p)\n{\n}\n", "a_probe() is called by tests alone"),
}


def check(what, found, wanted):
    if len(found) != len(wanted) or any(part not in complaint for part, complaint in zip(wanted, found)):
        yield f"{what}: wanted {wanted}, found {found}"


def faults():
    for what, (text, wanted) in RETURNS.items():
        yield from check(what, [name for _, name in returns.silent_functions(text)], wanted)
    yield from check("what is used", list(unused.complaints_of(USED)), [])
    for what, (header, code, wanted) in UNUSED.items():
        files = dict(USED)
        files["proto/a.h"] = USED["proto/a.h"].replace("#endif\n", header + "#endif\n")
        files["proto/a.c"] += code
        yield from check(what, list(unused.complaints_of(files)), [wanted])


if __name__ == "__main__":
    source.finish(list(faults()))
