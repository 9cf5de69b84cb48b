"""Destinations that go away and come back: how they are asked meanwhile, and how soon it flows again."""

import os
import socket
import threading
import time

import pytest

from lib import fault
from lib.cpu import Waits
from lib.lines import Writer
from lib.wait import wait_until
from test_traces import post, request_of

TRIES, FIRST, LINES, PROBES, BACK_WITHIN = 6, 10, 3000, 14, 2
NAMES = [f"e{number}" for number in range(TRIES)]


def config(folder, server):
    """As many destinations as tries: each has its own luck with the waits."""
    export = {name: {"type": "elasticsearch", "url": f"{server.url}/{name}"} for name in NAMES}
    return {"logs": {"batch": {"age": "20ms"}, "collect": {"tail": str(folder / "app.log")}, "export": export}}


def requests_of(server, name):
    return [request for request in server.taken("_bulk") if request.path.startswith(f"/{name}/")]


def numbers_of(server, name):
    return [document["n"] for request in requests_of(server, name) for _, document in request.acknowledged()]


@pytest.mark.parametrize("mood", ["refused", "503"])
def test_it_flows_again_within_moments(oxpecker, fault_server, tmp_path, mood):
    """One small request a second at most while it is away; all that waited, once and in order, when it is back."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    agent = oxpecker(config(tmp_path, server))
    rows = lambda: [row for row in agent.status()["destinations"] if row["name"].startswith("logs")]  # noqa: E731
    writer.write(FIRST)
    agent.wait_until(lambda: agent.booked("delivered") == TRIES * FIRST, 60, "the first lines")
    server.plan(fault.status(503))
    if mood == "refused":
        server.refuse()
    began = time.monotonic()
    writer.write(LINES, padding="x" * 300)
    agent.wait_until(lambda: all(row["retries"] >= PROBES for row in rows()), 60, "some tries of each")
    assert all(row["retries"] <= 2 * (time.monotonic() - began) + 5 and row["state"] != "fine" for row in rows())
    asked = {name: len(requests_of(server, name)) for name in NAMES}
    for name in NAMES if mood == "503" else []:
        assert all(len(request.body) < 40000 for request in requests_of(server, name)[-3:])
    server.plan(fault.good())
    back, waits = time.monotonic(), Waits(agent.pid, os.getpid())
    if mood == "refused":
        server.listen()
    first = lambda name: next((request.at for request in requests_of(server, name)[asked[name]:]  # noqa: E731
                               if request.acknowledged()), None)
    wait_until(lambda: all(map(first, NAMES)), 60, "some of each destination")
    assert max(map(first, NAMES)) <= back + BACK_WITHIN + waits.seconds()
    agent.wait_until(lambda: agent.booked("delivered") == TRIES * (FIRST + LINES), 60, "all delivered")
    for name in NAMES:
        numbers = numbers_of(server, name)
        assert set(numbers) == set(range(FIRST + LINES))
        assert len(numbers) <= FIRST + LINES + agent.sent_again()
    agent.assert_balanced()


class LostPackets:
    """A port that answers no connection at all, as if a firewall or a dead node had it: its queue is full."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port), backlog=0)
        self.waiting = [socket.socket() for _ in range(4)]
        for peer in self.waiting:
            peer.setblocking(False)
            peer.connect_ex(("127.0.0.1", port))

    def close(self):
        for each in (self.listener, *self.waiting):
            each.close()


AWAY = {"packets are lost": {}, "a gateway's page": {}, "the template is not there yet": {"template": True}}


@pytest.mark.parametrize("mood", AWAY)
def test_logs_and_spans_flow_again_within_moments(oxpecker, fault_server, tmp_path, mood):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.status(502, body=b"<html>Bad Gateway"))
    if mood != "a gateway's page":
        server.refuse()
    lost = LostPackets(server.port) if mood == "packets are lost" else None
    agent = oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": {"tail": writer.path},
                               "export": {"elasticsearch": {"url": server.url, "index": "app", **AWAY[mood]}}},
                      "traces": {"batch": {"age": "20ms"}, "export": {"otlp": {"endpoint": server.url}}}})
    writer.write(LINES, padding="x" * 300)
    assert post(agent, request_of(FIRST).SerializeToString()).status_code == 200
    rows = lambda: agent.status()["destinations"]  # noqa: E731
    least = 2 if lost else PROBES // 2  # each waits two seconds for its connection
    agent.wait_until(lambda: all(row["retries"] >= least for row in rows()), 60, "some tries of each")
    server.plan(fault.good())
    if lost:
        lost.close()
    back, waits = time.monotonic(), Waits(agent.pid, os.getpid())
    if mood != "a gateway's page":
        server.listen()
    good = lambda path: [request.at for request in server.taken(path)  # noqa: E731
                         if request.answered and request.answered[0] == 200]
    wait_until(lambda: good("_bulk") and good("/v1/traces"), 60, "some of both")
    assert max(min(good("_bulk")), min(good("/v1/traces"))) <= back + BACK_WITHIN + waits.seconds()
    agent.wait_until(lambda: agent.booked("delivered") == LINES + FIRST, 60, "all delivered")
    agent.assert_balanced()


