"""SIGKILL at the worst moments: no line lost, none twice, and each kill shown to have hit its moment."""

import random

import pytest

from lib import fault
from lib.lines import Writer, assert_same
from lib.sink import Sink
from lib.wait import wait_until

ROUNDS = 20


def config(path, url, index="logs"):
    return {"logs": {"batch": {"age": "20ms"}, "collect": {"tail": {"paths": [str(path)]}},
                     "export": {"elasticsearch": {"url": url, "index": index, "gzip": False}}}}


def test_between_send_and_answer(oxpecker, fault_server, tmp_path):
    """The destination has the lines, the agent never hears of it."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    sink, hits = Sink(server), 0
    agent = oxpecker(config(tmp_path / "app.log", server.url), start=False)
    for _ in range(ROUNDS):
        taken = len(server.taken("_bulk"))
        server.plan(lambda handler, request: (sink.answer(request), fault.hang()(handler, request)))
        agent.start()
        writer.write(random.randrange(1, 200))
        server.wait_requests(taken + 1)
        agent.kill9()
        hits += len(sink.documents) > 0
    server.plan(sink.behave)
    agent.start()
    agent.wait_until(lambda: len(sink.documents) == len(writer.lines), 60, "every line there")
    assert agent.stop() == 0
    assert hits == ROUNDS and sink.again >= ROUNDS
    assert_same(list(sink.documents.values()), writer)


def test_between_answer_and_commit(oxpecker, fault_server, tmp_path):
    """The agent has heard of it, the position is not saved yet."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    sink, hits = Sink(server), 0
    agent = oxpecker(config(tmp_path / "app.log", server.url), start=False)
    for number in range(3 * ROUNDS):
        if hits == ROUNDS:
            break
        before, again, count = len(sink.documents), sink.again, random.randrange(1, 200)

        def behave(handler, request):
            """However slow this test is, in each other round the kill comes right behind the answer."""
            sink.behave(handler, request)
            if number % 2 and len(sink.documents) >= before + count:  # noqa: B023
                agent.process.child.kill()

        server.plan(behave)
        agent.start()
        writer.write(count)
        wait_until(lambda: len(sink.documents) >= before + count, 60, "the lines to come")  # noqa: B023
        wait_until(lambda: number % 2 == 0 or not agent.process.alive(), 60, "the kill")  # noqa: B023
        agent.kill9()
        server.plan(sink.behave)
        agent.start()
        agent.wait_until(lambda: agent.booked("held", signal="logs") == 0, 60, "nothing held")
        agent.wait_until(lambda: agent.booked("delivered", signal="logs") == len(writer.lines), 60, "all settled")
        agent.assert_balanced()
        hits += sink.again > again
        agent.kill9()
    agent.start()
    assert agent.stop() == 0
    assert hits == ROUNDS, f"only {hits} kills came before the commit"
    assert_same(list(sink.documents.values()), writer)


@pytest.mark.parametrize("seen", [False, True], ids=["at once", "seen"])
def test_inside_a_rotation(oxpecker, fault_server, tmp_path, seen):
    """Killed with the old file delivered in part and the new one begun: at once, or when the agent has read of both."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    sink, hits = Sink(server), 0
    agent = oxpecker(config(tmp_path / "app.log", server.url), start=False)
    for number in range(5 * ROUNDS):
        if hits == ROUNDS:
            break
        server.plan(sink.behave)
        agent.start()
        first = len(writer.lines)
        writer.write(random.randrange(1, 50))
        wait_until(lambda: len(sink.documents) == len(writer.lines), 60, "the old file's first lines")
        if seen:
            server.plan(fault.hang())
        writer.write(random.randrange(1, 50))
        old = range(first, len(writer.lines))
        writer.rotate(number)
        writer.write(random.randrange(1, 50))
        if seen:
            agent.wait_until(lambda: agent.booked("received", signal="logs") == len(writer.lines), 60, "both read")
        agent.kill9()
        there = {document["n"] for document in list(sink.documents.values())}
        hits += 0 < len(there.intersection(old)) < len(old)
        if number % 3 == 0:
            writer.write(random.randrange(1, 50))
    assert hits == ROUNDS, f"only {hits} kills came inside of a rotation"
    server.plan(sink.behave)
    agent.start()
    agent.wait_until(lambda: len(sink.documents) >= len(writer.lines), 60, "every line there")
    assert agent.stop() == 0
    assert_same(list(sink.documents.values()), writer)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_inside_the_generation_bump(oxpecker, fault_server, tmp_path, moment):
    """Killed when a new file was seen, before or after its first line, with the generation in its id, was taken."""
    server = fault_server()
    sink = Sink(server)
    agent = oxpecker(config(tmp_path / "app*.log", server.url), start=False)
    for number in range(ROUNDS):
        server.plan(sink.behave)
        agent.start()
        wait_until(lambda: len(sink.documents) == 20 * number, 60, "the lines of the files before it")
        if moment == "before":
            server.plan(fault.hang())
        Writer(tmp_path / f"app{number}.log").write(20, file=number)
        if moment == "after":
            wait_until(lambda: len(sink.documents) > 20 * number, 60, "the first line to come")
        agent.kill9()
        assert moment == "after" or len(sink.documents) == 20 * number
    server.plan(sink.behave)
    agent.start()
    agent.wait_until(lambda: len(sink.documents) >= 20 * ROUNDS, 60, "every line there")
    assert agent.stop() == 0
    found = sorted((d["file"], d["n"]) for d in sink.documents.values())
    assert found == [(n, line) for n in range(ROUNDS) for line in range(20)]


def test_at_random_moments_into_opensearch(oxpecker, opensearch, tmp_path):
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    agent, hits = oxpecker(config(tmp_path / "app.log", opensearch.url, index), start=False), 0
    for number in range(5 * ROUNDS):
        if hits == ROUNDS:
            break
        agent.start()
        for _ in range(random.randrange(1, 20)):
            writer.write(random.randrange(1, 100))
        if number % 4 == 0:
            writer.rotate(number)
        agent.kill9()
        hits += opensearch.count(index) < len(writer.lines)
    assert hits == ROUNDS, f"only {hits} kills came with lines undelivered"
    agent.start()
    agent.wait_until(lambda: opensearch.count(index) >= len(writer.lines), 60, "every line there")
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0)
    assert agent.booked("received", signal="logs") == len(writer.lines)
    agent.assert_balanced()
    assert_same(list(opensearch.documents(index).values()), writer)


def test_spans_held_at_a_kill_are_counted_as_lost(oxpecker, fault_server, host_python):
    """A door with `ack: memory`: what was not delivered is gone, and the next start says how much."""
    server = fault_server()
    server.refuse()
    agent = oxpecker({"traces": {"batch": {"age": "50ms"}, "export": {"otlp": {"endpoint": server.url}}}})
    host = host_python(sdk=False, otlp=agent.otlp_url)
    for _ in range(5):
        host.get("/products/1")
    agent.wait_until(lambda: agent.booked("held", signal="traces") == 10, 60, "ten spans held")
    host.stop()
    agent.kill9()
    agent.start()
    row = agent.ledger(signal="traces")[0]
    assert row["received"]["records"] == 10 and row["dropped"]["killed"]["records"] == 10
    agent.assert_balanced()
