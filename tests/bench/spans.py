#!/usr/bin/env python3
"""Spans beside others, in one run, from the same generator into the same sink.

CPU-seconds (user and system, all threads) per million spans of 474 bytes: 10, 100, 512 and 1,000 a request, plain and
gzipped on the way out, over HTTP and gRPC in and out, JSON in, with steps: the limit program (over HTTP, without steps), ours, another build of
ours, the Collector, and any other agent given as a command.

    python3 tests/bench/spans.py build/release/oxpecker [--before OTHER] [--otelcol PATH] [--peer NAME=COMMAND]…

A peer's command may name {http} and {grpc}, the ports that it is to listen on for OTLP; {port}, where it is to send
OTLP over HTTP; and {folder}, which is for its files. One that always packs what it sends is NAME/gzip=COMMAND. Each
figure is the median of --repeat tries with its spread; the programs take turns, so that what disturbs the machine
disturbs all of them. Beside it stands the most memory that the program had resident in any of the tries.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from logs import figure, gone_idle  # noqa: E402
from run import (SPAN_STEPS, Agent, Bench, aligned, built, memory_of, quantile, say, spread, traces_config,  # noqa: E402
                 write_json)

from lib.cpu import cpu_seconds  # noqa: E402
from lib.process import Process  # noqa: E402
from lib.wait import answers, free_port, wait_until  # noqa: E402


class Case(NamedTuple):
    per: int  # spans a request
    packing: str = "plain"  # on the way out
    takes: str = "http"
    sends: str = "http"
    steps: str = "none"

    @property
    def name(self):
        ways = ", JSON in" if self.takes == "json" else "" if self.takes == self.sends == "http" else f", {self.takes} in, {self.sends} out"
        return f"{self.per}, {self.packing}{ways}{'' if self.steps == 'none' else ', ' + self.steps}"


AWAY_RATE = 20_000  # spans a second
SIZES = (10, 100, 512, 1000)
EDITED, SAMPLED, COUNTED = "an attribute renamed and one redacted", "a tenth sampled", "span metrics"
CASES = ([Case(per, packing) for packing in ("plain", "gzip") for per in SIZES] +
         [Case(per, takes="grpc") for per in SIZES] + [Case(per, sends="grpc") for per in SIZES] +
         [Case(100, "gzip", takes="grpc", sends="grpc")] + [Case(per, takes="json") for per in (10, 100, 1000)] +
         [Case(per, steps=steps) for steps in (EDITED, SAMPLED, COUNTED) for per in (100, 1000)])


class Cost(NamedTuple):
    cpu: float  # seconds per million spans
    resident: float  # MiB at most


def cost(pid, spent, sent):
    """Of a process that is still there."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        most = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    return Cost(spent / sent * 1e6, most / 1024)


