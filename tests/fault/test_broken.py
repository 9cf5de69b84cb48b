"""What was broken once: bad moments of the end, of the disk and of those who talk to us."""

import contextlib
import fcntl
import gzip
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import time

import pytest
import requests

from lib import fault
from lib.agent import HURRIED, binary
from lib.cpu import Waits
from lib.lines import Writer
from lib.wait import free_port, wait_until
from test_logs import config as log_config
from test_traces import PROTOBUF, assert_spans, config, post, request_of

PACKED = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}


def test_spooled_spans_survive_several_ends_and_come_once(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    agent = oxpecker({**config(server.url), "exit": HURRIED})
    post(agent, request_of(50).SerializeToString())
    for _ in range(3):
        assert agent.stop() == 0
        agent.start()
        assert agent.booked("held", signal="traces") == 50
        agent.assert_balanced()
    server.listen()
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 50)
    assert_spans(agent, server, range(1, 51))
    assert agent.booked("dropped", signal="traces") == 0
    agent.assert_balanced()


def hammer(agent, stop, taken):
    """Posts over one connection that stays open, until told to stop; numbers that were answered 200 go to `taken`."""
    session, number = requests.Session(), 0
    while not stop.is_set():
        number += 1
        body = gzip.compress(request_of(1, first=number).SerializeToString(), 1)
        try:
            answer = session.post(agent.otlp_url + "/v1/traces", data=body, headers=PACKED, timeout=60)
        except requests.RequestException:
            return
        if answer.status_code == 200:
            taken.append(number)


