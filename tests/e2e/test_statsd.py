"""Metrics that are pushed over StatsD: the same lines to statsd_exporter and to us, and a real client of DogStatsD."""

import os
import random
import re
import signal
import socket
import struct

import pytest
from datadog.dogstatsd.base import DogStatsd

from lib import parsers
from lib.agent import run
from lib.wait import free_port, wait_until

HISTOGRAMS = "defaults:\n  observer_type: histogram\n"
BEYOND = ("oxpecker_", "statsd_exporter_", "go_", "process_", "promhttp_", "statsd_metric_mapper_")

# Of each kind of rule one, and some that fit the same names.
MAPPING = """
defaults:
  observer_type: histogram
  ttl: 1h
  histogram_options:
    buckets: [0.1, 1, 10]
mappings:
- match: "shop.*.orders.*"
  name: "shop_orders"
  help: Orders
  labels: {shop: "$1", state: "${2}_state", all: "$0"}
- match: "shop.berlin.*.paid"
  name: berlin_paid
  labels: {what: "$1"}
- match: "*.latency.*"
  match_metric_type: observer
  name: "${1}_latency_seconds"
  histogram_options:
    buckets: [0.005, 0.5, 5]
  labels: {route: "$2", aa: from_rule}
- match: "*.latency.*"
  match_metric_type: gauge
  name: "${1}_latency_now"
  scale: 0.001
  honor_labels: true
  labels: {route: "$2", aa: from_rule}
- match: "noise.*"
  action: drop
  name: dropped
- match: '^user_(\\d+)\\.(login|logout)$'
  match_type: regex
  name: "user_${2}s"
  labels: {shard: "$1"}
- match: 'wild\\.(?P<rest>.*)'
  match_type: regex
  name: "wild_$1"
  labels: {none: "$9", rest: "<$rest>"}
- match: '(.*)\\.tail'
  match_type: regex
  match_metric_type: counter
  name: "tail"
  labels: {head: "$1"}
- match: 'nothing\\.(x?)'
  match_type: regex
  name: "$1"
"""

LINES = """
plain:1|c
plain:2|c|@0.5
plain:2.5|c
Dots.and-dashes--here/x y:1|c
9digit:1|c
gauge:5|g
gauge:-2|g
gauge:+4.25|g
gauge.negative:-7|g
timer:320|ms
timer:4:5.5:6000|ms|@0.1
hist:0.5|h|@0.25
dist:1:2:3|d|#a:b,c.d:e f,9:x
several:1|c:2|c:3|c|@0.5
several:1|c:x|c:3|c
mixed:1|c:2|g
tags:1|c|#a:b,c:d
tags:1|c|#c:d,a:b
tags:1|c|#a:b,a:z,bare,:v,n:
tags:1|c|#
tags:1|c|#x:y:z|@0.5
tags:1|c|#a:"quoted\\back"
influx,a=b,c=d:1|c
librato#a=b:1|c
signal.[a=b,c=d]fx:1|c
contained:1|c|#a:b|c:ci-1
at:1|c|T1656581400
gauge.at:1|g|#a:b|T1656581400
clash:1|c
clash:1|g
clash:1|ms
negative:-1|c
\xc3\xa4\xc3\xb6:1|c
bad
bad:
bad:1
:1|c
bad:|c
bad:x|c
bad:1|x
bad:1|c|0.1
bad:1|c||@0.1
bad:1|c|c:
both,a=b:1|c|#c:d
"""


def random_lines(count):
    r = random.Random(14)
    names = ["hits", "web.hits", "web-hits", "a.b.c", "x--y", "deep.er.name"]
    kinds = ["c", "g", "ms", "h", "d", "q"]
    for _ in range(count):
        name, kind = f"r.{r.choice(kinds)}.{r.choice(names)}", r.choice(kinds)
        value = r.choice(["1", "2.5", "+3", "-4", "0", "1e3", "7", "x", ""])
        if kind in ("ms", "h", "d") and r.random() < 0.3:
            value = ":".join([value, "3", "250"])
        fields = [f"@{r.choice(['0.1', '0.5', '1', '0.25'])}"] if r.random() < 0.3 else []
        if r.random() < 0.6:
            fields.append("#" + ",".join(f"{r.choice('abcd')}.t:{r.choice('xyz')}" for _ in range(r.randrange(1, 5))))
        if fields and fields[-1][0] == "#" and r.random() < 0.2:  # without tags it does not know them
            fields.append("c:ci-" + r.choice("12"))
        r.shuffle(fields)
        yield "|".join([f"{name}:{value}", kind, *fields])


