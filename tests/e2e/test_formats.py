"""Formats of tail: what container runtimes write, traces of four languages, and a kill inside of a join."""

import json
import random
import signal
import socket

import pytest

from lib import fault
from lib.agent import run
from lib.sink import Sink
from lib.wait import wait_until

TIME = "2026-11-23T10:00:00.%09dZ"

TRACES = {
    "java": ["java.lang.IllegalStateException: no state", "\tat com.example.App.run(App.java:12)",
             "Caused by: java.io.IOException: disk", "\tat com.example.Disk.read(Disk.java:9)", "\t... 2 more"],
    "python": ["Traceback (most recent call last):", '  File "/app/a.py", line 3, in f', "    return g()",
               "KeyError: 'x'", "",
               "During handling of the above exception, another exception occurred:", "",
               "Traceback (most recent call last):", '  File "/app/a.py", line 9, in <module>', "ValueError: no x"],
    "go": ["panic: runtime error: index out of range", "", "goroutine 1 [running]:",
           "main.(*server).handle(0xc000012345, {0x1, 0x2})", "\t/app/main.go:12 +0x1d", "",
           "goroutine 2 [chan receive]:", "main.wait()", "\t/app/main.go:30 +0x40"],
    "node": ["/app/server.js:12", "    throw new TypeError('x');", "    ^", "", "TypeError: x",
             "    at handle (/app/server.js:12:11) {", "  code: 'ERR_X'", "}", "", "Node.js v20.11.1"],
}


def config(path, url, **tail):
    return {"logs": {"batch": {"age": "20ms"}, "collect": {"tail": {"paths": [str(path)], **tail}},
                     "export": {"elasticsearch": {"url": url, "index": "logs", "gzip": False}}}}


class Cri:
    """Writes lines as a runtime does, and knows what is to come of them."""

    def __init__(self, path):
        self.file, self.now, self.expected, self.open = open(path, "ab", buffering=0), 0, [], {}

    def piece(self, text, stream="stdout", whole=True, tag=""):
        self.now += 1
        time = TIME % self.now
        self.file.write(f"{time} {stream} {'F' if whole else 'P'}{tag} {text}\n".encode())
        begun, before = self.open.pop(stream, (time, ""))
        if whole:
            self.expected.append(self.document(before + text, stream, begun))
        else:
            self.open[stream] = begun, before + text

    def document(self, text, stream, time):
        try:
            own = json.loads(text)
            return {"@timestamp": time, "oxpecker.stream": stream, **own}
        except ValueError:
            return {"@timestamp": time, "oxpecker.stream": stream, "message": text}

    def some(self, count, rng):
        for n in range(count):
            whole = rng.random() < 0.6
            self.piece(f"text {self.now} " + "x" * rng.randrange(50), rng.choice(["stdout", "stderr"]), whole)

    def close_all(self):
        for stream in list(self.open):
            self.piece("end", stream)


def same(documents, expected):
    def key(d):
        return json.dumps(d, sort_keys=True)
    assert sorted(map(key, documents)) == sorted(map(key, expected))


def test_cri(oxpecker, fault_server, tmp_path):
    """Objects and text, whole and in pieces of two streams at once; ids in the order in which messages end."""
    server = fault_server()
    sink, cri = Sink(server), Cri(tmp_path / "0.log")
    cri.piece('{"msg":"a","level":"info"}')
    cri.piece("a line of te", "stdout", False, ":tag")
    cri.piece("an error", "stderr")
    cri.piece('{"msg":"over ', "stderr", False)
    cri.piece("xt", "stdout")
    cri.piece('two pieces"}', "stderr")
    cri.piece("", "stderr")
    cri.piece("{}", "stderr")
    cri.piece('{"stream":"mine","time":"2026-01-01T00:00:00Z"}')
    cri.expected = [d for d in cri.expected if d.get("message") != ""]
    cri.expected[-1] = {"oxpecker.stream": "stdout", "stream": "mine", "time": "2026-01-01T00:00:00Z"}
    oxpecker(config(tmp_path / "*.log", server.url, format="cri")).wait_until(
        lambda: len(sink.documents) == len(cri.expected), 60, "every message")
    same(sink.documents.values(), cri.expected)
    assert [document for _, document in sorted(sink.documents.items())] == cri.expected


