"""The elasticsearch exporter's options: indices, data streams, templates, several hosts, TLS, who it says it is."""

import base64
import gzip
import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import threading
import zlib

import pytest
import requests

from lib import authority, backends, fault, fixtures, need
from lib.agent import run
from lib.lines import Writer, assert_same
from lib.shipped import documents_of, wait_delivered
from lib.wait import free_port
from test_logs import as_they_stand, config

each_search = fixtures.each_backend(backends.OpenSearch, backends.OpenSearch3, backends.Elasticsearch, name="search")
TIMES = {0: "2026-11-22T23:59:59.999Z", 1: "2026-11-23T00:00:00Z", 2: "2026-11-23T00:30:00+01:00"}
DAYS = {0: "2026.11.22", 1: "2026.11.23", 2: "2026.11.22"}


def elasticsearch(path, url, **options):
    """As config(), but all options are those given."""
    made = config(path, url)
    made["logs"]["export"]["elasticsearch"] = {"url": url, **options}
    return made


def destination(agent):
    return agent.status()["destinations"][0]


def refusal(tmp_path, **options):
    """What `oxpecker check` says of the options."""
    path = tmp_path / "refused.yaml"
    whole = elasticsearch(tmp_path / "*.log", **{"url": "http://127.0.0.1:9200", **options})
    path.write_text(json.dumps({**whole, "state": {"path": str(tmp_path / "state")}}))
    done = run("check", path)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


# What comes back.

@pytest.mark.parametrize("coding, pack", [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_an_answer_is_read_in_its_coding(oxpecker, fault_server, tmp_path, coding, pack):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.coded(fault.good(), coding, pack))
    writer.write(200)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, template=True))
    wait_delivered(agent, 200)
    assert sum(len(request.documents()) for request in server.taken("_bulk")) == 200
    server.plan(fault.coded(fault.partial_bulk(1, 400, "mapper_parsing_exception"), coding, pack))
    writer.write(5)
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 5)
    assert "refused by the test" in destination(agent)["error"]
    agent.assert_balanced()


def test_an_answer_that_cannot_be_read_is_told_and_nobodys_fault(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.coded(fault.good(), "br"))
    writer.write(20)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, retry_first="5ms", retry_last="10ms"))
    agent.wait_until(lambda: destination(agent)["retries"] > 20, 30, "many tries")
    assert 'coded as "br", which is not read here' in destination(agent)["error"], destination(agent)
    assert all(len(request.documents()) == 20 for request in server.taken("_bulk")), "halves are tried"
    server.plan(fault.good())
    wait_delivered(agent, 20)
    agent.assert_balanced()


def reasons(agent):
    done = run("parked", "ls", "--json", "--config", agent.config_path, env=agent.env)
    return [json.loads(line)["reason"] for line in done.stdout.splitlines()]


def test_what_has_caused_a_refusal_is_told(oxpecker, search, tmp_path):
    """The reason of a real server says which field, what is below it says why."""
    path = tmp_path / "app.log"
    path.write_text('{"n":1}\n{"n":"no number"}\n{"n":"' + "x" * 400 + '"}\n')
    agent = oxpecker(elasticsearch(path, search.url, index=search.index("caused")))
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 2)
    for told in (*reasons(agent), destination(agent)["error"], agent.err()):
        assert "failed to parse field [n] of type [long]" in told and "caused by " in told, told
    assert any('For input string: \\"no number\\"' in reason for reason in reasons(agent)), reasons(agent)


SAID = {"JSON": ("application/json", b'{"error":{"root_cause":[{"type":"t","reason":"deep"}],"type":"u",'
                 b'"reason":"why\\n"}}', "HTTP 400: u: why; root cause t: deep"),
        "a page": ("text/html", b"<html><style>p{}</style><h1>Not\r\nyours</h1>", "HTTP 400: Not yours"),
        "text": ("text/plain", b"  not \x1b yours ", "HTTP 400: not yours"),
        "bytes": ("image/png", b"\0\1", "HTTP 400")}


@pytest.mark.parametrize("kind", SAID)
def test_what_refuses_a_whole_bulk_is_told_in_its_words(oxpecker, fault_server, tmp_path, kind):
    (content_type, body, words), server = SAID[kind], fault_server()
    Writer(tmp_path / "app.log").write(1)
    server.plan(fault.coded(fault.ok(body, content_type, code=400)))
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, template=True, retry_last="50ms"))
    agent.wait_until(lambda: destination(agent)["error"] == words, 20, words)
    assert f"the index template is not there yet: {words};" in agent.err()
    server.plan(fault.good())


# What an index is.

def test_the_day_is_that_of_the_line(oxpecker, search, tmp_path):
    writer, stem = Writer(tmp_path / "app.log"), search.index("dated")
    for number, time in TIMES.items():
        writer.write(5, **{"@timestamp": time}, k=number)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", search.url, index=stem + "-%{+yyyy.MM.dd}"))
    wait_delivered(agent, 15)
    for day in set(DAYS.values()):
        wanted = sorted(k for k, of in DAYS.items() if of == day for _ in range(5))
        assert sorted(d["k"] for d in search.documents(f"{stem}-{day}").values()) == wanted
    assert_same(list(search.documents(stem + "-*").values()), writer)
    agent.assert_balanced()