class SpansBench(Bench):
    def __init__(self, options):
        options.lines = 1  # of the log lines, which are not needed here
        super().__init__(options)

    def send(self, case, ports):
        """Returns when all of them are in the sink, or as many as come through when some are sampled away."""
        url = f"http://127.0.0.1:{ports['grpc']}" if case.takes == "grpc" else f"http://127.0.0.1:{ports['http']}/v1/traces"
        words = ["-url", url, "-count", self.options.spans, "-per", case.per, "-conns", 4, "-retry"]
        answer = json.loads(self.run("gen", "spans", *words, *([] if case.takes == "http" else ["-" + case.takes])))
        assert answer["accepted"] >= self.options.spans, answer
        if case.steps != SAMPLED:
            self.sink.wait(self.sink.otlp, self.options.spans)
        return answer["accepted"]

    def limit(self, case):
        """It speaks HTTP only and has no steps: every case is held against the same work."""
        self.sink.reset()
        door, case = free_port(), Case(case.per, case.packing)
        limit = Process("limit-spans", [self.home + "/limit-spans", door, self.sink.otlp, case.packing], self.folder)
        wait_until(lambda: answers(door), 10, "limit-spans listens")
        before = cpu_seconds(limit.pid)
        sent = self.send(case, {"http": door})
        found = cost(limit.pid, cpu_seconds(limit.pid) - before, sent)
        limit.kill9()
        return found

    def ours(self, program):
        """A build of before gRPC is measured over HTTP."""
        reference = subprocess.run([program, "reference"], capture_output=True, text=True, check=True).stdout
        knows_grpc = "grpc: [127" in reference

        def measure(case):
            if not knows_grpc and "grpc" in (case.takes, case.sends):
                return None
            self.sink.reset()
            ports = {"http": free_port(), "grpc": free_port()}
            config = traces_config(ports["http"], self.sink.otlp, case.packing == "gzip")
            if knows_grpc:
                config["receive"]["otlp"]["grpc"] = [f"127.0.0.1:{ports['grpc']}"]
            if case.sends == "grpc":
                config["traces"]["export"]["otlp"]["protocol"] = "grpc"
            if SPAN_STEPS[case.steps]:
                config["traces"]["steps"] = SPAN_STEPS[case.steps]
            agent = Agent(program, config)
            before = agent.cpu()
            sent = self.send(case, ports)
            wait_until(lambda: agent.held() == 0, 30, "everything is acknowledged")
            found = cost(agent.process.pid, agent.cpu() - before, sent)
            agent.close()
            return found

        return measure

    def peer(self, argv_of, packing=""):
        """Any program that takes OTLP and sends it to the sink over HTTP. It has no steps here."""
        def measure(case):
            if case.steps != "none" or case.sends == "grpc" or packing not in ("", case.packing):
                return None
            self.sink.reset()
            ports = {"http": free_port(), "grpc": free_port()}
            folder = tempfile.mkdtemp(prefix="peer-", dir=self.folder)
            process = Process("peer", argv_of(folder, ports, case), folder)
            process.wait_until(lambda: answers(ports["grpc" if case.takes == "grpc" else "http"]), 60, "it listens")
            process.wait_until(gone_idle(process), 60, "it has started and waits")
            before = cpu_seconds(process.pid)
            sent = self.send(case, ports)
            found = cost(process.pid, cpu_seconds(process.pid) - before, sent)
            process.kill9()
            shutil.rmtree(folder)
            return found

        return measure

    def away(self, ack):
        """Nobody takes what comes in, 100 spans a request, 20,000 a second, for that many seconds."""
        door, nobody = free_port(), free_port()
        config = traces_config(door, nobody, True)
        files = tempfile.mkdtemp(prefix="state-", dir=self.folder)
        config["receive"]["otlp"]["ack"], config["state"] = ack, {"path": files, "max": "8GiB"}
        agent = Agent(self.options.oxpecker, config)
        words = ["-url", f"http://127.0.0.1:{door}/v1/traces", "-count", 1 << 40, "-per", 100, "-conns", 4,
                 "-rate", AWAY_RATE, "-seconds", self.options.away]
        before, seen = agent.cpu(), [memory_of(agent.process.pid)["Anonymous"]]
        app = Process("gen-away", [self.home + "/gen", "spans", *words], self.folder)
        wait_until(lambda: seen.append(memory_of(agent.process.pid)["Anonymous"]) or not app.alive(),
                   self.options.away + 60, "all is sent")
        said, spent = json.loads(app.out().splitlines()[-1]), agent.cpu() - before
        slices = quantile(agent.get("/metrics"), "oxpecker_loop_slice_seconds", 0.999)
        disk = sum(os.path.getsize(os.path.join(files, name)) for name in os.listdir(files))
        agent.close()
        return {"taken": said["accepted"], "refused": said["refused"], "anonymous_mib": max(seen) / 1024,
                "at_rest_mib": seen[0] / 1024, "cpu_s_per_million": spent / (said["accepted"] + said["refused"]) * 1e6,
                "export_p50_ms": said["ms_p50"], "export_p99_ms": said["ms_p99"], "slice_p999_ms": slices * 1e3,
                "bytes_on_disk_per_span": disk / said["accepted"]}

    def mapped(self, pid):
        """Bytes of files without a name that the process has mapped: what waits stands in them (pipeline/shelf.h)."""
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            areas = [line.split()[0].split("-") for line in file if line.endswith("(deleted)\n")]
        return sum(int(end, 16) - int(start, 16) for start, end in areas)

    def absence(self, memory):
        """The destination is away until nothing more is taken; then the agent is killed and starts again, twice; then the
        destination is back. 100 spans a request, as fast as they are taken, `ack: disk`."""
        door = free_port()
        files = tempfile.mkdtemp(prefix="state-", dir=self.folder)
        config = traces_config(door, self.sink.otlp, True)
        config["receive"]["otlp"]["ack"], config["memory"] = "disk", memory
        config["state"] = {"path": files, "max": "1GiB"}
        away = {**config, "traces": traces_config(door, free_port(), True)["traces"]}
        self.sink.reset()
        url = f"http://127.0.0.1:{door}/v1/traces"
        words = ["-url", url, "-count", 1 << 40, "-per", 100, "-conns", 4]
        agent = Agent(self.options.oxpecker, away)
        began, anonymous, taken, full = time.monotonic(), 0, 0, False
        while not full:
            said = json.loads(self.run("gen", "spans", *words, "-seconds", 2))
            taken, full = taken + said["accepted"], said["accepted"] == 0
            anonymous = max(anonymous, memory_of(agent.process.pid)["Anonymous"])
        found = {"spans_taken": taken, "filled_s": time.monotonic() - began - 2,
                 "anonymous_mib_full": anonymous / 1024,
                 "spool_bytes_per_span": sum(os.path.getsize(os.path.join(files, name)) for name in os.listdir(files)) / taken,
                 "shelf_bytes_per_span": self.mapped(agent.process.pid) / taken}
        agent.process.kill9()
        began = time.monotonic()
        agent = Agent(self.options.oxpecker, away)
        found["restart_s"] = time.monotonic() - began
        wait_until(lambda: agent.held() >= taken, 120, "what is on disk is held again")
        found["all_held_again_s"] = time.monotonic() - began
        found["restart_cpu_s"] = agent.cpu()
        found["anonymous_mib_restarted"] = memory_of(agent.process.pid)["Anonymous"] / 1024
        agent.process.kill9()
        agent = Agent(self.options.oxpecker, config)
        began, seen = time.monotonic(), []
        wait_until(lambda: seen.append(memory_of(agent.process.pid)["Anonymous"]) or agent.held() == 0, 300, "all is delivered")
        found.update({"delivered_s": time.monotonic() - began, "deliver_cpu_s_per_million": agent.cpu() / taken * 1e6,
                      "anonymous_mib_delivering": max(seen) / 1024,
                      "spans_came": self.sink.ask(self.sink.otlp, "GET", "/stats")["Units"]})
        agent.close()
        return found

    def collector(self, folder, ports, case):
        path = f"{folder}/otelcol.yaml"
        exporter = {"traces_endpoint": f"http://127.0.0.1:{self.sink.otlp}/v1/traces",
                    "compression": "gzip" if case.packing == "gzip" else "none"}
        protocols = {way: {"endpoint": f"127.0.0.1:{port}"} for way, port in ports.items()}
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"receivers": {"otlp": {"protocols": protocols}}, "processors": {"batch": {}},
                       "exporters": {"otlphttp": exporter},
                       "service": {"telemetry": {"metrics": {"level": "none"}},
                                   "pipelines": {"traces": {"receivers": ["otlp"], "processors": ["batch"],
                                                            "exporters": ["otlphttp"]}}}}, file)
        return [self.options.otelcol, "--config", path]

    def other(self, command):
        def argv_of(folder, ports, case):
            return ["sh", "-c", "exec " + command.format(port=self.sink.otlp, folder=folder, **ports)]

        return argv_of