def test_cri_malformed_lines_pass_as_they_stand(oxpecker, fault_server, tmp_path):
    server = fault_server()
    sink, path = Sink(server), tmp_path / "0.log"
    bad = ["no time at all", TIME % 1 + " stdout", TIME % 2 + " stdin F x", "\u00e4" * 10]
    path.write_text("".join(line + "\n" for line in bad))
    agent = oxpecker(config(path, server.url, format="cri"))
    agent.wait_until(lambda: len(sink.documents) == len(bad), 60, "every line")
    same(sink.documents.values(), [{"message": line} for line in bad])
    assert agent.metric("oxpecker_malformed_lines_total") == len(bad)
    assert agent.get("/health/liveness").status_code == 200


def test_a_piece_waits_five_seconds_and_no_more(oxpecker, fault_server, tmp_path):
    server = fault_server()
    sink, cri = Sink(server), Cri(tmp_path / "0.log")
    cri.piece("prompt> ", "stdout", False)
    agent = oxpecker(config(tmp_path / "0.log", server.url))
    agent.wait_until(lambda: sink.documents, 60, "the piece")
    assert agent.metric("oxpecker_cut_lines_total") == 1
    cri.piece("answer", "stdout")
    agent.wait_until(lambda: len(sink.documents) == 2, 60, "the rest")
    assert [d["message"] for _, d in sorted(sink.documents.items())] == ["prompt> ", "answer"]
    assert sink.documents[min(sink.documents)]["oxpecker.truncated"] is True


def test_kill_inside_a_join(oxpecker, fault_server, tmp_path):
    """Pieces are always open in one stream or both: none is lost, none comes twice or in another shape."""
    server, rng = fault_server(), random.Random(7)
    sink, cri = Sink(server), Cri(tmp_path / "0.log")
    agent = oxpecker(config(tmp_path / "0.log", server.url), start=False)
    shapes = {}

    def check():
        for action, document in [pair for r in server.taken("_bulk") for pair in r.documents()]:
            assert shapes.setdefault(action["create"]["_id"], document) == document
    for _ in range(10):
        agent.start()
        cri.some(rng.randrange(20, 60), rng)
        cri.piece("open", "stdout", False)
        before = len(server.taken("_bulk"))
        cri.piece("whole", "stderr")
        cri.piece("open", "stderr", False)
        cri.piece("closed", "stdout")
        server.wait_requests(before + 1, "_bulk")
        agent.kill9()
    cri.close_all()
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") >= len(cri.expected), 60, "every message")
    assert agent.booked("delivered", signal="logs") == len(cri.expected)
    agent.assert_balanced()
    assert agent.stop() == 0
    check()
    same(sink.documents.values(), cri.expected)


def docker(log, stream="stdout", n=0):
    return json.dumps({"log": log, "stream": stream, "time": TIME % n}) + "\n"


def test_docker(oxpecker, fault_server, tmp_path):
    server = fault_server()
    sink, path = Sink(server), tmp_path / "id-json.log"
    lines = [docker('{"msg":"\u00e4\\n"}\n', n=1), docker("part one, ", "stderr", 2), docker("between\n", n=3),
             docker("part two\n", "stderr", 4), docker("\n", n=5), '{"no":"docker"}\n']
    path.write_text("".join(lines))
    agent = oxpecker(config(path, server.url))
    agent.wait_until(lambda: len(sink.documents) == 4, 60, "every message")
    same(sink.documents.values(), [
        {"@timestamp": TIME % 1, "oxpecker.stream": "stdout", "msg": "\u00e4\n"},
        {"@timestamp": TIME % 2, "oxpecker.stream": "stderr", "message": "part one, part two"},
        {"@timestamp": TIME % 3, "oxpecker.stream": "stdout", "message": "between"}, {"no": "docker"}])