@pytest.mark.parametrize("packed", [True, False])
def test_a_line_without_a_time_goes_to_today(oxpecker, fault_server, tmp_path, packed):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    writer.write(3)
    writer.write(2, **{"@timestamp": "yesterday"})
    writer.write(2, **{"@timestamp": "2001-02-03T04:05:06Z"})
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, index="a-%{+yyyy-MM-dd.HH}-z", gzip=packed))
    wait_delivered(agent, 7)
    request = server.taken("_bulk")[0]
    assert request.path.startswith("/_bulk?")
    if not packed:
        assert int(request.headers["Content-Length"]) == len(request.raw)
    indices = [action["create"]["_index"] for action, _ in request.documents()]
    assert indices[5:] == ["a-2001-02-03.04-z"] * 2
    assert all(re.fullmatch(r"a-20[2-9]\d-\d\d-\d\d\.\d\d-z", index) for index in indices[:5])
    assert_same(list(documents_of(server).values()), writer)


def test_a_data_stream(oxpecker, search, tmp_path):
    if not search.has_data_streams:
        pytest.skip("this one has no data streams")
    writer, stream = Writer(tmp_path / "app.log"), search.index("stream")
    writer.write(10, **{"@timestamp": "2026-11-23T04:45:06Z"})
    writer.write(10)
    writer.raw(b'  {}\n{ "n":-1, "deep":{"@timestamp":"x"}}\nnot json\n{"n":-3,"@timestamp":""}\n'
               b'{"n":-2,"@timestamp":null,"time":"2026-11-23T04:45:06"}\n')
    agent = oxpecker(as_they_stand(elasticsearch(tmp_path / "*.log", search.url, data_stream=stream, template=True)))
    wait_delivered(agent, 25)
    assert search.get(f"{search.url}/_data_stream/{stream}")["data_streams"][0]["template"] == "oxpecker-" + stream
    documents = list(search.documents(stream).values())
    assert len(documents) == 25
    assert next(d["@timestamp"] for d in documents if d.get("n") == -2) == "2026-11-23T04:45:06.000Z"
    assert all(document.pop("@timestamp") for document in documents)
    assert {} in documents and {"n": -1, "deep": {"@timestamp": "x"}} in documents
    assert {"message": "not json"} in documents
    agent.assert_balanced()


@pytest.mark.parametrize("packed", [True, False])
def test_the_bytes_of_a_line_without_a_time(oxpecker, fault_server, tmp_path, packed):
    server, path = fault_server(), tmp_path / "app.log"
    lines = ['{"n":1}', '{}', '  { }', '{"@timestamp":"2026-11-23T04:45:06Z","n":2}', '{"n":3,"\\u0040timestamp":1}',
             '{"n":4,"text":"\\"@timestamp\\":"}', '{"n":5,"@timestamp":null}', '{ "\\u0040timestamp" : "" }',
             '{"time":981173106,"@timestamp":null ,"n":7}', '{"big":"' + "x" * 300000 + '","@timestamp":null}',
             '{"n":8,"@timestamp":"yesterday","time":981173106}']
    path.write_text("\n".join(lines) + "\n")
    agent = oxpecker(as_they_stand(elasticsearch(path, server.url, data_stream="logs-app-default", gzip=packed)))
    wait_delivered(agent, len(lines))
    request = server.taken("_bulk")[0]
    assert request.path.startswith("/logs-app-default/_bulk?")
    assert packed or int(request.headers["Content-Length"]) == len(request.raw)
    sent = request.body.decode().split("\n")[1::2]
    now = re.match(r'\{"@timestamp":"(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"', sent[0])[1]
    added = f'{{"@timestamp":"{now}"'
    blank = lambda line: line.replace("null", f'"{now}"').replace('""', f'"{now}"')  # noqa: E731
    assert sent == [added + ',"n":1}', "{" + added[1:] + "}", "  " + added + " }", lines[3], lines[4],
                    added + "," + lines[5][1:], blank(lines[6]), blank(lines[7]),
                    lines[8].replace("null", '"2001-02-03T04:05:06.000Z"'), blank(lines[9]), lines[10]]


def test_what_the_failure_store_took_is_counted(oxpecker, fault_server, tmp_path):
    """Delivered, and not where it is looked for."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")

    def behave(handler, request):
        aside = [{"failure_store": "used"} if document["n"] == 3 else {} for _, document in request.documents()]
        items = [{"create": {**where, "status": 201}} for where in aside]
        handler.answer(200, json.dumps({"errors": False, "items": items}).encode(), "application/json", {})

    server.plan(behave)
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, data_stream="logs-app-default"))
    wait_delivered(agent, 10)
    assert agent.metric("oxpecker_failure_store_total") == 1
    assert "items.*.failure_store" in server.taken("_bulk")[0].path
    agent.assert_balanced()


def test_a_line_without_a_time_has_the_same_one_in_each_try(oxpecker, fault_server, tmp_path):
    """Otherwise a try on the other side of midnight would be another document."""
    server, path = fault_server(), tmp_path / "app.log"
    server.plan(fault.status(503), fault.status(503), then=fault.good())
    path.write_text('{"n":1}\n')
    agent = oxpecker(elasticsearch(path, server.url, data_stream="logs-app-default"))
    wait_delivered(agent, 1)
    tries = [document["@timestamp"] for request in server.taken("_bulk") for _, document in request.documents()]
    assert len(tries) == 3 and len(set(tries)) == 1


# The time as a library writes it, what a data stream is given for it, and the index it goes to.
WRITTEN = [({"time": 981173106123}, "2001-02-03T04:05:06.123Z"), ({"ts": 981173106.5}, "2001-02-03T04:05:06.500Z"),
           ({"asctime": "2001-02-03 04:05:06,007"}, "2001-02-03T04:05:06.007Z"),
           ({"timestamp": "2001-02-03T05:05:06.123456789+01:00"}, "2001-02-03T04:05:06.123456789Z"),
           ({"instant": {"epochSecond": 981173106, "nanoOfSecond": 1000}}, "2001-02-03T04:05:06.000001Z")]


def test_a_line_says_when_it_was_in_many_ways(oxpecker, fault_server, tmp_path):
    """The event's time is the day and the @timestamp of lines that name it otherwise, to the nanosecond."""
    path = tmp_path / "app.log"
    path.write_text("".join(json.dumps({"n": n, **time}) + "\n" for n, (time, _) in enumerate(WRITTEN)))
    for options in ({"data_stream": "stream"}, {"index": "a-%{+yyyy.MM.dd}"},
                    {"index": "a-%{+yyyy.MM.dd}", "timestamp": True}, {"index": "a", "timestamp": True}):
        server = fault_server()
        agent = oxpecker(as_they_stand(elasticsearch(path, server.url, **options)))
        wait_delivered(agent, len(WRITTEN))
        for action, document in server.taken("_bulk")[0].documents():
            fields, moment = WRITTEN[document["n"]]
            extra = {"@timestamp": moment} if "data_stream" in options or "timestamp" in options else {}
            assert document == {"n": document["n"], **fields, **extra}
            assert action["create"].get("_index", "a-2001.02.03") == "a-2001.02.03"
        agent.assert_balanced()


