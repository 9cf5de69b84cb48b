"""Strangers at the doors: the table of malformed requests at every listener, and connections that want every place."""

import os
import re
import socket
import time

import pytest
from lib import agent as agents, need, unix_http
from lib.cpu import Waits
from lib.flood import Flood
from lib.prober import Clock
from lib.wait import free_port, wait_until

ROWS = os.path.join(need.TESTS, "hostile", "requests.txt")
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
PROBE = b"GET /health/liveness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def written(text, targets):
    """The bytes of a row, as its file says."""
    out, rest = [], text
    while rest:
        found = re.match(r"\\x([0-9a-f]{2})|\\(.)|\{(\w+)\}|\{(.*?)\*(\d+)\}|([^\\{]+)", rest)
        code, escape, target, again, times, plain = found.groups()
        out.append(bytes.fromhex(code) if code else ESCAPES[escape] if escape else targets[target].encode() if target
                   else written(again, targets) * int(times) if times else plain.encode())
        rest = rest[found.end():]
    return b"".join(out)


def rows():
    with open(ROWS, encoding="ascii") as file:
        for line in file:
            if line.strip() and line[0] != "#":
                kind, status, name, text = (cell[1:] if cell[:1] == " " else cell
                                            for cell in line.rstrip("\n").split(" |", 3))
                yield kind, int(status), name, text


def connected(address):
    peer = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    peer.settimeout(60)
    peer.connect(address)
    return peer


def exchanged(peer, text):
    """All that comes back until the end of the stream."""
    try:
        peer.sendall(text)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the answer is there before the last of it
    got = b""
    try:
        while piece := peer.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got


def said(address, text):
    with connected(address) as peer:
        return exchanged(peer, text)


@pytest.fixture
def doors(oxpecker, tmp_path):
    """An agent with every listener: (agent, {name: (address, targets, takes chunks)})."""
    bulk = free_port()
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {"bulk": f"127.0.0.1:{bulk}"},
                               "export": {"file": {"path": f"{tmp_path}/out"}}}})
    agent.bulk_port = bulk
    return agent, {
        "listen": (("127.0.0.1", agent.port), {"get": "/metrics", "post": "/metrics"}, True),
        "control": (agent.control, {"get": "/status", "post": "/parked/replay"}, False),
        "otlp": (("127.0.0.1", agent.otlp_port), {"get": "/v1/traces", "post": "/v1/traces"}, True),
        "bulk": (("127.0.0.1", bulk), {"get": "/", "post": "/_bulk"}, True),
    }


@pytest.mark.parametrize("door", ["listen", "control", "otlp", "bulk"])
def test_no_listener_takes_a_row_of_the_table(doors, door):
    agent, (address, targets, chunks) = doors[0], doors[1][door]
    for kind, status, name, text in rows():
        if kind == "open":
            continue
        got = said(address, written(text, targets))
        wanted = {status} if kind == "head" or chunks else {status, 404, 405, 411}
        heads = re.findall(rb"HTTP/1\.\d (\d+) ", got)
        assert len(heads) == 1 and int(heads[0]) in wanted, (door, name, got[:200])
        assert b"onnection: close\r\n" in got, (door, name, got[:200])
    assert agent.answers("/health/liveness")
    assert agents.run("status", "--config", agent.config_path).returncode == 0


def probe(clock, port, text=PROBE):
    """How long the answer took."""
    seconds, got = clock.took(lambda: connected(("127.0.0.1", port)), lambda peer: exchanged(peer, text))
    assert got.startswith(b"HTTP/1.1 200 "), got[:200]
    return seconds