def test_docker_keeps_what_else_is_there(oxpecker, fault_server, tmp_path):
    server = fault_server()
    sink, path, attrs = Sink(server), tmp_path / "id-json.log", {"tag": "web/1", "env": "x"}
    lines = [{"log": '{"n":1,"attrs":"mine"}\n', "stream": "stdout", "attrs": attrs, "time": TIME % 1},
             {"log": "part one, ", "stream": "stderr", "attrs": attrs, "time": TIME % 2},
             {"log": "part two\n", "stream": "stderr", "attrs": attrs, "time": TIME % 3},
             {"log": '{"n":2}\n', "stream": "stdout", "attrs": attrs, "time": TIME % 4},
             {"log": "five\n", "stream": "other", "time": "late", "x": [1]}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    agent = oxpecker(config(path, server.url, format="docker"))
    agent.wait_until(lambda: len(sink.documents) == 4, 60, "every message")
    same(sink.documents.values(), [
        {"@timestamp": TIME % 1, "oxpecker.stream": "stdout", "n": 1, "attrs": "mine"},
        {"@timestamp": TIME % 2, "oxpecker.stream": "stderr", "attrs": attrs, "message": "part one, part two"},
        {"@timestamp": TIME % 4, "oxpecker.stream": "stdout", "attrs": attrs, "n": 2},
        {"stream": "other", "time": "late", "x": [1], "message": "five"}])


def test_what_an_object_says_itself_is_not_added(oxpecker, fault_server, tmp_path):
    """By any spelling; a time that says nothing is given the runtime's, where it stands."""
    server = fault_server()
    sink, path, when = Sink(server), tmp_path / "cri.log", TIME % 1
    many = "{" + "".join(f'"m{n}":{n},' for n in range(130))
    texts = ['{"@timestamp":"2026-11-29T12:00Z","m":1}', '{"@timestamp":"x","oxp\\u0065cker":"mine"}',
             '{"m":3,"@timestamp":null}', '{"\\u0040timestamp":"","m":4}',
             '{"@timestamp":null,"time":"2026-01-01 00:00:00"}',
             many + '"@timestamp":"x","oxpecker.stream":"mine"}']
    path.write_text("".join(f"{when} stdout F {text}\n" for text in texts))
    agent = oxpecker(config(path, server.url))
    agent.wait_until(lambda: len(sink.documents) == len(texts), 60, "every message")
    sent = [line for request in server.taken("_bulk") for line in request.body.decode().split("\n")[1::2]]
    ours = f',"oxpecker.path":{json.dumps(str(path))},"oxpecker.offset":'
    told = lambda text: '{"oxpecker.stream":"stdout",' + text[1:]  # noqa: E731
    assert sorted(line.split(ours)[0] + "}" * (ours in line) for line in sent) == sorted([
        told(texts[0]), texts[1], told(texts[2]).replace("null", f'"{when}"'),
        told(texts[3]).replace('""', f'"{when}"'), told(texts[4]), texts[5]])


@pytest.mark.parametrize("way", ["tail", "tail, multiline", "pipe", "pipe, multiline", "stream", "frames", "datagram"])
def test_a_line_may_end_with_carriage_return_and_line_feed(oxpecker, fault_server, tmp_path, way):
    """Whoever reads it; within a line the return is the app's."""
    server, lines = fault_server(), [b"hello", b"a\rb", b'{"message":"object"}', b"START", b" more", b"START"]
    sink, joined = Sink(server), "multiline" in way
    more = {"multiline_start": "START|hello|a|object"} if joined else {}
    kind = {"stream": "stream", "frames": "stream", "datagram": "datagram"}.get(way)
    collect = {"tail": {"tail": {"paths": [f"{tmp_path}/log"], "origin": False, **more}},
               "pipe": {"pipe": {"path": f"{tmp_path}/log", **more}}}.get(
                   way.split(",")[0], {"socket": {"listen": f"unix:{tmp_path}/log", "kind": kind, "flush": "200ms"}})
    agent = oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": collect,
                               "export": {"elasticsearch": {"url": server.url, "index": "logs", "gzip": False}}}})
    say(tmp_path / "log", way, lines)
    expected = ["hello", "a\rb", "object", *(["START\n more"] if joined else ["START", " more"]), "START"]
    agent.wait_until(lambda: len(sink.documents) == len(expected), 60, "all of them")
    assert sorted(document["message"] for document in sink.documents.values()) == sorted(expected)


def say(place, way, lines):
    ended = [line + b"\r\n" for line in lines]
    if way.startswith(("tail", "pipe")):
        with open(place, "ab") as file:
            file.write(b"".join(ended))
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if way == "datagram" else socket.SOCK_STREAM) as peer:
        peer.connect(str(place))
        for line in ended:
            line = b"<14>1 - - - - - - " + line if way == "frames" else line
            peer.send(b"%d %s" % (len(line), line) if way == "frames" else line)


