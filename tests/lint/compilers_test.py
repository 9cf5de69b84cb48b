#!/usr/bin/env python3
"""compilers.py over two files that are made up: each is read when something about it is new, and only then."""

import os
import shutil
import sys
import tempfile

import compilers

FILES = {"a.h": "int twice(int a);\n", "a.c": '#include "a.h"\nint twice(int a) { return 2 * a; }\n',
         "b.c": '#include <stddef.h>\nsize_t none(void);\nsize_t none(void) { return 0; }\n'}


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def look(folder, compiler, *flags, programs=("x",)):
    """One run: how many files were read, and the complaints."""
    compilers.contents.cache_clear()
    commands = [{"directory": folder, "command": f"cc -Wall -Werror {' '.join(flags)} -o {program}/{name}.o -c {name}"}
                for name in ("a.c", "b.c") for program in programs]
    complaints, count = compilers.complaints_of(commands, compiler, folder)
    return count, complaints


def check(folder, compiler):
    for name, text in FILES.items():
        write(folder, name, text)
    assert look(folder, compiler, programs=("x", "y")) == (2, []), "a file of two programs is read once"
    assert look(folder, compiler) == (0, []), "nothing is new"
    assert look(folder, compiler, "-DA") == (2, []), "other flags"
    write(folder, "a.h", FILES["a.h"] + "#warning nobody\n")
    count, complaints = look(folder, compiler, "-DA")
    assert count == 1 and "nobody" in "".join(complaints), "a header has a warning now"
    assert look(folder, compiler, "-DA") == (1, complaints), "what is complained about is read again"
    write(folder, "a.h", FILES["a.h"])
    assert look(folder, compiler, "-DA") == (1, []), "it is mended"
    os.unlink(os.path.join(folder, "a.h"))
    count, complaints = look(folder, compiler, "-DA")
    assert count == 1 and complaints, "a header is gone"
    write(folder, "a.h", FILES["a.h"])
    write(folder, compilers.KEPT, "{")
    assert look(folder, compiler, "-DA") == (2, []), "what was kept cannot be read"
    kept = compilers.Clean(folder, compiler)
    kept.compiler += " of another version"
    kept.save({key: kept.names_of(key) for key in kept.rows})
    assert look(folder, compiler, "-DA") == (2, []), "another compiler"


if __name__ == "__main__":
    found = [path for path in map(shutil.which, ("clang", "gcc")) if path]
    for each in found:
        with tempfile.TemporaryDirectory(prefix="a folder with spaces ") as made:
            check(made, each)
    print("clean" if found else "no compiler is installed")
    sys.exit(0 if found else 77)
