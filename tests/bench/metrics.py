#!/usr/bin/env python3
"""Metrics beside others, in one run, from the same target to the same reader.

CPU microseconds (user and system, all threads) a sample, of one round: the page of the target is fetched, and the page
of the agent is read once. The page has a thousand series for each route of an app: 60 label sets of histograms with 11
buckets, 200 counters, 20 gauges; a third of the values changes with each round. The limit program fetches, parses,
looks up and writes, and nothing else. Also lines of StatsD over a Unix datagram socket, and memory for each series.

    python3 tests/bench/metrics.py build/release/oxpecker [--before OTHER] [--series N,…] [--otelcol PATH]
                                   [--prometheus PATH] [--statsd-exporter PATH]

Ours and the limit program fetch when they are asked. The Collector and Prometheus fetch by the clock, once a second,
and are asked as often. Each figure is the median of --repeat tries with its spread; the programs take turns.
"""

import argparse
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from logs import figure, gone_idle  # noqa: E402
from run import Agent, aligned, built, memory_of, programs, say, spread, write_json  # noqa: E402

from lib.cpu import cpu_seconds  # noqa: E402
from lib.process import Process  # noqa: E402
from lib.wait import answers, free_port, wait_until  # noqa: E402

UNIT, GROUP = 1000, 50  # series of a route; routes that share their families
PAGE_MOST = 400_000  # series of one target of ours, whose page is bounded in bytes
BUCKETS = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf"]
TEXT = "text/plain; version=0.0.4; charset=utf-8"
STEPS = [{"filter": {"where": {"name": "!go_*|process_*"}}}]  # what all series of the page pass
STATSD_LINES, STATSD_PACKED = 200_000, 20


def histogram(name, labels, number, turn):
    seen = 0
    for place, bound in enumerate(BUCKETS):
        seen += number % (place + 2) + (turn if place > 6 else 0)
        yield f'{name}_bucket{{{labels},le="{bound}"}} {seen}\n'
    yield f"{name}_sum{{{labels}}} {seen * 0.037:.6f}\n"
    yield f"{name}_count{{{labels}}} {seen}\n"


def family(name, kind):
    return f"# HELP {name} What the app says of it.\n# TYPE {name} {kind}\n"


def group_of_routes(group, routes, turn):
    """Families of a group, each whole."""
    for which in range(5):
        name = f"app{group}_stage{which}_duration_seconds"
        yield family(name, "histogram")
        for route in routes:
            for number in range(12):
                labels = f'method="{("GET", "POST", "PUT")[number % 3]}",route="/api/v1/r{route}",code="{200 + 100 * (number // 3)}"'
                yield from histogram(name, labels, route + number, turn)
    for which in range(10):
        name = f"app{group}_events{which}_total"
        yield family(name, "counter")
        for route in routes:
            for number in range(20):
                value = route * 7919 + number + (turn if number % 3 == 0 else 0)
                yield f'{name}{{route="/api/v1/r{route}",queue="q{number}",instance="app-{number % 3}"}} {value}\n'
    for which in range(20):
        name = f"app{group}_state{which}"
        yield family(name, "gauge")
        for route in routes:
            yield f'{name}{{route="/api/v1/r{route}"}} {route * 0.25 + (turn if which % 3 == 0 else 0)}\n'


