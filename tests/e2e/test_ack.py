"""`ack: disk` of the socket doors: what was answered is there, whatever becomes of process, disk and backend."""

import contextlib
import glob
import os
import random
import socket
import sqlite3
import threading

import grpc
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from lib import agent as agents, fault
from lib.agent import HURRIED
from lib.disk import Gate
from lib.sink import Sink
from lib.wait import free_port, wait_until
from test_bulk import NDJSON, bulk_of
from test_traces import PROTOBUF, request_of, spans_at

KILLS = 24


def start(oxpecker, url, ack="disk", door=None, start=True, env=None, **more):
    """The agent and the address of its bulk door."""
    port = free_port()
    logs = {"batch": {"age": "20ms"}, "collect": {"bulk": {"http": [f"127.0.0.1:{port}"], "ack": ack, **(door or {})}},
            "export": {"elasticsearch": {"url": url, "gzip": False, "retry_first": "20ms"}}}
    logs.update(more.pop("logs", {}))
    return oxpecker({"logs": logs, **more}, start=start, env=env), f"http://127.0.0.1:{port}/_bulk"


def post(door, numbers, named=False, **members):
    body = bulk_of(*[line for n in numbers
                     for line in ({"create": {"_id": f"app-{n}"} if named else {}}, {"n": n, **members})])
    return requests.post(door, data=body, headers=NDJSON, timeout=60)


def killed(agent):
    return sum(row["dropped"].get("killed", {"records": 0})["records"] for row in agent.ledger())


class App(threading.Thread):
    """Sends numbers, as an app does that wants an answer: what was not taken is sent again. `give(numbers)` says
    whether it was; `sent` counts how often each number went out."""

    def __init__(self, give):
        super().__init__(daemon=True)
        self.give, self.sent, self.answered, self.over = give, {}, set(), False

    def run(self):
        numbers = []
        while not self.over or numbers:
            numbers = numbers or list(range(len(self.sent), len(self.sent) + random.choice((1, 1, 10, 100))))
            for n in numbers:
                self.sent[n] = self.sent.get(n, 0) + 1
            with contextlib.suppress(requests.RequestException):
                if self.give(numbers):
                    self.answered.update(numbers)
                    numbers = []

    def end(self):
        self.over = True
        self.join(180)
        assert not self.is_alive()


def kill_often(agent, server, apps, answered):
    """Killed at moments that answers choose, the backend away for a third of the time."""
    for number in range(KILLS):
        agent.start()
        if number % 3 == 0:
            server.refuse()
        elif number % 3 == 1:
            server.listen()
        wanted = answered() + random.randrange(1, 400)
        wait_until(lambda: answered() >= wanted, 60, f"{wanted} answers")
        agent.kill9()
    server.listen() if server.listening is None else None
    agent.start()
    for app in apps:
        app.end()


@pytest.mark.parametrize("named", [False, True])
def test_documents_that_were_answered_are_there_after_kills(oxpecker, fault_server, named):
    """Those that the client gave an _id once, whatever answer a kill cut off."""
    server = fault_server()
    sink = Sink(server)
    agent, door = start(oxpecker, server.url, start=False)

    def give(numbers):
        answer = post(door, numbers, named)
        return answer.status_code == 200 and not answer.json()["errors"]

    apps = [App(give)]
    apps[0].start()
    kill_often(agent, server, apps, lambda: len(apps[0].answered))
    agent.wait_until(lambda: agent.booked("held") == 0, 60, "nothing held")
    found = {}
    for document in list(sink.documents.values()):
        found[document["n"]] = found.get(document["n"], 0) + 1
    app = apps[0]
    assert set(found) == app.answered == set(app.sent)
    most = {n: 1 if named else app.sent[n] for n in found}
    assert [n for n in found if found[n] > most[n]] == [], "more often in the index than it was sent"
    assert killed(agent) == 0
    agent.assert_balanced()
    assert agent.booked("received") == agent.booked("delivered") >= len(sink.documents)
    assert named or agent.booked("received") == len(sink.documents), "the books know each once"


def over_grpc(address, message):
    """Whether it was taken."""
    with grpc.insecure_channel(address) as channel:
        try:
            TraceServiceStub(channel).Export(message, timeout=60, wait_for_ready=True)
        except grpc.RpcError:
            return False
        return True


