"""Logs: tail → OpenSearch or Elasticsearch, line by line; what needs a real one is run against each of them."""

import json
import os
import random
import re

import pytest

from lib import backends, fault, fixtures
from lib.agent import HURRIED
from lib.lines import Writer, as_written, assert_same
from lib.shipped import documents_of, largest_bulk, wait_delivered
from lib.wait import wait_until

each_search = fixtures.each_backend(backends.OpenSearch, backends.OpenSearch3, backends.Elasticsearch,
                                    name="opensearch")


def config(path, url, index="logs", **elasticsearch):
    return {"logs": {"batch": {"age": "100ms"}, "collect": {"tail": {"paths": [str(path)]}},
                     "export": {"elasticsearch": {"url": url, "index": index, **elasticsearch}}}}


def as_they_stand(settings):
    """Lines go out to the byte as they were written."""
    settings["logs"]["collect"]["tail"]["origin"] = False
    return settings


@pytest.mark.parametrize("gzip", [True, False])
def test_documents_are_the_lines(oxpecker, opensearch, tmp_path, gzip):
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    writer.write(500)
    agent = oxpecker(as_they_stand(config(tmp_path / "*.log", opensearch.url, index, gzip=gzip)))
    writer.write(1500)
    wait_delivered(agent, 2000)
    documents = opensearch.documents(index)
    assert_same(list(documents.values()), writer)
    assert agent.booked("received", signal="logs") == 2000
    assert agent.booked("delivered", "bytes", signal="logs") == writer.size
    agent.assert_balanced()


