#!/usr/bin/env python3
"""Include directions, for every file of the program: a folder includes what stands before it, never what stands behind.

ROWS is that order; it is the reading order of agent/README.md, too: whoever reads from the top meets nothing that was
not explained. The files that stand in agent/ itself have rows of their own. Three more rules are held here: files form
no circle (NAME.c and NAME.h count as one), a library has one place that includes it, and the parts of `tail` include
only those that stand above them in their map. includes_test.py is its test.
"""

import os
import re

import source

# Row, and what it may include besides itself. BEFORE: every row above it.
BEFORE = object()
ROWS = {
    "base": [],
    "proto": ["base"],
    "loop": ["proto", "base"],
    "http": ["loop", "base"],
    "config": ["base"],
    "component": ["base"],
    "status": ["config", "http", "loop", "proto", "base"],
    "expression": ["proto", "base"],
    "health": ["component", "expression", "status", "config", "http", "loop", "proto", "base"],
    "state": ["component", "health", "status", "config", "http", "loop", "proto", "base"],
    "store": ["component", "health", "status", "config", "http", "loop", "proto", "base"],
    "series": ["component", "health", "status", "config", "http", "loop", "proto", "base"],
    "pipeline": ["component", "series", "status", "config", "http", "loop", "proto", "base"],
    "access": ["component", "option", "http", "loop", "base"],
    "collectors": ["access", "component", "series", "option", "http", "loop", "proto", "base"],
    "exporters": ["access", "component", "store", "option", "http", "loop", "proto", "base"],
    "core": BEFORE,
    "registry": BEFORE,
    "settings": BEFORE,
    "spool": ["component", "pipeline", "state", "status", "loop", "proto", "base"],
    "parked": ["core", "component", "pipeline", "state", "status", "http", "loop", "proto", "base"],
    "recorder": ["core", "component", "pipeline", "state", "status", "http", "loop", "proto", "base"],
    "lent": BEFORE,
    "admin": BEFORE,
    "agent": BEFORE,
    "cli": BEFORE,
    "main": BEFORE,
}
# The rows of files that stand in agent/ itself.
ROOT = {
    "component": "component",
    "core": "core",
    "state_tell": "core",
    "registry": "registry",
    "agent_config": "settings",
    "addresses": "settings",
    "own_files": "settings",
    "guesses": "settings",
    "otlp_variables": "settings",
    "resource": "settings",
    "state_path": "settings",
    "memory_limit": "settings",
    "host": "lent",
    "intake": "lent",
    "outlet": "lent",
    "agent": "agent",
    "assemble": "agent",
    "main": "main",
}
# Who includes what everybody could, but is not to.
ONLY = {"agent.h": ["agent/agent.c", "agent/assemble.c", "agent/main.c"]}

# What components may include of config: their options, and a file of YAML that one of these names.
OPTION = ("config/option.h", "config/document.h")

# What is still otherwise: a file and what it includes, and nodes among which there are circles. Both are to be empty; a
# row that is not needed any more is a complaint.
LEFT_INCLUDES = set()
LEFT_CIRCLES = []

# Maps of folders: a table whose first column names the parts, from the bottom up.
MAPS = ["collectors/tail/README.md"]