def read(page):
    """What was pushed: the families' types, and samples. Sums are rounded: they are added in another order. A label
    without a value is none."""
    read = parsers.read(parsers.TEXT, page.encode())
    assert not read.error
    types = {name: kind for name, kind in read.types.items() if not name.startswith(BEYOND)}
    return types, {(name, tuple(label for label in labels if label[1])): float(f"{float(value):.9g}")
                   for (name, labels), (value, _) in read.samples.items() if not name.startswith(BEYOND)}


def stream(port, text):
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(text.encode("latin-1"))


def config(listen, **options):
    return {"metrics": {"collect": {"statsd": {"listen": listen, **options}}}}


def pushed(agent):
    return read(agent.get("/metrics").text)[1]


@pytest.fixture
def twins(oxpecker, statsd_exporter):
    """twins(rules) → both of them, and compare(lines)."""
    def start(rules, **options):
        port, theirs = free_port(), statsd_exporter(rules)
        ours = oxpecker(config(f"127.0.0.1:{port}", kind="stream", container_label=True, **options))

        def compare(lines):
            text = "\n".join([*lines, "last:1|c\n"])
            stream(port, text)
            stream(theirs.port, text)
            wait_until(lambda: "\nlast 1\n" in theirs.page(), 60, "statsd_exporter has read all of it")
            wait_until(lambda: "\nlast 1\n" in agent_page(ours), 60, "we have read all of it")
            here, there = read(agent_page(ours)), read(theirs.page())
            assert here[0] == there[0]
            assert here[1].keys() == there[1].keys()
            assert {key: (value, there[1][key]) for key, value in here[1].items() if value != there[1][key]} == {}
            return here
        return compare
    return start


def agent_page(agent):
    return agent.get("/metrics").text


def test_statsd_exporter_shows_the_same(twins):
    lines = [line for line in LINES.split("\n") if line]
    types, samples = twins(HISTOGRAMS)([*lines, *random_lines(3000)])
    assert types["timer"] == "histogram" and len(samples) > 100


def mapped_lines(count):
    r = random.Random(7)
    words = ["shop", "berlin", "paris", "orders", "paid", "latency", "api", "noise", "wild", "tail", "user_7",
             "login", "logout", "nothing", "x", "z-9"]
    for _ in range(count):
        name = ".".join(r.choices(words, k=r.choice((1, 2, 2, 3, 3, 4))))
        if r.random() < 0.4:
            name = r.choice(["shop.{}.orders.{}", "shop.berlin.{}.paid", "{}.latency.{}", "noise.{}", "user_42.{}",
                             "wild.{}.{}", "{}.{}.tail", "nothing.{}"]).format(*r.choices(words, k=2))
        kind = r.choice(["c", "g", "ms", "h"])
        yield f"{name}:{r.choice(['1', '20', '300', '0.5'])}|{kind}" + r.choice(["", "", "|#aa:b", "|#c:d,route:tag"])


def test_rules_map_as_in_statsd_exporter(twins, tmp_path):
    path = tmp_path / "mapping.yml"
    path.write_text(MAPPING)
    types, _ = twins(MAPPING, mapping=str(path))(mapped_lines(4000))
    assert {"shop_orders", "api_latency_seconds", "api_latency_now", "user_logins", "tail"} <= types.keys()
    assert "dropped" not in types and "shop_berlin_orders_paid" not in types


# As wide as values of timers get, and those at the bounds of buckets.
NATIVES = """
defaults:
  observer_type: histogram
  histogram_options: {native_histogram_bucket_factor: 1.1, native_histogram_max_buckets: 160}
mappings:
- match: fine.*
  name: "fine_${1}"
  histogram_options: {native_histogram_bucket_factor: 1.002, native_histogram_max_buckets: 20}
- match: coarse.*
  name: "coarse_${1}"
  histogram_options: {buckets: [1, 2], native_histogram_bucket_factor: 500}
- match: few.*
  name: "few_${1}"
  histogram_options: {native_histogram_max_buckets: 3}
- match: none.*
  name: "none_${1}"
  histogram_options: {native_histogram_bucket_factor: 1}
"""


def native_lines(count):
    r = random.Random(21)
    for i in range(count):
        name = r.choice(["plain", "fine.a", "coarse.a", "few.a", "none.a"])
        value = r.choice([r.lognormvariate(3, 2), 2.0 ** r.randrange(-20, 20), -r.lognormvariate(0, 1), 0, 1e-45,
                          10.0 ** r.randrange(-200, 200)])
        yield f"{name}:{value!r}|{r.choice('hd')}|#i:{i % 3}"
    for name in ("plain", "fine.a", "coarse.a", "few.a"):  # statsd_exporter merges once a value
        for i in range(60):
            yield f"{name}:0|h|#i:{i % 3}"


