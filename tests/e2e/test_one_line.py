"""A record is one line, whatever way it came in: its bytes are never an action of a bulk, nor two lines of a file."""

import contextlib
import ctypes
import json
import socket
import sqlite3

import pytest
import requests

from lib import agent as agents, fault
from lib.lines import as_written
from lib.shipped import documents_of, wait_delivered
from lib.wait import free_port

# JSON has line ends for white space (RFC 8259, 2). {index} and {id} are those of the document that is to survive.
DELETE = '{"a":[\n{"delete":{"_index":"INDEX","_id":"1"}},\n{"index":{"_index":"INDEX"}}\n]}'
REPLACE = '{"a":\n{"index":{"_index":"INDEX","_id":"1"}}\n,"b":2}'
BOTH = '{"a":\r\n{"index":{"_index":"INDEX","_id":"1"}}\r\n,"b":2}\r'
HEAD = "<14>1 2026-11-03T04:45:06Z h app 1 - - "


def tail_docker(folder, text):
    line = {"log": text + "\n", "stream": "stdout", "time": "2026-11-03T04:45:06.000000000Z"}
    (folder / "app.log").write_text(json.dumps(line) + "\n")
    return {"tail": {"paths": [str(folder / "app.log")], "format": "docker", "origin": False}}, None


def tail_docker_with_origin(folder, text):
    collector, _ = tail_docker(folder, text)
    collector["tail"].update(format="auto", origin=True)
    return collector, None


def sends(kind, framing, head):
    """A socket that is sent the text behind a head, as a frame or a datagram."""
    def way(folder, text):
        path = str(folder / "log.sock")

        def send():
            with socket.socket(socket.AF_UNIX, kind) as peer:
                peer.connect(path)
                message = (head + text).encode()
                peer.sendall(framing(message))
        return {"socket": {"listen": "unix:" + path,
                           "kind": "stream" if kind == socket.SOCK_STREAM else "datagram"}}, send
    return way


def as_frame(message):
    return b"%d %s" % (len(message), message)


