"""Rows of state.db that others wrote: each costs no more than itself. Nothing crashes, hangs or is delivered that never
came in; what is set aside is told; what stands behind it is sent."""

import contextlib
import ctypes
import ctypes.util
import re
import sqlite3
import struct

import pytest

from lib import agent as agents, fault
from lib.agent import HURRIED, TERMS, amount
from lib.shipped import documents_of
from lib.wait import wait_until
from test_ack import killed, post, start
from test_parked import listed, parked, wait_parked
from test_traces import post as post_spans, request_of

REQUESTS = 4
HEAD = 28  # bytes before an item: generation, offset, size, records


def checksum(payload):
    hasher = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0").XXH3_64bits
    hasher.restype, hasher.argtypes = ctypes.c_int64, [ctypes.c_char_p, ctypes.c_size_t]
    return hasher(payload, len(payload))


def item_of(text, records=1, size=None):
    return struct.pack("<QQII", 1, 0, len(text) if size is None else size, records) + text


def set_payload(payload):
    def change(db, row):
        db.execute("UPDATE spool SET payload = ?, checksum = ? WHERE id = ?", (payload, checksum(payload), row))

    return change


def set_column(column, value):
    return lambda db, row: db.execute(f"UPDATE spool SET {column} = ? WHERE id = ?", (value, row))


# What is written over the first of the rows.
ROWS = {
    "empty": set_payload(b""),
    "no item": set_payload(b"\xff" * 100),
    "half a head": set_payload(item_of(b'{"n":0}') + b"\1\0\0"),
    "an item beyond the end": set_payload(item_of(b'{"n":0}', size=1000)),
    "more items than said": set_payload(item_of(b'{"n":0}') + item_of(b'{"n":9}')),
    "no payload": set_column("payload", None),
    "a text": set_column("payload", "text"),
    "no records": set_column("records", 0),
    "less than none": set_column("records", -5),
    "records without end": set_column("records", 2**63 - 1),
    "bytes without end": set_column("bytes", 2**62),
    "records in words": set_column("records", "many"),
    "pieces of others": set_column("parts", 2**62),
    "more pieces": set_column("parts", 3),
    "the last id": set_column("id", 2**63 - 1),
    "no id": set_column("id", -1),
}


def spooled(oxpecker, server):
    """An agent that was killed with a row for each of some requests, and its state.db."""
    server.refuse()
    agent, door = start(oxpecker, server.url, logs={"batch": {"age": "20ms", "records": 1}})
    for number in range(REQUESTS):
        assert post(door, [number]).status_code == 200
    agent.kill9()
    return agent, door, f"{agent.folder}/state/state.db"


def change(path, how):
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        rows = [row for row, in db.execute("SELECT id FROM spool ORDER BY id")]
        assert len(rows) == REQUESTS
        how(db, rows[0])


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_of_the_spool_costs_no_more_than_itself(oxpecker, fault_server, kind):
    server = fault_server()
    agent, door, path = spooled(oxpecker, server)
    change(path, ROWS[kind])
    server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered") == REQUESTS - 1 and not agent.booked("held"))
    assert {d["n"] for d in documents_of(server).values()} == set(range(1, REQUESTS))
    assert agent.booked("received") == REQUESTS and killed(agent) == 1
    agent.assert_balanced()
    assert "set aside" in agent.err() and agent.metric("oxpecker_spool_damaged_rows_total") == 1
    server.refuse()
    assert post(door, [77]).status_code == 200
    agent.kill9()
    server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered") == REQUESTS, what="what comes after it is found again")
    agent.assert_balanced()


@pytest.mark.parametrize("value", [2**62, 2**63 - 1, -1])
def test_a_generation_that_no_run_reaches_is_not_counted_on(oxpecker, fault_server, tmp_path, value):
    server, log = fault_server(), tmp_path / "app.log"
    log.write_text('{"n":1}\n')
    agent = oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": {"tail": str(log)},
                               "export": {"elasticsearch": {"url": server.url, "index": "a"}}}})
    agent.wait_until(lambda: agent.booked("delivered") == 1)
    agent.stop()
    with contextlib.closing(sqlite3.connect(f"{agent.folder}/state/state.db")) as db, db:
        db.execute("UPDATE meta SET value = ? WHERE name = 'generation'", (value,))
    (tmp_path / "app.log").rename(tmp_path / "old")
    log.write_text('{"n":2}\n')
    agent.start()
    assert "damaged" in agent.err()
    agent.wait_until(lambda: {d["n"] for d in documents_of(server).values()} >= {1, 2})
    agent.assert_balanced()


@pytest.mark.parametrize("value", [0, "text", None])
def test_a_generation_that_was_lost_is_not_given_twice(oxpecker, fault_server, tmp_path, value):
    server, log = fault_server(), tmp_path / "app.log"
    agent = oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": {"tail": str(log)},
                               "export": {"elasticsearch": {"url": server.url, "index": "a"}}}}, start=False)
    for number in range(3):
        log.write_text('{"n":%d}\n' % number)
        agent.start()
        agent.wait_until(lambda n=number: len(documents_of(server)) == n + 1)
        agent.stop()
        log.unlink()
        with contextlib.closing(sqlite3.connect(f"{agent.folder}/state/state.db")) as db, db:
            db.execute("UPDATE meta SET value = ? WHERE name = 'generation'", (value,))
    assert {d["n"] for d in documents_of(server).values()} == {0, 1, 2}