def natives(page):
    """{(name, labels): what Prometheus reads of each native histogram, without its sum, which is rounded otherwise}"""
    read = parsers.read(parsers.PROTOBUF, page)
    assert not read.error
    return {key: re.sub("sum:[^,}]*", "", value) for key, (value, _) in read.samples.items()
            if value.startswith("{") and not key[0].startswith(BEYOND)}


def test_native_histograms_are_those_of_statsd_exporter(oxpecker, statsd_exporter, tmp_path):
    path, port, theirs = tmp_path / "mapping.yml", free_port(), statsd_exporter(NATIVES)
    path.write_text(NATIVES)
    ours = oxpecker(config(f"127.0.0.1:{port}", kind="stream", mapping=str(path)))
    text = "\n".join([*native_lines(3000), "last:1|c\n"])
    for to in (port, theirs.port):
        stream(to, text)
    wait_until(lambda: "\nlast 1\n" in theirs.page(), 60, "statsd_exporter has read all of it")
    wait_until(lambda: "\nlast 1\n" in agent_page(ours), 60, "we have read all of it")
    here = natives(ours.get("/metrics", headers={"Accept": parsers.PROTOBUF}).content)
    there = natives(theirs.answer(Accept=parsers.PROTOBUF).content)
    assert {name for name, _ in here} == {"plain", "fine_a", "coarse_a", "few_a"}
    assert here == there
    assert read(agent_page(ours)) == read(theirs.page())  # and they are classic ones, too


def test_native_histograms_go_on_after_a_kill(oxpecker, tmp_path):
    listen = f"unix:{tmp_path}/statsd.sock"
    agent = oxpecker(config(listen, native_histogram_bucket_factor="1.2", buckets=["1"]))
    shown = lambda: natives(agent.get("/metrics", headers={"Accept": parsers.PROTOBUF}).content)  # noqa: E731
    total = lambda: [int(value.split("count:")[1].split(",")[0]) for value in shown().values()]  # noqa: E731
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        for life in range(3):
            peer.connect(listen[len("unix:"):])
            peer.send(b"took:1:%d:700|h" % (10 ** life))
            wait_until(lambda: total() == [3 * (life + 1)], 60, "all is shown")
            before = shown()
            agent.kill9()
            agent.start()
            wait_until(lambda: shown() == before, 60, "it goes on")


def test_a_rule_that_cannot_be_followed_is_refused(oxpecker, tmp_path):
    path = tmp_path / "mapping.yml"
    path.write_text("mappings:\n- match: a.*\n  name: a\n  observer_type: summary\n")
    agent = oxpecker(config(f"unix:{tmp_path}/dsd.sock", mapping=str(path)), start=False)
    done = run("check", agent.config_path, env=agent.env)
    assert done.returncode == 1
    assert "mapping.yml:4:" in done.stderr and "expected histogram" in done.stderr


def client_of(place, **options):
    return DogStatsd(disable_telemetry=True, disable_buffering=False, origin_detection_enabled=False, **place,
                     **options)


@pytest.mark.parametrize("way", ["udp", "unix", "stream"])
def test_a_dogstatsd_client(oxpecker, tmp_path, way):
    path, port = f"{tmp_path}/dsd.sock", free_port()
    place = {"udp": {"host": "127.0.0.1", "port": port}, "unix": {"socket_path": f"unixgram://{path}"},
             "stream": {"socket_path": f"unixstream://{path}"}}[way]
    agent = oxpecker(config(f"127.0.0.1:{port}" if way == "udp" else f"unix:{path}", gauge_deltas=False,
                            kind="stream" if way == "stream" else "datagram", labels={"way": way}))
    with client_of(place, constant_tags=["env:dev"]) as client:
        for number in range(50):
            client.increment("page.views", tags=[f"page:{number % 2}"])
        client.gauge("pool.free", -3)
        client.timing("query", 320)
        client.histogram("size", 4)
        client.distribution("size", 0.2)
        client.set("users", "me")
        client.event("title", "text")
        client.service_check("db", DogStatsd.OK)
        client.increment("last")
    component, labels = {"component": "metrics.collect.statsd"}, (("env", "dev"), ("way", way))
    wait_until(lambda: ("last", labels) in pushed(agent), 60, "all of it is there")
    samples = pushed(agent)
    assert samples["page_views", (labels[0], ("page", "1"), labels[1])] == 25
    assert samples["pool_free", labels] == -3
    assert samples["query_sum", labels] == 0.32 and samples["size_count", labels] == 2
    assert samples["size_bucket", (labels[0], ("le", "0.25"), labels[1])] == 1
    assert agent.metric("oxpecker_statsd_families", **component) == 6
    assert agent.metric("oxpecker_statsd_events_total", **component) == 1
    assert agent.metric("oxpecker_statsd_service_checks_total", **component) == 1
    assert samples["users", labels] in (0, 1)  # its window may be over
    agent.assert_balanced()


