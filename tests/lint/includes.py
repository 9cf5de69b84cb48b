#!/usr/bin/env python3
"""Include directions. A folder may include itself and what its row names; a library has one place that includes it.

The rows are the reading order of agent/README.md: who reads from the bottom up meets nothing that was not explained.
"""

import re

import source

GROUND = ["base"]
MAY = {
    "base": [],
    "proto": GROUND,
    "loop": GROUND,
    "http": ["loop", "proto", *GROUND],
    "config": ["http", "loop", "proto", *GROUND],
    "status": ["component", "config", "http", "loop", "proto", *GROUND],
    "health": ["component", "status", "config", "http", "loop", "proto", *GROUND],
    "state": ["component", "health", "status", "config", "http", "loop", "proto", *GROUND],
    "series": ["component", "state", "health", "status", "config", "http", "loop", "proto", *GROUND],
    "pipeline": ["component", "series", "state", "health", "status", "config", "http", "loop", "proto", *GROUND],
    "store": ["proto", "loop", *GROUND],
    "component": GROUND,
    "collectors": ["component", "series", "option", "http", "loop", "proto", *GROUND],
    "exporters": ["component", "series", "option", "store", "http", "loop", "proto", *GROUND],
}
LIBRARIES = {
    r"event2/": ["agent/loop/"],
    r"microhttpd\.h": ["agent/http/"],
    r"curl/": ["agent/http/"],
    r"sqlite3\.h": ["agent/state/", "agent/store/", "agent/base/strange_db."],
    r"libfyaml\.h": ["agent/config/"],
    r"pthread\.h": ["agent/loop/"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
NAMED = re.compile(r"^extern const struct (?:collector|exporter)_type\b", re.M)
KNOW_COMPONENTS = ("agent/agent.c", "agent/registry.c", "agent/registry.h")


def folder_of(name):
    """The row of a file: a folder of agent/, a folder of the top level, or None for agent.c, main.c and the like."""
    parts = name.split("/")
    if name == "agent/component.h":
        return "component"
    if parts[0] == "agent":
        return parts[1] if len(parts) > 2 else None
    return parts[0]


def target_of(included):
    if included == "component.h":
        return "component"
    if included == "config/option.h":
        return "option"
    if included.endswith(".pb-c.h"):
        return "proto"
    return included.split("/")[0] if "/" in included else None


def own(name):
    folder = folder_of(name)
    allowed = {folder, *MAY.get(folder, [])}
    for kind, included in INCLUDE.findall(source.read(name)):
        if kind == '"' and folder is not None:
            target = target_of(included)
            reached = {target, "config"} if target == "option" else {target}
            if target is None:
                yield f'{name}: "{included}" is to be written with its folder'
            elif not reached & allowed:
                yield f'{name}: {folder} must not include "{included}"'
        for pattern, places in LIBRARIES.items():
            if kind == "<" and re.match(pattern, included) and not name.startswith(tuple(places)):
                yield f"{name}: <{included}> belongs into {' or '.join(places)} only"


def main():
    names = source.files(".c", ".h", folders=("agent", "collectors", "exporters", "proto"))
    complaints = [c for name in names for c in own(name)]
    complaints += [f"{name}: folder {folder_of(name)} has no row here" for name in names
                   if folder_of(name) is not None and folder_of(name) not in MAY]
    complaints += [f"{name}: knows a component by name" for name in names
                   if name not in KNOW_COMPONENTS and NAMED.search(source.bare(source.read(name)))]
    source.finish(complaints if names else ["no file was found: the reader is broken"])


if __name__ == "__main__":
    main()
