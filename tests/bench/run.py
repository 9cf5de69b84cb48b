#!/usr/bin/env python3
"""The bench: ours and the limit programs in one run, on the same input, into the same sink.

CPU-seconds (user and system, all threads, from the process's own CPU clock) per million log lines of 396 bytes and per
million spans of 474 bytes (100 a request, 4 connections), plain and gzipped; memory at rest; loop slices and the wall
time of 1,000 probes while lines and spans run flat out. Ours is the Release build (-O2); the limit programs are built
-O2 -march=native as their heads say. Each figure is the median of --repeat tries with its spread.

CPU-seconds come before wall time: generator, agent and sink share the machine.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "e2e"))

from lib import unix_http  # noqa: E402
from lib.cpu import cpu_seconds  # noqa: E402
from lib.process import Process  # noqa: E402
from lib.wait import answers, free_port, wait_until  # noqa: E402

PROBES, PATIENCE = 1000, 300
# Steps that have nothing to do here, one that edits every line, and one that looks for everything.
STEPS = {"redact by key": {"redact": ["password", "authorization", "cookie", "token", "secret"]},
         "redact by key and detector": {"redact": {"keys": ["password", "authorization", "cookie", "token", "secret"],
                                                   "detect": ["card", "bearer", "email", "ip"]}},
         "filter": {"filter": "trace"}, "add a member": {"add": {"fields": {"team": "payments"}}}}

# Every span of gen has both attributes, so every span is edited by the second row.
SPAN_STEPS = {"none": [],
              "an attribute renamed and one redacted": [{"rename": {"fields": {"url.path": "url.full"}}},
                                                        {"redact": ["client.address"]}],
              "a tenth sampled": [{"sample": "0.1"}],
              "span metrics": ["span_metrics"], "span metrics, two dimensions": [
                  {"span_metrics": ["http.request.method", "http.response.status_code"]}],
              "span metrics, a tenth sampled": ["span_metrics", {"sample": "0.1"}],
              "steps that edit nothing": [{"rename": {"fields": {"no": "where"}}}]}


def programs():
    """The folder of limit-logs, limit-spans, gen and sink."""
    script = os.path.join(TESTS, "backends", "build.sh")
    return subprocess.run(["sh", script, "bench"], capture_output=True, text=True, check=True).stdout.strip()


def built(name, path):
    """A program of the tests' backends, if it has been built."""
    script = os.path.join(TESTS, "backends", "build.sh")
    made = subprocess.run(["sh", script, "--path", name], capture_output=True, text=True, check=False)
    return f"{made.stdout.strip()}/{path}" if made.returncode == 0 else None


class Sink:
    """Counts what comes; one port takes bulks, the other OTLP."""

    def __init__(self, home, folder, *words, port=None):
        self.bulk, self.otlp = port or free_port(), free_port()
        argv = [home + "/sink", "-es", f"127.0.0.1:{self.bulk}", "-otlp", f"127.0.0.1:{self.otlp}", "-prom", "", *words]
        self.process = Process("sink", argv, folder)
        wait_until(lambda: answers(self.bulk) and answers(self.otlp), 10, "the sink listens")

    def ask(self, port, method, path):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE + 10) as answer:
            return json.load(answer)

    def reset(self):
        for port in (self.bulk, self.otlp):
            self.ask(port, "POST", "/reset")

    def wait(self, port, units):
        stats = self.ask(port, "GET", f"/wait?n={units}&timeout={PATIENCE}")
        assert stats["Units"] >= units, f"{stats['Units']} of {units} came within {PATIENCE} s"
        assert stats["Malformed"] == 0, stats