def assert_prompt(times, limit):
    """Nine of ten within it, and none lost: single ones may meet an interrupt or a page that was away."""
    times = sorted(times)
    assert times[len(times) * 9 // 10] <= limit, [f"{1000 * each:.0f} ms" for each in times]


LISTEN_FLOODS = [("silent", 64), ("silent", 10_000), ("half a head", 10_000), ("silent ones that reconnect", 300),
                 ("half heads that reconnect", 300), ("new ones", 1), ("new ones", 64), ("new half heads", 64),
                 ("new probes", 16), ("new endless chunk extensions", 4), ("new endless chunk sizes", 4),
                 ("a pull that nobody reads", 300)]


@pytest.mark.alone
@pytest.mark.parametrize("kind, count", LISTEN_FLOODS)
def test_probes_and_pages_come_and_deliveries_go_on(doors, tmp_path, kind, count):
    need.descriptors(20_000)
    agent, lines = doors[0], 0
    flood, clock = Flood(kind, agent.port, count), Clock(agent.pid)
    try:
        times, pages = [], []
        for _ in range(20):
            times.append(probe(clock, agent.port))
            pages.append(probe(clock, agent.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
            answer = said(("127.0.0.1", agent.bulk_port), b"POST /_bulk HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          b"Content-Type: application/x-ndjson\r\nContent-Length: 26\r\n\r\n"
                          b'{"create":{}}\n{"n":1%04d}\n' % lines)
            lines += b'"errors":false' in answer
        assert agents.run("health", "--config", agent.config_path).returncode == 0
        assert lines == 20
        wait_until(lambda: agent.booked("delivered", signal="logs") == lines, 60, "the lines")
    finally:
        flood.stop()
    assert_prompt(times, 0.1)
    assert_prompt(pages, 0.1)
    agent.assert_balanced()


@pytest.mark.alone
@pytest.mark.parametrize("kind, count", [("silent", 1000), ("half a head", 128), ("half a body", 64),
                                         ("half a body", 1000), ("silent ones that reconnect", 300)])
def test_the_door_of_spans_is_open_within_a_second(doors, kind, count):
    need.descriptors(20_000)
    agent = doors[0]
    flood, clock = Flood(kind, agent.otlp_port, count), Clock(agent.pid)
    try:
        for _ in range(5):
            assert probe(clock, agent.otlp_port, b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close"
                         b"\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n") < 1
    finally:
        flood.stop()


@pytest.mark.alone
@pytest.mark.parametrize("kind, count", [("silent", 1000), ("half a head", 128), ("half a bulk", 64)])
def test_the_door_of_logs_is_open_within_a_second(doors, kind, count):
    need.descriptors(20_000)
    agent = doors[0]
    flood, clock = Flood(kind, agent.bulk_port, count), Clock(agent.pid)
    try:
        for _ in range(5):
            assert probe(clock, agent.bulk_port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") < 1
    finally:
        flood.stop()


def test_bodies_that_are_announced_take_no_memory(doors):
    """Together they would have more than all of `memory`, down to the last KiB, and a byte of each comes."""
    agent, peers = doors[0], []
    for size in [1_000_000] * 28 + [100_000] * 12 + [10_000] * 12 + [2000] * 6:
        peers.append(connected(("127.0.0.1", agent.bulk_port)))
        peers[-1].sendall(b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
                          b"Content-Length: %d\r\n\r\n{" % size)
    wait_until(lambda: agent.metric("oxpecker_requests_total", component="logs.collect.bulk") == len(peers), 60, "all")
    body = b'{"create":{}}\n{"n":1}\n' * 500
    got = said(("127.0.0.1", agent.bulk_port), b"POST /_bulk HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
               b"Content-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert got.startswith(b"HTTP/1.1 200 "), got[:300]
    for peer in peers:
        peer.close()


@pytest.mark.alone
def test_the_control_socket_is_open_to_its_owner(doors):
    agent = doors[0]
    peers = [connected(agent.control) for _ in range(100)]
    waits, began = Waits(agent.pid, os.getpid()), time.monotonic()
    assert unix_http.request(agent.control, "GET", "/status")[0] == 200
    assert time.monotonic() - began < 1 + waits.seconds()
    for peer in peers:
        peer.close()