# Each says 2001-02-03, and one of them, in a member that is not the first, another day.
ONE_DAY = ['{"time":"2001-02-03T04:05:06"}', '{"@timestamp":"2001-02-03T04:05:06"}',
           '{"@timestamp":"2001-02-03T04:05Z"}',
           '{"@timestamp":981173106123}', '{"@timestamp":null,"time":"2001-02-03 04:05:06,123"}',
           '{"@timestamp":"yesterday","ts":981173106.5}', '{"a":1,"\\u0040timestamp":"2001-02-03T04:05:06Z"}',
           '{"time":"2020-01-01T00:00:00Z","@timestamp":"2001-02-03T04:05:06Z"}', '{"@timestamp":"","t":981173106}']


def test_there_is_one_reader_of_times(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), tmp_path / "app.log"
    path.write_text("\n".join(ONE_DAY) + "\n")
    agent = oxpecker(as_they_stand(elasticsearch(path, server.url, index="a-%{+yyyy.MM.dd}")))
    wait_delivered(agent, len(ONE_DAY))
    found = [(action["create"]["_index"], document) for action, document in server.taken("_bulk")[0].documents()]
    assert found == [("a-2001.02.03", json.loads(line)) for line in ONE_DAY]


@pytest.mark.parametrize("first", ['{"msg":"a"}', '{"log":"an app\'s text"}'])
@pytest.mark.parametrize("steps", [[], ["ecs"]], ids=["plain", "ecs"])
def test_our_names_spoil_no_document(oxpecker, search, tmp_path, first, steps):
    """Whichever comes first makes the mapping of the index."""
    index, path = search.index("names"), tmp_path / "app.log"
    config = elasticsearch(path, search.url, index=index, concurrency=1)
    config["logs"]["steps"] = steps
    path.write_text(first + "\n")
    agent = oxpecker(config)
    wait_delivered(agent, 1)
    with open(path, "a") as file:
        file.write('{"log":"an app\'s text","level":"info"}\n{"msg":"b","level":"warn"}\n{"log":"x","message":"y"}\n')
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") + agent.booked("parked", signal="logs") == 4)
    assert agent.booked("delivered", signal="logs") == 4, reasons(agent)


# What we say of a line, by which way it comes: options of its collector, its bytes, and what an app means by that name.
SAID_BY_US = {
    "stream": ({"format": "cri"}, b"2026-11-29T10:00:00.000000001Z stdout F text\n", '{"stream":{"id":1}}'),
    "truncated": ({"line_max": "1KiB"}, b"x" * 2000 + b"\n", '{"truncated":"by hand"}'),
    "repeated": ({}, b'{"a":1}\n' * 3, '{"repeated":true}'),
    "syslog": (None, b"<14>1 2026-11-29T10:00:00Z h app 1 - - text\n", '{"syslog":"text"}')}


class Said:
    """One index that gets a line of which we say something, and a line of an app; with `ours` the first comes first."""

    def __init__(self, name, ours, folder, search):
        (self.options, data, app), self.name = SAID_BY_US[name], name
        self.index = search.index(name)
        self.folder, self.socket = folder, f"{folder}/{self.index}.sock"
        turns = [lambda: self.say(data), lambda: self.write("app", app.encode() + b"\n")]
        self.turns = turns if ours else turns[::-1]

    def write(self, who, data):
        (self.folder / f"{self.index}.{who}").write_bytes(data)

    def say(self, data):
        if self.options is not None:
            self.write("ours", data)
            return
        with socket.socket(socket.AF_UNIX) as app:
            app.connect(self.socket)
            app.sendall(data)

    def config(self, url):
        """Its collectors and its destination."""
        tail = {who: {"type": "tail", "paths": [f"{self.folder}/{self.index}.{who}"]} for who in ("ours", "app")}
        tail["ours"].update(self.options or {})
        if self.options is None:
            tail["ours"] = {"type": "socket", "listen": f"unix:{self.socket}"}
        collect = {f"{self.index}-{who}": options for who, options in tail.items()}
        return collect, {"type": "elasticsearch", "url": url, "index": self.index, "from": list(collect)}