def test_spans_that_were_answered_are_there_after_kills(oxpecker, fault_server):
    """Over HTTP and over gRPC in turns."""
    server = fault_server()
    otlp = {"http": [f"127.0.0.1:{free_port()}"], "grpc": [f"127.0.0.1:{free_port()}"], "ack": "disk"}
    agent = oxpecker({"traces": {"batch": {"age": "20ms"}, "export": {"otlp": {"endpoint": server.url,
                                                                              "retry_first": "20ms"}}},
                      "receive": {"otlp": otlp}}, start=False)

    def give(numbers):
        message = request_of(len(numbers), first=numbers[0] + 1)
        if numbers[0] % 2:
            return over_grpc(otlp["grpc"][0], message)
        return requests.post(f"http://{otlp['http'][0]}/v1/traces", data=message.SerializeToString(),
                             headers=PROTOBUF, timeout=60).ok

    app = App(give)
    app.start()
    kill_often(agent, server, [app], lambda: len(app.answered))
    agent.wait_until(lambda: agent.booked("held") == 0, 60, "nothing held")
    assert {n - 1 for n in spans_at(server)} == app.answered == set(app.sent)
    assert killed(agent) == 0
    agent.assert_balanced()
    assert len(app.sent) <= agent.booked("received") == agent.booked("delivered") <= sum(app.sent.values())


def test_the_index_has_them_once(oxpecker, opensearch):
    """Into a real one, killed between answers: what was answered the first time it was sent is there once."""
    index = opensearch.index()
    agent, door = start(oxpecker, opensearch.url, start=False, logs={"export": {
        "elasticsearch": {"url": opensearch.url, "index": index}}})
    wanted = 0
    for _ in range(10):
        agent.start()
        for _ in range(random.randrange(1, 6)):
            assert post(door, range(wanted, wanted + 50)).json()["errors"] is False
            wanted += 50
        agent.kill9()
    agent.start()
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0, 60, "nothing held")
    assert sorted(d["n"] for d in opensearch.documents(index).values()) == list(range(wanted))
    assert killed(agent) == 0
    agent.assert_balanced()


def test_with_memory_a_kill_loses_them(oxpecker, fault_server):
    """What the other word means, and that the tests above would notice."""
    server = fault_server()
    server.refuse()
    agent, door = start(oxpecker, server.url, ack="memory")
    assert post(door, range(10)).ok
    agent.kill9()
    agent.start()
    assert killed(agent) == 10


def test_nothing_is_answered_for_that_the_next_start_would_not_find(oxpecker, fault_server):
    """state.db without its name takes every commit, and goes with the process. It is seen at rest, too."""
    agent, door = start(oxpecker, fault_server().url)
    name = os.path.join(agent.folder, "state", "state.db")
    os.rename(name, name + ".aside")
    agent.wait_until(lambda: agent.metric("oxpecker_state_missing") == 1, 60, "it noticed")
    assert agent.status()["state"]["missing"] == "state.db"
    assert [post(door, [n]).status_code for n in range(3)] == [503] * 3
    assert agent.err().count("state.db was removed, renamed or replaced") == 1
    os.rename(name + ".aside", name)
    agent.wait_until(lambda: agent.status()["state"]["missing"] == "", 60, "it is back")
    assert post(door, [3]).ok and agent.metric("oxpecker_state_missing") == 0
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 1, 60, "only that one delivered")


class Lock:
    """Holds the database, so that a commit of the agent waits (two seconds, then it fails)."""

    def __init__(self, agent):
        self.db = sqlite3.connect(os.path.join(agent.folder, "state", "state.db"), isolation_level=None, timeout=60,
                                  check_same_thread=False)

    def __enter__(self):
        self.db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_):
        self.db.execute("ROLLBACK")
        self.db.close()


class Asked(threading.Thread):
    """A request that is waited for elsewhere."""

    def __init__(self, door, numbers):
        super().__init__(daemon=True)
        self.door, self.numbers, self.answer = door, numbers, None
        self.start()

    def run(self):
        self.answer = post(self.door, self.numbers)


def send(door, body):
    """A request; what it answers resets the connection."""
    host, port = door.removeprefix("http://").removesuffix("/_bulk").split(":")
    peer = socket.create_connection((host, int(port)))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, fault.RESET_AT_ONCE)
    peer.sendall(f"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    return peer.close


def requests_at(agent):
    return agent.metric("oxpecker_requests_total", component="logs.collect.bulk")


def test_the_answer_waits_for_the_disk(oxpecker, fault_server, tmp_path):
    """Nothing is sent or counted before; several requests share what comes then; a peer that has left is no trouble."""
    server, gate = fault_server(), Gate(tmp_path)
    agent, door = start(oxpecker, server.url, env=gate.env)
    with gate:
        asked = [Asked(door, [n]) for n in range(5)]
        leave = send(door, bulk_of({"create": {}}, {"n": 5}))
        agent.wait_until(lambda: requests_at(agent) == 6, 60, "six requests")
        leave()
        assert agent.get("/health/liveness").status_code == 200
        assert agent.booked("received", signal="logs") == 0 and not server.taken()
        assert [a.answer for a in asked] == [None] * 5
    for thread in asked:
        thread.join(60)
        assert thread.answer.json()["items"][0]["create"]["status"] == 201
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 6)
    agent.assert_balanced()


