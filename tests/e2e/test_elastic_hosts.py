"""Elasticsearch that fails, in whole or in part: hosts that go and come back, and what a server takes."""

import gzip
import json
import re
import time

import pytest
import requests

from lib import fault
from lib.lines import Writer, assert_same
from lib.shipped import documents_of, wait_delivered
from test_elastic import destination, each_search, elasticsearch  # noqa: F401
from test_logs import as_they_stand

# Several hosts.

def hosts_of(agent):
    return destination(agent)["hosts"]


def test_bulks_go_round(oxpecker, fault_server, tmp_path):
    servers, writer = [fault_server() for _ in range(3)], Writer(tmp_path / "app.log")
    agent = oxpecker(elasticsearch(tmp_path / "*.log", [server.url for server in servers]))
    for number in range(1, 7):
        writer.write(10)
        wait_delivered(agent, 10 * number)
    assert [len(server.taken("_bulk")) for server in servers] == [2, 2, 2] or agent.scouts()
    assert [host["url"] for host in hosts_of(agent)] == [server.url for server in servers]


@pytest.mark.parametrize("broken", ["refused", "503", "closed", "reset"])
def test_a_host_that_fails_is_left_and_comes_back(oxpecker, fault_server, tmp_path, broken):
    good, bad, writer = fault_server(), fault_server(), Writer(tmp_path / "app.log")
    if broken == "refused":
        bad.refuse()
    else:
        bad.plan({"503": fault.status(503), "closed": fault.close_at_once(), "reset": fault.reset()}[broken])
    agent = oxpecker(elasticsearch(tmp_path / "*.log", [bad.url, good.url]))
    writer.write(50)
    wait_delivered(agent, 50)
    assert destination(agent)["state"] == "fine"
    assert [host["failures"] > 0 for host in hosts_of(agent)] == [True, False]
    assert agent.metric("oxpecker_failovers_total") >= 1
    if broken == "refused":
        bad.listen()
    else:
        bad.plan(fault.good())

    def one_more():
        writer.write(1)
        wait_delivered(agent, len(writer.lines))
        return hosts_of(agent)[0]["failures"] == 0

    agent.wait_until(one_more, 60, "the host is asked again")
    assert "not delivering" not in agent.err(), "with another host there nothing waits"
    found = {**documents_of(good), **documents_of(bad)}
    assert_same(list(found.values()), writer)
    agent.assert_balanced()


def test_with_all_hosts_down_it_waits(oxpecker, fault_server, tmp_path):
    servers, writer = [fault_server() for _ in range(2)], Writer(tmp_path / "app.log")
    for server in servers:
        server.refuse()
    began, agent = time.monotonic(), oxpecker(elasticsearch(tmp_path / "*.log", [server.url for server in servers]))
    writer.write(50)
    agent.wait_until(lambda: all(host["failures"] for host in hosts_of(agent)))
    agent.wait_until(lambda: destination(agent)["state"] == "waiting")
    tries = destination(agent)["retries"]
    assert tries < 20 + 2 * (time.monotonic() - began), "no storm"
    servers[1].listen()
    wait_delivered(agent, 50)
    assert_same(list(documents_of(servers[1]).values()), writer)
    agent.assert_balanced()


# What the server takes.

def test_429_lowers_what_goes_at_a_time(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.slow(0.05))
    writer.write(40000, padding="x" * 400)  # some forty bulks, as a batch is never less than one read
    made = elasticsearch(tmp_path / "*.log", server.url, concurrency=6)
    made["logs"]["batch"]["records"] = 100
    agent = oxpecker(made)
    agent.wait_until(lambda: destination(agent)["concurrency"] >= 4, 60, "it grows while all is well")
    server.plan(fault.status(429))
    writer.write(1000)
    agent.wait_until(lambda: destination(agent)["concurrency"] == 1, 60, "it shrinks")
    server.plan(fault.good())
    wait_delivered(agent, 41000)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


def too_large(limit):
    """413 to what is larger, as a proxy with a ceiling does."""
    return lambda handler, request: (fault.status(413) if len(request.raw) > limit else fault.good())(handler, request)