LIBRARIES = {
    r"event2/": ["agent/loop/"],
    r"microhttpd\.h": ["agent/http/"],
    r"curl/": ["agent/http/"],
    r"nghttp2/": ["agent/http/"],
    r"sqlite3\.h": ["agent/state/", "agent/store/", "agent/base/strange_db.", "agent/base/new_db.",
                    "agent/base/busy_db."],
    r"libfyaml\.h": ["agent/config/"],
    r"pcre2\.h": ["proto/regex."],
    r"nettle/": ["proto/relabel.", "proto/sha256."],
    r"pthread\.h": ["agent/loop/"],
    r"dlfcn\.h": ["agent/base/library."],
    r"snappy-c\.h": ["proto/snappy."],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
NAMED = re.compile(r"^extern const struct (?:collector|exporter)_type\b", re.M)
KNOW_COMPONENTS = ("agent/assemble.c", "agent/registry.c", "agent/registry.h")


def node_of(name):
    """NAME.c and NAME.h are one."""
    return name.rsplit(".", 1)[0]


def row_of(name):
    """The row of a file, or None when it has none."""
    parts = node_of(name).split("/")
    if parts[0] != "agent":
        return parts[0] if parts[0] in ROWS else None
    if len(parts) == 2:
        return ROOT.get(parts[1])
    return parts[1] if parts[1] in ROWS else None


def path_of(included, names):
    """The file that an #include means, or None: a generated one, or none that is here."""
    return next((path for path in ("agent/" + included, included) if path in names), None)


def allowed_for(row):
    may = ROWS[row]
    order = list(ROWS)
    return {row, *(order[:order.index(row)] if may is BEFORE else may)}


def ways_of(included, names):
    """The rows through which it may be included."""
    if included.endswith(".pb-c.h"):
        return {"proto"}
    path = path_of(included, names)
    ways = {row_of(path)} if path else set()
    return ways | {"option"} if included in OPTION else ways


def wrong_includes(name, text, names):
    row = row_of(name)
    if row is None:
        yield f"{name}: has no row in this program"
        return
    for kind, included in INCLUDE.findall(text):
        if kind == "<":
            for pattern, places in LIBRARIES.items():
                if re.match(pattern, included) and not name.startswith(tuple(places)):
                    yield name, included, f"{name}: <{included}> belongs into {' or '.join(places)} only"
            continue
        ways = ways_of(included, names)
        if not ways:
            yield name, included, f'{name}: "{included}" is to be written as from agent/ or from the top'
        elif not ways & allowed_for(row):
            yield name, included, f'{name}: {row} must not include "{included}"'
        if name not in ONLY.get(included, [name]):
            yield name, included, f'{name}: only {", ".join(ONLY[included])} may include "{included}"'


def graph_of(texts):
    """Node → the nodes it includes."""
    graph = {node_of(name): set() for name in texts}
    for name, text in texts.items():
        for kind, included in INCLUDE.findall(text):
            path = path_of(included, texts) if kind == '"' else None
            if path and node_of(path) != node_of(name):
                graph[node_of(name)].add(node_of(path))
    return graph


def shortest_circle(graph, start, within):
    """The shortest way from a node back to it, over nodes of `within`."""
    ways = [[start]]
    seen = set()
    for way in ways:
        for node in sorted(graph[way[-1]] & within):
            if node == start:
                return way
            if node not in seen:
                seen.add(node)
                ways.append(way + [node])
    return None


def reachable(graph, start):
    seen, open_ = set(), [start]
    while open_:
        for node in graph[open_.pop()] - seen:
            seen.add(node)
            open_.append(node)
    return seen


def circles_of(graph):
    """The groups of nodes in which each includes each in the end."""
    reach = {node: reachable(graph, node) for node in graph}
    groups = {frozenset(other for other in reach[node] if node in reach[other]) for node in graph}
    return sorted((group for group in groups if len(group) > 1), key=sorted)


def complaints_of(texts, left_includes=frozenset(), left_circles=()):
    """What is wrong with files, given as name → text."""
    complaints, used = [], set()
    for name, text in texts.items():
        for wrong in wrong_includes(name, text, texts):
            if isinstance(wrong, str):
                complaints.append(wrong)
            elif wrong[:2] in left_includes:
                used.add(wrong[:2])
            else:
                complaints.append(wrong[2])
        if name not in KNOW_COMPONENTS and NAMED.search(source.bare(text)):
            complaints.append(f"{name}: knows a component by name")
    complaints += [f"{name} does not include {what} any more: take it out of LEFT_INCLUDES"
                   for name, what in sorted(left_includes - used)]
    graph = graph_of(texts)
    circles = circles_of(graph)
    for group in circles:
        if not any(group <= left for left in left_circles):
            way = min((shortest_circle(graph, node, group) for node in sorted(group)), key=len)
            complaints.append("circle of files: " + " → ".join(way + way[:1]))
    complaints += [f"{', '.join(sorted(left))}: no circle any more: take it out of LEFT_CIRCLES"
                   for left in left_circles if not any(group <= left for group in circles)]
    return complaints


def table_order(text):
    """The rows that the table of agent/README.md names, in its order."""
    table = text[text.index("| where |"):].split("\n\n")[0].splitlines()[2:]
    paths = [path for line in table for path in re.findall(r"`([\w/.]+)`", line.split("|")[1])]
    rows = []
    for path in paths:
        row = row_of(path if "." in path else path + "/any.c")
        if row not in rows:
            rows.append(row)
    return rows


def map_complaints(name, text, texts):
    """Whether the map has each part of its folder, and each part includes only those above it."""
    folder = os.path.dirname(name) + "/"
    columns = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    parts = [node_of(folder + part) for column in columns for part in re.findall(r"`([\w.]+)`", column)]
    graph = {node: ways for node, ways in graph_of(texts).items() if node.startswith(folder)}
    for node in sorted(set(parts) ^ set(graph)):
        yield f"{name}: {node} " + ("is not there" if node in parts else "has no row")
    for i, node in enumerate(parts):
        for below in sorted(graph.get(node, set()).intersection(parts[i + 1:])):
            yield f"{name}: {node} includes {below}, which stands below it"


def main():
    names = source.files(".c", ".h", folders=("agent", "collectors", "exporters", "proto"))
    texts = {name: source.read(name) for name in names}
    complaints = complaints_of(texts, LEFT_INCLUDES, LEFT_CIRCLES)
    if table_order(source.read("agent/README.md")) != list(ROWS):
        complaints.append("agent/README.md: the table is to have the rows of this program, in their order")
    for name in MAPS:
        complaints += map_complaints(name, source.read(name), texts)
    source.finish(complaints if names else ["no file was found: the reader is broken"])


if __name__ == "__main__":
    main()