def test_what_we_say_of_a_line_spoils_no_document(oxpecker, search, tmp_path):
    """In one index, whichever comes first makes the mapping."""
    cases = [Said(name, ours, tmp_path, search) for name in SAID_BY_US for ours in (True, False)]
    config = elasticsearch(tmp_path / "none.log", search.url)
    config["logs"].update(steps=["fold"], collect={}, export={})
    for case in cases:
        collect, config["logs"]["export"][case.index] = case.config(search.url)
        config["logs"]["collect"].update(collect)
    agent = oxpecker(config)
    ended = lambda: agent.booked("delivered") + agent.booked("parked")  # noqa: E731
    for turn in range(2):
        for case in cases:
            case.turns[turn]()
        agent.wait_until(lambda wanted=len(cases) * (turn + 1): ended() == wanted, 120, f"the lines of turn {turn}")
    assert agent.booked("parked") == 0, [row["error"] for row in agent.status()["destinations"]]
    for case in cases:
        assert f"oxpecker.{case.name}" in json.dumps(search.documents(case.index))
    agent.assert_balanced()


def test_ids_can_be_left_out(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    writer.write(3)
    agent = oxpecker(as_they_stand(elasticsearch(tmp_path / "*.log", server.url, ids=False, gzip=False)))
    wait_delivered(agent, 3)
    body = server.taken("_bulk")[0].body.decode().split("\n")
    assert body[:-1:2] == ['{"create":{}}'] * 3 and body[1::2] == list(writer.lines.values())


def test_what_a_template_says_is_in_force(oxpecker, search, tmp_path):
    writer, stem = Writer(tmp_path / "app.log"), search.index("made")
    for number in range(3):
        writer.write(1, **{"@timestamp": TIMES[number]}, looks="2026-11-23", error={"stack_trace": "a b"})
    agent = oxpecker(elasticsearch(tmp_path / "*.log", search.url, index=stem + "-%{+yyyy.MM.dd}", template=True))
    wait_delivered(agent, 3)
    for day in set(DAYS.values()):
        mappings = search.get(f"{search.url}/{stem}-{day}/_mapping")[f"{stem}-{day}"]["mappings"]["properties"]
        assert mappings["@timestamp"] == {"type": "date"} and mappings["message"] == {"type": "text"}
        assert mappings["looks"] == {"type": "keyword", "ignore_above": 1024}
        assert mappings["error"]["properties"]["stack_trace"] == {"type": "text"}
    assert agent.stop() == 0
    name = f"{search.url}/_index_template/oxpecker-{stem}-yyyy.mm.dd"
    before = search.get(name)
    agent.start()  # it is there already, and stays as it is
    writer.write(1, **{"@timestamp": TIMES[0]})
    wait_delivered(agent, 4)
    agent.wait_until(lambda: agent.err().count("the index template is there") == 2)
    assert search.get(name) == before


def is_template(request):
    return "_index_template" in request.path


def by_path(template, then):
    """Answers the template's requests in one way, bulks in another."""
    return lambda handler, request: (template if is_template(request) else then)(handler, request)


@pytest.mark.parametrize("answer", ["403", "503", "hangs", "closed"])
def test_a_template_that_is_refused_holds_up_nothing(oxpecker, fault_server, tmp_path, answer):
    kinds = {"403": fault.status(403), "503": fault.status(503), "hangs": fault.hang(), "closed": fault.close_at_once()}
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(by_path(kinds[answer], fault.good()))
    writer.write(20)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, template=True, timeout="1s"))
    wait_delivered(agent, 20)
    assert_same(list(documents_of(server).values()), writer)
    first = server.taken()[0]
    assert is_template(first) and first.method == "PUT" and first.headers["Content-Type"] == "application/json"
    assert "the index template is not there yet" in agent.err()
    writer.write(5)
    wait_delivered(agent, 25)
    asked = len(server.taken("_index_template"))
    assert asked == 1 if answer == "403" else asked > 1, "a no is not asked about again with each bulk, silence is"
    agent.assert_balanced()


def test_what_refuses_a_template_is_told_with_its_cause(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    said = {"type": "illegal_argument_exception", "reason": "template is bad",
            "caused_by": {"type": "mapper_parsing_exception", "reason": "no handler for type [words]"}}
    body = json.dumps({"error": {"root_cause": [], **said}, "status": 400}).encode()
    server.plan(by_path(fault.ok(body, "application/json", 400), fault.good()))
    writer.write(3)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, template=True))
    wait_delivered(agent, 3)
    assert "HTTP 400: illegal_argument_exception: template is bad; caused by mapper_parsing_exception: " \
        "no handler for type [words]" in agent.err()


HTML = b"<html>\n<body>Log in to use this network</body></html>"
PAGES = {"a portal": fault.ok(HTML, "text/html"), "nothing": fault.ok(b"", "text/plain"),
         "no word": fault.ok(b'{"acknowledged":false}', "application/json"),
         "moved": fault.ok(HTML, "text/html", code=302, Location="http://portal.example/")}