def test_a_commit_that_fails_is_answered_503_and_nothing_is_taken(oxpecker, fault_server):
    server = fault_server()
    sink = Sink(server)
    agent, door = start(oxpecker, server.url)
    with Lock(agent):
        answer = post(door, range(10))
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert "disk" in answer.json()["error"]["reason"]
    assert agent.booked("received", signal="logs") == 0 and "cannot put requests on disk" in agent.err()
    assert post(door, range(10)).ok
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 10)
    assert sorted(d["n"] for d in sink.documents.values()) == list(range(10))
    agent.assert_balanced()


def test_asked_to_end_while_the_answer_waits(oxpecker, fault_server, tmp_path):
    """And a second time, so that nothing but the disk is waited for."""
    server, gate = fault_server(), Gate(tmp_path)
    sink = Sink(server)
    agent, door = start(oxpecker, server.url, exit=HURRIED, env=gate.env)
    with gate:
        asked = [Asked(door, range(5))]
        agent.wait_until(lambda: requests_at(agent) == 1, 60, "the one that is being written")
        asked.append(Asked(door, range(5, 10)))
        agent.wait_until(lambda: requests_at(agent) == 2, 60, "the one behind it")
        for told in ("ending: ", "because of a second signal"):
            os.kill(agent.pid, 15)
            agent.wait_until(lambda words=told: words in agent.err(), 60, told)
    for thread in asked:
        thread.join(60)
        assert thread.answer.status_code == 200
    assert agent.process.child.wait(60) == 0 and "nothing was lost" in agent.err()
    agent.start()
    agent.wait_until(lambda: len(sink.documents) == 10, 60, "all there")
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0)
    assert sorted(d["n"] for d in sink.documents.values()) == list(range(10)) and killed(agent) == 0
    agent.assert_balanced()


def rows_on_disk(agent):
    with contextlib.closing(sqlite3.connect(f"file:{agent.folder}/state/state.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT count(*), coalesce(sum(records), 0) FROM spool").fetchone()


def test_rows_go_when_they_are_delivered(oxpecker, fault_server):
    """And not before: with two destinations each has rows of its own."""
    up, down = fault_server(), fault_server()
    down.refuse()
    both = {"up": {"type": "elasticsearch", "url": up.url, "retry_first": "20ms"},
            "down": {"type": "elasticsearch", "url": down.url, "retry_first": "20ms"}}
    agent, door = start(oxpecker, up.url, logs={"export": both}, exit=HURRIED)
    for first in range(0, 100, 10):
        assert post(door, range(first, first + 10)).ok
    agent.wait_until(lambda: agent.booked("delivered", destination="logs.export.up") == 100)
    agent.wait_until(lambda: rows_on_disk(agent) == (10, 100), 60, "the rows of the one that is down")
    taken = len(up.taken("_bulk"))
    agent.kill9()
    agent.start()
    assert agent.booked("held", destination="logs.export.up") == 0
    assert agent.booked("held", destination="logs.export.down") == 100
    assert agent.stop() == 0 and rows_on_disk(agent) == (10, 100)
    agent.start()
    sink = Sink(down)
    down.listen()
    agent.wait_until(lambda: len(sink.documents) == 100, 60, "all of them at the other")
    agent.wait_until(lambda: rows_on_disk(agent) == (0, 0), 60, "no rows")
    assert len(up.taken("_bulk")) == taken, "sent again where they had arrived"
    assert len(down.taken("_bulk")) < 5 or agent.scouts(), "rows of small requests were sent one by one"
    assert agent.booked("received", destination="logs.export.up") == 100
    agent.assert_balanced()


def test_what_was_delivered_in_part_is_written_anew_at_the_end(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.partial_bulk(every=2), then=fault.status(503))
    agent, door = start(oxpecker, server.url, exit=HURRIED)
    assert post(door, range(100)).ok
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 50)
    assert rows_on_disk(agent) == (1, 100)
    assert agent.stop() == 0
    assert rows_on_disk(agent) == (1, 50)
    sink = Sink(server)
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 100)
    assert sorted(d["n"] for d in sink.documents.values()) == list(range(0, 100, 2))
    agent.wait_until(lambda: rows_on_disk(agent) == (0, 0), 60, "no rows")
    assert agent.booked("received", signal="logs") == 100
    agent.assert_balanced()


def fill_until_refused(door, members=None):
    """Numbers that were taken, up to the first that was not."""
    taken = 0
    while taken < 100_000:
        answer = post(door, range(taken, taken + 100), **(members or {}))
        if answer.status_code == 503:
            assert answer.headers["Retry-After"] and "disk" in answer.json()["error"]["reason"]
            return taken
        assert answer.json()["errors"] is False
        taken += 100
    raise AssertionError("it was never full")


