"""Expressions say what a real Prometheus 3 says of the same samples: a table of them, and as many made at random."""

import json
import math
import os
import random
import struct
import subprocess
import time

import pytest
import requests

PAGES, STEP_S, CHECKED_EVERY = 41, 15, 8
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
SEED = 20261130
RANDOM = 150

TABLE = r"""
1 + 2 * 3 - 4 / 8
-2 ^ 2
2 ^ 3 ^ 2
-3 % 2
7.5 % -2
1 < bool 2
2 == bool 2.0
1e3 * .5 + Inf
NaN != bool NaN
(1 + 2) * (3 - -4)
time() > bool 0
requests_total
requests_total{job="api"}
requests_total{job!="api",code=~"5.."}
requests_total{code!~"2..|5.."}
requests_total{missing=""}
requests_total{job=~"a.*",missing!~"x"}
{__name__="temperature"}
{"temperature",room=~"[12]"}
rate(requests_total[1m])
rate(requests_total[100s])
increase(requests_total[2m])
increase(requests_total{code="500"}[5m])
delta(temperature[3m])
rate(requests_total[20s])
avg_over_time(temperature[2m])
min_over_time(temperature[2m])
max_over_time(temperature[2m])
sum_over_time(temperature[150s])
count_over_time(temperature[3m])
last_over_time(requests_total[1m])
count_over_time(flaky[5m])
rate(flaky[5m])
increase(flaky[3m])
delta(flaky[2m])
flaky
absent(flaky)
absent(nothing_there{job="x",b="y",c=~"z",d!="e"})
absent(sum(nothing_there))
absent(temperature)
sum(requests_total)
sum by (job) (requests_total)
sum(requests_total) by (job, code)
sum without (code) (rate(requests_total[1m]))
min(temperature)
max by (room) (temperature)
avg(temperature)
avg without (room) (rate(requests_total[2m]))
count(requests_total)
count by (missing) (requests_total)
sum by () (temperature)
sum(rate(requests_total{code=~"5.."}[1m])) / sum(rate(requests_total[1m])) < 0.5
sum(rate(requests_total{code=~"5.."}[1m])) / sum(rate(requests_total[1m])) > bool 0.05
sum by (job) (rate(requests_total{code="500"}[2m])) / sum by (job) (rate(requests_total[2m]))
requests_total > 100
100 < requests_total
requests_total == requests_total
requests_total - requests_total
requests_total * on (job, code) requests_total
requests_total{code="200"} / on (job) capacity
capacity / ignoring (code) requests_total{code="500"}
temperature + 273.15
-temperature
+temperature
2 ^ temperature
temperature % 7
10 - temperature
requests_total{job="api"} and requests_total{code="200"}
requests_total unless requests_total{code="200"}
requests_total{job="api"} or requests_total{code="200"}
requests_total and on (job) capacity
capacity unless on (job) requests_total{code="404"}
sum(rate(nothing_there[1m])) or vector(0)
(sum(rate(requests_total{code="404"}[1m])) or vector(0)) / sum(rate(requests_total[1m]))
abs(temperature)
ceil(temperature)
floor(temperature)
clamp_min(temperature, 0)
clamp_max(temperature, 20)
clamp_max(clamp_min(temperature, 0), 5) * 2
scalar(sum(requests_total)) / 2
scalar(requests_total)
vector(3) + vector(4)
sum(requests_total) > scalar(sum(capacity))
histogram_quantile(0.5, latency_bucket)
histogram_quantile(0.9, rate(latency_bucket[1m]))
histogram_quantile(0.99, sum by (le) (rate(latency_bucket[2m])))
histogram_quantile(0.75, sum by (le, job) (increase(latency_bucket[5m]))) < 0.5
histogram_quantile(-1, latency_bucket)
histogram_quantile(2, latency_bucket)
histogram_quantile(0, latency_bucket)
histogram_quantile(1, latency_bucket)
histogram_quantile(0.5, temperature)
histogram_quantile(0.5, latency_bucket{le!="+Inf"})
rate(latency_sum[1m]) / rate(latency_count[1m])
temperature == temperature
temperature != temperature
sum(odd) + 1
max(odd)
min(odd)
avg(odd)
odd > 0
odd != bool 0
"""