def test_a_peer_that_sends_through_the_end_loses_nothing_it_was_promised(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    agent = oxpecker({**config(server.url), "exit": HURRIED})
    for _ in range(5):
        before = agent.booked("received", signal="traces")
        stop, lists = threading.Event(), [[] for _ in range(4)]
        threads = [threading.Thread(target=hammer, args=(agent, stop, taken)) for taken in lists]
        for thread in threads:
            thread.start()
        wait_until(lambda: all(lists), 60, "each to be heard")
        assert agent.stop() == 0
        stop.set()
        for thread in threads:
            thread.join()
        agent.start()
        assert agent.booked("dropped", signal="traces") == 0
        assert agent.booked("held", signal="traces") >= before + sum(map(len, lists))


RESET = struct.pack("ii", 1, 0)


def begins_a_head(port):
    peer = socket.create_connection(("127.0.0.1", port), 60)
    with contextlib.suppress(ConnectionError):  # its place was given to another at once
        peer.sendall(b"GET /hea")
    return peer


def test_a_full_door_serves_and_goes_on_when_all_leave_at_once(oxpecker):
    """More connections than the probes' door has places (1,024), none of which says anything whole."""
    agent, peers = oxpecker({}), []
    def is_full():
        """Each of them has ten seconds for its head, so a slow machine needs more to be there at a time."""
        peers.extend(begins_a_head(agent.port) for _ in range(600))
        return agent.metric("oxpecker_connections_evicted_total", component="listen") >= 100

    wait_until(is_full, 60, "places are given to others")
    assert agent.answers("/health/liveness")
    for peer in peers:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        peer.close()
    agent.wait_until(lambda: agent.answers("/health/liveness"), 60, "the probes to answer")


def with_descriptors(number, folder, monkeypatch):
    """The agent is started with so many descriptors from here on."""
    script = folder / "few.sh"
    script.write_text(f'#!/bin/sh\nulimit -n {number}\nexec {binary()} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("OXPECKER_BIN", str(script))


def test_more_files_than_descriptors_leave_the_rest_working(oxpecker, fault_server, tmp_path, monkeypatch):
    server = fault_server()
    for number in range(300):
        (tmp_path / f"{number}.log").write_text('{"n":%d}\n' % number)
    with_descriptors(200, tmp_path, monkeypatch)
    agent = oxpecker(log_config(tmp_path / "*.log", server.url))
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") > 30)
    agent.wait_until(lambda: "Too many open files" in agent.err(), 60, "a word about the others")
    agent.assert_balanced()


def test_without_descriptors_it_answers_and_ends(oxpecker, tmp_path, monkeypatch):
    """Peers hold every descriptor but the one that `listen` has to spare."""
    with_descriptors(100, tmp_path, monkeypatch)
    agent = oxpecker({"exit": HURRIED})
    peers = [socket.create_connection(("127.0.0.1", agent.otlp_port)) for _ in range(100)]
    agent.wait_until(lambda: len(os.listdir(f"/proc/{agent.pid}/fd")) == 100)
    assert agent.answers("/health/liveness")
    assert agent.stop() == 0
    for peer in peers:
        peer.close()


def test_spans_that_the_spool_has_no_room_for_are_said_to_be_lost(oxpecker, fault_server):
    """Batches are kept one by one: what is beyond state.max is lost, and the rest is not."""
    server = fault_server()
    server.refuse()
    agent = oxpecker({**config(server.url), "exit": HURRIED, "memory": "64MiB",
                      "state": {"path": "state", "max": "16MiB"}})
    message = request_of(1)
    message.resource_spans[0].scope_spans[0].spans[0].name = "x" * (7 << 20)
    for _ in range(2):
        assert post(agent, message.SerializeToString()).status_code == 200
    assert agent.stop() == 1
    agent.expected_exit = {0, 1}
    assert "ended: 1 records lost" in agent.err() and "nothing was lost" not in agent.err()
    agent.start()
    assert agent.booked("dropped", signal="traces") == 1
    server.listen()
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 1)
    agent.assert_balanced()


def test_a_gzip_of_several_members_is_one_body(oxpecker, fault_server):
    """RFC 1952, 2.2: the last trailer tells the size of its member alone."""
    server = fault_server()
    settings = {"receive": {"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], "body_max": "256KiB"}}}
    agent = oxpecker({**config(server.url), **settings})
    for spans, status in ((20, 200), (3000, 200), (6000, 413)):
        raw = request_of(spans).SerializeToString()
        body = b"".join(gzip.compress(part) for part in (raw[:-100], raw[-100:], b""))
        assert post(agent, body, Content_Encoding="gzip").status_code == status
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 3020)
    agent.assert_balanced()


def test_a_body_that_does_not_say_its_size_holds_no_more_than_it_is(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    agent, session = oxpecker({**config(server.url), "exit": HURRIED}), requests.Session()
    for number in range(1, 101):
        body = request_of(1, first=number).SerializeToString()
        assert session.post(agent.otlp_url + "/v1/traces", data=iter([body]),
                            headers={"Content-Type": "application/x-protobuf"}).status_code == 200
    assert agent.metric("oxpecker_memory_used_bytes") < 1 << 20


def test_a_time_to_retry_in_thousands_of_years_is_no_overflow(oxpecker, fault_server, tmp_path):
    server = fault_server()
    server.plan(fault.status(503, retry_after="Fri, 31 Dec 9999 23:59:59 GMT"), then=fault.good())
    (tmp_path / "app.log").write_text('{"n":1}\n')
    agent = oxpecker(log_config(tmp_path / "app.log", server.url))
    agent.wait_until(lambda: agent.status()["destinations"][0]["retries"] == 1)
    assert agent.status()["destinations"][0]["state"] == "waiting"
    assert len(server.requests) == 1 or agent.scouts()
    agent.check_output()


def test_a_state_that_is_set_aside_is_told_of(oxpecker, tmp_path):
    agent = oxpecker(log_config(tmp_path / "app.log", "http://127.0.0.1:1"))
    for name in ("state.db", "ledger"):
        agent.stop()
        assert "set aside" not in agent.err()
        with open(os.path.join(agent.folder, "state", name), "wb") as file:
            file.write(os.urandom(50000))
        agent.start()
        assert "set aside" in agent.err()
        os.truncate(agent.process.err_path, 0)


def test_lines_that_are_refused_are_told_of_once(oxpecker, fault_server, tmp_path):
    server = fault_server()
    server.plan(fault.partial_bulk(2, code=400, kind="mapper_parsing_exception"))
    writer = Writer(tmp_path / "app.log")
    agent = oxpecker(log_config(tmp_path / "app.log", server.url))
    for wanted in (10, 20):
        writer.write(10)
        agent.wait_until(lambda: sum(map(agent.booked, ("delivered", "parked", "rejected"))) == wanted)
    assert agent.err().count("400 mapper_parsing_exception: refused by the test") == 1


def test_a_pipe_that_nobody_reads_does_not_hold_up_the_start(oxpecker, tmp_path):
    os.mkfifo(tmp_path / "out")
    agent = oxpecker({"logs": {"export": {"file": str(tmp_path / "out")}}}, start=False)
    agent.launch()
    wait_until(lambda: not agent.process.alive(), 60, "the end of the start")
    assert agent.process.child.returncode == 1 and "cannot open" in agent.err()
    agent.expected_exit = {1}


def with_a_large_spool(oxpecker, server):
    """An agent that was started with 50,000 spans in its spool, more than its memory holds; the server refuses."""
    server.refuse()
    settings = {**config(server.url), "exit": HURRIED}
    agent, body = oxpecker(settings), request_of(10000).SerializeToString()
    for _ in range(5):
        post(agent, body)
    assert agent.stop() == 0
    agent.write_config({**settings, "memory": "2MiB"})
    agent.start()
    return agent


def test_a_spool_larger_than_memory_comes_piece_by_piece(oxpecker, fault_server):
    server = fault_server()
    agent = with_a_large_spool(oxpecker, server)
    assert "not all of the spool fits in memory" in agent.err()
    assert agent.booked("held", signal="traces") == 50000
    assert agent.stop() == 0  # nothing goes, and all of it is there the next time
    agent.start()
    assert agent.booked("held", signal="traces") == 50000
    server.listen()
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 50000, 60, "all of it delivered")
    assert_spans(agent, server, [*range(1, 10001)] * 5)
    agent.assert_balanced()
    assert agent.stop() == 0
    agent.start()
    assert agent.booked("held", signal="traces") == 0


def test_a_row_of_the_spool_that_is_damaged_meanwhile_is_told_of(oxpecker, fault_server):
    """The start found it sound; it is read again when there is room for it."""
    server = fault_server()
    agent = with_a_large_spool(oxpecker, server)
    database = sqlite3.connect(os.path.join(agent.folder, "state", "state.db"), timeout=60)
    last = database.execute("SELECT id, records FROM spool WHERE parts > 0 ORDER BY id DESC LIMIT 1").fetchone()
    with database:
        database.execute("UPDATE spool SET payload = zeroblob(length(payload)) WHERE id = ?", (last[0],))
    database.close()
    server.listen()
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 50000 - last[1], 60, "the rest delivered")
    agent.wait_until(lambda: agent.booked("dropped", signal="traces") == last[1], 60, "the row given up")
    assert agent.booked("held", signal="traces") == 0
    assert agent.metric("oxpecker_spool_damaged_rows_total") == 1 and "is damaged: it is set aside" in agent.err()
    agent.assert_balanced()
    assert agent.stop() == 0


def shipped(server):
    """The id and the number of each line that a server was sent."""
    found = set()
    for request in server.taken("/_bulk"):
        actions = request.body.splitlines()
        found |= {(json.loads(action)["create"]["_id"], json.loads(line)["n"])
                  for action, line in zip(actions[::2], actions[1::2])}
    return found


def state_file(agent, name):
    return os.path.join(agent.folder, "state", name)


@pytest.mark.parametrize("what", ["cut", "removed", "no WAL", "older", "no ledger", "cut ledger"])
def test_a_state_that_has_lost_something_says_so_and_starts(oxpecker, fault_server, tmp_path, what):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    agent = oxpecker(log_config(tmp_path / "app.log", server.url))
    assert agent.stop() == 0
    with open(state_file(agent, "state.db"), "rb") as file:
        older = file.read()
    agent.start()
    assert agent.metric("oxpecker_state_losses_total") is None and agent.status()["state"]["lost"] == ""
    writer.write(10)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 10)
    if what == "no WAL":
        agent.kill9()
        os.unlink(state_file(agent, "state.db-wal"))
    else:
        assert agent.stop() == 0
    if what == "older":
        with open(state_file(agent, "state.db"), "r+b") as file:
            file.truncate()
            file.write(older)
    elif "ledger" in what:
        (os.unlink if what == "no ledger" else lambda name: os.truncate(name, 0))(state_file(agent, "ledger"))
    elif what in ("cut", "removed"):
        (os.unlink if what == "removed" else lambda name: os.truncate(name, 0))(state_file(agent, "state.db"))
    agent.start()
    assert agent.metric("oxpecker_state_losses_total") == 1
    lost = agent.status()["state"]["lost"]
    assert lost.startswith("ledger" if "ledger" in what else "state.db")
    assert agent.err().count('"level":"error"') == 1 and f"{os.path.dirname(state_file(agent, 'x'))}, " in agent.err()
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 10)  # again, or as before
    agent.stop()
    agent.start()
    assert agent.metric("oxpecker_state_losses_total") is None  # it is told once