@pytest.mark.parametrize("kind", PAGES)
def test_what_is_no_elasticsearch_has_neither_template_nor_lines(oxpecker, fault_server, tmp_path, kind):
    """When the server is there again it gets the template first, then the lines, each once."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    gone = threading.Event()

    def behave(handler, request):
        """Once it is gone the next template is the first that comes through."""
        (fault.good() if gone.is_set() and (is_template(request) or behave.through) else PAGES[kind])(handler, request)
        behave.through = behave.through or (gone.is_set() and is_template(request))

    behave.through = False
    server.plan(behave)
    writer.write(20)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, template=True, retry_first="50ms",
                                   retry_last="50ms"))
    agent.wait_until(lambda: len(server.taken("_bulk")) > 2)
    assert agent.booked("held", signal="logs") == 20
    error = destination(agent)["error"]
    said = ["HTTP 302"] if kind == "moved" else ["answer is not that of a bulk", "every item"]
    assert any(words in error for words in said), error
    gone.set()
    wait_delivered(agent, 20)
    assert behave.through
    agent.wait_until(lambda: "the index template is there" in agent.err(), 30, "a word about the template")
    assert_same(list(documents_of(server).values()), writer)


def test_an_address_that_has_bulk_in_it_is_told(tmp_path):
    (tmp_path / "c.yaml").write_text("logs: { export: { elasticsearch: { url: 'http://x:9200/logs/_bulk/' } } }")
    done = run("check", tmp_path / "c.yaml")
    assert done.returncode != 0 and "/_bulk, which is added" in done.stdout + done.stderr


def test_bulks_wait_for_the_first_word_about_the_template(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.slow(1, then=fault.good()), then=fault.good())
    writer.write(20)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, template=True))
    wait_delivered(agent, 20)
    put, bulk = server.taken()[:2]
    assert is_template(put) and bulk.at - put.at >= 1
    body = json.loads(put.body)
    assert body["index_patterns"] == ["logs"] and "data_stream" not in body


def test_stopped_while_bulks_wait_for_the_template(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(by_path(fault.hang(), fault.good()))
    writer.write(20)
    agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, template=True), "exit": {"within": "2s"}})
    agent.wait_until(lambda: destination(agent)["sends"] > 0)
    assert agent.stop() == 0 and not server.taken("_bulk")
    server.plan(fault.good())
    agent.start()
    wait_delivered(agent, 20)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


# Several hosts.

def hosts_of(agent):
    return destination(agent)["hosts"]


def test_bulks_go_round(oxpecker, fault_server, tmp_path):
    servers, writer = [fault_server() for _ in range(3)], Writer(tmp_path / "app.log")
    agent = oxpecker(elasticsearch(tmp_path / "*.log", [server.url for server in servers]))
    for number in range(1, 7):
        writer.write(10)
        wait_delivered(agent, 10 * number)
    assert [len(server.taken("_bulk")) for server in servers] == [2, 2, 2]
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

    agent.wait_until(one_more, 30, "the host is asked again")
    assert "not delivering" not in agent.err(), "with another host there nothing waits"
    found = {**documents_of(good), **documents_of(bad)}
    assert_same(list(found.values()), writer)
    agent.assert_balanced()


def test_with_all_hosts_down_it_waits(oxpecker, fault_server, tmp_path):
    servers, writer = [fault_server() for _ in range(2)], Writer(tmp_path / "app.log")
    for server in servers:
        server.refuse()
    agent = oxpecker(elasticsearch(tmp_path / "*.log", [server.url for server in servers]))
    writer.write(50)
    agent.wait_until(lambda: all(host["failures"] for host in hosts_of(agent)))
    agent.wait_until(lambda: destination(agent)["state"] == "waiting")
    tries = destination(agent)["retries"]
    assert tries < 20, "no storm"
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
    wait_delivered(agent, 41000, 60)
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
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 1, 30, "it is parked")
    assert sum(3 in [d["n"] for _, d in request.documents()] for request in server.requests) == 8
    writer.write(5)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 14, 30, "what is behind it is delivered")
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
    agent.wait_until(lambda: destination(agent)["retries"] > 12, 30, "more tries than are enough in company")
    assert agent.booked("held", signal="logs") == 1
    writer.write(5)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 5, 30, "others are let by")
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 1, 30, "it is parked")
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
            agent.wait_until(lambda: agent.booked("delivered", signal="logs") == number - 7, 30, "the next one")
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 8, 30, "they are parked")
    agent.assert_balanced()


@pytest.mark.parametrize("good", [6, 0], ids=["99 % of the lines", "each of the lines"])
def test_a_server_that_dies_of_nearly_each_line_takes_what_is_good(oxpecker, fault_server, tmp_path, good):
    """They are more than half of `memory`. All good lines among them and behind them arrive within a minute."""
    server, bad, kept = fault_server(), "x" * 10_000, (lambda n: good and n % 100 == 99)
    server.plan(fault.poisoned(b'"bad"', fault.close_at_once()))
    with open(tmp_path / "app.log", "w", encoding="utf-8") as log:
        log.writelines('{"n":%d}\n' % n if kept(n) else '{"n":%d,"bad":"%s"}\n' % (n, bad) for n in range(600))
        log.writelines('{"n":%d}\n' % n for n in range(600, 650))
    config = elasticsearch(tmp_path / "*.log", server.url, retry_first="5ms", retry_last="10ms")
    agent = oxpecker({**config, "memory": "8MiB", "health": {"delivery": "1s"}})
    if not good:
        agent.wait_until(lambda: agent.get("/health/delivery").status_code == 503, 30, "health says it")
    wait_delivered(agent, 50 + good, 60)
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 600 - good, 60, "the others are parked")
    assert agent.booked("held", signal="logs") == 0
    Writer(tmp_path / "app.log").write(1)
    agent.wait_until(lambda: agent.get("/health/delivery").status_code == 200, 30, "health says that, too")
    agent.assert_balanced()


def test_a_real_server_answers_a_bulk_of_nothing(search):
    """With an error of its own, which shows that it answers."""
    for body, headers in ((b"", {}), (gzip.compress(b""), {"Content-Encoding": "gzip"})):
        headers = {"Content-Type": "application/x-ndjson", **headers}
        answer = requests.post(search.url + "/nothing/_bulk", data=body, headers=headers, timeout=10)
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
        assert requests.request(method, f"{search.url}/{index}/{path}", json=body, timeout=30).ok
        writer.write(5)
        tries = destination(agent)["retries"]
        agent.wait_until(lambda: destination(agent)["retries"] > tries)
        assert agent.booked("held", signal="logs") == 5, destination(agent)["error"]
        undone = requests.request(method, f"{search.url}/{index}/{path if body else '_open'}", json=undo, timeout=30)
        assert undone.ok, undone.text
        wait_delivered(agent, len(writer.lines))
    assert_same(list(search.documents(index).values()), writer)
    agent.assert_balanced()


def test_a_real_index_without_a_shard_is_waited_for(oxpecker, search, tmp_path):
    """The server waits a minute for one, unless it is told when we stop waiting. So it says what is wrong."""
    writer, index = Writer(tmp_path / "app.log"), search.index("homeless")
    allocation = "index.routing.allocation.require._name"
    made = requests.put(f"{search.url}/{index}?wait_for_active_shards=0&timeout=1s", timeout=30,
                        json={"settings": {allocation: "nobody"}})
    assert made.ok, made.text
    writer.write(1)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", search.url, index=index, timeout="3s", retry_first="5ms"))
    agent.wait_until(lambda: "unavailable_shards" in destination(agent)["error"], 40, "the server's own words")
    tries = destination(agent)["sends"]
    agent.wait_until(lambda: destination(agent)["sends"] > tries + 3, 40, "a few more tries")
    assert agent.booked("held", signal="logs") == 1
    assert requests.put(f"{search.url}/{index}/_settings", json={allocation: None}, timeout=30).ok
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
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, index="a-%{+yyyy}"))
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
    assert len(sent) == len(HOSTILE)
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


# Who we are, whom we trust.

SECRET = "s3cret-Words-1234"


@pytest.mark.parametrize("options, header", [
    ({"user": "app", "password": SECRET}, "Basic " + base64.b64encode(b"app:" + SECRET.encode()).decode()),
    ({"api_key": SECRET}, "ApiKey " + SECRET),
    ({"bearer": SECRET}, "Bearer " + SECRET),
], ids=["basic", "api_key", "bearer"])
def test_every_request_says_who_we_are_and_nothing_else_does(oxpecker, fault_server, tmp_path, options, header):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.good(), fault.status(401), then=fault.good())
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, template=True, **options))
    wait_delivered(agent, 10)
    assert {request.headers.get("Authorization") for request in server.taken()} == {header}
    told = json.dumps(agent.status()) + agent.err() + agent.get("/metrics").text
    told += run("check", agent.config_path, "--print").stdout
    assert SECRET not in told and header.split()[1] not in told


def quoting(answer):
    """A server, or a proxy before it, that says again in its answers who somebody said to be."""
    def behave(handler, request):
        said = "who is " + request.headers.get("Authorization", "that")
        if answer == "items":
            bad = {"create": {"status": 400, "error": {"type": said, "reason": said}}}
            items = [bad] * len(request.documents()) if "_bulk" in request.path else [bad]
            return handler.answer(200, json.dumps({"items": items}).encode(), "application/json", {})
        code, kind = answer
        body = json.dumps({"error": {"type": "x", "reason": said}, "status": code}) if kind == "json" else said
        return handler.answer(code, body.encode(), "application/json" if kind == "json" else "text/plain", {})

    return behave


@pytest.mark.parametrize("answer", [(401, "text"), (403, "json"), (400, "json"), (400, "text"), (500, "text"),
                                    (429, "json"), "items"])
@pytest.mark.parametrize("how", ["basic", "api_key", "url"])
def test_what_a_server_quotes_of_who_we_are_is_not_shown(oxpecker, fault_server, tmp_path, answer, how):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(quoting(answer))
    writer.write(1)
    url = server.url.replace("//", f"//app:{SECRET}@") if how == "url" else server.url
    options = {"basic": {"user": "app", "password": SECRET}, "api_key": {"api_key": SECRET}, "url": {}}[how]
    agent = oxpecker(elasticsearch(tmp_path / "*.log", url, template=True, **options))
    row = lambda: next(r for r in agent.status()["destinations"] if r["name"].startswith("logs."))  # noqa: E731
    agent.wait_until(lambda: "who is" in row()["error"] and "who is" in agent.err(), 20, "told")
    told = json.dumps(agent.status()) + agent.err() + agent.get("/health/delivery").text
    told += run("parked", "show", "--config", agent.config_path).stdout
    assert "***" in told
    for secret in (SECRET, base64.b64encode(b"app:" + SECRET.encode()).decode()):
        assert secret[:8] not in told
    server.plan(fault.good())


class Token:
    """A server that knows one token at a time, and the file that the agent has it from."""

    def __init__(self, server, path):
        self.path, self.valid, self.refused = path, "", 0
        server.plan(self.behave)

    def behave(self, handler, request):
        if request.headers.get("Authorization") != "ApiKey " + self.valid:
            self.refused += 1
            return fault.status(401, body=b"who is that?")(handler, request)
        return fault.good()(handler, request)

    def write(self, text):
        """As Kubernetes and Vault do: another file under the name."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.path)


