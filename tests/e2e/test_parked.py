"""What destinations refuse is parked: listed, shown, sent again under another name, dropped, and once over any kill."""

import json
import random

import pytest
import requests

from lib import agent as agents, fault
from lib.lines import Writer, assert_same
from lib.wait import wait_until
from test_traces import PROTOBUF, nested, request_of

ROUNDS = 20
CONFLICT = "failed to parse field [code] of type [long] in document with id 'x'. Preview of field's value: 'no number'"


def config(path, url, index="logs"):
    return {"logs": {"batch": {"age": "20ms"}, "collect": {"tail": {"paths": [str(path)], "origin": False}},
                     "export": {"elasticsearch": {"url": url, "index": index, "gzip": False}}}}


class Mapping:
    """An index where `code` is a number: 201, 409 for an id that is there, 400 for what does not fit."""

    def __init__(self, server):
        self.documents, self.refused, self.victim = {}, 0, None
        server.plan(self.behave)

    def item(self, action, document):
        name = action["create"]["_id"]
        if name in self.documents:
            return {"create": {"status": 409}}
        if not isinstance(document.get("code", 0), int):
            self.refused += 1
            return {"create": {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": CONFLICT}}}
        self.documents[name] = document
        return {"create": {"status": 201}}

    def behave(self, handler, request):
        before, items = self.refused, [self.item(*pair) for pair in request.documents()]
        handler.answer(200, json.dumps({"took": 1, "errors": True, "items": items}).encode(), "application/json", {})
        if self.victim and self.refused > before:  # the agent that is killed as soon as it has been refused something
            self.victim.process.child.kill()


def parked(agent, *words, status=0):
    """`oxpecker parked …` as a person runs it; what it printed."""
    done = agents.run("parked", *words, "--config", agent.config_path, env=agent.env)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def listed(agent, *words):
    return [json.loads(line) for line in parked(agent, "ls", "--json", *words).splitlines()]


def wait_parked(agent, count, deadline=60, **wanted):
    """Parked, and behind the saved position."""
    agent.wait_until(lambda: agent.booked("parked", **wanted) == count, deadline, f"{count} parked")
    agent.wait_until(lambda: sum(row["ready"] for row in listed(agent)) == count, deadline, "their position saved")


def test_a_mapping_conflict_is_parked_shown_and_replayed_under_another_name(oxpecker, opensearch, tmp_path):
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    opensearch.create_index(index, {"code": {"type": "long"}})
    agent = oxpecker(config(tmp_path / "app.log", opensearch.url, index))
    writer.write(10, code=1)
    writer.write(2, code="no number")
    writer.write(10, code=2)
    wait_parked(agent, 2, signal="logs")
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 20, 60, "the others delivered")
    agent.assert_balanced()
    first, second = listed(agent)
    assert first["destination"] == "logs.export.elasticsearch" and first["source"] == "logs.collect.tail"
    tries = first["tries"]  # more than one if the server was slow to answer
    assert 1 <= tries <= 1 + agent.status()["destinations"][0]["retries"]
    assert "400 mapper_parsing_exception" in first["reason"] and "[code]" in first["reason"]
    assert first["bytes"] == len(writer.lines[10].encode())
    assert writer.lines[10] in parked(agent, "show", first["id"])
    assert "REASON" in parked(agent, "ls") and parked(agent, "ls", "--destination", "x").count("\n") == 1

    assert "0 delivered, 1 refused again" in parked(agent, "replay", first["id"], status=1)
    assert listed(agent)[0]["tries"] == tries + 1
    agent.assert_balanced()
    assert "1 delivered, 0 refused" in parked(agent, "replay", first["id"], "--rename", "code=code_text")
    assert [row["id"] for row in listed(agent)] == [second["id"]]
    assert "1 delivered, 0 refused" in parked(agent, "replay", "--all", "--rename", "code=code & \"text=")
    assert agent.booked("parked", signal="logs") == 0 and agent.booked("delivered", signal="logs") == 22
    assert agent.booked("delivered", "bytes", signal="logs") == writer.size
    agent.assert_balanced()
    found = list(opensearch.documents(index).values())
    assert len(found) == 22 and len([document for document in found if document.get("code_text") == "no number"]) == 1
    assert len([document for document in found if document.get('code & "text=') == "no number"]) == 1


def test_mapping_conflicts_are_named_on_the_status(oxpecker, opensearch, tmp_path):
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    opensearch.create_index(index, {"code": {"type": "long"}, "user": {"type": "object"}})
    agent = oxpecker(config(tmp_path / "app.log", opensearch.url, index))
    writer.write(3, code="no number")
    writer.write(1, user="me")
    wait_parked(agent, 4, signal="logs")
    shown = agents.run("status", "--config", agent.config_path, env=agent.env).stdout
    assert "MAPPING CONFLICT" in shown and "no number" in shown
    rows = {row["field"]: row for row in agent.status()["mapping_conflicts"]}
    assert rows["code"]["expected"] == "long" and rows["code"]["count"] == 3
    assert rows["code"]["sample"] == "no number"
    assert rows["user"]["expected"] == "object" and rows["user"]["found"] == "a concrete value"
    assert rows["user"]["destination"] == "logs.export.elasticsearch"


# Says another thing to a terminal than to whoever reads it: CSI as C0 and as C1 write it, a line of its own, BEL, DEL.
EVIL = "a\x1b[2J\u009b31m\nforged 1 line\r\x07\x7f"


@pytest.mark.parametrize("agent_runs", [True, False])
def test_what_others_wrote_does_nothing_to_a_terminal(oxpecker, fault_server, tmp_path, agent_runs):
    """The reason is the backend's, the line and the file's name are the app's."""
    server = fault_server()
    reason = CONFLICT.replace("no number", EVIL).replace("[code]", f"[{EVIL}]")
    error = {"type": EVIL, "reason": reason}
    body = json.dumps({"items": [{"create": {"status": 400, "error": error}}]}).encode()
    server.plan(then=lambda handler, request: handler.answer(200, body, "application/json", {}))
    (tmp_path / f"{EVIL}.log").write_text(json.dumps({"m": EVIL, EVIL: "\u009b\x7f"}, ensure_ascii=False)
                                          .replace("\\n", "\\u000a") + "\n")
    (tmp_path / f"{EVIL}2.log").symlink_to("/proc/self/mem")
    agent = oxpecker(config(tmp_path / "*.log", server.url))
    wait_parked(agent, 1, signal="logs")
    record, = listed(agent)
    shown = {} if not agent_runs else {"status": agents.run("status", "--config", agent.config_path, env=agent.env)}
    if not agent_runs:
        agent.stop()
    words = ["ls"], ["show", record["id"]]
    shown.update({word[0]: agents.run("parked", *word, "--config", agent.config_path, env=agent.env)
                  for word in words})
    for name, done in shown.items():
        text = done.stdout + done.stderr
        assert done.returncode == 0 and "forged 1 line" in text, f"{name}: {text!r}"
        assert not [c for c in text if c != "\n" and (c < " " or "\x7f" <= c < "\xa0")], f"{name}: {text!r}"
        assert not [line for line in text.split("\n") if line.startswith("forged")], f"{name}: {text!r}"


def test_a_conflict_within_an_object_is_renamed_as_it_is_reported(oxpecker, opensearch, tmp_path):
    writer, index = Writer(tmp_path / "app.log"), opensearch.index()
    opensearch.create_index(index, {"http": {"properties": {"code": {"type": "long"}}}})
    agent = oxpecker(config(tmp_path / "app.log", opensearch.url, index))
    writer.write(1, http={"code": "no number", "path": "/"})
    writer.write(1, http=[{"code": 1}, {"code": "none"}])
    wait_parked(agent, 2, signal="logs")
    field, = {row["field"] for row in agent.status()["mapping_conflicts"]}
    assert "stays in its object" in parked(agent, "replay", "--all", "--rename", f"{field}=code", status=1)
    assert "2 delivered, 0 refused" in parked(agent, "replay", "--all", "--rename", f"{field}={field}_text")
    found = [document["http"] for document in opensearch.documents(index).values()]
    assert {"code_text": "no number", "path": "/"} in found and [{"code_text": 1}, {"code_text": "none"}] in found
    agent.assert_balanced()


def test_restarted_it_is_still_parked_and_still_balances(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    Mapping(server)
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    writer.write(5, code=1)
    writer.write(5, code="x")
    wait_parked(agent, 5, signal="logs")
    assert agent.stop() == 0
    lines = parked(agent, "ls").splitlines()
    assert len(lines) == 6 and writer.lines[5] in parked(agent, "show", lines[1].split()[0])
    assert "replay and drop need a running agent" in parked(agent, "drop", "--all", status=2)
    agent.start()
    assert agent.booked("parked", signal="logs") == 5 and agent.booked("received", signal="logs") == 10
    assert agent.status()["parked"]["items"] == 5
    assert "1 dropped" in parked(agent, "drop", lines[1].split()[0])
    assert "no such record" in parked(agent, "drop", lines[1].split()[0], status=1)
    assert "4 dropped" in parked(agent, "drop", "--all")
    assert listed(agent) == [] and agent.booked("rejected", signal="logs") == 5
    agent.assert_balanced()
    agent.kill9()
    agent.start()
    assert agent.booked("rejected", signal="logs") == 5 and agent.booked("parked", signal="logs") == 0
    agent.assert_balanced()


def test_many_are_parked_and_replayed_in_slices(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.partial_bulk(every=1, code=400, kind="mapper_parsing_exception"))
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    writer.write(3000, code="x", padding="y" * 300)
    wait_parked(agent, 3000, 60, signal="logs")
    agent.assert_balanced()
    mapping = Mapping(server)
    mapping.item = lambda action, document: (mapping.documents.setdefault(action["create"]["_id"], document),
                                             {"create": {"status": 201}})[1]
    assert "3000 delivered, 0 refused" in parked(agent, "replay", "--all")
    assert_same(list(mapping.documents.values()), writer)
    assert listed(agent) == [] and agent.booked("delivered", signal="logs") == 3000
    agent.assert_balanced()


def test_killed_between_refusal_and_commit_it_is_parked_once(oxpecker, fault_server, tmp_path):
    """The destination has said no; whether that was on disk yet is a matter of the moment."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    mapping, hits = Mapping(server), 0
    agent = oxpecker(config(tmp_path / "app.log", server.url), start=False)
    wrong = 0
    for number in range(5 * ROUNDS):
        if hits == ROUNDS:
            break
        before = mapping.refused
        agent.start()
        mapping.victim = None if number % 2 else agent
        count = random.randrange(1, 50)
        writer.write(count, code="x")
        writer.write(random.randrange(1, 50), code=1)
        wrong += count
        wait_until(lambda: mapping.refused > before, 60, "a refusal")
        if number % 2:  # it is on disk, and the position is not saved yet
            wait_until(lambda: agent.booked("parked", signal="logs") == wrong, 60, "parked")
        else:
            wait_until(lambda: not agent.process.alive(), 60, "the kill")
        agent.kill9()
        at_kill, mapping.victim = mapping.refused, None
        agent.start()
        wait_parked(agent, wrong, signal="logs")
        agent.assert_balanced()
        assert agent.booked("received", signal="logs") == len(writer.lines)
        hits += mapping.refused > at_kill
        agent.kill9()
    agent.start()
    wait_parked(agent, wrong, signal="logs")
    assert hits == ROUNDS, f"only {hits} kills came before the commit"
    places = [(row["generation"], row["offset"]) for row in listed(agent)]
    assert len(places) == len(set(places)) == wrong
    assert f"{wrong} delivered" in parked(agent, "replay", "--all", "--rename", "code=other")
    assert sorted(d["n"] for d in mapping.documents.values()) == sorted(writer.lines)
    assert agent.booked("delivered", signal="logs") == len(writer.lines)
    agent.assert_balanced()


def test_killed_between_a_replay_and_its_commit_nothing_is_lost(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    mapping = Mapping(server)
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    writer.write(3, code="x")
    wait_parked(agent, 3, signal="logs")
    for _ in range(3):
        taken = len(server.taken("_bulk"))
        server.plan(fault.hang())
        replay = agents.start("parked", "replay", "--all", "--config", agent.config_path, env=agent.env)
        server.wait_requests(taken + 1)
        agent.wait_until(lambda: agent.booked("held", signal="logs") == 3, 60, "on their way")
        assert "replay is under way" in parked(agent, "drop", "--all", status=1)
        agent.assert_balanced()
        agent.kill9()
        assert replay.wait(60) == 2
        mapping = Mapping(server)
        agent.start()
        assert agent.booked("parked", signal="logs") == 3 and len(listed(agent)) == 3
        agent.assert_balanced()
    assert "3 delivered" in parked(agent, "replay", "--all", "--rename", "code=other")
    for end in (agent.stop, agent.kill9):  # a position is saved with the books of the first, none with the second
        assert agent.booked("delivered", signal="logs") == 3 and agent.booked("parked", signal="logs") == 0
        agent.assert_balanced()
        end()
        agent.start()
    writer.write(1, code=1)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 4, 60, "one more")
    assert agent.stop() == 0
    agent.start()
    assert agent.booked("delivered", signal="logs") == 4 and agent.booked("parked", signal="logs") == 0
    assert len(mapping.documents) == 4


def test_a_document_too_large_is_parked_alone(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    documents = {}

    def behave(handler, request):
        if len(request.body) > 20000:
            page = b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n\033[2J</html>\r\n"
            return handler.answer(413, page, "text/html", {})
        documents.update((action["create"]["_id"], document) for action, document in request.documents())
        return fault.good()(handler, request)

    server.plan(behave)
    writer.write(20)
    writer.raw(b'{"n":-1,"text":"' + b"x" * 30000 + b'"}\n')
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    writer.write(20)
    wait_parked(agent, 1, signal="logs")
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 40, 60, "the others delivered")
    assert_same(list(documents.values()), writer)
    assert "413 Request" in listed(agent)[0]["reason"]
    assert len(parked(agent, "ls").splitlines()) == 2 and "\033" not in parked(agent, "ls"), "a row is one line"
    agent.assert_balanced()


def test_full_parking_rejects_and_positions_go_on(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    Mapping(server)
    state = {"path": str(tmp_path / "state"), "max": "16MiB"}
    agent = oxpecker({**config(tmp_path / "app.log", server.url), "state": state})
    writer.write(100, code="x", padding="y" * 90000)
    agent.wait_until(lambda: agent.booked("held", signal="logs") == 0 and
                     agent.booked("received", signal="logs") == 100, 60, "all settled")
    kept = agent.booked("parked", signal="logs")
    assert 40 < kept < 47 and agent.booked("rejected", signal="logs") == 100 - kept
    assert agent.status()["parked"]["bytes"] <= 4 << 20
    agent.assert_balanced()
    assert agent.err().count("there is no room") == 1
    wait_parked(agent, kept, signal="logs")
    assert f"{kept} dropped" in parked(agent, "drop", "--all")
    refused = len(server.taken("_bulk"))
    assert agent.stop() == 1 and f"ended: {100 - kept} records lost" in agent.err()
    agent.start()
    writer.write(1, code="x")
    wait_parked(agent, 1, signal="logs")
    assert len(server.taken("_bulk")) == refused + 1 or agent.scouts()
    agent.assert_balanced()


@pytest.fixture
def refused_spans(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.status(400))
    agent = oxpecker({"traces": {"batch": {"age": "20ms"}, "export": {"otlp": {"endpoint": server.url}}}})
    body = request_of(5).SerializeToString()
    requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).raise_for_status()
    agent.wait_until(lambda: agent.booked("parked", signal="traces") == 5, 60, "parked")
    return agent, server, body


def test_refused_spans_are_parked_over_a_kill_and_replayed(refused_spans):
    agent, server, body = refused_spans
    row, = listed(agent)
    assert row["records"] == 5 and row["bytes"] == len(body)
    assert "resourceSpans" in parked(agent, "show", row["id"])
    agent.kill9()
    agent.start()
    assert agent.booked("parked", signal="traces") == 5 and agent.booked("dropped", signal="traces") == 0
    agent.assert_balanced()
    assert "only a log line" in parked(agent, "replay", "--all", "--rename", "a=b", status=1)
    server.plan(fault.ok())
    assert "1 delivered" in parked(agent, "replay", "--all")
    assert server.taken("/v1/traces")[-1].body == body
    assert agent.booked("delivered", signal="traces") == 5 and listed(agent) == []
    agent.assert_balanced()


def test_mended_spans_are_parked_shown_and_replayed_as_mended(oxpecker, fault_server):
    """As deep as values may be, and with text that was not UTF-8 when it came."""
    server = fault_server()
    server.plan(fault.status(400))
    agent = oxpecker({"traces": {"batch": {"age": "20ms"}, "export": {"otlp": {"endpoint": server.url}}}})
    body = nested(64, True, b"caf\xe9")
    requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).raise_for_status()
    agent.wait_until(lambda: agent.booked("parked", signal="traces") == 1, 60, "parked")
    shown = parked(agent, "show", listed(agent)[0]["id"])
    assert shown.count("kvlistValue") == 64 and "caf\ufffd" in shown
    server.plan(fault.ok())
    assert "1 delivered" in parked(agent, "replay", "--all")
    sent = server.taken("/v1/traces")[-1].body
    assert "caf\ufffd".encode() in sent and len(sent) == len(body) + 2
    agent.assert_balanced()


@pytest.mark.parametrize("words", [("parked",), ("parked", "lst"), ("parked", "show"), ("parked", "replay"),
                                   ("parked", "drop", "x"), ("parked", "replay", "1", "--all"),
                                   ("parked", "drop", "1", "--rename", "a=b"),
                                   ("parked", "replay", "1", "--rename", "a")])
def test_wrong_words_are_told(words, tmp_path):
    done = agents.run(*words, "--set", f"state.path={tmp_path}")
    assert done.returncode == 2 and "parked" in done.stderr and done.stdout == ""
