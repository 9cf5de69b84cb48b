#!/usr/bin/env python3
"""No mutable state at file scope: the objects of our own code hold nothing in a writable section.

usage: state.py BUILD_FOLDER. Constant tables with pointers stand in .data.rel.ro, which is read-only once relocated.
Generated code is left out, and so is what the sanitizers and the coverage counters add.
"""

import glob
import os
import re
import subprocess
import sys

import source

WRITABLE = (".data", ".bss", ".tdata", ".tbss", "*COM*")
NOT_OURS = ("__odr_asan", "__asan", "__ubsan", "__gcov", "__llvm", "__sanc", "__unnamed", ".L", "__prof", "__cov")
GENERATED = (".pb-c.c.o", "_empty.c.o")


SYMBOL = re.compile(r"[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+ (\S+)$")


def symbols(archive):
    """Object file, section and name of every data symbol."""
    out = subprocess.run(["objdump", "-t", archive], capture_output=True, text=True, check=True).stdout
    member = archive
    for line in out.splitlines():
        if "file format" in line:
            member = line.split(":")[0]
        found = SYMBOL.match(line)
        if not found:
            continue
        flags, section, name = found.groups()
        thread_local = section.startswith((".tbss", ".tdata")) and flags[5] != "d"
        if flags[6] == "O" or thread_local or section == "*COM*":
            yield member, section, name


def is_mutable(section):
    return section.startswith(WRITABLE) and not section.startswith(".data.rel.ro")


def main():
    archives = sorted(glob.glob(os.path.join(sys.argv[1], "liboxp_*.a")))
    complaints = [] if archives else ["no library was found in " + sys.argv[1]]
    for archive in archives:
        for member, section, name in symbols(archive):
            if is_mutable(section) and not name.startswith(NOT_OURS) and not member.endswith(GENERATED):
                complaints.append(f"{os.path.basename(archive)}({member}): {name} is mutable, in {section}")
    source.finish(complaints)


if __name__ == "__main__":
    main()