def series():
    """{name and labels: values, None where it is not there}."""
    chance = random.Random(SEED)
    made = {}

    def add(name, labels, value):
        made[(("__name__", name), *labels)] = [value(i) for i in range(PAGES)]

    def counter(most, resets):
        state = [0.0]

        def value(_i):
            state[0] = 0.0 if chance.random() < resets else state[0] + chance.choice([0, 1, chance.random() * most])
            return state[0]
        return value

    for job in ("api", "web"):
        add("capacity", (("job", job),), lambda i: 100.0 + i % 3)
        for code in ("200", "404", "500"):
            if (job, code) != ("web", "404"):
                add("requests_total", (("code", code), ("job", job)), counter(30, 0.05))
    for room in "123":
        add("temperature", (("room", room),), lambda i: chance.uniform(-20, 40))
    add("flaky", (("job", "api"),), lambda i: None if 9 < i < 20 or i > 31 else float(i))
    for kind, value in (("nan", math.nan), ("inf", math.inf), ("small", 1e-300)):
        add("odd", (("kind", kind),), lambda i, value=value: value)
    for job in ("api", "web"):
        counts = [[0] * PAGES for _ in range(5)]
        for i in range(PAGES):
            for k in range(5):
                before = counts[k][i - 1] if i else 0
                counts[k][i] = before + chance.randrange(8)
        for k, bound in enumerate(("0.1", "0.25", "1.0", "2.5", "+Inf")):
            add("latency_bucket", (("job", job), ("le", bound)),
                lambda i, k=k, counts=counts: float(sum(counts[n][i] for n in range(k + 1))))
        add("latency_count", (("job", job),), lambda i, counts=counts: float(sum(c[i] for c in counts)))
        add("latency_sum", (("job", job),),
            lambda i, counts=counts: sum((k + 0.5) * c[i] for k, c in enumerate(counts)))
    return made


def times(now):
    """Of the pages, in ms: about STEP_S apart, each fourth of them exactly; the last one before now."""
    chance = random.Random(SEED + 1)
    return [int(now * 1000) - (PAGES - i) * STEP_S * 1000 + (chance.randrange(-6000, 6000) if i % 4 else 0)
            for i in range(PAGES)]


# Expressions at random, of kinds that both sides take.

def a_vector(chance, depth):
    ways = [
        lambda: chance.choice(["requests_total", "capacity", "temperature", 'requests_total{code=~"[25].."}']),
        lambda: f"{chance.choice(['rate', 'increase', 'delta', 'avg_over_time', 'max_over_time', 'sum_over_time'])}"
                f"({chance.choice(['requests_total', 'temperature', 'latency_bucket'])}"
                f"[{chance.choice(['40s', '1m', '95s', '3m', '5m'])}])",
        lambda: f"{chance.choice(['sum', 'min', 'max', 'avg', 'count'])} {chance.choice(['by', 'without'])} "
                f"({chance.choice(['', 'job', 'code', 'job, code', 'le'])}) ({a_vector(chance, depth - 1)})",
        lambda: f"({a_vector(chance, depth - 1)} {chance.choice('+-*/%')} {a_number(chance)})",
        lambda: f"({a_number(chance)} {chance.choice(['+', '-', '*', '/', '<', '>= bool'])} "
                f"{a_vector(chance, depth - 1)})",
        lambda: f"({a_vector(chance, depth - 1)} {chance.choice(['<', '>', '!=', '== bool', '<= bool'])} "
                f"{a_number(chance)})",
        lambda: f"{chance.choice(['abs', 'ceil', 'floor'])}({a_vector(chance, depth - 1)})",
        lambda: f"(sum by (job) ({a_vector(chance, depth - 1)}) {chance.choice(['+', '/', 'and', 'or', 'unless'])} "
                f"sum by (job) ({a_vector(chance, depth - 1)}))",
        lambda: f"histogram_quantile({chance.choice(['0.1', '0.5', '0.95'])}, sum by (le, job) "
                f"(rate(latency_bucket[{chance.choice(['1m', '2m'])}])))",
    ]
    return chance.choice(ways if depth > 0 else ways[:2])()


