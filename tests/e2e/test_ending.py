"""SIGTERM while the destinations are down and back-off is long: it is over at once, and what nobody takes is kept."""

import json
import signal
import socket
import threading
import time

import pytest
import requests

from lib import fault
from lib.lines import Writer, as_written
from lib.sink import Sink
from test_traces import PROTOBUF, post, request_of, spans_at

LINES, SAID, SPANS, LONG = 500, 40, 70, 600
WITHIN = 20


def config(folder, server, within, retry):
    retry = {"retry_first": f"{retry}s", "retry_last": f"{retry}s"}
    return {"exit": {"within": f"{within}s"},
            "logs": {"batch": {"age": "20ms"},
                     "collect": {"tail": str(folder / "app.log"), "socket": f"unix:{folder}/log.sock"},
                     "export": {"elasticsearch": {"url": server.url, **retry}}},
            "traces": {"batch": {"age": "20ms"}, "export": {"otlp": {"endpoint": server.url, **retry}}}}


def say(folder, first, count):
    """Lines for the socket door, numbered on from those of the file."""
    with socket.socket(socket.AF_UNIX) as app:
        app.connect(f"{folder}/log.sock")
        app.sendall(b"".join(b'{"n":%d}\n' % number for number in range(first, first + count)))


def signal_of(request):
    return "logs" if "_bulk" in request.path else "traces"


class Down:
    """An agent with what three doors brought, whose destinations failed, asked for ten minutes, and went away."""

    def __init__(self, oxpecker, server, folder, within):
        self.server, self.sink, self.writer, self.folder = server, Sink(server), Writer(folder / "app.log"), folder
        server.plan(fault.status(503, retry_after=LONG))
        self.agent = oxpecker(config(folder, server, within, LONG))
        self.writer.write(LINES)
        say(folder, LINES, SAID)
        assert post(self.agent, request_of(SPANS).SerializeToString()).status_code == 200
        self.agent.wait_until(self.waits_long, 30, "back-off is long")
        server.refuse()
        server.requests.clear()
        good = {"logs": self.sink.behave, "traces": fault.good()}
        server.plan(lambda handler, request: good[signal_of(request)](handler, request))

    def waits_long(self):
        rows = self.agent.status()["destinations"]
        return (all(row["state"] == "waiting" and "503" in row["error"] for row in rows)
                and sum(row["queued_records"] for row in rows) == LINES + SAID + SPANS)

    def assert_all_once(self):
        found = sorted(self.sink.documents.values(), key=lambda document: document["n"])
        assert [document["n"] for document in found] == list(range(LINES + SAID)) and self.sink.again == 0
        assert [as_written(d) for d in found[:LINES]] == [json.loads(line) for line in self.writer.lines.values()]
        assert sorted(spans_at(self.server)) == list(range(1, SPANS + 1))


@pytest.mark.parametrize("after", [0, 1], ids=["at_once", "a_second_later"])
def test_what_waits_for_better_times_goes_at_sigterm(oxpecker, fault_server, tmp_path, after):
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    back, began = threading.Timer(after, down.server.listen), time.monotonic()
    down.agent.process.signal(15)
    back.start()
    assert down.agent.process.wait(2 * WITHIN) == 0
    assert time.monotonic() - began < after + WITHIN / 2
    assert "ended: nothing was lost" in down.agent.err().splitlines()[-1]
    down.assert_all_once()


def accepted_while_ending(agent, seconds):
    """An app that goes on: spans, and lines into the socket, until so long after SIGTERM. The numbers of both."""
    spans, lines, ends = [], [], time.monotonic() + seconds
    while time.monotonic() < ends:
        if post(agent, request_of(1, first=SPANS + 1 + len(spans)).SerializeToString()).status_code == 200:
            spans.append(SPANS + 1 + len(spans))
        say(agent.line_folder, LINES + SAID + len(lines), 1)
        lines.append(LINES + SAID + len(lines))
    return spans, lines


def test_a_kill_two_seconds_into_the_end_loses_nothing(oxpecker, fault_server, tmp_path):
    """The app goes on, the backends are gone, and whoever ends containers has no patience."""
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    agent, agent.line_folder = down.agent, tmp_path
    agent.process.signal(15)
    spans, lines = accepted_while_ending(agent, 2.2)
    assert len(spans) > 5
    if lines:  # read out of the socket, for which nobody answers
        agent.wait_until(lambda: agent.booked("received", source="logs.collect.socket") == SAID + len(lines), 5, "read")
        agent.wait_until(lambda: agent.status()["state"]["spool_bytes"] > 0, 5, "on disk")
    agent.kill9()
    told = agent.err()
    assert all(name in told for name in ("waiting for ", "logs.collect.socket, receive.otlp, "
                                         "logs.export.elasticsearch (", " records: Failed to connect")), told
    down.server.listen()
    agent.write_config(config(tmp_path, down.server, WITHIN, 1))
    agent.start()
    total = LINES + SAID + len(lines) + SPANS + len(spans)
    agent.wait_until(lambda: agent.booked("delivered") == total, 20, "all is delivered")
    assert agent.booked("dropped") == 0 and agent.booked("held") == 0
    agent.assert_balanced()
    assert sorted(set(spans_at(down.server))) == list(range(1, SPANS + len(spans) + 1))
    numbers = sorted(document["n"] for document in down.sink.documents.values())
    assert numbers == list(range(LINES + SAID + len(lines)))


