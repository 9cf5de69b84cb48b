#!/usr/bin/env python3
"""The bench of the log line: ours, the limit program, the OpenTelemetry Collector and any agent given by a command, in one
run, on the same files, into the same sink.

CPU-seconds per million lines (events, where they have several lines), from an idle agent until the sink has all of them.
The Collector follows the files with filelog and json_parser, batches, and sends OTLP over HTTP, since its Elasticsearch
exporter cannot be had. Then ours alone: at a steady rate, with the backend down, beside many files that nobody writes.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from run import Agent, Sink, aligned, built, memory_of, programs, say, spread, write_json
from lib.cpu import cpu_seconds
from lib.process import Process
from lib.wait import free_port, wait_until

USUAL = 396
PATIENCE = 600
KEYS = ["userId", "ipAddress", "userAgent"]


class Case:
    """One kind of file, and what it is read with. What a program cannot do is None."""

    def __init__(self, name, words=(), gzip=False, limit=None, tail=None, steps=(), operators=(), reading=None):
        self.name, self.words, self.gzip, self.limit = name, list(words), gzip, limit
        self.tail, self.steps, self.operators, self.reading = tail or {}, list(steps), list(operators), reading or {}


JSON = [{"type": "json_parser"}]
REDACT = [{"redact": KEYS}]
REMOVE = JSON + [{"type": "remove", "field": "attributes." + key} for key in KEYS]
TRACES = ["-format", "trace"]
CASES = [Case("300 bytes", ["-size", 300], limit="plain", operators=JSON),
         Case("300 bytes, gzip", ["-size", 300], True, "gzip", operators=JSON),
         Case("396 bytes", limit="plain", operators=JSON),
         Case("396 bytes, gzip", gzip=True, limit="gzip", operators=JSON),
         Case("1,200 bytes", ["-size", 1200], limit="plain", operators=JSON),
         Case("1,200 bytes, gzip", ["-size", 1200], True, "gzip", operators=JSON),
         Case("three fields redacted", steps=REDACT, operators=REMOVE),
         Case("CRI", ["-format", "cri"], tail={"format": "cri"}, operators=[{"type": "container", "format": "containerd",
              "add_metadata_from_filepath": False}] + JSON),
         Case("traces of several lines", TRACES, tail={"format": "text", "multiline": ["java"]},
              reading={"multiline": {"line_start_pattern": r"^\d{4}-"}})]


class Bench:
    def __init__(self, options):
        self.options, self.home = options, programs()
        self.folder = tempfile.mkdtemp(prefix="oxpecker-bench-")
        self.sink = Sink(self.home, self.folder, "-age")
        self.files = {}

    def close(self):
        self.sink.process.kill9()
        shutil.rmtree(self.folder)

    def file_of(self, words):
        """The path of a file made with these words, and its lines."""
        key = tuple(words)
        if key not in self.files:
            path = f"{self.folder}/lines{len(self.files)}"
            argv = [self.home + "/gen", "lines", "-out", path, "-count", self.options.lines, *words]
            made = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=True)
            self.files[key] = path, int(made.stdout.split()[0])
        return self.files[key]

    def watch(self, words):
        """A folder, what makes the file appear in it, and how many lines that are."""
        path, lines = self.file_of(words)
        watched = tempfile.mkdtemp(prefix="logs-", dir=self.folder)
        os.link(path, watched + "/waiting")
        return watched, lambda: os.rename(watched + "/waiting", watched + "/app.log"), lines

    def limit(self, case):
        path, lines = self.file_of(case.words)
        self.sink.reset()
        argv = [self.home + "/limit-logs", path, case.limit, str(self.sink.bulk)]
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        _, child.returncode, usage = os.wait4(child.pid, 0)
        assert child.returncode == 0, "limit-logs failed"
        return (usage.ru_utime + usage.ru_stime) / lines * 1e6

    def ours(self, case):
        watched, appear, lines = self.watch(case.words)
        self.sink.reset()
        agent = Agent(self.options.oxpecker, self.config(watched, case.gzip, case.tail, case.steps))
        before = agent.cpu()
        appear()
        self.sink.wait(self.sink.bulk, lines)
        wait_until(lambda: agent.held() == 0, 30, "everything is acknowledged")
        spent = agent.cpu() - before
        agent.close()
        shutil.rmtree(watched)
        return spent / lines * 1e6

    def config(self, watched, gzip, tail=None, steps=()):
        return {"receive": {},
                "logs": {"collect": {"tail": {"paths": [watched + "/*.log"], **(tail or {})}}, "steps": list(steps),
                         "export": {"elasticsearch": {"url": f"http://127.0.0.1:{self.sink.bulk}", "index": "logs",
                                                      "gzip": gzip}}}}

    def peer(self, case, argv_of):
        """Any program that follows watched/*.log and sends to the sink."""
        watched, appear, lines = self.watch(case.words)
        self.sink.reset()
        process = Process("peer", argv_of(watched, case), tempfile.mkdtemp(prefix="peer-", dir=self.folder))
        process.wait_until(gone_idle(process), 60, "it has started and waits")
        before = cpu_seconds(process.pid)
        appear()
        self.sink.wait(self.sink.bulk, lines)
        spent = cpu_seconds(process.pid) - before
        process.kill9()
        shutil.rmtree(watched)
        return spent / lines * 1e6

    def collector(self, case):
        def argv_of(watched, case):
            path = f"{self.folder}/otelcol.yaml"
            receiver = {"include": [watched + "/*.log"], "start_at": "beginning", "operators": case.operators,
                        "include_file_path": True, "include_file_record_offset": True, **case.reading}
            exporter = {"logs_endpoint": f"http://127.0.0.1:{self.sink.bulk}/v1/logs",
                        "compression": "gzip" if case.gzip else "none"}
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"receivers": {"filelog": receiver}, "processors": {"batch": {}},
                           "exporters": {"otlphttp": exporter},
                           "service": {"telemetry": {"metrics": {"level": "none"}},
                                       "pipelines": {"logs": {"receivers": ["filelog"], "processors": ["batch"],
                                                              "exporters": ["otlphttp"]}}}}, file)
            return [self.options.otelcol, "--config", path]

        return self.peer(case, argv_of)

    def other(self, command):
        def argv_of(watched, case):
            words = {"logs": watched, "port": self.sink.bulk, "folder": self.folder}
            return ["sh", "-c", "exec " + command.format(**words)]

        return lambda case: self.peer(case, argv_of)

    def at_a_rate(self):
        """CPU as a part of one core, and how old lines are when they come, at a steady rate of lines."""
        watched = tempfile.mkdtemp(prefix="rate-", dir=self.folder)
        self.sink.reset()
        config = self.config(watched, True)
        agent = Agent(self.options.oxpecker, config)
        count = self.options.rate * self.options.seconds
        before, began = agent.cpu(), time.monotonic()
        self.write(watched, self.options.rate, count).wait(PATIENCE)
        self.sink.wait(self.sink.bulk, count)
        spent = (agent.cpu() - before) / (time.monotonic() - began)
        memory = memory_of(agent.process.pid)
        agent.close()
        stats = self.sink.ask(self.sink.bulk, "GET", "/stats")
        return {"core_percent": spent * 100, "anonymous_mib": memory["Anonymous"] / 1024,
                "age_p50_ms": stats["AgeP50Ms"], "age_p99_ms": stats["AgeP99Ms"], "age_max_ms": stats["AgeMaxMs"]}

    def write(self, watched, rate, count):
        argv = [self.home + "/gen", "tail", "-out", watched + "/app.log", "-rate", rate, "-count", count]
        return Process("gen-tail", argv, self.folder)

    def backend_down(self):
        """Most memory at that rate of lines while nobody answers; then all of them arrive."""
        watched, port = tempfile.mkdtemp(prefix="down-", dir=self.folder), free_port()
        config = self.config(watched, True)
        config["logs"]["export"]["elasticsearch"]["url"] = f"http://127.0.0.1:{port}"
        agent = Agent(self.options.oxpecker, config)
        before, count = agent.cpu(), self.options.rate * self.options.down
        writer, seen, began = self.write(watched, self.options.rate, count), [], time.monotonic()

        def sample():
            seen.append(memory_of(agent.process.pid))
            return not writer.alive()

        wait_until(sample, self.options.down + PATIENCE, "all lines are written")
        spent = (agent.cpu() - before) / (time.monotonic() - began)
        late = Sink(self.home, self.folder, port=port)
        late.wait(port, count)
        seen.append(memory_of(agent.process.pid))
        late.process.kill9()
        agent.close()
        shutil.rmtree(watched)
        return {"anonymous_mib": max(row["Anonymous"] for row in seen) / 1024, "lines": count,
                "resident_mib": max(row["Rss"] for row in seen) / 1024, "core_percent": spent * 100}


    def many_files(self):
        """CPU as a part of one core beside that many files that are followed and nobody writes to; minute by minute."""
        watched = tempfile.mkdtemp(prefix="many-", dir=self.folder)
        for number in range(self.options.files):
            with open(f"{watched}/{number}.log", "w", encoding="ascii") as file:
                file.write('{"n":1,"message":"%s"}\n' % ("x" * 300))
        self.sink.reset()
        agent = Agent(self.options.oxpecker, self.config(watched, True))
        self.sink.wait(self.sink.bulk, self.options.files)
        minutes = []
        for _ in range(3):
            before, began = agent.cpu(), time.monotonic()
            wait_until(lambda: time.monotonic() >= began + 60, 70, "a minute is over")
            minutes.append((agent.cpu() - before) / (time.monotonic() - began) * 100)
        memory = memory_of(agent.process.pid)
        agent.close()
        shutil.rmtree(watched)
        return {"core_percent": max(minutes), "anonymous_mib": memory["Anonymous"] / 1024,
                "resident_mib": memory["Rss"] / 1024}


def gone_idle(process):
    """A condition: for two seconds the process has used less than a hundredth of a core."""
    seen = []

    def condition():
        now = time.monotonic()
        seen.append((now, cpu_seconds(process.pid)))
        past = [spent for when, spent in seen if when <= now - 2]
        return bool(past) and seen[-1][1] - past[-1] < 0.02

    return condition


def measure(bench):
    runners = {"ours": bench.ours}
    if bench.options.otelcol:
        runners["Collector"] = bench.collector
    for peer in bench.options.peer:
        name, command = peer.split("=", 1)
        runners[name] = bench.other(command)
    result = {"cases": {}}
    for case in (case for case in CASES if re.search(bench.options.only, case.name)):
        say(case.name)
        programs_of = {**({"limit": bench.limit} if case.limit else {}), **runners}
        runs = [{name: run(case) for name, run in programs_of.items()} for _ in range(bench.options.repeat)]
        result["cases"][case.name] = {name: spread([run[name] for run in runs]) for name in programs_of}
    if bench.options.seconds:
        say(f"{bench.options.rate} lines/s")
        result["rate"] = bench.at_a_rate()
    if bench.options.files:
        say(f"{bench.options.files} idle files")
        result["files"] = bench.many_files()
    if bench.options.down:
        say(f"backend down for {bench.options.down} s")
        result["down"] = bench.backend_down()
    return result


def figure(case, name):
    of = case.get(name)
    return f"{of['median']:.2f} ({of['min']:.2f}–{of['max']:.2f})" if of else "–"


def table(result):
    names = sorted({name for case in result["cases"].values() for name in case} - {"limit", "ours"})
    rows = [("CPU-seconds per million lines", "limit", "ours", "ratio", *names)]
    for title, case in result["cases"].items():
        ratio = f"{case['ours']['median'] / case['limit']['median']:.2f}" if "limit" in case else "–"
        peers = [figure(case, name) + (f", {case[name]['median'] / case['ours']['median']:.0f}×" if name in case else "")
                 for name in names]
        rows.append((title, figure(case, "limit"), figure(case, "ours"), ratio, *peers))
    text = [aligned(rows)]
    for what in ("rate", "files", "down"):
        text += [f"{what}: {name} {value:.1f}" for name, value in result.get(what, {}).items()]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description="Measures the log line beside others; prints a table and JSON.")
    parser.add_argument("oxpecker", type=os.path.abspath, help="the Release build of the agent")
    parser.add_argument("--otelcol", default=built("otelcol", "otelcol"),
                        help="a Collector; `tests/backends/build.sh otelcol` makes one")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND",
                        help="another agent; {logs} is the folder, {port} takes _bulk, {folder} is for its files")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--only", default="", help="cases whose name has this pattern")
    parser.add_argument("--rate", type=int, default=10_000, help="lines a second")
    parser.add_argument("--seconds", type=int, default=30, help="at that rate; 0: not at all")
    parser.add_argument("--files", type=int, default=10_000, help="idle files; 0: not at all")
    parser.add_argument("--down", type=int, default=600, help="seconds without a backend; 0: not at all")
    parser.add_argument("--json", help="write the figures there instead of after the table")
    bench = Bench(parser.parse_args())
    try:
        result = measure(bench)
    finally:
        bench.close()
    print(table(result))
    write_json(result, bench.options.json)


if __name__ == "__main__":
    main()