def a_number(chance):
    return chance.choice(["0", "1", "-2.5", "1e2", "0.05", "(3 * 2)"])


def expressions():
    chance = random.Random(SEED + 2)
    return TABLE.strip().split("\n") + [a_vector(chance, 3) for _ in range(RANDOM)]


# Prometheus, by remote write 1.0 (prometheus.io, "Remote-Write specification"; the messages of prompb/types.proto).

def varint(n):
    out = b""
    while n > 0x7F:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def one_series(labels, values, at):
    made = b"".join(field(1, field(1, name.encode()) + field(2, value.encode())) for name, value in sorted(labels))
    before = None
    for value, ms in zip(values, at):
        if value is not None or before is not None:
            bits = struct.pack("<d", STALE if value is None else value)
            made += field(2, b"\x09" + bits + b"\x10" + varint(ms))
        before = value
    return field(1, made)


def packed(data):
    """In snappy's block format, as literals."""
    out = varint(len(data))
    for i in range(0, len(data), 1 << 16):
        piece = data[i:i + (1 << 16)]
        out += bytes([61 << 2]) + struct.pack("<H", len(piece) - 1) + piece
    return out


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """(a Prometheus 3 that has the samples, the times of the pages, the file for expression_values)."""
    from lib.backends import Prometheus3  # pylint: disable=import-outside-toplevel

    made, at = series(), times(time.time())
    server = Prometheus3(tmp_path_factory.mktemp("prometheus"))
    request = b"".join(one_series(labels, values, at) for labels, values in made.items())
    answer = requests.post(server.url + "/api/v1/write", data=packed(request), timeout=120,
                           headers={"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
                                    "X-Prometheus-Remote-Write-Version": "0.1.0"})
    assert answer.status_code == 204, answer.text
    path = tmp_path_factory.mktemp("pages") / "pages.txt"
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"? {expression}\n" for expression in expressions())
        for i, ms in enumerate(at):
            file.write(f"@ {ms}\n")
            for labels, values in made.items():
                if values[i] is not None:
                    text = ",".join(f'{name}="{value}"' for name, value in labels[1:])
                    file.write(f"{labels[0][1]}{{{text}}} {values[i]!r}\n".replace(" nan", " NaN"))
    yield server, at, path
    server.close()


def answers(path):
    """{(number of the expression, ms): what it said}."""
    program = os.path.join(os.path.dirname(os.environ["OXPECKER_BIN"]), "tests", "expression_values")
    out = subprocess.run([program, str(path)], capture_output=True, text=True, timeout=600, check=True).stdout
    return {(one["expression"], one["ms"]): one for one in map(json.loads, out.splitlines())}


def numbers(elements):
    return {tuple(sorted(labels.items())): float(value) for labels, value in elements}


def says(server, expression, ms):
    """As `answers` has it; without elements and number if it is an error."""
    got = requests.get(server.url + "/api/v1/query", params={"query": expression, "time": f"{ms / 1000:.3f}"},
                       timeout=120).json()
    if got["status"] != "success":
        return {"why": got["error"]}
    if got["data"]["resultType"] == "scalar":
        return {"number": float(got["data"]["result"][1])}
    return {"elements": numbers((one["metric"], one["value"][1]) for one in got["data"]["result"])}


def same(a, b):
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def agree(ours, theirs):
    if "number" in ours and "number" in theirs:
        return same(float(ours["number"]), theirs["number"])
    if "elements" in ours and "elements" in theirs:
        mine = numbers((one["labels"], one["value"]) for one in ours["elements"])
        return mine.keys() == theirs["elements"].keys() and all(same(v, theirs["elements"][k]) for k, v in mine.items())
    return "why" in ours and "why" in theirs


def test_values_are_those_of_prometheus(asked):
    server, at, path = asked
    ours, with_data, wrong = answers(path), set(), []
    for ms in at[CHECKED_EVERY::CHECKED_EVERY]:
        for i, expression in enumerate(expressions()):
            theirs = says(server, expression, ms)
            if theirs.get("elements") or "number" in theirs:
                with_data.add(i)
            if not agree(ours[(i, ms)], theirs):
                wrong.append((expression, ms, ours[(i, ms)], theirs))
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"
    assert len(with_data) > 0.8 * len(expressions())
