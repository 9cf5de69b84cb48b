"""The bulk door: clients of Elasticsearch as they are, pointed at the sidecar."""

import gzip
import json
import os
import socket
import subprocess

import pytest
import requests

from lib import need
from lib.agent import HURRIED
from lib.shipped import documents_of, wait_delivered
from lib.wait import free_port

NDJSON = {"Content-Type": "application/x-ndjson"}


def start(oxpecker, url, index="logs", **more):
    """The agent and the address of its door."""
    port = free_port()
    config = {"logs": {"batch": {"age": "50ms"}, "collect": {"bulk": f"127.0.0.1:{port}"},
                       "export": {"elasticsearch": {"url": url, "index": index}}}}
    return oxpecker({**config, **more}), f"http://127.0.0.1:{port}"


def client(how, door, count):
    """The command line of an app that ships `count` records to the door."""
    home, app = need.built("bulk_clients"), os.path.join(need.TESTS, "hosts", "bulk_clients")
    if how == "python":
        return [home + "/bin/python", app + "/ship.py", door, str(count)], {}
    return [need.program("node"), app + "/ship.js", how, door, str(count)], {"NODE_PATH": home + "/node_modules"}


@pytest.mark.parametrize("how", ["winston", "client", "python"])
def test_a_client_as_it_is_ships_through_the_door(oxpecker, opensearch, how):
    index = opensearch.index()
    agent, door = start(oxpecker, opensearch.url, index)
    words, env = client(how, door, 700)
    done = subprocess.run(words, env={**os.environ, **env}, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    wait_delivered(agent, 700)
    documents = opensearch.documents(index)
    numbers = sorted(d["fields"]["n"] if how == "winston" else d["n"] for d in documents.values())
    assert numbers == list(range(700))
    agent.assert_balanced()


def bulk_of(*lines):
    return "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)


def test_each_item_has_its_answer(oxpecker, fault_server):
    server = fault_server()
    agent, door = start(oxpecker, server.url)
    body = bulk_of({"create": {"_index": "a", "_id": "x\"\n"}}, {"n": 1}, {"index": {}}, "no JSON\n",
                   {"update": {"_id": "1"}}, {"doc": {}}, {"delete": {"_id": "2"}}, {"index": {}}, {"n": 2})
    answer = requests.post(door + "/app-logs/_bulk", data=gzip.compress(body.encode()),
                           headers={**NDJSON, "Content-Encoding": "gzip"}, timeout=60)
    assert answer.status_code == 200 and answer.headers["X-Elastic-Product"] == "Elasticsearch"
    items = [(action, item["status"], item["_index"]) for entry in answer.json()["items"]
             for action, item in entry.items()]
    assert answer.json()["errors"] is True
    assert items == [("create", 201, "a"), ("index", 400, "app-logs"), ("update", 400, "app-logs"),
                     ("delete", 400, "app-logs"), ("index", 201, "app-logs")]
    assert answer.json()["items"][0]["create"]["_id"] == "x\"\n"
    wait_delivered(agent, 2)
    assert sorted(document["n"] for document in documents_of(server).values()) == [1, 2]
    agent.assert_balanced()


def ship(door, *pairs):
    body = bulk_of(*[line for pair in pairs for line in pair])
    answer = requests.post(door + "/_bulk", data=body, headers=NDJSON, timeout=60).json()
    assert answer["errors"] is False
    return [item["_id"] for entry in answer["items"] for item in entry.values()]


def test_what_a_client_has_named_and_sends_again_is_one_document(oxpecker, fault_server):
    """It saw no answer, or the agent was restarted meanwhile. Other bytes are another record, whatever the name."""
    server = fault_server()
    agent, door = start(oxpecker, server.url)
    named = [({"create": {"_id": "a"}}, {"n": 1}), ({"index": {"_id": 7}}, {"n": 2})]
    others = [({"index": {"_id": "a"}}, {"n": 3}), ({"index": {"_id": "b"}}, {"n": 1}), ({"index": {}}, {"n": 1}),
              ({"index": {}}, {"n": 1}), ({"index": {"_id": "a", "_index": "other"}}, {"n": 1})]
    assert ship(door, *named, *others)[:2] == ["a", "7"]
    ship(door, *named)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 9)
    again = agent.sent_again()
    assert agent.stop() == 0
    agent.start()
    ship(door, *named)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 11)
    sent = [(action["create"]["_id"], document["n"]) for request in server.taken("_bulk")
            for action, document in request.documents()]
    assert 11 <= len(sent) <= 11 + again + agent.sent_again() and len(set(sent)) == len(dict(sent)) == 7
    agent.assert_balanced()