def test_a_token_that_was_renewed_is_read_again(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    token = Token(server, tmp_path / "token")
    token.write("first\n")
    token.valid = "first"
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, api_key="${file:%s}" % token.path))
    for number, next_one in enumerate(["second-" + SECRET, "third-" + SECRET], 1):
        writer.write(10)
        wait_delivered(agent, 20 * number - 10)
        token.valid, before = next_one, token.refused
        writer.write(10)
        agent.wait_until(lambda: token.refused > before + 1, 20, "refused")
        token.path.unlink()  # in the midst of being replaced
        agent.wait_until(lambda: "the old credentials stay in use" in agent.err(), 20, "told")
        token.write(next_one + "\n")
        wait_delivered(agent, 20 * number)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()
    told = json.dumps(agent.status()) + agent.err() + agent.get("/metrics").text
    assert SECRET not in told and "have new credentials" in agent.err()


def test_a_password_in_the_url_is_not_shown(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.close_at_once(), then=fault.good())
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url.replace("//", f"//app:{SECRET}@")))
    wait_delivered(agent, 10)
    assert server.taken()[0].headers["Authorization"].startswith("Basic ")
    assert SECRET not in json.dumps(agent.status()) + agent.err()


@pytest.mark.parametrize("options, word", [
    ({"user": "a", "api_key": SECRET}, "three ways"), ({"api_key": SECRET, "bearer": SECRET}, "three ways"),
    ({"password": SECRET}, "without user"), ({"cert": "/c"}, "go together"), ({"bearer": SECRET + "\n"}, "bearer"),
    ({"index": "Logs"}, "upper-case"), ({"index": "logs-%{+YYYY}"}, "yyyy"), ({"index": "logs-%{yyyy}"}, "index"),
    ({"index": ""}, "empty"), ({"data_stream": "a%{+yyyy}"}, "data_stream"),
    ({"data_stream": "a", "index": "b"}, "one of them"), ({"url": []}, "URL"), ({"url": ["nonsense"]}, "url"),
    ({"url": "http://x/?a=b"}, "?"), ({"ca": "/ca", "verify": False}, "anyone"),
])
def test_options_that_do_not_go_together(tmp_path, options, word):
    said = refusal(tmp_path, **options)
    assert word in said and SECRET not in said