def test_a_glob_that_nothing_matches_is_told(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    agent = oxpecker(config(tmp_path / "*.lgo", server.url))
    agent.wait_until(lambda: f"no file matches {tmp_path}/*.lgo yet" in agent.err(), 60, "a word of it")
    writer.write(1)
    other = oxpecker(config(tmp_path / "*.log", server.url))
    wait_delivered(other, 1)
    assert "no file matches" not in other.err()


def test_ids_ascend_with_the_lines(oxpecker, opensearch, tmp_path):
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    writer.write(300)
    agent = oxpecker(config(tmp_path / "app.log", opensearch.url, index))
    wait_delivered(agent, 300)
    documents = opensearch.documents(index)
    ordered = [documents[i]["n"] for i in sorted(documents)]
    assert ordered == sorted(ordered) and len({i[:17] for i in documents}) == 1


def test_the_bytes_of_a_bulk(oxpecker, fault_server, tmp_path):
    """An action line with an id of 25 sortable characters, then the line as it was written, to the byte."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    writer.write(5)
    agent = oxpecker(as_they_stand(config(tmp_path / "app.log", server.url, gzip=False)))
    wait_delivered(agent, 5)
    request = largest_bulk(server)
    assert request.path.startswith("/logs/_bulk?filter_path=")
    assert request.headers["Content-Type"] == "application/x-ndjson"
    assert int(request.headers["Content-Length"]) == len(request.raw) and "Expect" not in request.headers
    lines = request.raw.decode().split("\n")
    assert lines.pop() == "" and lines[1::2] == list(writer.lines.values())
    assert all(re.fullmatch(r'\{"create":\{"_id":"[-0-9A-Z_a-z]{25}"\}\}', action) for action in lines[::2])


def test_the_order_of_lines_can_be_restored(oxpecker, fault_server, tmp_path):
    """Each document says at which byte of which file its line begins, unless its own members are in the way."""
    server, path = fault_server(), tmp_path / "a \"b\" ü.log"
    lines = [b'{"n":0}', b"text", b'{"n":2,"log":{"level":"info"}} ', b"{ }", b'{"n":4,"log":"a text"}',
             b'{"log.file":9}', b'{"oxpecker":"x"}', b'{"ox\\u0070ecker.path":"mine"}', b'{"oxpecker.x":{}}',
             b'{"n":9}\r']
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    agent = oxpecker(config(tmp_path / "*.log", server.url, gzip=False))
    wait_delivered(agent, len(lines))
    shipped = list({action["create"]["_id"]: (action, document) for request in server.taken("_bulk")
                    for action, document in request.documents()}.values())
    places = [sum(len(line) + 1 for line in lines[:n]) for n in range(len(lines))]
    wanted = [{"oxpecker.path": str(path), "oxpecker.offset": place} for place in places]
    wanted[6:9] = [{"oxpecker": "x"}, {"oxpecker.path": "mine"}, {"oxpecker.x": {}}]
    found = [{name: value for name, value in document.items() if name.startswith("oxpecker")}
             for _, document in shipped]
    assert found == wanted
    assert [as_written(document) for _, document in shipped][:6] == [
        {"n": 0}, {"message": "text"}, {"n": 2, "log": {"level": "info"}}, {},
        {"n": 4, "log": "a text"}, {"log.file": 9}]
    agent.assert_balanced()


def test_rename_rotation_loses_nothing(oxpecker, opensearch, tmp_path):
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    agent = oxpecker(config(tmp_path / "app.log", opensearch.url, index))
    for number in range(1, 21):
        writer.write(50)
        writer.rotate(number)
        writer.write(10)
    wait_delivered(agent, 1200)
    assert_same(list(opensearch.documents(index).values()), writer)
    agent.assert_balanced()


def test_a_partial_line_waits_also_across_a_restart(oxpecker, opensearch, tmp_path):
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    agent = oxpecker(config(tmp_path / "app.log", opensearch.url, index))
    writer.write(3)
    line = json.dumps({"n": 3, "text": "in two halves"})
    writer.raw(line[:10].encode())
    wait_delivered(agent, 3)
    assert agent.stop() == 0
    agent.start()
    writer.raw(line[10:].encode() + b"\n")
    writer.lines[3] = line
    wait_delivered(agent, 4)
    assert_same(list(opensearch.documents(index).values()), writer)
    agent.assert_balanced()


def test_what_is_no_json_is_shipped_as_text(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), tmp_path / "app.log"
    path.write_bytes(b"plain text \"quoted\"\n[1,2]\n\n{\"a\":1,}\n{\"fine\":true}\nnul \x00 and \xff\xfe\n")
    agent = oxpecker(config(path, server.url))
    wait_delivered(agent, 5)
    documents = list(documents_of(server).values())
    assert {"fine": True} in documents and {"message": 'plain text "quoted"'} in documents
    assert {"message": "[1,2]"} in documents and {"message": '{"a":1,}'} in documents
    assert {"message": "nul \x00 and \ufffd\ufffd"} in documents
    assert agent.metric("oxpecker_not_json_total") == 4
    agent.assert_balanced()


def damaged(chance, count):
    """Lines of JSON of which most lost, gained or changed a few bytes; none is empty."""
    for number in range(count):
        text = json.dumps({"n": number, "text": chance.choice(["ü", "€ 😀", "\\ \"", "words " * 30]), "flag": True,
                           "deep": [{"a": [1.5e3, None]}]}, ensure_ascii=chance.random() < 0.5).encode()
        for _ in range(chance.randrange(4)):
            at = chance.randrange(1, len(text))
            byte = chance.choice([b"", b"\x00", b"\xff", b"\xc3", b'"', b"\\", b"}", b",", b"\t",
                                  bytes([chance.randrange(11, 256)])])
            text = text[:at] + byte + text[at + chance.randrange(2):]
        yield text.replace(b"\n", b"").replace(b"\r", b"")


def document_of(line):
    """What has to arrive: the object, or the line as text with U+FFFD for what is no UTF-8."""
    def refuse(word):
        raise ValueError(word)

    try:
        found = json.loads(line.decode(), parse_constant=refuse)
        if isinstance(found, dict):
            return found
    except ValueError:
        pass
    return {"message": re.sub("\ufffd+", "\ufffd", line.decode(errors="replace"))}


def test_a_damaged_line_is_a_document_or_text_and_never_lost(oxpecker, fault_server, tmp_path):
    server, path, lines = fault_server(), tmp_path / "app.log", list(damaged(random.Random(1), 5000))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    agent = oxpecker(config(path, server.url))
    wait_delivered(agent, len(lines))
    documents, texts = documents_of(server), 0
    for name, line in zip(sorted(documents), lines, strict=True):
        found, wanted = documents[name], document_of(line)
        if "message" in wanted:
            found, texts = {"message": re.sub("\ufffd+", "\ufffd", found["message"])}, texts + 1
        assert found == wanted, line
    assert 1000 < texts < 4000 and agent.metric("oxpecker_not_json_total") == texts
    agent.assert_balanced()


def test_a_line_of_ten_mebibytes_is_cut_and_counted(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    writer.write(2)
    writer.raw(b'{"n":-1,"text":"' + b"x" * (10 << 20) + b'"}\n')
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    writer.write(2)
    wait_delivered(agent, 5)
    numbers = sorted(document["n"] for document in documents_of(server).values() if "n" in document)
    assert numbers == [0, 1, 2, 3]
    long = [document for document in documents_of(server).values() if "n" not in document]
    assert len(long) == 1 and len(long[0]["message"]) <= 1 << 20
    assert agent.metric("oxpecker_cut_lines_total") == 1
    agent.assert_balanced()


def test_deep_nesting_is_shipped_as_text(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), tmp_path / "app.log"
    path.write_bytes(b'{"a":' + b"[" * 10000 + b"]" * 10000 + b'}\n{"n":1}\n')
    agent = oxpecker(config(path, server.url))
    wait_delivered(agent, 2)
    documents = list(documents_of(server).values())
    assert {"n": 1} in documents and any("message" in document for document in documents)
    agent.assert_balanced()


def test_items_that_are_refused_do_not_hold_up_the_rest(oxpecker, opensearch, tmp_path):
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    opensearch.create_index(index, {"code": {"type": "long"}})
    writer.write(10, code=1)
    writer.raw(b'{"n":-1,"code":"no number"}\n')
    agent = oxpecker(config(tmp_path / "app.log", opensearch.url, index))
    writer.write(10, code=2)
    wait_delivered(agent, 20)
    agent.wait_until(lambda: agent.booked("rejected", signal="logs") + agent.booked("parked", signal="logs") == 1)
    assert_same(list(opensearch.documents(index).values()), writer)
    agent.assert_balanced()


def test_only_the_items_answered_429_are_sent_again(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.partial_bulk(every=10), then=fault.good())
    writer.write(100)
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    wait_delivered(agent, 100)
    sent = [len(request.documents()) for request in server.taken("_bulk")]
    assert sent[0] == 100 and (sum(sent[1:]) == 10 or agent.scouts())
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


BROKEN = {
    "503": fault.status(503), "503 with Retry-After": fault.status(503, retry_after=1), "429": fault.status(429),
    "500": fault.status(500), "garbage": fault.garbage(), "closed at once": fault.close_at_once(),
    "reset": fault.reset(),
    "closed mid-answer": fault.close_mid_answer(), "no bulk answer": fault.ok(b"<html>", "text/html"),
    "half of the items": fault.ok(b'{"errors":false,"items":[{"create":{"status":201}}]}', "application/json"),
    "404": fault.status(404), "401": fault.status(401),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_backend_that_misbehaves_loses_nothing(oxpecker, fault_server, tmp_path, kind):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(BROKEN[kind], BROKEN[kind], then=fault.good())
    writer.write(50)
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    wait_delivered(agent, 50)
    assert_same(list(documents_of(server).values()), writer)
    assert agent.booked("held", signal="logs") == 0
    agent.assert_balanced()


def test_a_backend_that_is_down_holds_the_lines_in_the_file(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.refuse()
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    writer.write(200)
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 200)
    assert agent.get("/health/readiness").status_code == 200
    agent.assert_balanced()
    server.listen()
    wait_delivered(agent, 200)
    assert_same(list(documents_of(server).values()), writer)


def test_a_backend_that_hangs_is_cancelled_and_asked_again(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.hang(), then=fault.good())
    writer.write(20)
    agent = oxpecker(config(tmp_path / "app.log", server.url, timeout="1s"))
    wait_delivered(agent, 20)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


def test_stopped_while_the_backend_is_down_the_next_start_sends_all(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.refuse()
    agent = oxpecker({**config(tmp_path / "app.log", server.url), "exit": HURRIED})
    writer.write(100)
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 100)
    assert agent.stop() == 0
    server.listen()
    agent.start()
    wait_delivered(agent, 100)
    assert_same(list(documents_of(server).values()), writer)
    assert agent.booked("received", signal="logs") == 100
    agent.assert_balanced()


def test_sigterm_reads_to_the_end(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.slow(0.2))
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    writer.write(5000)
    assert agent.stop() == 0
    assert_same(list(documents_of(server).values()), writer)


def test_several_files_and_globs(oxpecker, fault_server, tmp_path):
    server = fault_server()
    agent = oxpecker(config(tmp_path / "*" / "*.log", server.url))
    writers = []
    for number in range(20):
        os.makedirs(tmp_path / f"d{number}")
        writers.append(Writer(tmp_path / f"d{number}" / "app.log"))
        writers[-1].write(30, file=number)
    wait_delivered(agent, 600)
    found = sorted((d["file"], d["n"]) for d in documents_of(server).values())
    assert found == [(f, n) for f in range(20) for n in range(30)]


def test_memory_full_pauses_and_resumes(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.refuse()
    writer.write(30000, padding="x" * 300)
    agent = oxpecker({**config(tmp_path / "app.log", server.url), "memory": "4MiB"})
    agent.wait_until(lambda: agent.booked("held", "bytes", signal="logs") > 1 << 20, 60, "memory filled")
    assert agent.booked("held", "bytes", signal="logs") < 4 << 20
    server.listen()
    wait_delivered(agent, 30000)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()
    wait_until(lambda: agent.booked("held", signal="logs") == 0)