def test_auto_is_each_files_own(oxpecker, fault_server, tmp_path):
    server = fault_server()
    sink, looks = Sink(server), TIME % 1 + " stdout F a"
    (tmp_path / "cri.log").write_text(looks + "\n")
    (tmp_path / "docker.log").write_text(docker("b\n"))
    (tmp_path / "json.log").write_text('{"log":"c","n":1}\n')
    own = {"log": "e", "stream": "stdout", "time": TIME % 2, "order": 7}
    (tmp_path / "own.log").write_text(json.dumps(own) + "\n")
    (tmp_path / "text.log").write_text("d\n" + looks + "\n")
    agent = oxpecker(config(tmp_path / "*.log", server.url))
    agent.wait_until(lambda: len(sink.documents) == 6, 60, "every message")
    same(sink.documents.values(), [
        {"@timestamp": TIME % 1, "oxpecker.stream": "stdout", "message": "a"},
        {"@timestamp": TIME % 0, "oxpecker.stream": "stdout", "message": "b"},
        {"log": "c", "n": 1}, own, {"message": "d"}, {"message": looks}])


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("language", TRACES)
def test_traces(oxpecker, fault_server, tmp_path, language, wrapped):
    """The trace is one message, also when it is the file's last one, and when its lines come one by one."""
    server = fault_server()
    sink, trace = Sink(server), TRACES[language]
    file = open(tmp_path / "0.log", "ab", buffering=0)
    agent = oxpecker(config(tmp_path / "0.log", server.url, multiline=list(TRACES)))
    for n, line in enumerate(["INFO before", *trace, '{"msg":"after"}', *trace, "INFO between", *trace]):
        file.write(((TIME % n + " stderr F " if wrapped else "") + line + "\n").encode())
    agent.wait_until(lambda: len(sink.documents) == 6, 60, "every message")
    came = [d.get("message", d.get("msg")) for _, d in sorted(sink.documents.items())]
    whole = "\n".join(trace)
    assert came == ["INFO before", whole, "after", whole, "INFO between", whole]
    agent.assert_balanced()


def test_multiline_start(oxpecker, fault_server, tmp_path):
    server = fault_server()
    sink = Sink(server)
    messages = [f"2026-11-23 10:00:{n:02} message\n  more of {n}\nand more" for n in range(50)]
    (tmp_path / "0.log").write_text("".join(m + "\n" for m in messages))
    agent = oxpecker(config(tmp_path / "0.log", server.url, multiline_start=r"\d{4}-\d{2}-\d{2}"))
    agent.wait_until(lambda: len(sink.documents) == 50, 60, "every message")
    assert [d["message"] for _, d in sorted(sink.documents.items())] == messages


def test_all_that_is_open_is_shipped_when_it_has_waited(oxpecker, fault_server, tmp_path):
    """A trace and a piece of its next line, of one stream, and a trace of the other: each has an id of its own, and
    none the id of a short line at the end."""
    server = fault_server()
    sink, path = Sink(server), tmp_path / "0.log"
    out, err = TIME % 1 + " stdout ", TIME % 1 + " stderr "
    path.write_text(f"{out}F java.lang.Error: a\n{out}F \tat a.b.C(D.java:1)\n{out}P \tat long \n"
                    f"{err}F java.lang.Error: b\n{err}F \tat a.b.C(D.java:1)\n{err}P \tat short\nx\n")
    agent = oxpecker(config(path, server.url, format="cri", multiline=["java"]))
    agent.wait_until(lambda: len(sink.documents) == 5, 60, "every message")
    agent.wait_until(lambda: agent.booked("delivered") == agent.booked("received") == 5, 60, "all booked")
    assert sink.again <= agent.sent_again()
    assert sorted(d["message"] for d in list(sink.documents.values())) == [
        "\tat long ", "\tat short", "java.lang.Error: a\n\tat a.b.C(D.java:1)",
        "java.lang.Error: b\n\tat a.b.C(D.java:1)", "x"]


OUT, ERR = TIME % 1 + " stdout ", TIME % 1 + " stderr "

ENDED = {
    "start": ({"multiline_start": "INFO"}, "INFO hello\npart of hello\n", "INFO goodbye\n"),
    "one line": ({"multiline_start": "INFO"}, "INFO hello\n", "INFO goodbye\n"),
    "nothing more": ({"multiline_start": "INFO"}, "INFO hello\npart of hello\n", ""),
    "trace": ({"multiline": "java"}, "".join(line + "\n" for line in TRACES["java"]), "INFO goodbye\n"),
    "streams": ({"multiline_start": "INFO"}, f"{OUT}F INFO hello\n{ERR}F INFO oops\n{OUT}P part \n{OUT}F of hello\n",
                f"{ERR}F INFO goodbye\n{OUT}F INFO goodbye\n"),
}