def measure(bench):
    options = bench.options
    runners = {"limit": bench.limit, "ours": bench.ours(options.oxpecker)}
    if options.before:
        runners["before"] = bench.ours(options.before)
    if options.otelcol:
        runners["Collector"] = bench.peer(bench.collector)
    for peer in options.peer:
        name, command = peer.split("=", 1)
        name, _, packing = name.partition("/")
        runners[name] = bench.peer(bench.other(command), packing)
    result = {}
    for case in (case for case in CASES if re.search(options.only, case.name)):
        say(case.name)
        runs = [{name: run(case) for name, run in runners.items()} for _ in range(options.repeat)]
        result[case.name] = {name: {**spread([run[name].cpu for run in runs]),
                                    "resident_mib": max(run[name].resident for run in runs)}
                             for name in runners if runs[0][name] is not None}
    return result


def shown(case, name):
    return figure(case, name) + (f", {case[name]['resident_mib']:.0f} MiB" if name in case else "")


def table(result):
    names = sorted({name for case in result.values() for name in case} - {"limit", "ours"})
    rows = [("spans a request", "limit", "ours", "ratio", *names)]
    for title, case in result.items():
        rows.append((title, figure(case, "limit"), shown(case, "ours"),
                     f"{case['ours']['median'] / case['limit']['median']:.2f}", *(shown(case, name) for name in names)))
    return aligned(rows)


def away_table(result):
    names = list(result)
    return aligned([("", *names), *((what, *(f"{result[name][what]:.2f}" for name in names))
                                       for what in result[names[0]])])


def main():
    parser = argparse.ArgumentParser(description="Measures spans beside others; prints a table and JSON.")
    parser.add_argument("oxpecker", type=os.path.abspath, help="the Release build of the agent")
    parser.add_argument("--before", type=os.path.abspath, help="another build of it")
    parser.add_argument("--otelcol", default=built("otelcol", "otelcol"),
                        help="a Collector; `tests/backends/build.sh otelcol` makes one")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND", help="another agent: see above")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--spans", type=int, default=300_000)
    parser.add_argument("--only", default="", help="cases whose name has this pattern")
    parser.add_argument("--away", type=float, metavar="SECONDS",
                        help="instead, what it costs to be sent spans for so long while nobody takes them")
    parser.add_argument("--absence", action="append", metavar="MEMORY",
                        help="instead, what it costs if nobody takes them until the spool, or `memory` of that size, is full")
    parser.add_argument("--json", help="write the figures there instead of after the table")
    bench = SpansBench(parser.parse_args())
    try:
        if bench.options.absence:
            result = {memory: bench.absence(memory) for memory in bench.options.absence}
        elif bench.options.away:
            result = {ack: bench.away(ack) for ack in ("memory", "disk")}
        else:
            result = measure(bench)
    finally:
        bench.close()
    print(away_table(result) if bench.options.away or bench.options.absence else table(result))
    write_json(result, bench.options.json)


if __name__ == "__main__":
    main()
