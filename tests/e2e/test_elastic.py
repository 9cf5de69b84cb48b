"""The elasticsearch exporter: what it is answered, indices, data streams, times, templates, what ids cost."""

import gzip
import json
import re
import socket
import threading
import zlib
from datetime import datetime, timedelta, timezone

import pytest

from lib import backends, fault, fixtures
from lib.agent import HURRIED, run
from lib.lines import Writer, assert_same
from lib.shipped import documents_of, largest_bulk, wait_delivered
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


# What comes back.

@pytest.mark.parametrize("coding, pack", [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_an_answer_is_read_in_its_coding(oxpecker, fault_server, tmp_path, coding, pack):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.plan(fault.coded(fault.good(), coding, pack))
    writer.write(200)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, template=True))
    wait_delivered(agent, 200)
    assert 0 <= sum(len(request.documents()) for request in server.taken("_bulk")) - 200 <= agent.sent_again()
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
    agent.wait_until(lambda: destination(agent)["retries"] > 20, 60, "many tries")
    assert 'coded as "br", which is not read here' in destination(agent)["error"], destination(agent)
    sizes = {len(request.documents()) for request in server.taken("_bulk")}
    assert sizes == {20} or sizes == {20, 1} and agent.scouts(), "halves are tried"
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
    agent.wait_until(lambda: destination(agent)["error"] == words, 60, words)
    assert f"the index template is not there yet: {words};" in agent.err()
    server.plan(fault.good())


# What an index is.

def test_the_day_is_that_of_the_line(oxpecker, search, tmp_path):
    writer, stem = Writer(tmp_path / "app.log"), search.index("dated")
    for number, time in TIMES.items():
        writer.write(5, **{"@timestamp": time}, k=number)
    agent = oxpecker(elasticsearch(tmp_path / "*.log", search.url, index=stem + "-%{+yyyy.MM.dd}", days="off"))
    wait_delivered(agent, 15)
    for day in set(DAYS.values()):
        wanted = sorted(k for k, of in DAYS.items() if of == day for _ in range(5))
        assert sorted(d["k"] for d in search.documents(f"{stem}-{day}").values()) == wanted
    assert_same(list(search.documents(stem + "-*").values()), writer)
    agent.assert_balanced()


@pytest.mark.parametrize("options, most", [({}, 30 + 3), ({"days": 5}, 5 + 3), ({"days": "off"}, None)])
def test_no_app_makes_an_index_for_every_day(oxpecker, fault_server, tmp_path, options, most):
    """Lines of 1,000 days, the years 0000 and 9999 among them: the document says its own time all the same."""
    server, writer, now = fault_server(), Writer(tmp_path / "app.log"), datetime.now(timezone.utc)
    server.plan(fault.status(503), then=fault.good())  # a second try goes to the same indices
    days = [now + timedelta(days=day) for day in range(-500, 498)]
    times = [day.isoformat() for day in days] + ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
    for time in times:
        writer.write(1, **{"@timestamp": time})
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, index="a-%{+yyyy.MM.dd}", **options))
    wait_delivered(agent, len(times))
    sent = [(action["create"]["_index"], document) for request in server.taken("_bulk")
            for action, document in request.documents()]
    indices, strayed = {index for index, _ in sent}, agent.metric("oxpecker_other_days_total")
    assert len({(index, document["n"]) for index, document in sent}) == len(times)
    assert (len(indices) <= most and strayed >= len(times) - most) if most else (len(indices) == 1000 and strayed == 0)
    assert ("lines of other days went to today's index" in agent.err()) == bool(most)
    assert_same(list(documents_of(server).values()), writer)


@pytest.mark.parametrize("packed", [True, False])
def test_a_line_without_a_time_goes_to_today(oxpecker, fault_server, tmp_path, packed):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    writer.write(3)
    writer.write(2, **{"@timestamp": "yesterday"})
    writer.write(2, **{"@timestamp": "2001-02-03T04:05:06Z"})
    agent = oxpecker(elasticsearch(tmp_path / "*.log", server.url, index="a-%{+yyyy-MM-dd.HH}-z", gzip=packed,
                                   days="off"))
    wait_delivered(agent, 7)
    request = largest_bulk(server)
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
    request = largest_bulk(server)
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
    assert "items.*.failure_store" in largest_bulk(server).path
    agent.assert_balanced()


def test_a_line_without_a_time_has_the_same_one_in_each_try(oxpecker, fault_server, tmp_path):
    """Otherwise a try on the other side of midnight would be another document."""
    server, path = fault_server(), tmp_path / "app.log"
    server.plan(fault.status(503), fault.status(503), then=fault.good())
    path.write_text('{"n":1}\n')
    agent = oxpecker(elasticsearch(path, server.url, data_stream="logs-app-default"))
    wait_delivered(agent, 1)
    tries = [document["@timestamp"] for request in server.taken("_bulk") for _, document in request.documents()]
    assert len(tries) >= 3 and len(set(tries)) == 1


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
        agent = oxpecker(as_they_stand(elasticsearch(path, server.url, days="off", **options)))
        wait_delivered(agent, len(WRITTEN))
        for action, document in largest_bulk(server).documents():
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
    agent = oxpecker(as_they_stand(elasticsearch(path, server.url, index="a-%{+yyyy.MM.dd}", days="off")))
    wait_delivered(agent, len(ONE_DAY))
    found = [(action["create"]["_index"], document) for action, document in largest_bulk(server).documents()]
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
    body = largest_bulk(server).body.decode().split("\n")
    assert body[:-1:2] == ['{"create":{}}'] * 3 and body[1::2] == list(writer.lines.values())


def test_what_a_template_says_is_in_force(oxpecker, search, tmp_path):
    writer, stem = Writer(tmp_path / "app.log"), search.index("made")
    for number in range(3):
        writer.write(1, **{"@timestamp": TIMES[number]}, looks="2026-11-23", error={"stack_trace": "a b"})
    agent = oxpecker(elasticsearch(tmp_path / "*.log", search.url, index=stem + "-%{+yyyy.MM.dd}", template=True,
                                   days="off"))
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
        back = gone.is_set()
        (fault.good() if back and (is_template(request) or behave.through) else PAGES[kind])(handler, request)
        behave.through = behave.through or (back and is_template(request))

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
    agent.wait_until(lambda: "the index template is there" in agent.err(), 90, "a word about the template")
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
    agent = oxpecker({**elasticsearch(tmp_path / "*.log", server.url, template=True), "exit": HURRIED})
    agent.wait_until(lambda: destination(agent)["sends"] > 0)
    assert agent.stop() == 0 and not server.taken("_bulk")
    server.plan(fault.good())
    agent.start()
    wait_delivered(agent, 20)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


# What ids cost.

def test_ids_cost_little_on_the_wire(oxpecker, fault_server, tmp_path):
    sizes = {}
    for ids in (True, False):
        server, writer = fault_server(), Writer(tmp_path / f"{ids}.log")
        writer.write(3000, thread="main", logger="app.orders")
        agent = oxpecker(elasticsearch(tmp_path / f"{ids}.log", server.url, ids=ids))
        wait_delivered(agent, 3000)
        sizes[ids] = sum(len(request.raw) for request in server.taken("_bulk"))
        assert gzip.decompress(largest_bulk(server).raw)
    assert sizes[False] < sizes[True] < sizes[False] + 3000 * 10, sizes