def bulk(_, text):
    """Only a carriage return can stand within a document of a bulk."""
    port = free_port()

    def send():
        body = '{"create":{}}\n' + text.replace("\n", "\r") + "\n"
        answer = requests.post(f"http://127.0.0.1:{port}/_bulk", data=body, timeout=60,
                               headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 200 and not answer.json()["errors"], answer.text
    return {"bulk": f"127.0.0.1:{port}"}, send


WAYS = {
    "docker": tail_docker, "docker, told its origin": tail_docker_with_origin,
    "frame": sends(socket.SOCK_STREAM, as_frame, HEAD),
    "frame behind a cookie": sends(socket.SOCK_STREAM, as_frame, HEAD + "@cee: "),
    "zero": sends(socket.SOCK_STREAM, lambda message: message.replace(b"\n", b"\r") + b"\0", HEAD),
    "datagram": sends(socket.SOCK_DGRAM, bytes, HEAD), "old datagram": sends(socket.SOCK_DGRAM, bytes, "<14>app[1]: "),
    "bulk": bulk,
}


def came_in(oxpecker, way, folder, text, exporter):
    collector, send = WAYS[way](folder, text)
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": collector, "export": exporter}})
    if send:
        send()
    return agent


def same(document, text):
    """The object is in the document, with whatever else is known of it."""
    wanted = json.loads(text)
    return {name: as_written(document)[name] for name in wanted} == wanted


@pytest.mark.parametrize("text", [DELETE, REPLACE, BOTH], ids=["delete", "replace", "both"])
@pytest.mark.parametrize("way", WAYS)
def test_a_file_has_one_line_for_each_record(oxpecker, tmp_path, way, text):
    out = tmp_path / "out.json"
    agent = came_in(oxpecker, way, tmp_path, text, {"file": {"path": str(out)}})
    wait_delivered(agent, 1)
    lines = out.read_bytes().split(b"\n")
    assert len(lines) == 2 and lines[1] == b"" and b"\r" not in lines[0]
    assert same(json.loads(lines[0]), text)
    agent.assert_balanced()


@pytest.mark.parametrize("text", [DELETE, REPLACE], ids=["delete", "replace"])
@pytest.mark.parametrize("way", ["docker", "frame", "datagram"])
def test_no_record_is_an_action(oxpecker, opensearch, tmp_path, way, text):
    victim, index = opensearch.index("victim"), opensearch.index("logs")
    opensearch.request("PUT", f"{victim}/_doc/1", {"kept": True}).raise_for_status()
    text = text.replace("INDEX", victim)
    agent = came_in(oxpecker, way, tmp_path, text, {"elasticsearch": {"url": opensearch.url, "index": index}})
    wait_delivered(agent, 1)
    assert opensearch.documents(victim) == {"1": {"kept": True}}
    arrived = list(opensearch.documents(index).values())
    assert len(arrived) == 1 and same(arrived[0], text)
    agent.assert_balanced()


def test_a_large_document_needs_no_memory_twice(oxpecker, tmp_path):
    """Otherwise it would find no room however often it came."""
    port, out = free_port(), tmp_path / "out.json"
    agent = oxpecker({"memory": "4MiB", "logs": {
        "batch": {"age": "50ms"}, "export": {"file": {"path": str(out)}},
        "collect": {"bulk": {"http": f"127.0.0.1:{port}", "body_max": "3MiB"}}}})
    document = '{"a":\r"' + "x" * (2 << 20) + '"\r}'
    answer = requests.post(f"http://127.0.0.1:{port}/_bulk", data='{"create":{}}\n' + document + "\n", timeout=60,
                           headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text
    wait_delivered(agent, 1)
    assert out.read_text() == document.replace("\r", " ") + "\n"


# What waits on disk, as a version before this promise may have put it there.

SPACED = '{"a":   {"index":{"_index":"INDEX","_id":"1"}}   ,"b":2}'


def checksum(payload, meta):
    """As payload_checksum() in agent/state/op.c has it."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits_withSeed.restype = library.XXH3_64bits.restype = ctypes.c_uint64
    seed = library.XXH3_64bits(meta, ctypes.c_size_t(len(meta))) if meta else 0
    return ctypes.c_int64(library.XXH3_64bits_withSeed(payload, ctypes.c_size_t(len(payload)),
                                                       ctypes.c_uint64(seed))).value


def age(agent, table, meta):
    """The spaces of SPACED become line ends in every row of a table; how many rows there are."""
    with contextlib.closing(sqlite3.connect(f"{agent.folder}/state/state.db")) as db, db:
        rows = db.execute(f"SELECT id, payload, {meta} FROM {table}").fetchall()
        for number, payload, more in rows:
            assert payload.count(b"   ") == 2
            old = payload.replace(b"   ", b"\n\r\n")
            db.execute(f"UPDATE {table} SET payload = ?, checksum = ? WHERE id = ?", (old, checksum(old, more), number))
    return len(rows)


def config_of_rows(url, port):
    return {"logs": {"batch": {"age": "20ms"}, "collect": {"bulk": {"http": [f"127.0.0.1:{port}"], "ack": "disk"}},
                     "export": {"elasticsearch": {"url": url, "gzip": False, "retry_first": "20ms"}}}}


def post_spaced(port):
    answer = requests.post(f"http://127.0.0.1:{port}/_bulk", data='{"create":{}}\n' + SPACED + "\n", timeout=60,
                           headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200 and not answer.json()["errors"], answer.text


def only_document(server):
    document, = documents_of(server).values()
    assert same(document, SPACED)
    request, = server.taken("_bulk")[-1:]
    assert request.body.count(b"\n") == 2 and b"\r" not in request.body


def test_a_row_of_an_older_spool_is_one_line(oxpecker, fault_server):
    server, port = fault_server(), free_port()
    server.refuse()
    agent = oxpecker(config_of_rows(server.url, port))
    post_spaced(port)
    agent.kill9()
    assert age(agent, "spool", "meta") == 1
    server.listen()
    agent.start()
    wait_delivered(agent, 1)
    only_document(server)
    agent.assert_balanced()


@pytest.mark.parametrize("rename", [[], ["--rename", "b=c"]], ids=["as it is", "renamed"])
def test_an_older_parked_record_is_one_line(oxpecker, fault_server, rename):
    server, port = fault_server(), free_port()
    refusal = {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": "no"}}
    body = json.dumps({"items": [{"create": refusal}]}).encode()
    server.plan(lambda handler, request: handler.answer(200, body, "application/json", {}), then=fault.good())
    agent = oxpecker(config_of_rows(server.url, port))
    post_spaced(port)
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 1, 60, "it is parked")
    agent.stop()
    assert age(agent, "parked", "NULL") == 1
    agent.start()
    done = agents.run("parked", "replay", "--all", *rename, "--config", agent.config_path, env=agent.env)
    assert done.returncode == 0 and "1 delivered" in done.stdout, done.stdout + done.stderr
    document, = documents_of(server).values()
    assert document["a"] == json.loads(SPACED)["a"] and document["c" if rename else "b"] == 2
    assert server.taken("_bulk")[-1].body.count(b"\n") == 2
    agent.assert_balanced()