class Agent:
    """Ours, in a folder of its own, with `config` on top of listen, control and state. `words` stand before its argv."""

    def __init__(self, program, config, words=()):
        self.folder = tempfile.mkdtemp(prefix="oxpecker-bench-")
        self.port, self.control = free_port(), self.folder + "/control.sock"
        whole = {"listen": [f"127.0.0.1:{self.port}"], "control": "unix:" + self.control,
                 "state": {"path": self.folder + "/state"}, **config}
        path = self.folder + "/oxpecker.yaml"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(whole, file)
        self.process = Process("oxpecker", [*words, program, "--config", path], self.folder)
        self.process.wait_until(self.alive, 20, "the agent answers")

    def alive(self):
        return answers(self.port) and '"ok"' in (self.get("/health/liveness") or "")

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.read().decode() if answer.status == 200 else None
        finally:
            connection.close()

    def booked(self, term):
        rows = json.loads(unix_http.request(self.control, "GET", "/status")[2])["ledger"]
        return sum(row[term]["records"] for row in rows)

    def held(self):
        return self.booked("held")

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def close(self):
        self.process.stop(60)
        shutil.rmtree(self.folder)


def logs_config(folder, port, gzip):
    return {"logs": {"collect": {"tail": folder + "/*.log"},
                     "export": {"elasticsearch": {"url": f"http://127.0.0.1:{port}", "index": "logs",
                                                  "gzip": gzip}}}}


def traces_config(door, port, gzip):
    return {"receive": {"otlp": {"http": [f"127.0.0.1:{door}"]}},
            "traces": {"export": {"otlp": {"endpoint": f"http://127.0.0.1:{port}", "gzip": gzip}}}}


