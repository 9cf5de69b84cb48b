#!/usr/bin/env python3
"""How soon probes are answered under each stress of the tests, in wall time and less what the machine took.

usage: probes.py PROGRAM [--repeat N]. PROGRAM is a release build; beside it, in `tests`, is libslow_disk.so of a build
with tests; the environment of tests/backends/build.sh pytest has to be there. Each probe is a connection of its own, 20 ms after the answer to the one before.
"""

import argparse
import collections
import json
import math
import os
import subprocess
import tempfile

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
STRESSES = {
    "e2e/test_stresses.py::test_while_all_three_run": "lines, spans and pages flat out",
    "e2e/test_stresses.py::test_while_names_backends_and_databases_hang": "names, backends and databases hang",
    "e2e/test_stresses.py::test_while_the_disk_takes_a_second_for_each_sync": "each sync of the disk takes a second",
    "e2e/test_stresses.py::test_while_there_are_no_descriptors": "no descriptors are left",
    "e2e/test_stresses.py::test_while_strangers_hold_connections": "500 unfinished connections to `listen`",
}


def of_rank(values, part):
    values = sorted(values)
    return values[max(0, math.ceil(part * len(values)) - 1)]


def run(program, figures):
    environment = {**os.environ, "OXPECKER_BIN": os.path.abspath(program), "OXPECKER_RELEASE_BIN":
                   os.path.abspath(program), "OXPECKER_FIGURES": figures}
    for test in STRESSES:
        subprocess.run(["sh", os.path.join(TESTS, "e2e", "run.sh"), os.path.join(TESTS, test)], env=environment,
                       check=True, stdout=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    found = collections.defaultdict(lambda: {"wall": [], "seconds": []})
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as file:
        for _ in range(options.repeat):
            run(options.program, file.name)
        for line in file:
            told = json.loads(line)
            for key, all_of in found[told["test"].split(" ")[0].rsplit("/", 1)[-1]].items():
                all_of += [one for one in told[key] if one is not None]
    print("| ms | probes | p50 | p99.9 | max | less what the machine took: p99.9 | max |\n|---|---|---|---|---|---|---|")
    for test, name in STRESSES.items():
        of = found[test.rsplit("/", 1)[-1]]
        columns = [of_rank(of["wall"], 0.5), of_rank(of["wall"], 0.999), max(of["wall"]),
                   of_rank(of["seconds"], 0.999), max(of["seconds"])]
        print(f"| {name} | {len(of['wall'])} | " + " | ".join(f"{1000 * each:.2f}" for each in columns) + " |")


if __name__ == "__main__":
    main()