def test_413_goes_down_to_the_one_document(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(too_large(3000))
    writer.write(40)
    writer.raw(json.dumps({"n": -1, "text": "x" * 5000}).encode() + b"\n")
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, gzip=False))
    writer.write(40)
    wait_delivered(agent, 80)
    agent.wait_until(lambda: agent.booked("rejected", signal="logs") + agent.booked("parked", signal="logs") == 1)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


INDEX_SAYS_NO = [(403, "cluster_block_exception"), (403, "security_exception"), (404, "index_not_found_exception"),
                 (400, "index_closed_exception")]


@pytest.mark.parametrize("code, kind", INDEX_SAYS_NO)
def test_an_index_that_takes_nothing_is_waited_for(oxpecker, fault_server, tmp_path, code, kind):
    """It is no line's fault, and the next one would be refused, too, until the parking is full and they are lost."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.partial_bulk(every=1, code=code, kind=kind))
    writer.write(20)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url))
    agent.wait_until(lambda: destination(agent)["retries"] > 1)
    assert kind in destination(agent)["error"] and f"not delivering: {code} {kind}" in agent.err()
    assert agent.booked("held", signal="logs") == 20
    server.plan(fault.good())
    wait_delivered(agent, 20)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


def test_a_document_that_breaks_the_server_holds_up_no_others_for_ever(oxpecker, fault_server, tmp_path):
    """Answered 500 again and again, as by a pipeline that throws, where others of its bulk were taken."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")

    def behave(handler, request):
        numbers = [document["n"] for _, document in request.documents()]
        items = [{"create": {"status": 500, "error": {"type": "null_pointer_exception", "reason": "of n 3"}}
                  if n == 3 else {"status": 201}} for n in numbers]
        handler.answer(200, json.dumps({"took": 1, "errors": 3 in numbers, "items": items}).encode(),
                       "application/json", {})

    server.plan(behave)
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, retry_first="5ms", retry_last="10ms"))
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 1, 60, "it is parked")
    tries = sum(3 in [d["n"] for _, d in request.documents()] for request in server.requests)
    assert tries == 8 or tries > 8 and agent.scouts()
    writer.write(5)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 14, 60, "what is behind it is delivered")
    agent.assert_balanced()


def failed_item(handler, request):
    items = [{"create": {"status": 500, "error": {"type": "null_pointer_exception", "reason": "of n 0"}}
              if document["n"] == 0 else {"status": 201}} for _, document in request.documents()]
    handler.answer(200, json.dumps({"took": 1, "errors": True, "items": items}).encode(), "application/json", {})


@pytest.mark.parametrize("answer", [failed_item, fault.poisoned(b'"n": 0,', fault.status(403, body=b"<html>Forbidden")),
                                    fault.poisoned(b'"n": 0,', fault.status(500, body=b"<html>Oops"))],
                         ids=["500", "a firewall's 403", "a proxy's 500"])