def test_a_kill_in_the_middle_of_commits_is_no_loss_of_state(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    agent = oxpecker(log_config(tmp_path / "app.log", server.url))
    for number in range(1, 16):
        writer.write(20)
        agent.wait_until(lambda: agent.booked("received", signal="logs") >= 20 * number)  # noqa: B023
        agent.kill9()
        agent.start()
        assert agent.metric("oxpecker_state_losses_total") is None and agent.status()["state"]["lost"] == ""
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == len(writer.lines))


@pytest.mark.parametrize("size", [0, 4096, 20_000])
def test_the_index_of_a_database_that_is_cut_ends_nobody(oxpecker, fault_server, tmp_path, size):
    """SQLite maps it. If nothing is left of it, it is made anew; else the database may count as damaged until the next
    start, which finds it whole. Log lines arrive all the same, each under one id."""
    server, writer, spans = fault_server(), Writer(tmp_path / "app.log"), 0
    agent = oxpecker({**log_config(tmp_path / "app.log", server.url), "exit": HURRIED,
                      "traces": {"batch": {"age": "20ms"}}})
    pid = agent.pid
    for _ in range(3):
        writer.write(50)
        assert post(agent, request_of(10, first=1 + spans).SerializeToString()).status_code == 200
        spans += 10
        agent.wait_until(lambda: agent.booked("delivered", signal="logs") == len(writer.lines))
        if size == 0:
            agent.wait_until(lambda: agent.booked("delivered", signal="traces") == spans)  # noqa: B023
        for index in (state_file(agent, "state.db-shm"), state_file(agent, "store.db-shm")):
            wait_until(lambda: os.path.exists(index), 60, index)  # noqa: B023
            os.truncate(index, size)
    assert agent.pid == pid and agent.process.alive()
    agent.expected_exit = {0, 1}
    agent.stop()
    agent.start()
    writer.write(50)
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0
                     and {number for _, number in shipped(server)} == set(writer.lines))
    assert len(shipped(server)) == len(writer.lines), "each line has one id"
    assert not [name for name in os.listdir(f"{agent.folder}/state") if name.startswith("state.db.corrupt")]