@pytest.mark.parametrize("ended", ["by time", "by the end"])
@pytest.mark.parametrize("kind", ENDED)
def test_a_message_has_one_name_whatever_has_ended_it(oxpecker, fault_server, tmp_path, kind, ended):
    """Ended by time or by SIGTERM it is delivered, and SIGKILL comes before that is known. Then it is ended by what was
    written meanwhile, or by time again."""
    server, path = fault_server(), tmp_path / "0.log"
    sink, (tail, message, next_one) = Sink(server), ENDED[kind]
    server.plan(lambda handler, request: (sink.answer(request), fault.hang()(handler, request)))
    path.write_text(message)
    agent = oxpecker(config(path, server.url, **tail))
    agent.wait_until(lambda: agent.get("/health/readiness").status_code == 200, 60, "files are known")
    if ended == "by the end":
        agent.process.signal(signal.SIGTERM)
    count = 2 if kind == "streams" else 1
    wait_until(lambda: len(sink.documents) == count, 60, "the message")
    agent.kill9()
    before, again = dict(sink.documents), sink.again
    server.plan(sink.behave)
    with open(path, "a") as file:
        file.write(next_one)
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered") == count + next_one.count("\n"), 60, "all of them")
    assert count <= sink.again - again <= count + agent.sent_again()
    assert {name: sink.documents[name] for name in before} == before
    assert len(sink.documents) == count + next_one.count("\n")


def test_lines_that_join_what_time_has_ended_are_not_lost(oxpecker, fault_server, tmp_path):
    """They come with a message that was delivered without them before a kill: under another name."""
    server, path = fault_server(), tmp_path / "0.log"
    sink = Sink(server)
    server.plan(lambda handler, request: (sink.answer(request), fault.hang()(handler, request)))
    path.write_text("INFO hello\n")
    agent = oxpecker(config(path, server.url, multiline_start="INFO", origin=False))
    agent.wait_until(lambda: len(sink.documents) == 1, 60, "the message")
    agent.kill9()
    server.plan(sink.behave)
    with open(path, "a") as file:
        file.write("part of hello\nINFO goodbye\n")
    agent.start()
    agent.wait_until(lambda: len(sink.documents) == 3, 60, "all of them")
    assert [d["message"] for _, d in sorted(sink.documents.items())] == [
        "INFO hello", "INFO hello\npart of hello", "INFO goodbye"]


def test_the_end_waits_for_nothing(oxpecker, fault_server, tmp_path):
    """The last words of an app are shipped by the stop, not by the time."""
    server = fault_server()
    sink, trace = Sink(server), "\n".join(TRACES["go"])
    path = tmp_path / "0.log"
    path.write_text("INFO before\n")
    agent = oxpecker(config(path, server.url, multiline="go"))
    agent.wait_until(lambda: len(sink.documents) == 1, 60, "the first line")
    with open(path, "a", encoding="utf-8") as file:
        file.write(trace + "\n")
    assert agent.stop() == 0
    assert [d["message"] for _, d in sorted(sink.documents.items())] == ["INFO before", trace]


@pytest.mark.parametrize("tail, why", [
    ({"multiline_start": "(?=x)"}, "an engine that goes back"),
    ({"multiline_start": "x", "multiline": "go"}, "do not go together"),
    ({"multiline": "ruby"}, "java"),
    ({"format": "crio"}, "cri"),
    ({"paths": ["/var/log/app/"]}, "ends with a folder"),
    ({"exclude": ["app/*.log"]}, "whole paths"),
    ({"exclude": ["*.skip", "/elsewhere/*"]}, "whole paths"),
])
def test_what_is_wrong_is_told_with_its_place(tmp_path, tail, why):
    path = tmp_path / "oxpecker.yaml"
    path.write_text(json.dumps(config(tmp_path / "*.log", "http://127.0.0.1:1", **tail), indent=1))
    done = run("check", path)
    assert done.returncode != 0 and why in done.stdout + done.stderr and "oxpecker.yaml:" in done.stdout + done.stderr