def test_named_records_are_one_stream_to_the_steps(oxpecker, fault_server):
    """Each has a place of its own, and is no stream of its own for that: what limits and folds sees them together."""
    server = fault_server()
    agent, door = start(oxpecker, server.url)
    settings = agent.filled_in(json.loads(open(agent.config_path, encoding="utf-8").read()))
    assert agent.stop() == 0
    for steps, term in (["fold"], "merged"), ([{"limit": {"rate": 1, "burst": 1}}], "dropped"):
        settings["logs"]["steps"] = steps
        agent.write_config(settings)
        agent.start()
        before = agent.booked("delivered", signal="logs"), agent.booked(term, signal="logs")
        ship(door, *[({"create": {"_id": f"{term}{n}"}}, {"message": "again"}) for n in range(10)])
        agent.wait_until(lambda: agent.booked("delivered", signal="logs") == before[0] + 1)  # noqa: B023
        assert agent.booked(term, signal="logs") == before[1] + 9
        agent.assert_balanced()
        assert agent.stop() == 0


def test_the_answer_says_first_whether_all_is_well(oxpecker, fault_server):
    """Fluent Bit reads 512 KiB of an answer and looks for these bytes in what it has; else it sends all again."""
    agent, door = start(oxpecker, fault_server().url)
    body = bulk_of(*[line for n in range(5000) for line in ({"create": {}}, {"n": n})])
    answer = requests.post(door + "/_bulk", data=body, headers=NDJSON, timeout=60)
    assert len(answer.content) > 512 << 10
    assert b'"errors":false,"items":[' in answer.content[:100] and answer.json()["errors"] is False
    answer = requests.post(door + "/_bulk", data=body + bulk_of({"delete": {"_id": "x"}}), headers=NDJSON, timeout=60)
    assert b'"errors":false' not in answer.content and answer.json()["errors"] is True
    assert [len(item) for item in answer.json()["items"]] == [1] * 5001


REFUSED = {"no end": '{"create":{}}\n{"n":1}', "no action": '{"n":1}\n{"n":2}\n', "nothing": "", "text": "hello\n",
           "too many": '{"create":{}}\n{}\n' * 20001}


@pytest.mark.parametrize("what", REFUSED)
def test_a_body_that_is_no_bulk_is_refused_as_a_whole(oxpecker, fault_server, what):
    agent, door = start(oxpecker, fault_server().url)
    answer = requests.post(door + "/_bulk", data=REFUSED[what], headers=NDJSON, timeout=60)
    assert answer.status_code == 400 and answer.json()["error"]["reason"]
    assert agent.booked("received", signal="logs") == 0


def test_what_clients_ask_first(oxpecker, fault_server):
    _, door = start(oxpecker, fault_server().url)
    assert requests.get(door, timeout=60).json()["version"]["number"].startswith("8.")
    assert requests.get(door + "/_cluster/health", timeout=60).json()["status"] == "green"
    assert requests.put(door + "/_index_template/logs", json={}, timeout=60).json()["acknowledged"]
    for path in ("/_license?human=false", "/_xpack"):  # Logstash, Beats
        assert requests.get(door + path, timeout=60).json()["license"]["status"] == "active"
    assert requests.head(door + "/logs", timeout=60).status_code == 200
    assert requests.get(door + "/logs/_search", timeout=60).status_code == 404


MADE = ["/logs", "/logs/", "/logs/_mapping", "/_template/x", "/_ilm/policy/x", "/_ingest/pipeline/x", "/_aliases"]
NOT_TAKEN = ["/logs/_doc/1", "/logs/_create/1", "/_doc", "/_reindex", "/a%20b/_bulk", "/%ff%fe/_bulk",
             "/logs/_update/1", "/"]


def test_a_document_outside_of_a_bulk_is_not_taken_for_something_else(oxpecker, fault_server):
    """Answered 404, so that its sender knows; what is made before a bulk is acknowledged, in either spelling."""
    server = fault_server()
    agent, door = start(oxpecker, server.url)
    assert [path for path in MADE if requests.put(door + path, json={"n": 1}, timeout=60).status_code != 200] == []
    assert [path for path in NOT_TAKEN if requests.put(door + path, json={"n": 1}, timeout=60).status_code != 404] == []
    posted = NOT_TAKEN + ["/logs", "/logs/_doc"]
    assert [path for path in posted if requests.post(door + path, json={"n": 1}, timeout=60).status_code != 404] == []
    for path in ("/_bulk/", "/logs/_bulk/"):
        answer = requests.post(door + path, data=bulk_of({"create": {}}, {"n": 1}), headers=NDJSON, timeout=60)
        assert answer.json()["items"][0]["create"]["status"] == 201
    wait_delivered(agent, 2)
    assert agent.booked("received", signal="logs") == 2