def test_a_server_that_our_authority_signed(oxpecker, fault_server, tmp_path):
    ca, writer = authority.Authority(tmp_path), Writer(tmp_path / "app.log")
    server = fault_server(tls=ca.server())
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, ca=ca.cert, template=True))
    wait_delivered(agent, 10)
    assert_same(list(documents_of(server).values()), writer)


@pytest.mark.parametrize("wrong", ["another authority", "no authority", "another name"])
def test_a_server_that_is_not_who_it_says_gets_nothing(oxpecker, fault_server, tmp_path, wrong):
    ca, writer = authority.Authority(tmp_path), Writer(tmp_path / "app.log")
    trusted = authority.Authority(tmp_path, "other") if wrong == "another authority" else ca
    kind = authority.OTHER_NAME if wrong == "another name" else authority.SERVER
    server = fault_server(tls=ca.server(extensions=kind))
    options = {} if wrong == "no authority" else {"ca": trusted.cert}
    writer.write(10)
    agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, **options), "exit": {"within": "2s"}})
    agent.wait_until(lambda: destination(agent)["retries"] > 1)
    assert not server.taken() and re.search("certificat|SSL", destination(agent)["error"])
    assert agent.stop() == 0
    agent.write_config(elasticsearch(tmp_path / "*.log", server.url, verify=False))
    agent.start()
    wait_delivered(agent, 10)
    assert "verify is false" in agent.err()


@pytest.fixture
def trusted_by_the_system(tmp_path, monkeypatch):
    """An authority in place of those of the system, for agents that start from here on."""
    ca, wrapper = authority.Authority(tmp_path, "system"), tmp_path / "wrapper.sh"
    within = 'mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", within, ca.cert]
    if subprocess.run([*words, "true"], capture_output=True).returncode != 0:
        need.missing("no file of the system can be covered by another one here")
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join([*words, os.environ["OXPECKER_BIN"]])} "$@"\n', encoding="ascii")
    wrapper.chmod(0o755)
    monkeypatch.setenv("OXPECKER_BIN", str(wrapper))
    return ca


def test_an_authority_that_is_named_replaces_those_of_the_system(oxpecker, fault_server, tmp_path,
                                                                 trusted_by_the_system):
    ours, writer = authority.Authority(tmp_path), Writer(tmp_path / "app.log")
    theirs, mine = fault_server(tls=trusted_by_the_system.server("theirs")), fault_server(tls=ours.server("mine"))
    writer.write(10)
    for server, options in ((theirs, {"ca": ours.cert}), (mine, {})):
        agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, **options), "exit": {"within": "2s"}})
        agent.wait_until(lambda: destination(agent)["retries"] > 1)  # noqa: B023
        assert not server.taken() and re.search("certificat|SSL", destination(agent)["error"])
    for server, options in ((theirs, {}), (mine, {"ca": ours.cert})):
        agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, **options))
        wait_delivered(agent, 10)


def test_a_server_that_asks_who_we_are(oxpecker, fault_server, tmp_path):
    ca, writer = authority.Authority(tmp_path), Writer(tmp_path / "app.log")
    server = fault_server(tls=ca.server(clients=True))
    cert, key = ca.signed("agent", authority.CLIENT)
    writer.write(10)
    agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, ca=ca.cert), "exit": {"within": "2s"}})
    agent.wait_until(lambda: destination(agent)["retries"] > 1)
    assert not server.taken()
    assert agent.stop() == 0
    agent.write_config(elasticsearch(tmp_path / "*.log", server.url, ca=ca.cert, cert=cert, key=key))
    agent.start()
    wait_delivered(agent, 10)
    assert_same(list(documents_of(server).values()), writer)