def parked_lines(oxpecker, server, tmp_path, count=3):
    """An agent that has ended, with so many lines parked."""
    log = tmp_path / "app.log"
    log.write_text("".join('{"n":%d}\n' % number for number in range(count)))
    server.plan(fault.partial_bulk(1, 400, "mapper_parsing_exception"))
    agent = oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": {"tail": str(log)},
                               "export": {"elasticsearch": {"url": server.url, "index": "a"}}},
                      "traces": {"export": {"otlp": {"endpoint": server.url}}}})
    wait_parked(agent, count)
    agent.stop()
    server.plan(fault.good())
    return agent


def write(agent, words, *values):
    with contextlib.closing(sqlite3.connect(f"{agent.folder}/state/state.db")) as db, db:
        db.execute(words, values)


# Of the first of three parked rows: what is written over it, and how many are listed and delivered by a replay.
PARKED = {
    "a place below zero": ("generation = -1, offset = -1", 3, 3),
    "records without end": ("records = 9223372036854775807", 3, 3),
    "less than none": ("records = -7", 3, 3),
    "records in words": ("records = 'many'", 3, 3),
    "an id below zero": ("id = -5", 2, 2),
    "the last id": ("id = 9223372036854775807", 3, 3),
    "a time without end": ("at = 9223372036854775807", 3, 3),
    "another signal": ("signal = 'traces'", 3, 2),
    "no signal": ("signal = 'metrics'", 3, 2),
    "another destination": ("destination = 'traces.export.otlp'", 3, 2),
    "a payload of another": ("payload = x'00ff'", 3, 2),
}


@pytest.mark.parametrize("kind", PARKED)
def test_a_parked_row_costs_no_more_than_itself(oxpecker, fault_server, tmp_path, kind):
    server, (words, shown, taken) = fault_server(), PARKED[kind]
    agent = parked_lines(oxpecker, server, tmp_path)
    write(agent, f"UPDATE parked SET {words} WHERE id = 1")
    agent.start()
    rows = listed(agent)
    assert len(rows) == shown
    for row in rows:
        parked(agent, "show", row["id"])
        done = agents.run("parked", "replay", row["id"], "--config", agent.config_path, env=agent.env)
        assert done.returncode in (0, 1), done.stderr
    agent.wait_until(lambda: len(documents_of(server)) == taken)
    agents.run("parked", "drop", "--all", "--config", agent.config_path, env=agent.env)
    assert listed(agent) == [] and len(documents_of(server)) == taken
    assert all(amount(row, term, unit) < 10**9 for row in agent.ledger() for term in ("received", *TERMS)
               for unit in ("records", "bytes"))
    agent.assert_balanced()


def test_a_ledger_that_no_run_reaches_begins_anew(oxpecker, fault_server, tmp_path):
    server = fault_server()
    agent = parked_lines(oxpecker, server, tmp_path)
    write(agent, "UPDATE ledger SET terms = ?", struct.pack("<Q", 2**64 - 1) * 32)
    agent.start()
    assert "has numbers that no run reaches" in agent.err()
    assert agent.booked("received") == agent.booked("parked") == 3
    agent.assert_balanced()
    assert parked(agent, "replay", "--all").startswith("3 delivered")
    agent.assert_balanced()


def test_a_mapped_ledger_that_no_run_reaches_begins_anew(oxpecker, fault_server):
    server = fault_server()
    agent, _, _ = spooled(oxpecker, server)
    with open(f"{agent.folder}/state/ledger", "r+b") as file:
        at = file.read().index(b"logs logs.collect.bulk")
        file.seek(at + 200 + 8)  # behind the key and its check
        file.write(struct.pack("<Q", 2**64 - 1) * 4)
    server.listen()
    agent.start()
    assert "has numbers that no run reaches" in agent.err()
    agent.wait_until(lambda: agent.booked("delivered") == agent.booked("received") == REQUESTS)
    agent.assert_balanced()


def damage_spool_index(path):
    """Nothing reads it before the spool is loaded, and a file of that size is checked only after a kill."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        page, = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'spool_first'").fetchone()
    with open(path, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 2048)


def mapped_rows(agent):
    with open(f"{agent.folder}/state/ledger", "rb") as file:
        data = file.read()
    rows = [data[m.start():m.start() + 500] for m in re.finditer(b"logs logs.collect.bulk", data)]
    assert len(rows) == 2
    return rows


def test_a_spool_that_cannot_be_read_costs_no_counts(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    first = {"url": server.url, "gzip": False}
    agent, door = start(oxpecker, server.url, exit=HURRIED,
                        logs={"export": {"elasticsearch": first, "second": {"type": "elasticsearch", **first}}})
    for number in range(REQUESTS):
        assert post(door, [number], text="x" * 900000).status_code == 200
    assert agent.stop() == 0
    damage_spool_index(f"{agent.folder}/state/state.db")
    before = mapped_rows(agent)
    agent.launch()
    agent.expected_exit = {1}
    wait_until(lambda: not agent.process.alive(), 60, "the end of the start")
    assert "cannot start logs.collect.bulk" in agent.err()
    assert mapped_rows(agent) == before
    agent.start()
    assert "set aside" in agent.err()
    agent.assert_balanced()


@pytest.mark.parametrize("end", [2**63, 2**64 - 1, 0])
def test_times_of_a_span_are_shown_whatever_they_are(oxpecker, end):
    agent, request = oxpecker({}), request_of(1)
    request.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = end
    assert post_spans(agent, request.SerializeToString()).status_code == 200
    shown = lambda: agents.run("show", "traces", "--config", agent.config_path, env=agent.env)  # noqa: E731
    agent.wait_until(lambda: shown().stdout or shown().returncode)
    assert shown().returncode == 0 and " ms " in shown().stdout, shown().stderr
