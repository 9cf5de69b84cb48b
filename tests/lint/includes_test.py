#!/usr/bin/env python3
"""includes.py over trees that are made up: what it is to find, it finds, and nothing else."""

import includes

# Two folders, a component and the agent, as they are to be.
CLEAN = {
    "agent/base/bytes.h": "",
    "agent/base/bytes.c": '#include "base/bytes.h"\n#include <stdio.h>\n',
    "agent/config/option.h": '#include "base/bytes.h"\n',
    "agent/loop/loop.h": '#include "base/bytes.h"\n',
    "agent/loop/loop.c": '#include "loop/loop.h"\n#include <event2/event.h>\n',
    "agent/component.h": '#include "base/bytes.h"\n',
    "agent/core.h": "",
    "agent/core.c": '#include "core.h"\n#include "loop/loop.h"\n',
    "agent/agent.h": '#include "core.h"\n',
    "agent/agent.c": '#include "agent.h"\n',
    "agent/main.c": '#include "agent.h"\n#include "cli/ask.h"\n',
    "agent/cli/ask.h": "",
    "agent/cli/ask.c": '#include "cli/ask.h"\n#include "loop/loop.h"\n',
    "collectors/pipe.c": '#include "component.h"\n#include "config/option.h"\n#include "loop/loop.h"\n',
    "proto/gzip.h": '#include "base/bytes.h"\n',
    "proto/gzip.c": '#include "proto/gzip.h"\n#include "trace.pb-c.h"\n',
}

# What is added to it → what is complained about, as a part of the one complaint.
FAULTS = {
    "a circle of two files": (
        {"proto/a.h": '#include "proto/b.h"\n', "proto/b.h": '#include "proto/a.h"\n'},
        "circle of files: proto/a → proto/b → proto/a"),
    "a circle that only a .c closes": (
        {"agent/loop/a.h": "", "agent/loop/a.c": '#include "loop/a.h"\n#include "loop/b.h"\n',
         "agent/loop/b.h": '#include "loop/a.h"\n'},
        "circle of files: agent/loop/a → agent/loop/b → agent/loop/a"),
    "a circle of three, with others around it": (
        {"proto/a.c": '#include "proto/b.h"\n#include "proto/gzip.h"\n', "proto/b.h": "",
         "proto/b.c": '#include "proto/c.h"\n', "proto/c.h": "", "proto/c.c": '#include "proto/a.h"\n', "proto/a.h": "",
         "proto/d.c": '#include "proto/a.h"\n'},
        "circle of files: proto/a → proto/b → proto/c → proto/a"),
    "a folder includes what stands behind": (
        {"agent/loop/up.c": '#include "core.h"\n'}, 'agent/loop/up.c: loop must not include "core.h"'),
    "a file of agent/ includes what stands behind": (
        {"agent/core.c": '#include "core.h"\n#include "cli/ask.h"\n'}, 'core must not include "cli/ask.h"'),
    "proto is no place for the loop": (
        {"proto/wait.c": '#include "loop/loop.h"\n'}, 'proto must not include "loop/loop.h"'),
    "a component reaches behind its contract": (
        {"collectors/pipe.c": '#include "core.h"\n'}, 'collectors must not include "core.h"'),
    "a collector reads more of config than rows": (
        {"agent/config/load.h": "", "collectors/pipe.c": '#include "config/load.h"\n'},
        'collectors must not include "config/load.h"'),
    "a component includes another": (
        {"exporters/file.h": "", "collectors/pipe.c": '#include "exporters/file.h"\n'},
        'collectors must not include "exporters/file.h"'),
    "somebody knows struct agent": (
        {"agent/cli/ask.c": '#include "agent.h"\n'},
        'agent/cli/ask.c: only agent/agent.c, agent/assemble.c, agent/main.c may include "agent.h"'),
    "a file in agent/ without a row": ({"agent/more.c": ""}, "agent/more.c: has no row"),
    "a folder without a row": ({"agent/more/more.c": ""}, "agent/more/more.c: has no row"),
    "a name without its folder": (
        {"agent/loop/lane.c": '#include "lane.h"\n', "agent/loop/lane.h": ""},
        'agent/loop/lane.c: "lane.h" is to be written'),
    "a library in two places": (
        {"agent/core.c": "#include <event2/event.h>\n"}, "<event2/event.h> belongs into agent/loop/ only"),
    "somebody knows a component": (
        {"agent/core.h": "extern const struct collector_type pipe;\n"}, "agent/core.h: knows a component by name"),
}


def check(what, found, wanted):
    if [part in complaint for part, complaint in zip(wanted, found)] != [True] * max(len(wanted), len(found)):
        yield f"{what}: wanted {wanted}, found {found}"


def faults():
    yield from check("the clean tree", includes.complaints_of(CLEAN), [])
    for what, (files, wanted) in FAULTS.items():
        yield from check(what, includes.complaints_of({**CLEAN, **files}), [wanted])
    circle = {**CLEAN, **FAULTS["a circle of two files"][0]}
    yield from check("a circle that is left", includes.complaints_of(circle, left_circles=[{"proto/a", "proto/b"}]), [])
    yield from check("a circle among others than those that are left",
                     includes.complaints_of(circle, left_circles=[{"proto/a", "proto/gzip"}]),
                     ["circle of files", "proto/a, proto/gzip: no circle any more"])
    left = {("agent/loop/up.c", "core.h")}
    up = {**CLEAN, **FAULTS["a folder includes what stands behind"][0]}
    yield from check("an include that is left", includes.complaints_of(up, left_includes=left), [])
    yield from check("one that is not needed any more", includes.complaints_of(CLEAN, left_includes=left),
                     ["agent/loop/up.c does not include core.h any more"])


def map_faults():
    texts = {"x/a.h": "", "x/b.h": '#include "x/a.h"\n', "x/b.c": '#include "x/b.h"\n', "y/c.h": ""}
    for what, rows, wanted in [
            ("a map that is true", "| parts | |\n| `a` | |\n| `b.h` | |\n", []),
            ("a part above what it includes", "| `b`, `a` | |\n", ["x/b includes x/a"]),
            ("a part that is missing, and one too many", "| `a`, `c` | |\n", ["x/b has no row", "x/c is not there"])]:
        yield from check(what, [c.split(": ")[1] for c in includes.map_complaints("x/README.md", rows, texts)], wanted)


def main():
    includes.source.finish([*faults(), *map_faults()])


if __name__ == "__main__":
    main()