def test_a_document_that_breaks_the_server_alone_lets_others_by(oxpecker, fault_server, tmp_path, answer):
    """There is no company to compare it with: it waits until there are others."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(answer)
    writer.write(1)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, retry_first="5ms", retry_last="10ms"))
    agent.wait_until(lambda: destination(agent)["retries"] > 12, 60, "more tries than are enough in company")
    assert agent.booked("held", signal="logs") == 1
    writer.write(5)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 5, 60, "others are let by")
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 1, 60, "it is parked")
    agent.assert_balanced()


@pytest.mark.parametrize("answer", [fault.reset(), fault.status(500, body=b"<html>Oops")], ids=["resets", "500"])
def test_large_lines_that_break_the_server_let_others_by(oxpecker, fault_server, tmp_path, answer):
    """Eight, of which three fill what is held of files for a destination."""
    server = fault_server()
    server.plan(fault.poisoned(b'"poison"', answer))
    with open(tmp_path / "app.log", "w", encoding="utf-8") as log:
        log.writelines('{"n":%d,"poison":"%s"}\n' % (number, "x" * 900_000) for number in range(8))
        log.writelines('{"n":%d}\n' % number for number in range(8, 20))
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, retry_first="5ms", retry_last="10ms"))
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 12, 60, "others are let by")
    with open(tmp_path / "app.log", "a", encoding="utf-8") as log:
        for number in range(20, 30):  # each request that is taken is good for one refusal
            log.write('{"n":%d}\n' % number)
            log.flush()
            agent.wait_until(lambda: agent.booked("delivered", signal="logs") == number - 7, 60, "the next one")
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 8, 60, "they are parked")
    agent.assert_balanced()


@pytest.mark.parametrize("good", [3, 0], ids=["99 % of the lines", "each of the lines"])
def test_a_server_that_dies_of_nearly_each_line_takes_what_is_good(oxpecker, fault_server, tmp_path, good):
    """They are more than half of `memory`. All good lines among them and behind them arrive within a minute."""
    server, bad, kept = fault_server(), "x" * 20_000, (lambda n: good and n % 100 == 99)
    server.plan(fault.poisoned(b'"bad"', fault.close_at_once()))
    with open(tmp_path / "app.log", "w", encoding="utf-8") as log:
        log.writelines('{"n":%d}\n' % n if kept(n) else '{"n":%d,"bad":"%s"}\n' % (n, bad) for n in range(300))
        log.writelines('{"n":%d}\n' % n for n in range(300, 350))
    config = elasticsearch(tmp_path / "*.log", server.url, retry_first="5ms", retry_last="10ms")
    agent = oxpecker({**config, "memory": "8MiB", "health": {"delivery": "1s"}})
    if not good:
        agent.wait_until(lambda: agent.get("/health/delivery").status_code == 503, 60, "health says it")
    wait_delivered(agent, 50 + good, 60)
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 300 - good, 60, "the others are parked")
    assert agent.booked("held", signal="logs") == 0
    Writer(tmp_path / "app.log").write(1)
    agent.wait_until(lambda: agent.get("/health/delivery").status_code == 200, 60, "health says that, too")
    agent.assert_balanced()


def test_a_real_server_answers_a_bulk_of_nothing(search):
    """With an error of its own, which shows that it answers."""
    for body, headers in ((b"", {}), (gzip.compress(b""), {"Content-Encoding": "gzip"})):
        headers = {"Content-Type": "application/x-ndjson", **headers}
        answer = requests.post(search.url + "/nothing/_bulk", data=body, headers=headers, timeout=60)
        assert answer.status_code == 400 and "error" in answer.json()


def test_a_real_index_that_takes_nothing_is_waited_for(oxpecker, search, tmp_path):
    writer, index = Writer(tmp_path / "app.log"), search.index("shut")
    writer.write(5)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", search.url, index=index))
    wait_delivered(agent, 5)
    for method, path, body, undo in (
            ("PUT", "_settings", {"index.blocks.write": True}, {"index.blocks.write": None}),
            ("PUT", "_settings", {"index.blocks.read_only_allow_delete": True},
             {"index.blocks.read_only_allow_delete": None}),
            ("POST", "_close", None, None)):
        assert requests.request(method, f"{search.url}/{index}/{path}", json=body, timeout=60).ok
        writer.write(5)
        tries = destination(agent)["retries"]
        agent.wait_until(lambda: destination(agent)["retries"] > tries)
        assert agent.booked("held", signal="logs") == 5, destination(agent)["error"]
        undone = requests.request(method, f"{search.url}/{index}/{path if body else '_open'}", json=undo, timeout=60)
        assert undone.ok, undone.text
        wait_delivered(agent, len(writer.lines))
    assert_same(list(search.documents(index).values()), writer)
    agent.assert_balanced()


def test_a_real_index_without_a_shard_is_waited_for(oxpecker, search, tmp_path):
    """The server waits a minute for one, unless it is told when we stop waiting. So it says what is wrong."""
    writer, index = Writer(tmp_path / "app.log"), search.index("homeless")
    allocation = "index.routing.allocation.require._name"
    made = requests.put(f"{search.url}/{index}?wait_for_active_shards=0&timeout=1s", timeout=60,
                        json={"settings": {allocation: "nobody"}})
    assert made.ok, made.text
    writer.write(1)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", search.url, index=index, timeout="3s", retry_first="5ms"))
    agent.wait_until(lambda: "unavailable_shards" in destination(agent)["error"], 60, "the server's own words")
    tries = destination(agent)["sends"]
    agent.wait_until(lambda: destination(agent)["sends"] > tries + 3, 60, "a few more tries")
    assert agent.booked("held", signal="logs") == 1
    assert requests.put(f"{search.url}/{index}/_settings", json={allocation: None}, timeout=60).ok
    wait_delivered(agent, 1)
    agent.assert_balanced()


def test_the_index_of_an_old_day_holds_up_no_others(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")

    def behave(handler, request):
        indices = [action["create"]["_index"] for action, _ in request.documents()]
        every, first = (len(indices), indices.index("a-2001")) if "a-2001" in indices else (0, 0)
        fault.partial_bulk(every, 403, "cluster_block_exception", first)(handler, request)

    server.plan(behave)
    writer.write(10)
    writer.write(1, **{"@timestamp": "2001-02-03T04:05:06Z"})
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, index="a-%{+yyyy}", days="off"))
    wait_delivered(agent, 20)
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 1)
    agent.assert_balanced()


@pytest.mark.parametrize("body, parked", [
    (b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>", 0), (b"", 0),
    (b'{"error":{"root_cause":[],"type":"illegal_argument_exception","reason":"Malformed action"},"status":400}', 9)])
def test_a_400_that_is_not_the_servers_is_about_no_line(oxpecker, fault_server, tmp_path, body, parked):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.status(400, body=body))
    writer.write(9)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url))
    agent.wait_until(lambda: destination(agent)["retries"] > 1 or agent.booked("parked", signal="logs") == 9)
    assert agent.booked("parked", signal="logs") == parked
    server.plan(fault.good())
    wait_delivered(agent, 9 - parked)
    agent.assert_balanced()


HOSTILE = ['{"create":{"_index":"other","_id":"x"}}', '{"delete":{"_id":"x"}}', '{"a":"\\n{\\"delete\\":{}}\\n"}',
           '{"@timestamp":"2026-11-23T00:00:00Z\\"}}\\n{\\"delete\\":{}}"}', '{"a":"\r"}', '{"\u2028":"\u2028"}',
           'text {"index":{}}', '{"@timestamp":"\\u000a"}', '{"@timestamp":"../../x"}']


@pytest.mark.parametrize("options", [{}, {"index": "a-%{+yyyy}"}, {"data_stream": "stream"}, {"ids": False}])
def test_a_line_never_becomes_an_action(oxpecker, fault_server, tmp_path, options):
    server, path = fault_server(), tmp_path / "app.log"
    path.write_bytes("".join(line + "\n" for line in HOSTILE).encode())
    agent = oxpecker(as_they_stand(elasticsearch(path, server.url, **options)))
    wait_delivered(agent, len(HOSTILE))
    sent = [pair for request in server.taken("_bulk") for pair in request.documents()]
    assert len(HOSTILE) <= len(sent) <= len(HOSTILE) + agent.sent_again()
    for action, _ in sent:
        assert list(action) == ["create"] and set(action["create"]) <= {"_id", "_index"}
        assert re.fullmatch(r"a-\d{4}", action["create"].get("_index", "a-2026"))
    documents = [{k: v for k, v in document.items() if k != "@timestamp"} for _, document in sent]
    assert {"delete": {"_id": "x"}} in documents and {"create": {"_index": "other", "_id": "x"}} in documents


def test_two_agents_on_one_index(oxpecker, search, tmp_path):
    """The same lines in both, and again after a truncation: ids differ by agent and by generation."""
    index, writers, agents = search.index("both"), [], []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        writers.append(Writer(tmp_path / name / "app.log"))
        writers[-1].write(20)
        agents.append(oxpecker(elasticsearch(tmp_path / name / "*.log", search.url, index=index)))
    for agent in agents:
        wait_delivered(agent, 20)
    for writer, agent in zip(writers, agents):
        writer.truncate()
        for line in list(writer.lines.values())[:5]:
            writer.raw(line.encode() + b"\n")
        wait_delivered(agent, 25)
    numbers = sorted(document["n"] for document in search.documents(index).values())
    assert numbers == sorted([*range(20), *range(5)] * 2)
    for agent in agents:  # what is there already was sent twice, to a server that was slow to answer
        assert agent.metric("oxpecker_already_there_total") <= destination(agent)["resent"]
