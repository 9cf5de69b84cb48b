"""A record is one line, whatever way it came in: its bytes are never an action of a bulk, nor two lines of a file."""

import json
import socket

import pytest
import requests

from lib.lines import as_written
from lib.shipped import wait_delivered
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
        answer = requests.post(f"http://127.0.0.1:{port}/_bulk", data=body, timeout=10,
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