def test_beyond_state_max_it_is_503_until_there_is_room(oxpecker, fault_server, tmp_path):
    server = fault_server()
    sink = Sink(server)
    server.refuse()
    agent, door = start(oxpecker, server.url, memory="64MiB", state={"path": str(tmp_path / "state"), "max": "16MiB"})
    taken = fill_until_refused(door, {"padding": "x" * 1000})
    assert "spool in " in agents.run("status", "--config", agent.config_path, env=agent.env).stdout
    assert agent.err().count("state.max` is reached") == 1
    assert 8 << 20 < taken * 1000 < 12 << 20
    assert agent.booked("received", signal="logs") == agent.booked("held", signal="logs") == taken
    server.listen()
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == taken, 60, "all delivered")
    agent.wait_until(lambda: agent.status()["state"]["spool_bytes"] == 0, 60, "no rows")
    assert post(door, range(taken, taken + 100)).ok
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == taken + 100)
    assert sorted(d["n"] for d in sink.documents.values()) == list(range(taken + 100))
    agent.assert_balanced()


def test_on_a_full_disk_it_is_503_until_there_is_room(disk, oxpecker, fault_server):  # noqa: F811
    server = fault_server()
    sink = Sink(server)
    server.refuse()
    agent, door = start(oxpecker, server.url, state={"path": disk.path + "/state", "max": "1GiB"})
    disk.fill()
    taken = fill_until_refused(door, {"padding": "x" * 1000})
    assert agent.booked("received", signal="logs") == taken
    agent.kill9()
    agent.start()
    server.listen()
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == taken, 60, "all delivered")
    disk.make_room()
    assert post(door, range(taken, taken + 100)).ok
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == taken + 100)
    assert sorted(d["n"] for d in sink.documents.values()) == list(range(taken + 100)) and killed(agent) == 0
    agent.assert_balanced()


def test_what_redact_takes_out_is_not_on_disk(oxpecker, fault_server):
    server = fault_server()
    sink = Sink(server)
    server.refuse()
    steps = [{"redact": {"keys": ["password"], "detect": ["card"]}}, {"filter": "info"}]
    agent, door = start(oxpecker, server.url, logs={"steps": steps, "batch": {"age": "60s"}})
    for n in range(0, 60, 3):
        assert post(door, [n], level="info", password="Geheim1234", m="card 4111111111111111").ok
        assert post(door, [n + 1], level="debug", password="Geheim1234").ok
        assert post(door, [n + 2], level="warn", note="plain").ok
    agent.kill9()
    files = [path for path in glob.glob(agent.folder + "/state/**", recursive=True) if os.path.isfile(path)]
    found = b"".join(open(path, "rb").read() for path in files)
    assert b"plain" in found and b"Geheim1234" not in found and b"4111111111111111" not in found
    agent.start()
    server.listen()
    agent.wait_until(lambda: len(sink.documents) == 40, 60, "what the filter keeps")
    assert sorted(d["n"] for d in sink.documents.values()) == [n for n in range(60) if n % 3 != 1]
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0)
    assert killed(agent) == 0 and agent.booked("received", signal="logs") == 60
    agent.assert_balanced()


def test_more_on_disk_than_memory_has_room_for(oxpecker, fault_server):
    """The rest comes as what is before it goes, once, while new ones come too."""
    server = fault_server()
    sink = Sink(server)
    server.refuse()
    agent, door = start(oxpecker, server.url, memory="16MiB")
    for first in range(0, 5000, 50):
        assert post(door, range(first, first + 50), padding="x" * 1000).ok
    agent.kill9()
    config = open(agent.config_path, encoding="utf-8").read()
    with open(agent.config_path, "w", encoding="utf-8") as file:
        file.write(config.replace('"16MiB"', '"4MiB"'))
    agent.start()
    assert "not all of the spool fits" in agent.err()
    server.listen()
    number = 5000
    while number < 6000:
        number += 50 if post(door, range(number, number + 50), padding="x" * 1000).ok else 0
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0, 60, "nothing held")
    assert sorted(d["n"] for d in sink.documents.values()) == list(range(6000))
    assert sink.again <= agent.sent_again() and killed(agent) == 0
    assert agent.booked("received", signal="logs") == 6000
    agent.assert_balanced()


def test_rows_that_could_not_be_deleted_are_deleted_later(oxpecker, fault_server):
    """Else the next start sends them again, and the spool fills with what was delivered."""
    server = fault_server()
    server.refuse()
    agent, door = start(oxpecker, server.url)
    assert post(door, range(10)).ok
    with Lock(agent):
        server.listen()
        agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 10, 60, "delivered")
        agent.wait_until(lambda: "could not be deleted" in agent.err(), 60, "the disk refuses")
    agent.wait_until(lambda: rows_on_disk(agent) == (0, 0), 60, "they are gone")
    agent.assert_balanced()