class Bench:
    def __init__(self, options):
        self.options, self.home = options, programs()
        self.folder = tempfile.mkdtemp(prefix="oxpecker-bench-")
        self.sink = Sink(self.home, self.folder)
        self.lines_path = self.folder + "/lines"
        made = self.run("gen", "lines", "-out", self.lines_path, "-bytes", options.lines * 396).split()
        self.lines, self.line_bytes = int(made[0]), int(made[1]) / int(made[0])

    def run(self, name, *words):
        done = subprocess.run([f"{self.home}/{name}", *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def close(self):
        self.sink.process.kill9()
        shutil.rmtree(self.folder)

    def limit_lines(self, packing):
        """CPU-seconds per million lines of the limit program."""
        self.sink.reset()
        argv = [self.home + "/limit-logs", self.lines_path, packing, str(self.sink.bulk)]
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        assert status == 0, f"limit-logs: {status}"
        self.sink.wait(self.sink.bulk, self.lines)
        return (usage.ru_utime + usage.ru_stime) / self.lines * 1e6

    def wrapped_lines(self):
        """The same lines as containerd writes them."""
        path = self.lines_path + ".cri"
        if not os.path.exists(path):
            with open(self.lines_path, "rb") as lines, open(path, "wb") as wrapped:
                wrapped.writelines(b"2026-11-23T10:00:00.123456789Z stdout F " + line for line in lines)
        return path

    def our_lines(self, packing, *steps, path=None, program=None, **tail):
        """From an idle agent: the file is moved under its glob, and counted until everything is acknowledged."""
        self.sink.reset()
        watched = tempfile.mkdtemp(prefix="logs-", dir=self.folder)
        os.link(path or self.lines_path, watched + "/waiting")
        config = logs_config(watched, self.sink.bulk, packing == "gzip")
        config["logs"]["steps"] = steps
        config["logs"]["collect"]["tail"] = {"paths": [watched + "/*.log"], **tail}
        agent = Agent(program or self.options.oxpecker, config)
        before = agent.cpu()
        os.rename(watched + "/waiting", watched + "/app.log")
        self.sink.wait(self.sink.bulk, self.lines)
        wait_until(lambda: agent.held() == 0, 30, "everything is acknowledged")
        spent = agent.cpu() - before
        agent.close()
        return spent / self.lines * 1e6

    def send_spans(self, door, count):
        words = ["-url", f"http://127.0.0.1:{door}/v1/traces", "-count", count, "-per", 100, "-conns", 4, "-retry"]
        answer = json.loads(self.run("gen", "spans", *words))
        assert answer["accepted"] == count, answer
        self.sink.wait(self.sink.otlp, count)

    def limit_spans(self, packing):
        self.sink.reset()
        door = free_port()
        argv = [self.home + "/limit-spans", door, self.sink.otlp, packing]
        limit = Process("limit-spans", argv, self.folder)
        wait_until(lambda: answers(door), 10, "limit-spans listens")
        before = cpu_seconds(limit.pid)
        self.send_spans(door, self.options.spans)
        spent = cpu_seconds(limit.pid) - before
        limit.kill9()
        return spent / self.options.spans * 1e6

    def our_spans(self, packing, *steps, program=None):
        """In requests of 100."""
        self.sink.reset()
        door = free_port()
        config = traces_config(door, self.sink.otlp, packing == "gzip")
        if steps:  # a build of before may not know them
            config["traces"]["steps"] = steps
        agent = Agent(program or self.options.oxpecker, config)
        before = agent.cpu()
        self.send_spans(door, self.options.spans)
        wait_until(lambda: agent.held() == 0, 30, "everything is acknowledged")
        spent = agent.cpu() - before
        agent.close()
        return spent / self.options.spans * 1e6

    def at_rest(self, program=None):
        """Mebibytes of an agent with an exporter for logs and one for traces, and nothing to do."""
        watched = tempfile.mkdtemp(prefix="rest-", dir=self.folder)
        config = {**logs_config(watched, self.sink.bulk, True), **traces_config(free_port(), self.sink.otlp, True)}
        program = program or self.options.oxpecker
        agent = Agent(program, config)
        seen = []

        def settled():
            seen.append(memory_of(agent.process.pid))
            # longer than the two seconds after which code that only the start needed is given back
            return len(seen) > 60 and len({row["Rss"] for row in seen[-60:]}) == 1 and seen[-1]

        found = wait_until(settled, 30, "the resident set stands still")
        agent.close()
        charge = cgroup_charge(lambda words: Agent(program, config, words))
        return {"anonymous": found["Anonymous"] / 1024, "resident": found["Rss"] / 1024, "cgroup": charge}

    def flat_out(self):
        """Loop slices and probes while lines and spans come as fast as they can."""
        self.sink.reset()
        watched, door = tempfile.mkdtemp(prefix="flat-", dir=self.folder), free_port()
        for number in range(self.options.files):
            shutil.copyfile(self.lines_path, f"{watched}/waiting{number}")
        config = {**logs_config(watched, self.sink.bulk, True), **traces_config(door, self.sink.otlp, True)}
        agent = Agent(self.options.oxpecker, config)
        load = [self.home + "/gen", "spans", "-url", f"http://127.0.0.1:{door}/v1/traces", "-count", 1 << 40, "-retry"]
        spans = Process("gen-spans", load, self.folder)
        for number in range(self.options.files):
            os.rename(f"{watched}/waiting{number}", f"{watched}/{number}.log")
        before = agent.cpu()
        probes = self.run("gen", "probe", "-url", f"http://127.0.0.1:{agent.port}/health/liveness", "-count", PROBES,
                          "-gap", "2ms")
        spent, still = agent.cpu() - before, self.sink.ask(self.sink.bulk, "GET", "/stats")["Units"]
        slices = quantile(agent.get("/metrics"), "oxpecker_loop_slice_seconds", 0.999)
        spans.kill9()
        agent.close()
        shutil.rmtree(watched)
        found = {name: float(value) for name, value in re.findall(r"(p50|p99|max) ([\d.]+)", probes)}
        return {**found, "slice_p999_ms": slices * 1e3, "cpu_s": spent,
                "busy_to_the_end": still < self.options.files * self.lines, "codes": re.search(r"map\[.*?\]", probes)[0]}


def memory_of(pid):
    """Kibibytes by name, of all mappings."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return {name: int(kib) for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", file.read(), re.M)}


GROUPS = (("/sys/fs/cgroup", "memory.current"), ("/sys/fs/cgroup/memory", "memory.usage_in_bytes"))
JOIN = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"'


def cgroup_charge(start):
    """Mebibytes charged to a process born in a memory cgroup of its own, or None where none can be made."""
    for root, usage in GROUPS:
        folder = f"{root}/oxpecker-bench-{os.getpid()}"
        try:
            os.mkdir(folder)
        except OSError:
            continue
        try:
            if os.path.exists(f"{folder}/{usage}"):
                return charge_in(folder, usage, start)
        finally:
            wait_until(lambda: gone(folder), 10, "the cgroup is empty")
    return None


def gone(folder):
    try:
        os.rmdir(folder)
        return True
    except OSError:
        return False


def charge_in(folder, usage, start):
    agent, seen = start(["sh", "-c", JOIN, "sh", folder]), []

    def settled():
        with open(f"{folder}/{usage}", encoding="ascii") as file:
            seen.append(int(file.read()))
        return len(seen) > 20 and max(seen[-10:]) - min(seen[-10:]) < 65536

    try:
        wait_until(settled, 30, "the charge stands still")
    finally:
        agent.close()
    return seen[-1] / 2**20


def quantile(page, name, wanted):
    """Of a histogram on a text page: an upper bound of the quantile, interpolated within its bucket."""
    rows = re.findall(rf'^{name}_bucket{{(?:[^}}]*,)?le="([^"]+)"[^}}]*}} (\S+)$', page, re.M)
    counts = {}
    for le, count in rows:
        counts[float(le)] = counts.get(float(le), 0) + float(count)
    assert counts, f"{name} is not on the page"
    total, below, low = max(counts.values()), 0.0, 0.0
    for le in sorted(counts):
        if counts[le] >= wanted * total:
            part = (wanted * total - below) / max(counts[le] - below, 1)
            return low if le == float("inf") else low + (le - low) * part
        below, low = counts[le], le
    return low


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def measure_pair(bench, limit, ours, packing):
    """Taken in turns, so that what disturbs the machine disturbs both."""
    pairs = [(limit(packing), ours(packing)) for _ in range(bench.options.repeat)]
    return {"limit": spread([pair[0] for pair in pairs]), "ours": spread([pair[1] for pair in pairs])}


def measure(bench):
    result = {"lines": {}, "spans": {}}
    for packing in ("plain", "gzip"):
        say(f"lines, {packing}")
        result["lines"][packing] = measure_pair(bench, bench.limit_lines, bench.our_lines, packing)
        say(f"spans, {packing}")
        result["spans"][packing] = measure_pair(bench, bench.limit_spans, bench.our_spans, packing)
    say("lines, plain, with steps")
    result["span steps"] = {name: spread([bench.our_spans("plain", *steps) for _ in range(bench.options.repeat)])
                            for name, steps in SPAN_STEPS.items()}
    result["steps"] = {name: spread([bench.our_lines("plain", step) for _ in range(bench.options.repeat)])
                       for name, step in STEPS.items()}
    say("lines, plain, formats")
    wrapped, every = bench.wrapped_lines(), range(bench.options.repeat)
    result["formats"] = {
        "format: json": spread([bench.our_lines("plain", format="json") for _ in every]),
        "format: cri": spread([bench.our_lines("plain", format="cri", path=wrapped) for _ in every]),
        "format: cri, four traces": spread([
            bench.our_lines("plain", format="cri", path=wrapped, multiline=["java", "python", "go", "node"])
            for _ in every]),
        "format: text": spread([bench.our_lines("plain", format="text") for _ in every]),
        "format: text, four traces": spread([
            bench.our_lines("plain", format="text", multiline=["java", "python", "go", "node"]) for _ in every])}
    say("memory at rest")
    result["rest_mib"] = bench.at_rest()
    say("flat out")
    result["flat_out"] = [bench.flat_out() for _ in range(bench.options.repeat)]
    return result


def compare(bench):
    """Another build and ours, in turns, each first every second time."""
    programs = {"before": bench.options.before, "after": bench.options.oxpecker}
    kinds = {"lines": bench.our_lines, "spans": bench.our_spans}
    rows = {f"{what}, {packing}": {"before": [], "after": []} for what in kinds for packing in ("plain", "gzip")}
    for turn in range(bench.options.repeat):
        for name, row in rows.items():
            say(f"{name}, {turn + 1} of {bench.options.repeat}")
            what, packing = name.split(", ")
            for which in list(programs)[::-1 if turn % 2 else 1]:
                row[which].append(kinds[what](packing, program=programs[which]))
    say("memory at rest")
    rest = {which: bench.at_rest(program) for which, program in programs.items()}
    return {"cpu": {name: {which: spread(row[which]) for which in row} for name, row in rows.items()}, "rest_mib": rest}


def comparison(result):
    rows = [("CPU-seconds per million", "before", "after")]
    rows += [(name, figure(row["before"]), figure(row["after"])) for name, row in result["cpu"].items()]
    for name, mib in result["rest_mib"]["before"].items():
        rows.append((f"at rest, {name}, MiB", *(f"{result['rest_mib'][which][name] or float('nan'):.1f}"
                                                for which in ("before", "after"))))
    return aligned(rows)


def aligned(rows):
    """A table: each column as wide as its widest cell."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def write_json(result, path):
    """There, or behind the table."""
    with open(path, "w", encoding="utf-8") if path else sys.stdout as out:
        json.dump(result, out, indent=1)
        out.write("\n")


def say(what):
    print(f"bench: {what}", file=sys.stderr, flush=True)


def figure(of):
    return f"{of['median']:.2f} ({of['min']:.2f}–{of['max']:.2f})"


def table(result):
    rows = [("CPU-seconds per million", "limit", "ours", "ratio")]
    for what in ("lines", "spans"):
        for packing, pair in result[what].items():
            ratio = pair["ours"]["median"] / pair["limit"]["median"]
            rows.append((f"{what}, {packing}", figure(pair["limit"]), figure(pair["ours"]), f"{ratio:.2f}"))
    for name, ours in (result["steps"] | result["span steps"] | result["formats"]).items():
        rows.append((f"lines, plain, {name}", "", figure(ours), ""))
    for name, mib in result["rest_mib"].items():
        rows.append((f"at rest, {name}, MiB", "", "not available" if mib is None else f"{mib:.1f}", ""))
    for name, title in (("slice_p999_ms", "loop slice p99.9, ms"), ("p50", "probe p50, ms"), ("p99", "probe p99, ms"),
                        ("max", "probe max, ms")):
        rows.append((title, "", figure(spread([run[name] for run in result["flat_out"]])), ""))
    return aligned(rows)


def main():
    parser = argparse.ArgumentParser(description="Measures ours beside the limit programs; prints a table and JSON.")
    parser.add_argument("oxpecker", help="the Release build of the agent")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=6, help="files of --lines lines while probing")
    parser.add_argument("--before", help="another build: measures only the two of them, in turns")
    parser.add_argument("--json", help="write the figures there instead of after the table")
    options = parser.parse_args()
    options.oxpecker = os.path.abspath(options.oxpecker)
    options.before = options.before and os.path.abspath(options.before)
    bench = Bench(options)
    try:
        result = compare(bench) if options.before else measure(bench)
    finally:
        bench.close()
    result["settings"] = {"lines": bench.lines, "bytes_per_line": bench.line_bytes, "spans": options.spans,
                          "repeat": options.repeat, "cores": os.cpu_count(),
                          "flags": {"limit": "-O2 -march=native", "ours": "-O2"}}
    print(comparison(result) if options.before else table(result))
    if not all(run["busy_to_the_end"] for run in result.get("flat_out", [])):
        print("note: the lines ran out before the probes did; raise --files")
    write_json(result, options.json)


if __name__ == "__main__":
    main()