def test_records_survive_an_end_while_the_server_is_away(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    agent, door = start(oxpecker, server.url, exit=HURRIED)
    body = bulk_of(*[line for n in range(500) for line in ({"create": {}}, {"n": n})])
    assert requests.post(door + "/_bulk", data=body, headers=NDJSON, timeout=60).json()["errors"] is False
    assert agent.stop() == 0
    server.listen()
    agent.start()
    wait_delivered(agent, 500)
    documents = [document["n"] for document in documents_of(server).values()]
    assert sorted(documents) == list(range(500))
    agent.assert_balanced()


def test_records_of_two_runs_are_no_copies_of_each_other(oxpecker, fault_server):
    """Neither what the spool brings back nor what a new run takes has the id of another record."""
    server = fault_server()
    server.refuse()
    agent, door = start(oxpecker, server.url, exit=HURRIED)
    for first in (0, 300):
        body = bulk_of(*[line for n in range(first, first + 300) for line in ({"create": {}}, {"n": n})])
        assert requests.post(door + "/_bulk", data=body, headers=NDJSON, timeout=60).ok
        assert agent.stop() == 0
        agent.start()
    server.listen()
    wait_delivered(agent, 600)
    assert sorted(document["n"] for document in documents_of(server).values()) == list(range(600))


def test_who_reads_no_answers_gives_no_more(oxpecker, fault_server, tmp_path):
    """A bulk of small documents has an answer ten times as large: those who do not read it fill no memory."""
    port, path = free_port(), str(tmp_path / "bulk.sock")
    agent = oxpecker({"logs": {"collect": {"bulk": [f"127.0.0.1:{port}", "unix:" + path]},
                               "export": {"elasticsearch": {"url": fault_server().url}}}})
    body = b'{"index":{}}\n{"n":1}\n' * 15000
    head = b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n"

    def post():
        return requests.post(f"http://127.0.0.1:{port}/_bulk", data=body, headers=NDJSON, timeout=60)

    peers = []
    for _ in range(3):  # each leaves two MiB unread that the kernel does not hold
        peers.append(socket.socket(socket.AF_UNIX))
        peers[-1].connect(path)
        peers[-1].sendall(head % len(body) + body)
    agent.wait_until(lambda: post().status_code == 503, 60, "nothing more is taken")
    assert "read them" in post().json()["error"]["reason"]
    for peer in peers:
        peer.close()
    agent.wait_until(lambda: post().status_code == 200, 60, "room when those have gone")


STEPS = [{"redact": {"keys": ["password"], "detect": ["card", "bearer", "email", "ip"]}}]


def lines_for_steps(size):
    """A bulk of that many bytes; steps change each of its lines."""
    line = '{"index":{}}\n' + json.dumps({"password": "x", "message": "1:2: :3@b.%40: " * 64}) + "\n"
    return line * (size // len(line))


def start_with_steps(oxpecker, url, memory, ack="memory"):
    port = free_port()
    agent = oxpecker({"memory": memory, "logs": {
        "collect": {"bulk": {"http": f"127.0.0.1:{port}", "ack": ack, "body_max": "64MiB"}}, "steps": STEPS,
        "export": {"elasticsearch": {"url": url, "index": "logs"}}}})
    return agent, f"http://127.0.0.1:{port}/logs/_bulk"


@pytest.mark.parametrize("ack", ["memory", "disk"])
def test_steps_over_a_large_request_hold_nothing_up(oxpecker, fault_server, ack):
    agent, door = start_with_steps(oxpecker, fault_server().url, "64MiB", ack)
    answer = requests.post(door, data=lines_for_steps(6 << 20), headers=NDJSON, timeout=120)
    assert answer.status_code == 200, answer.text
    wait_delivered(agent, len(answer.json()["items"]))
    agent.assert_balanced()
    slices = {float(dict(labels)["le"]): value for (name, labels), value in agent.metrics().items()
              if name == "oxpecker_loop_slice_seconds_bucket"}
    assert slices[float("inf")] == slices[0.05], slices  # in one piece the steps take ten times that


def one_long_line(size):
    return '{"index":{}}\n' + json.dumps({"password": "x", "message": "1:2: :3@b.%40: " * (size // 15)}) + "\n"


@pytest.mark.parametrize("body", [lines_for_steps(7 << 20), lines_for_steps(10 << 20), one_long_line(5 << 20)],
                         ids=["with its copy", "with its answer", "one line"])
def test_what_never_fits_in_memory_is_too_large(oxpecker, fault_server, body):
    agent, door = start_with_steps(oxpecker, fault_server().url, "16MiB")
    answer = requests.post(door, data=body, headers=NDJSON, timeout=120)
    assert answer.status_code == 413 and "send less at a time" in answer.text, answer.text
    half = requests.post(door, data=lines_for_steps(4 << 20), headers=NDJSON, timeout=120)
    assert half.status_code == 200
    wait_delivered(agent, len(half.json()["items"]))
    agent.assert_balanced()