def test_certificates_that_were_renewed_are_used_without_a_restart(oxpecker, fault_server, tmp_path):
    """All of them are another authority's from one moment on, and our files follow a little later."""
    old, new, writer = authority.Authority(tmp_path), authority.Authority(tmp_path, "new"), Writer(tmp_path / "app.log")
    server = fault_server(tls=old.server(clients=True))
    files = dict(zip(("ca", "cert", "key"), (old.cert, *old.signed("agent", authority.CLIENT))))
    writer.write(10)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, **files))
    wait_delivered(agent, 10)
    server.refuse()
    server.tls = new.server("new-server", clients=True)
    fresh = (new.cert, *new.signed("new-agent", authority.CLIENT))
    server.listen()
    writer.write(10)
    agent.wait_until(lambda: re.search("certificat|SSL", destination(agent)["error"]), 20, "nothing for a stranger")
    assert len(documents_of(server)) == 10
    for path, name in zip(fresh, files.values()):
        os.replace(path, name)
    wait_delivered(agent, 20, 90)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


@pytest.mark.parametrize("words", [["-tls1_2", "-cipher", "DHE", "-dhparam", "group.pem"],
                                   ["-tls1_3", "-groups", "ffdhe2048"]], ids=["1.2", "1.3"])
def test_a_server_does_not_choose_how_long_we_compute(oxpecker, tmp_path, words):
    """It could name a group of 8,192 bits; so none of these groups is taken, of whatever size."""
    ca, port = authority.Authority(tmp_path), free_port()
    ca.new_key = lambda path: ["-newkey", "rsa:2048", "-nodes", "-keyout", path]
    cert, key = ca.signed("server", authority.SERVER)
    ca.run("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", ca.path("group.pem"))
    Writer(tmp_path / "app.log").write(1)
    server = subprocess.Popen([ca.openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", cert, "-key", key,
                               "-www", *words], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        agent = oxpecker({**elasticsearch(tmp_path / "*.log", f"https://127.0.0.1:{port}", ca=ca.cert),
                          "exit": {"within": "2s"}})
        agent.wait_until(lambda: "handshake" in (destination(agent)["error"] or ""), 20, "no handshake comes about")
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("certificates, fine", [(4, True), (60, False)])
def test_a_server_does_not_choose_how_many_certificates_we_read(oxpecker, fault_server, tmp_path, certificates, fine):
    """60 of them took 11 ms of each connection, a hundred are what OpenSSL takes."""
    ca, chain = authority.Authority(tmp_path), tmp_path / "chain.pem"
    cert, key = ca.signed("server", authority.SERVER)
    others = [open(ca.signed(f"other{n}", authority.SERVER)[0], encoding="ascii").read() for n in range(3)]
    chain.write_text(open(cert, encoding="ascii").read() + "".join(others[n % 3] for n in range(certificates - 1)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    writer = Writer(tmp_path / "app.log")
    writer.write(1)
    server = fault_server(tls=context)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, ca=ca.cert))
    if fine:
        wait_delivered(agent, 1)
    else:
        agent.wait_until(lambda: "excessive message size" in (destination(agent)["error"] or ""), 20, "is refused")


SYSTEMS = "/etc/ssl/certs/ca-certificates.crt"


@pytest.mark.skipif(not os.path.exists(SYSTEMS), reason="needs ca-certificates")
@pytest.mark.parametrize("named", [{}, {"ca": SYSTEMS}], ids=["system", "named"])
def test_authorities_are_not_read_for_each_connection(oxpecker, fault_server, tmp_path, named):
    """With sanitizers, reading them takes well over 50 ms. The first connection may."""
    Writer(tmp_path / "app.log").write(1)
    server = fault_server(tls=authority.Authority(tmp_path).server())
    agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, **named), "exit": {"within": "2s"}})
    agent.wait_until(lambda: destination(agent)["retries"] >= 5, 30, "five connections that trust nobody")
    page = agent.get("/metrics").text
    slices = {float(b): int(n) for b, n in re.findall(r'slice_seconds_bucket{le="([^"]+)"} (\d+)', page)}
    assert slices[float("inf")] - slices[0.05] <= 1, slices


def test_a_file_of_tls_that_is_not_there_ends_the_start(oxpecker, tmp_path):
    agent = oxpecker(elasticsearch(tmp_path / "*.log", "https://127.0.0.1:1", ca=str(tmp_path / "missing.pem")),
                     start=False)
    agent.launch()
    agent.expected_exit = {1}
    agent.process.child.wait(20)
    assert "missing.pem" in agent.err()


# What ids cost.

def test_ids_cost_little_on_the_wire(oxpecker, fault_server, tmp_path):
    sizes = {}
    for ids in (True, False):
        server, writer = fault_server(), Writer(tmp_path / f"{ids}.log")
        writer.write(3000, thread="main", logger="app.orders")
        agent = oxpecker(elasticsearch(tmp_path / f"{ids}.log", server.url, ids=ids))
        wait_delivered(agent, 3000)
        sizes[ids] = sum(len(request.raw) for request in server.taken("_bulk"))
        assert gzip.decompress(server.taken("_bulk")[0].raw)
    assert sizes[False] < sizes[True] < sizes[False] + 3000 * 10, sizes