def page(first, series, turn):
    """The text of so many series, from a route on."""
    routes = range(first // UNIT, (first + series) // UNIT)
    groups = sorted({route // GROUP for route in routes})
    return "".join(text for group in groups for text in
                   group_of_routes(group, [route for route in routes if route // GROUP == group], turn)).encode()


class Target(http.server.ThreadingHTTPServer):
    """Serves two pages in turns."""

    daemon_threads = True

    def __init__(self, first, series):
        self.pages, self.served = [page(first, series, turn) for turn in (0, 1)], 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def do_GET(self):
        body = self.server.pages[self.server.served % 2]
        self.send_response(200)
        self.send_header("Content-Type", TEXT)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.served += 1

    def log_message(self, *_):
        pass


class Reader:
    """Asks for a page over one connection, as Prometheus does."""

    def __init__(self, port, path="/metrics"):
        self.connection, self.path = http.client.HTTPConnection("127.0.0.1", port, timeout=300), path

    def read(self):
        self.connection.request("GET", self.path, headers={"Accept": TEXT})
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:200]
        return body


def samples_of(body, prefix=b"app"):
    return sum(line.startswith(prefix) for line in body.splitlines())


def rounds_of(series):
    return max(3, min(200, 1_000_000 // series))


class MetricsBench:
    def __init__(self, options):
        self.options, self.home, self.folder = options, programs(), tempfile.mkdtemp(prefix="oxpecker-bench-")

    def close(self):
        shutil.rmtree(self.folder)

    def rounds(self, pid, reader, series):
        """CPU microseconds a sample, behind a first round that makes the series."""
        for _ in range(2):
            assert samples_of(reader.read()) == series
        count, before = rounds_of(series), cpu_seconds(pid)
        for _ in range(count):
            reader.read()
        return (cpu_seconds(pid) - before) / count / series * 1e6

    def limit(self, series):
        target, door = Target(0, series), free_port()
        process = Process("limit-metrics", [self.home + "/limit-metrics", door, target.port, series], self.folder)
        wait_until(lambda: answers(door), 10, "limit-metrics listens")
        try:
            return self.rounds(process.pid, Reader(door), series)
        finally:
            process.kill9()
            target.shutdown()

    def ours(self, program, steps=()):
        def measure(series):
            targets = [Target(first, min(PAGE_MOST, series - first)) for first in range(0, series, PAGE_MOST)]
            scrapes = {f"t{number}": {"type": "scrape", "target": f"127.0.0.1:{target.port}", "timeout": "60s",
                                      "labels": {}} for number, target in enumerate(targets)}
            agent = Agent(program, {"memory": f"{max(32, series * 3 // 1024)}MiB",
                                    "metrics": {"collect": scrapes, "steps": list(steps),
                                                "limits": {"series": 2 * series + 1000}}})
            rest = memory_of(agent.process.pid)["Anonymous"]
            try:
                spent = self.rounds(agent.process.pid, Reader(agent.port), series)
                wait_until(gone_idle(agent.process), 60, "it has given back what a page takes")
                self.memory[series, bool(steps)] = (memory_of(agent.process.pid)["Anonymous"] - rest) * 1024 / series
                self.text[series] = sum(len(target.pages[0]) for target in targets) / series
                return spent
            finally:
                agent.close()
                for target in targets:
                    target.shutdown()

        return measure

    def by_the_clock(self, argv_of, door_path):
        """Of a program that fetches each second by itself."""
        def measure(series):
            if series > self.options.peers_most:
                return None
            target, door = Target(0, series), free_port()
            folder = tempfile.mkdtemp(prefix="peer-", dir=self.folder)
            process = Process("peer", argv_of(folder, door, target.port), folder)
            try:
                reader = Reader(door, door_path)
                process.wait_until(lambda: answers(door), 60, "the peer listens")
                process.wait_until(lambda: target.served > 2 and samples_of(reader.read()) >= series, 60, "it shows all series")
                before, began = cpu_seconds(process.pid), target.served
                for number in range(self.options.fetches):
                    wait_until(lambda: target.served > began + number, 60, "it fetches")
                    reader.read()
                return (cpu_seconds(process.pid) - before) / (target.served - began) / series * 1e6
            finally:
                process.kill9()
                target.shutdown()
                shutil.rmtree(folder)

        return measure

    def collector(self, folder, door, target):
        path = f"{folder}/otelcol.yaml"
        scrape = {"job_name": "app", "scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"receivers": {"prometheus": {"config": {"scrape_configs": [scrape]}}},
                       "exporters": {"prometheus": {"endpoint": f"127.0.0.1:{door}"}},
                       "service": {"telemetry": {"metrics": {"level": "none"}},
                                   "pipelines": {"metrics": {"receivers": ["prometheus"],
                                                             "exporters": ["prometheus"]}}}}, file)
        return [self.options.otelcol, "--config", path]

    def prometheus(self, folder, door, target):
        path = f"{folder}/prometheus.yaml"
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"global": {"scrape_interval": "1s"},
                       "scrape_configs": [{"job_name": "app", "static_configs": [
                           {"targets": [f"127.0.0.1:{target}"]}]}]}, file)
        return [self.options.prometheus, f"--config.file={path}", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{door}"]

    def statsd(self, pid_and_path, per):
        """CPU microseconds a line, of a program that listens there; a sender waits while the socket is full."""
        pid, path, shown = pid_and_path
        lines = [f"app.r{n % 50}.hits:1|c|#code:{200 + n % 4}\n".encode() if n % 3 else
                 f"app.r{n % 50}.took:{n % 997}|ms|#code:{200 + n % 4}\n".encode() for n in range(600)]
        packets = [b"".join(lines[at:at + per]).rstrip(b"\n") for at in range(0, 600, per)]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as app:
            app.connect(path)
            before = cpu_seconds(pid)
            for at in range(STATSD_LINES // per):
                app.send(packets[at % len(packets)])
            wait_until(lambda: shown() >= STATSD_LINES, 120, "all lines are counted")
        return (cpu_seconds(pid) - before) / STATSD_LINES * 1e6


def counted(port):
    """A condition's value: lines that a page says it has taken, counters and timers."""
    def total():
        body = Reader(port).read().decode()
        rows = re.findall(r"^app_r\d+_(?:hits(?:_total)?|took_count)\{[^}]*\} (\S+)$", body, re.M)
        return sum(map(float, rows))

    return total


def our_statsd(bench, program):
    def measure(per):
        path = tempfile.mktemp(prefix="statsd-", suffix=".sock", dir=bench.folder)
        agent = Agent(program, {"metrics": {"collect": {"statsd": {"listen": f"unix:{path}", "kind": "datagram"}}}})
        try:
            return bench.statsd((agent.process.pid, path, counted(agent.port)), per)
        finally:
            agent.close()

    return measure


def exporters_statsd(bench):
    def measure(per):
        path, door = tempfile.mktemp(prefix="statsd-", suffix=".sock", dir=bench.folder), free_port()
        process = Process("statsd_exporter", [
            bench.options.statsd_exporter, f"--statsd.listen-unixgram={path}", "--statsd.listen-udp=", "--statsd.listen-tcp=",
            f"--web.listen-address=127.0.0.1:{door}", "--log.level=error"], bench.folder)
        try:
            wait_until(lambda: answers(door) and os.path.exists(path), 30, "statsd_exporter listens")
            return bench.statsd((process.pid, path, counted(door)), per)
        finally:
            process.kill9()

    return measure


def in_turns(bench, runners, case):
    runs = [{name: run(case) for name, run in runners.items()} for _ in range(bench.options.repeat)]
    return {name: spread([run[name] for run in runs]) for name in runners if runs[0][name] is not None}


def measure(bench):
    options = bench.options
    bench.memory, bench.text = {}, {}
    runners = {"limit": bench.limit, "ours": bench.ours(options.oxpecker)}
    statsd = {"ours": our_statsd(bench, options.oxpecker)}
    if options.steps:
        runners["with a step"] = bench.ours(options.oxpecker, STEPS)
    if options.before:
        runners["before"] = bench.ours(options.before)
    if options.otelcol:
        runners["Collector"] = bench.by_the_clock(bench.collector, "/metrics")
    if options.prometheus:
        runners["Prometheus"] = bench.by_the_clock(bench.prometheus, "/federate?match%5B%5D=%7B__name__%3D~%22app.%2B%22%7D")
    if options.statsd_exporter:
        statsd["statsd_exporter"] = exporters_statsd(bench)
    result = {"samples": {}, "statsd": {}}
    for series in options.series:
        say(f"{series} series")
        result["samples"][series] = in_turns(bench, runners, series)
    for per in (1, STATSD_PACKED) if options.statsd else ():
        say(f"StatsD, {per} lines a packet")
        result["statsd"][per] = in_turns(bench, statsd, per)
    result["bytes"] = {series: {"memory": bench.memory[series, False], "text": bench.text[series]} for series in options.series}
    return result


def table(result):
    names = sorted({name for case in result["samples"].values() for name in case} - {"limit", "ours"})
    rows = [("CPU µs a sample, series", "limit", "ours", "ratio", *names, "bytes a series", "of text")]
    for series, case in result["samples"].items():
        size = result["bytes"][series]
        rows.append((f"{series:,}", figure(case, "limit"), figure(case, "ours"),
                     f"{case['ours']['median'] / case['limit']['median']:.2f}", *(figure(case, name) for name in names),
                     f"{size['memory']:.0f}", f"{size['text']:.0f}"))
    tables = [aligned(rows)]
    if result["statsd"]:
        tables.append(aligned([("CPU µs a line, lines a packet", "ours", "statsd_exporter")] + [
            (str(per), figure(case, "ours"), figure(case, "statsd_exporter")) for per, case in result["statsd"].items()]))
    return "\n\n".join(tables)


def main():
    parser = argparse.ArgumentParser(description="Measures metrics beside others; prints a table and JSON.")
    parser.add_argument("oxpecker", type=os.path.abspath, help="the Release build of the agent")
    parser.add_argument("--before", type=os.path.abspath, help="another build of it")
    parser.add_argument("--otelcol", default=built("otelcol", "otelcol"),
                        help="a Collector; `tests/backends/build.sh otelcol` makes one")
    parser.add_argument("--prometheus", default=built("prometheus", "usr/bin/prometheus"))
    parser.add_argument("--statsd-exporter", default=built("statsd_exporter", "statsd_exporter"))
    parser.add_argument("--series", type=lambda text: [int(word) for word in text.split(",")],
                        default=[1_000, 10_000, 100_000, 1_000_000], help="thousands; default 1000,10000,100000,1000000")
    parser.add_argument("--peers-most", type=int, default=10_000, help="peers are not measured beyond that many series")
    parser.add_argument("--fetches", type=int, default=15, help="rounds of a peer, one a second")
    parser.add_argument("--steps", action="store_true", help="also with a step that looks at each sample's name")
    parser.add_argument("--no-statsd", dest="statsd", action="store_false")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", help="write the figures there instead of after the table")
    bench = MetricsBench(parser.parse_args())
    try:
        result = measure(bench)
    finally:
        bench.close()
    print(table(result))
    write_json(result, bench.options.json)


if __name__ == "__main__":
    main()