def send(address, line):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.sendto(line, address)


def test_a_socket_file_that_is_removed_comes_back(oxpecker, tmp_path):
    path = f"{tmp_path}/dsd.sock"
    agent = oxpecker(config(f"unix:{path}"))
    send(path, b"a:1|c")
    os.unlink(path)
    wait_until(lambda: os.path.exists(path), 60, "the socket file is there again")
    send(path, b"a:2|c")
    wait_until(lambda: pushed(agent).get(("a", ())) == 3, 60, "both are there")


def test_what_the_kernel_drops_is_counted(oxpecker):
    """Nothing is read for a while: every datagram is read later, or counted as lost."""
    port, sent = free_port(), 0
    agent = oxpecker(config(f"127.0.0.1:{port}", buffer="4KiB"))
    of = lambda name: agent.metric(name, component="metrics.collect.statsd") or 0  # noqa: E731
    agent.process.signal(signal.SIGSTOP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for sent in range(1, 3001):
            peer.sendto(b"a:1|c", ("127.0.0.1", port))
        agent.process.signal(signal.SIGCONT)

        def is_whole():
            nonlocal sent
            sent += 1
            peer.sendto(b"a:1|c", ("127.0.0.1", port))  # the kernel's count is looked at with each that comes
            return of("oxpecker_datagrams_total") + of("oxpecker_kernel_lost_datagrams_total") == sent
        wait_until(is_whole, 60, "all of them are accounted for")
    lost, read = of("oxpecker_kernel_lost_datagrams_total"), of("oxpecker_statsd_lines_total")
    assert lost > 0 and lost + read == sent and pushed(agent)["a", ()] == read
    assert agent.booked("dropped", signal="metrics") == lost
    agent.assert_balanced()
    agent.expected_exit = {1}
    assert agent.stop() == 1 and f"ended: {lost} records lost" in agent.err()


def test_a_series_that_nothing_is_sent_for_ends(oxpecker, tmp_path):
    path = f"{tmp_path}/dsd.sock"
    agent = oxpecker(config(f"unix:{path}", ttl="1s"))
    send(path, b"gone:1|c")
    agent.wait_until(lambda: agent.metric("oxpecker_statsd_lines_total") == 1, 60, "it is read")
    wait_until(lambda: ("gone", ()) not in pushed(agent), 60, "it has ended")

    def begins_anew():
        send(path, b"gone:5|c")  # each time, since it may end again at any moment
        value = pushed(agent).get(("gone", ()), 0)
        assert value % 5 == 0
        return value > 0
    wait_until(begins_anew, 60, "it is there again, without the 1 that it had")


def test_whoever_is_silent_longest_gives_its_place_up(oxpecker, tmp_path):
    path = f"{tmp_path}/statsd.sock"
    agent = oxpecker(config("unix:" + path, kind="stream", connections=3))

    def connected():
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(60)
        peer.connect(path)
        return peer

    talked, *silent = [connected() for _ in range(3)]
    wait_until(lambda: agent.metric("oxpecker_connections", component="metrics.collect.statsd") == 3, 60,
               "all have their place")
    talked.sendall(b"talked:1|c\n")
    agent.wait_metric(1, "talked", 60)
    late = [connected() for _ in range(2)]
    for peer in late:
        peer.sendall(b"late:1|c\n")
    agent.wait_metric(2, "late", 60)
    assert [peer.recv(1) for peer in silent] == [b"", b""]
    talked.sendall(b"talked:1|c\n")
    agent.wait_metric(2, "talked", 60)
    assert agent.metric("oxpecker_connections_evicted_total", component="metrics.collect.statsd") == 2


def test_hostile_streams_cost_themselves(oxpecker, tmp_path):
    path = f"{tmp_path}/dsd.sock"
    agent = oxpecker(config(f"unix:{path}", kind="stream", connections=2))
    for text in (b"\xff" * 100000, b"x" * 100000 + b"\n", struct.pack("<I", 1 << 31), b"a:1|c|#" + b"t:v," * 20000):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            try:
                peer.sendall(text)
            except OSError:
                pass  # it was closed meanwhile
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)
        peer.sendall(b"good:1|c\n")
        wait_until(lambda: ("good", ()) in pushed(agent), 60, "the next one is read")
    reasons = lambda: {row["reason"] for source in agent.status()["sources"]  # noqa: E731
                       for row in source.get("refused", [])}
    wait_until(lambda: reasons() >= {"line_size", "bad_frame"}, 60, "the others are counted")