# Bytes that SQLite locks, of the file of that ending.
LOCKS = {"writers": ("-shm", 120, 1), "everybody": ("-shm", 120, 8), "the database": ("", 0x40000000, 512)}


@pytest.mark.parametrize("what", LOCKS)
def test_a_lock_of_a_stranger_does_not_hold_up_the_end(oxpecker, fault_server, tmp_path, what):
    """Whoever may open the files can lock them, for good. It is told who does, as far as it hinders."""
    ending, at, size = LOCKS[what]
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    agent = oxpecker({**log_config(tmp_path / "app.log", server.url), "exit": {"within": "2s"},
                      "traces": {"batch": {"age": "20ms"}}})
    writer.write(50)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == len(writer.lines))
    with contextlib.ExitStack() as files:
        for name in ("state.db", "store.db"):
            wait_until(lambda: os.path.exists(state_file(agent, name + "-shm")), 60, name)  # noqa: B023
            file = files.enter_context(open(state_file(agent, name + ending), "r+b"))
            for byte in range(at, at + size):
                with contextlib.suppress(OSError):  # readers have one
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        writer.write(50)
        if what != "the database":
            agent.wait_until(lambda: f"process {os.getpid()} (" in agent.status()["state"]["error"], 60, "it is told")
            assert "holds a lock on state.db-shm" in agent.err()
        waits, waited, began = Waits(agent.pid), 0, time.monotonic()
        agent.process.signal(signal.SIGTERM)
        while agent.process.alive() and time.monotonic() - began < 60:
            with contextlib.suppress(subprocess.TimeoutExpired, OSError):
                waited = waits.seconds()
                agent.process.child.wait(0.1)
        assert time.monotonic() - began - waited < 7
    agent.expected_exit = {0, 1}
    agent.stop()
    agent.start()
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0
                     and {number for _, number in shipped(server)} == set(writer.lines))
    assert len(shipped(server)) == len(writer.lines), "each line has one id"