def test_what_went_to_disk_and_is_delivered_after_all_is_not_sent_again(oxpecker, fault_server, tmp_path):
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    agent = down.agent
    agent.process.signal(15)
    agent.wait_until(lambda: agent.status()["state"]["spool_bytes"] > 0, 30, "it is on disk")
    down.server.listen()
    assert agent.process.wait(2 * WITHIN) == 0
    assert "ended: nothing was lost" in agent.err().splitlines()[-1]
    down.assert_all_once()
    agent.start()
    assert agent.booked("held") == 0 and agent.booked("delivered") == LINES + SAID + SPANS
    assert agent.status()["state"]["spool_bytes"] == 0
    agent.assert_balanced()
    down.assert_all_once()


def test_empty_requests_hold_up_nothing(oxpecker, fault_server, tmp_path):
    """An SDK's keep-alive with nothing to say, each tenth of a second."""
    server = fault_server()
    agent = oxpecker({"exit": {"within": "30s"}, "traces": {"export": {"otlp": {"endpoint": server.url}}}})
    assert post(agent, request_of(3).SerializeToString()).status_code == 200
    agent.wait_until(lambda: agent.booked("delivered") == 3, 20, "delivered")
    began = time.monotonic()
    agent.process.signal(15)
    with requests.Session() as app:
        while agent.process.alive() and time.monotonic() - began < 20:
            try:
                app.post(agent.otlp_url + "/v1/traces", data=b"", headers=PROTOBUF, timeout=5)
            except requests.RequestException:
                pass  # it has ended
    assert agent.process.wait(1) == 0 and time.monotonic() - began < 15


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT], ids=["SIGHUP", "SIGQUIT"])
def test_other_signals_that_end_lose_nothing(oxpecker, fault_server, tmp_path, number):
    """What a terminal says when it is closed, and what some say in place of SIGTERM."""
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    for harmless in (signal.SIGUSR1, signal.SIGUSR2):
        down.agent.process.signal(harmless)
    down.agent.wait_until(lambda: down.agent.err().count("is ignored") == 2, 30, "two words about signals")
    down.agent.process.signal(number)
    down.server.listen()
    assert down.agent.process.wait(2 * WITHIN) == 0
    assert "ended: nothing was lost" in down.agent.err().splitlines()[-1]
    down.assert_all_once()


def test_a_second_signal_while_it_ends_cuts_nothing_off(oxpecker, fault_server, tmp_path):
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    agent = down.agent
    agent.process.signal(15)
    agent.wait_until(lambda: "ending: " in agent.err(), 30, "the end begins")
    while agent.process.alive():
        agent.process.signal(15)
    assert agent.process.wait(1) == 0 and agent.err().count("a second signal") == 1
    agent.write_config(config(tmp_path, down.server, WITHIN, 1))
    down.server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered") == LINES + SAID + SPANS, 20, "all is delivered")
    down.assert_all_once()
    agent.assert_balanced()


def test_what_nobody_takes_is_kept_for_the_next_start(oxpecker, fault_server, tmp_path):
    """The doors' records are in the spool, the file's are in the file; the words and the status at the end are true."""
    down, began = Down(oxpecker, fault_server(), tmp_path, 3), time.monotonic()
    agent = down.agent
    assert agent.stop() == 0
    assert time.monotonic() - began < 10
    last = agent.err().splitlines()
    assert "what is left goes to the spool" in last[-2] and "ended: nothing was lost" in last[-1]
    assert not down.server.taken()
    agent.write_config(config(tmp_path, down.server, WITHIN, 1))
    agent.start()
    held = {row["source"]: row["held"]["records"] for row in agent.ledger()}
    assert held["logs.collect.socket"] == SAID and held["receive.otlp"] == SPANS
    assert agent.status()["state"]["spool_bytes"] > 0
    agent.wait_until(lambda: agent.booked("held", source="logs.collect.tail") == LINES, 20, "the file is read again")
    down.server.listen()
    agent.wait_until(lambda: agent.booked("delivered") == LINES + SAID + SPANS, 20, "all is delivered")
    agent.assert_balanced()
    assert agent.stop() == 0
    down.assert_all_once()
    agent.start()
    assert agent.booked("held") == 0 and agent.booked("delivered") == LINES + SAID + SPANS
    down.assert_all_once()
