"""`state` on a disk that is full to the last byte: positions go on in blocks owned before, what would have to grow is
refused and told, and nothing is lost or sent twice, also over a kill. The disk is a small tmpfs, filled by another."""

import gzip

import requests

from lib import agent as agents
from lib.agent import HURRIED
from lib.lines import Writer, assert_same
from lib.shipped import wait_delivered
from lib.sink import Sink
from lib.wait import wait_until
from test_parked import Mapping, listed
from test_traces import PROTOBUF, request_of


def config(disk, path, url, **more):
    return {"state": {"path": disk.path + "/state", "max": "1GiB"},
            "logs": {"batch": {"age": "20ms"}, "collect": {"tail": {"paths": [str(path)]}},
                     "export": {"elasticsearch": {"url": url, "gzip": False, "retry_first": "20ms"}}}, **more}


def trouble(agent):
    return agent.status()["state"]["error"]


def write_and_rotate(agent, writer, rounds, chunk=100):
    """Every file that is rotated away is a position of its own."""
    for _ in range(rounds):
        writer.write(chunk)
        writer.rotate(len(writer.lines))
        wait_delivered(agent, len(writer.lines))


def test_positions_go_on_and_nothing_comes_twice(disk, oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    sink = Sink(server)
    agent = oxpecker(config(disk, tmp_path / "app.log*", server.url))
    write_and_rotate(agent, writer, 3)
    disk.fill()
    write_and_rotate(agent, writer, 60)
    again = agent.sent_again()
    assert agent.stop() == 0
    agent.start()
    write_and_rotate(agent, writer, 5)
    again += agent.sent_again()
    assert agent.stop() == 0 and sink.again <= again, "a position was not saved"
    assert "cannot be saved" not in agent.err()
    disk.make_room()
    agent.start()
    write_and_rotate(agent, writer, 3)
    assert agent.booked("received", signal="logs") == len(writer.lines)
    agent.assert_balanced()
    again += agent.sent_again()
    assert agent.stop() == 0 and sink.again <= again
    assert_same(list(sink.documents.values()), writer)


def test_killed_again_and_again_while_full(disk, oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    sink = Sink(server)
    agent = oxpecker(config(disk, tmp_path / "app.log*", server.url))
    write_and_rotate(agent, writer, 1)
    disk.fill()
    for number in range(10):
        writer.write(300)
        if number % 2:
            wait_until(lambda: len(sink.documents) > len(writer.lines) - 300, 60, "some of them there")
        writer.rotate(len(writer.lines))
        agent.kill9()
        agent.start()
    wait_delivered(agent, len(writer.lines))
    agent.kill9()
    disk.make_room()
    agent.start()
    writer.write(100)
    wait_delivered(agent, len(writer.lines))
    agent.assert_balanced()
    assert agent.stop() == 0
    assert_same(list(sink.documents.values()), writer)


def test_a_start_on_a_full_disk(disk, oxpecker, fault_server, tmp_path):
    """The state of an earlier run is there; of a new one there is no block to be had, and the start says so."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    sink = Sink(server)
    agent = oxpecker(config(disk, tmp_path / "app.log*", server.url), start=False)
    disk.fill()
    agent.launch()
    agent.expected_exit = {1}
    wait_until(lambda: not agent.process.alive(), 60, "it to give up")
    assert "state.path" in agent.err() and disk.path in agent.err()
    disk.make_room()
    agent.start()
    write_and_rotate(agent, writer, 3)
    assert_same(list(sink.documents.values()), writer)


def test_what_cannot_be_parked_is_told_and_counted(disk, oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    mapping = Mapping(server)
    agent = oxpecker(config(disk, tmp_path / "app.log*", server.url))
    writer.write(10)
    wait_delivered(agent, 10)
    assert trouble(agent) == ""
    disk.fill()
    for _ in range(40):
        writer.write(1, code="no number", padding="y" * 90000)
        writer.write(5)
    wait_delivered(agent, 210)
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0, 60, "all settled")
    kept, rejected = agent.booked("parked", signal="logs"), agent.booked("rejected", signal="logs")
    assert kept + rejected == 40 and rejected > 0
    assert trouble(agent) == "No space left on device" and agent.get("/health/liveness").status_code == 200
    assert agent.err().count("no room in " + disk.path) == 1
    assert "fails: No space left" in agents.run("status", "--config", agent.config_path, env=agent.env).stdout
    agent.assert_balanced()
    agent.kill9()
    agent.start()
    assert agent.booked("rejected", signal="logs") + agent.booked("parked", signal="logs") <= 40
    disk.make_room()
    writer.write(1, code="no number", padding="y" * 90000)
    writer.write(1)
    wait_delivered(agent, 211)
    agent.wait_until(lambda: trouble(agent) == "", 60, "no more trouble")
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0, 60, "all settled")
    assert agent.booked("parked", signal="logs") == len(listed(agent)) > kept
    agent.assert_balanced()
    fine = [line for line in writer.lines if "code" not in writer.lines[line]]
    assert sorted(document["n"] for document in mapping.documents.values()) == fine
    refused_again = "cannot be parked" in agent.err().rpartition("is running")[2]  # by this run, before there was room
    agent.expected_exit = {int(refused_again)}
    assert agent.stop() == refused_again and ("records lost" in agent.err().splitlines()[-1]) == refused_again


def test_spans_that_cannot_be_spooled_are_counted_as_lost(disk, oxpecker, fault_server, tmp_path):
    """At the end there is nowhere else to put them: the last line and the exit status say so, positions are saved."""
    server, down, writer = fault_server(), fault_server(), Writer(tmp_path / "app.log")
    sink = Sink(server)
    down.refuse()
    more = {"traces": {"batch": {"age": "20ms"}, "export": {"otlp": {"endpoint": down.url}}},
            "exit": HURRIED}
    agent = oxpecker(config(disk, tmp_path / "app.log", server.url, **more))
    disk.fill()
    writer.write(500)
    body = request_of(20_000).SerializeToString()
    requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).raise_for_status()
    wait_delivered(agent, 500)
    again = agent.sent_again()
    agent.expected_exit = {1}
    assert agent.stop() == 1
    assert "not everything could be written to disk" in agent.err() and "20000 records lost" in agent.err()
    disk.make_room()
    agent.start()
    writer.write(1)
    wait_delivered(agent, 501)
    assert sink.again <= again + agent.sent_again()
    assert_same(list(sink.documents.values()), writer)
    agent.assert_balanced()


def test_a_compressed_file_waits_for_room(disk, oxpecker, fault_server, tmp_path):
    """Its text has no place beside the state: it is tried again, not read as far as there was room."""
    server, count = fault_server(), 20000
    wanted = config(disk, tmp_path / "app.log*", server.url)
    wanted["logs"]["collect"]["tail"].update(gzip=True, sweep="300ms")
    agent = oxpecker(wanted)
    disk.fill()
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(b"".join(b'{"n":%d}\n' % n for n in range(count))))
    agent.wait_until(lambda: tail_troubles(agent), 60, "it is told")
    assert tail_troubles(agent)[0]["why"] == "No space left on device"
    agent.wait_until(lambda: agent.metric("oxpecker_read_errors_total") >= 3, 60, "it was tried again")
    assert agent.err().count("cannot unpack") == 1
    disk.make_room()
    wait_delivered(agent, count)
    assert not tail_troubles(agent)
    found = {action["create"]["_id"]: document["n"]
             for request in server.taken("_bulk") for action, document in request.documents()}
    assert sorted(found.values()) == list(range(count))  # a slow server is sent some again, under their ids
    assert agent.metric("oxpecker_damaged_gzip_total") == 0
    agent.assert_balanced()


def tail_troubles(agent):
    return next(row for row in agent.status()["sources"] if "troubles" in row)["troubles"]