def test_an_embedded_store_that_was_cut_is_told_of(oxpecker, tmp_path):
    agent = oxpecker({"logs": {"collect": {"tail": str(tmp_path / "app.log")}}})
    for number in range(3):
        agent.stop()
        assert ("the embedded store held is gone" in agent.err()) == (number == 2)
        if number:
            os.truncate(state_file(agent, "store.db"), 0)
        agent.start()
    assert agent.metric("oxpecker_state_losses_total") == 1


def test_what_stays_in_the_spool_is_told_of(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    settings = {**config(server.url), "exit": HURRIED}
    agent, body = oxpecker(settings), request_of(10000).SerializeToString()
    for _ in range(5):
        post(agent, body)
    assert agent.stop() == 0
    other = {"traces": {"export": {"jaeger": {"type": "otlp", "endpoint": server.url}}}}
    agent.write_config({**settings, **other})
    agent.start()
    assert "which is not in the configuration any more" in agent.err()


def test_an_embedded_store_that_cannot_be_opened_holds_up_nobody_else(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    agent = oxpecker({**log_config(tmp_path / "app.log", server.url), "exit": HURRIED}, start=False)
    store = os.path.join(agent.folder, "state", "store.db")
    os.makedirs(store)
    agent.start()
    writer.write(10)
    assert post(agent, request_of(3).SerializeToString()).status_code == 200
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 10)
    agent.wait_until(lambda: agent.booked("held", signal="traces") == 3)
    os.rmdir(store)
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 3)
    agent.assert_balanced()


def test_peers_that_leave_with_their_last_bytes_are_let_go(oxpecker):
    """The end of the stream is there when the bytes are read: no event tells of it any more."""
    agent = oxpecker({})
    descriptors = lambda: len(os.listdir(f"/proc/{agent.pid}/fd"))  # noqa: E731
    before = descriptors()
    peers = [socket.create_connection(("127.0.0.1", agent.otlp_port)) for _ in range(20)]
    agent.wait_until(lambda: descriptors() >= before + 15)  # the start may have had some open still
    os.kill(agent.pid, signal.SIGSTOP)
    for peer in peers:
        peer.sendall(b"POST /v1/tra")
        peer.close()
    os.kill(agent.pid, signal.SIGCONT)
    agent.wait_until(lambda: descriptors() <= before, 60, "their descriptors to be closed")


def test_kept_connections_make_way_for_who_waits(oxpecker):
    """Clients that keep their connections and say nothing do not shut a full door to others."""
    agent = oxpecker({"receive": {"otlp": {"http": [f"127.0.0.1:{(port := free_port())}"], "connections": 4}}})
    kept = [requests.Session() for _ in range(12)]
    for session in kept:
        body = request_of(1).SerializeToString()
        answer = session.post(f"http://127.0.0.1:{port}/v1/traces", data=body, headers=PROTOBUF, timeout=60)
        assert answer.status_code == 200
    assert agent.booked("received", signal="traces") == 12