class Hung:
    """Takes connections on that port, reads what comes and answers nothing, ever: as a process that was stopped, behind
    a proxy. wakes() leaves it as it is for what it has taken; only new connections are answered, by the server."""

    def __init__(self, server):
        self.server, self.taken = server, []
        server.refuse()
        self.listener = socket.create_server(("127.0.0.1", server.port), backlog=128)
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        while True:
            try:
                self.taken.append(self.listener.accept()[0])
            except OSError:
                return

    def wakes(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        self.server.listen()
        return time.monotonic()

    def close(self):
        for peer in self.taken:
            peer.close()


# What an outage falls into: the first send, which has all its time, or a probe, after some that timed out.
HANGS = {"within the first timeout": ("30s", "30s", 0), "in the middle of a probe": ("3s", "3s", 2)}


@pytest.mark.parametrize("when", HANGS)
def test_it_flows_again_after_a_hang(oxpecker, fault_server, tmp_path, when):
    """All of it within moments, also what was under way and is never answered: nothing of that is waited for."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    logs, spans, failures = HANGS[when]
    agent = oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": {"tail": writer.path}, "export": {
                          "elasticsearch": {"url": server.url, "index": "app", "timeout": logs}}},
                      "traces": {"batch": {"age": "20ms"},
                                 "export": {"otlp": {"endpoint": server.url, "timeout": spans}}}})
    delivered = lambda signal: agent.booked("delivered", signal=signal)  # noqa: E731
    writer.write(FIRST)
    assert post(agent, request_of(FIRST).SerializeToString()).status_code == 200
    agent.wait_until(lambda: delivered("logs") == FIRST and delivered("traces") == FIRST, 60, "the first of both")
    hung = Hung(server)
    began = time.monotonic()
    writer.write(LINES, padding="x" * 300)
    assert post(agent, request_of(FIRST, first=100).SerializeToString()).status_code == 200
    rows = lambda: agent.status()["destinations"]  # noqa: E731
    agent.wait_until(lambda: all(row["sends"] >= 5 and row["retries"] >= failures for row in rows()), 60, "some tries")
    assert all(row["sends"] <= 2 * (time.monotonic() - began) + 5 for row in rows())
    waits, back = Waits(agent.pid, os.getpid()), hung.wakes()
    agent.wait_until(lambda: delivered("logs") > FIRST and delivered("traces") > FIRST, 60, "some of both")
    assert time.monotonic() <= back + BACK_WITHIN + waits.seconds()
    agent.wait_until(lambda: delivered("logs") == FIRST + LINES and delivered("traces") == 2 * FIRST, 60, "all")
    assert time.monotonic() <= back + 2 * BACK_WITHIN + waits.seconds()
    assert not agent.booked("parked") and all(row["scouts"] > 0 < row["resent"] for row in rows())
    hung.close()
    agent.assert_balanced()


def test_a_slow_destination_is_left_alone(oxpecker, fault_server, tmp_path):
    """Each answer takes three seconds: once that is known, nothing goes out beside what is under way."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.slow(3))
    agent = oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": {"tail": writer.path},
                               "export": {"elasticsearch": {"url": server.url, "index": "app", "concurrency": 1}}}})
    row = lambda: agent.status()["destinations"][0]  # noqa: E731
    for number in range(1, 4):
        sends, waits = row()["sends"], Waits(agent.pid, os.getpid())
        writer.write(FIRST)
        agent.wait_until(lambda: agent.booked("delivered") == number * FIRST, 60, "an answer")  # noqa: B023
    assert row()["sends"] <= sends + 1 + waits.seconds() and row()["state"] == "fine"
    assert row()["retries"] == 0 or agent.scouts()
    agent.assert_balanced()
