"""SIGTERM while the destinations are down and back-off is long: it is over at once, and what nobody takes is kept."""

import json
import os
import resource
import signal
import socket
import threading
import time

import pytest
import requests

from lib import fault
from lib.cpu import waited_for_a_processor
from lib.lines import Writer, as_written, assert_same, whole_lines
from lib.sink import Sink
from lib.wait import free_port
from test_traces import PROTOBUF, post, request_of, spans_at

LINES, SAID, SPANS, LONG = 500, 40, 70, 600
WITHIN = 60
ROOM = 4 << 20
NDJSON = {"Content-Type": "application/x-ndjson"}


def config(folder, server, within, retry):
    retry = {"retry_first": f"{retry}s", "retry_last": f"{retry}s"}
    return {"exit": {"within": f"{within}s"},
            "logs": {"batch": {"age": "20ms"},
                     "collect": {"tail": str(folder / "app.log"), "socket": f"unix:{folder}/log.sock"},
                     "export": {"elasticsearch": {"url": server.url, **retry}}},
            "traces": {"batch": {"age": "20ms"}, "export": {"otlp": {"endpoint": server.url, **retry}}}}


def say(folder, first, count):
    """Lines for the socket door, numbered on from those of the file."""
    with socket.socket(socket.AF_UNIX) as app:
        app.connect(f"{folder}/log.sock")
        app.sendall(b"".join(b'{"n":%d}\n' % number for number in range(first, first + count)))


def signal_of(request):
    return "logs" if "_bulk" in request.path else "traces"


class Down:
    """An agent with what three doors brought, whose destinations failed, asked for ten minutes, and went away."""

    def __init__(self, oxpecker, server, folder, within):
        self.server, self.sink, self.writer, self.folder = server, Sink(server), Writer(folder / "app.log"), folder
        server.plan(fault.status(503, retry_after=LONG))
        self.agent = oxpecker(config(folder, server, within, LONG))
        self.writer.write(LINES)
        say(folder, LINES, SAID)
        assert post(self.agent, request_of(SPANS).SerializeToString()).status_code == 200
        self.agent.wait_until(self.waits_long, 60, "back-off is long")
        server.refuse()
        server.requests.clear()
        good = {"logs": self.sink.behave, "traces": fault.good()}
        server.plan(lambda handler, request: good[signal_of(request)](handler, request))

    def waits_long(self):
        rows = self.agent.status()["destinations"]
        return (all(row["state"] == "waiting" and "503" in row["error"] for row in rows)
                and sum(row["queued_records"] for row in rows) == LINES + SAID + SPANS)

    def assert_all_once(self):
        """Each line has one id, each span is there."""
        found = sorted(self.sink.documents.values(), key=lambda document: document["n"])
        assert [document["n"] for document in found] == list(range(LINES + SAID))
        assert [as_written(d) for d in found[:LINES]] == [json.loads(line) for line in self.writer.lines.values()]
        assert set(spans_at(self.server)) == set(range(1, SPANS + 1))


@pytest.mark.parametrize("after", [0, 1], ids=["at_once", "a_second_later"])
def test_what_waits_for_better_times_goes_at_sigterm(oxpecker, fault_server, tmp_path, after):
    down = Down(oxpecker, fault_server(), tmp_path, 3 * WITHIN)
    back = threading.Timer(after, down.server.listen)
    down.agent.process.signal(15)
    back.start()
    assert down.agent.process.wait(2 * WITHIN) == 0
    assert "ended: nothing was lost" in down.agent.err().splitlines()[-1]
    down.assert_all_once()


class Since:
    """The time since it was made, which stands still while the machine keeps the agent's loop from a processor.

    Its lanes may wait at the same time, which is why their waits are not added: it would go backwards.
    """

    def __init__(self, agent):
        self.pid = agent.pid
        self.began = self.now()

    def now(self):
        return time.monotonic() - waited_for_a_processor(self.pid, self.pid)

    def seconds(self):
        return self.now() - self.began


def accepted_while_ending(agent, since, seconds):
    """An app that goes on: spans, and lines into the socket, until so long after SIGTERM. The numbers of both."""
    spans, lines = [], []
    while since.seconds() < seconds or len(spans) <= 5:
        if post(agent, request_of(1, first=SPANS + 1 + len(spans)).SerializeToString()).status_code == 200:
            spans.append(SPANS + 1 + len(spans))
        say(agent.line_folder, LINES + SAID + len(lines), 1)
        lines.append(LINES + SAID + len(lines))
    return spans, lines


def test_a_kill_two_seconds_into_the_end_loses_nothing(oxpecker, fault_server, tmp_path):
    """The app goes on, the backends are gone, and whoever ends containers has no patience."""
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    agent, agent.line_folder = down.agent, tmp_path
    agent.process.signal(15)
    spans, lines = accepted_while_ending(agent, Since(agent), 2.2)
    told = ("waiting for ", "logs.collect.socket, receive.otlp, logs.export.elasticsearch (",
            " records: Failed to connect")
    agent.wait_until(lambda: all(words in agent.err() for words in told), 60, "it says what it waits for")
    agent.wait_until(lambda: agent.booked("received", source="logs.collect.socket") == SAID + len(lines), 60,
                     "what was said is read")
    one_more = request_of(1, first=SPANS + 1 + len(spans)).SerializeToString()
    assert post(agent, one_more).status_code == 200  # answered when it is on disk, and with it what was read before
    spans.append(SPANS + 1 + len(spans))
    agent.kill9()
    down.server.listen()
    agent.write_config(config(tmp_path, down.server, WITHIN, 1))
    agent.start()
    total = LINES + SAID + len(lines) + SPANS + len(spans)
    agent.wait_until(lambda: agent.booked("delivered") == total, 60, "all is delivered")
    assert agent.booked("dropped") == 0 and agent.booked("held") == 0
    agent.assert_balanced()
    assert sorted(set(spans_at(down.server))) == list(range(1, SPANS + len(spans) + 1))
    numbers = sorted(document["n"] for document in down.sink.documents.values())
    assert numbers == list(range(LINES + SAID + len(lines)))


class Doors:
    """An app that talks to the doors of lines: numbers, each said once; `accepted` has those that were taken."""

    def __init__(self, folder, port):
        self.url, self.said, self.accepted = f"http://127.0.0.1:{port}/_bulk", 0, set()
        self.fifo = os.open(folder / "fifo", os.O_WRONLY)
        self.stream, self.datagram = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.stream.connect(f"{folder}/log.sock")
        self.datagram.connect(f"{folder}/syslog.sock")

    def line(self):
        self.said += 1
        return self.said, b'{"n":%d}\n' % self.said

    def bulk(self):
        number, line = self.line()
        answer = requests.post(self.url, b'{"create":{}}\n' + line, headers=NDJSON, timeout=60)
        if answer.status_code == 200 and not answer.json()["errors"]:
            self.accepted.add(number)

    def say(self):
        for send in (lambda data: os.write(self.fifo, data), self.stream.sendall,
                     lambda data: self.datagram.send(b"<14>1 - - - - - - " + data)):
            number, line = self.line()
            send(line)
            self.accepted.add(number)

    def close(self):
        os.close(self.fifo)
        self.stream.close()
        self.datagram.close()


@pytest.mark.parametrize("after", [2.1, 3.3, 4.7])
def test_a_kill_while_it_ends_loses_nothing_of_any_door(oxpecker, fault_server, tmp_path, after):
    """Bulk, stdout, lines and syslog; whoever is not answered is accepted when it has been read."""
    server, port = fault_server(), free_port()
    sink, socket_of = Sink(server), lambda name, kind: {"type": "socket", "listen": f"unix:{tmp_path}/{name}.sock",
                                                        "kind": kind}
    server.refuse()
    collect = {"pipe": str(tmp_path / "fifo"), "bulk": {"http": [f"127.0.0.1:{port}"]},
               "lines": socket_of("log", "stream"), "syslog": socket_of("syslog", "datagram")}
    agent = oxpecker({"exit": {"within": f"{3 * WITHIN}s"}, "logs": {
        "batch": {"age": "20ms"}, "collect": collect, "export": {"elasticsearch": {"url": server.url}}}})
    app = Doors(tmp_path, port)
    for _ in range(20):
        app.bulk()
        app.say()
    agent.process.signal(15)
    since = Since(agent)
    while since.seconds() < after or len(app.accepted) <= 100:
        app.bulk()
        if since.seconds() < after - 1:
            app.say()
    agent.wait_until(lambda: agent.booked("received", signal="logs") >= app.said, 60, "what was said is read")
    app.bulk()  # it is answered when it is on disk, and with it what was read before
    agent.kill9()
    app.close()
    server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("held") == 0, 60, "all is delivered")
    assert agent.booked("dropped") == 0
    agent.assert_balanced()
    missing = app.accepted - {document["n"] for document in sink.documents.values()}
    assert not missing


def test_what_went_to_disk_and_is_delivered_after_all_is_not_sent_again(oxpecker, fault_server, tmp_path):
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    agent = down.agent
    agent.process.signal(15)
    agent.wait_until(lambda: agent.status()["state"]["spool_bytes"] > 0, 60, "it is on disk")
    down.server.listen()
    assert agent.process.wait(2 * WITHIN) == 0
    assert "ended: nothing was lost" in agent.err().splitlines()[-1]
    down.assert_all_once()
    sent = len(down.server.taken())
    agent.start()
    assert agent.booked("held") == 0 and agent.booked("delivered") == LINES + SAID + SPANS
    assert agent.status()["state"]["spool_bytes"] == 0
    agent.assert_balanced()
    assert len(down.server.taken()) == sent


def test_empty_requests_hold_up_nothing(oxpecker, fault_server, tmp_path):
    """An SDK's keep-alive with nothing to say, each tenth of a second."""
    server = fault_server()
    agent = oxpecker({"exit": {"within": f"{3 * WITHIN}s"}, "traces": {"export": {"otlp": {"endpoint": server.url}}}})
    assert post(agent, request_of(3).SerializeToString()).status_code == 200
    agent.wait_until(lambda: agent.booked("delivered") == 3, 60, "delivered")
    began = time.monotonic()
    agent.process.signal(15)
    with requests.Session() as app:
        while agent.process.alive() and time.monotonic() - began < 2 * WITHIN:
            try:
                app.post(agent.otlp_url + "/v1/traces", data=b"", headers=PROTOBUF, timeout=60)
            except requests.RequestException:
                pass  # it has ended
    assert agent.process.wait(1) == 0


ENDING = {"SIGHUP": signal.SIGHUP, "SIGQUIT": signal.SIGQUIT, "SIGPWR": signal.SIGPWR, "SIGXCPU": signal.SIGXCPU,
          "SIGINT": signal.SIGINT, "SIGRTMIN+3": signal.SIGRTMIN + 3, "SIGRTMIN+4": signal.SIGRTMIN + 4}
TOLD = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO,
        signal.SIGSTKFLT]
SILENT = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG, signal.SIGRTMIN,
          signal.SIGRTMIN + 5, signal.SIGRTMAX]
STOPPING = [signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGSTOP]


@pytest.mark.parametrize("number", ENDING.values(), ids=ENDING)
def test_other_signals_that_end_lose_nothing(oxpecker, fault_server, tmp_path, number):
    """Of a terminal that is closed, of LXC and systemd, of a limit of CPU time, and in place of SIGTERM."""
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    down.agent.process.signal(number)
    down.server.listen()
    assert down.agent.process.wait(2 * WITHIN) == 0
    assert "ended: nothing was lost" in down.agent.err().splitlines()[-1]
    down.assert_all_once()


def test_other_signals_do_not_end_it(oxpecker, fault_server, tmp_path):
    """Timers, windows that change their size, a terminal that stops what runs in it."""
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    for number in TOLD + SILENT:
        down.agent.process.signal(number)
    down.agent.wait_until(lambda: down.agent.err().count("is ignored") == len(TOLD), 60, "a word about each")
    for number in STOPPING:
        down.agent.process.signal(number)
        down.agent.process.signal(signal.SIGCONT)
    assert down.agent.answers("/health/liveness")
    down.agent.process.signal(signal.SIGTERM)
    down.server.listen()
    assert down.agent.process.wait(2 * WITHIN) == 0
    down.assert_all_once()


def test_a_limit_of_file_sizes_does_not_end_it(oxpecker, tmp_path):
    """`ulimit -f`: a write beyond it fails, as on a full disk, and waits."""
    writer, path = Writer(tmp_path / "app.log"), tmp_path / "out.ndjson"
    agent = oxpecker({"logs": {"collect": {"tail": writer.path}, "export": {"file": {"path": str(path)}}}})
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
    while writer.size < 2 * ROOM:
        writer.write(1000, padding="x" * 900)
    agent.wait_until(lambda: "File too large" in agent.status()["destinations"][0]["error"], 60, "it is full")
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    agent.wait_until(lambda: agent.booked("delivered") == len(writer.lines), 60, "all is delivered")
    agent.assert_balanced()
    assert_same([json.loads(line) for line in whole_lines(path)], writer)


def test_a_second_signal_while_it_ends_cuts_nothing_off(oxpecker, fault_server, tmp_path):
    down = Down(oxpecker, fault_server(), tmp_path, WITHIN)
    agent = down.agent
    agent.process.signal(15)
    agent.wait_until(lambda: "ending: " in agent.err(), 60, "the end begins")
    while agent.process.alive():
        agent.process.signal(15)
    assert agent.process.wait(1) == 0 and agent.err().count("a second signal") == 1
    agent.write_config(config(tmp_path, down.server, WITHIN, 1))
    down.server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered") == LINES + SAID + SPANS, 60, "all is delivered")
    down.assert_all_once()
    agent.assert_balanced()


def test_what_nobody_takes_is_kept_for_the_next_start(oxpecker, fault_server, tmp_path):
    """The doors' records are in the spool, the file's are in the file; the words and the status at the end are true."""
    down = Down(oxpecker, fault_server(), tmp_path, 3)
    agent = down.agent
    assert agent.stop() == 0
    last = agent.err().splitlines()
    assert "what is left goes to the spool" in last[-2] and "ended: nothing was lost" in last[-1]
    assert not down.server.taken()
    agent.write_config(config(tmp_path, down.server, WITHIN, 1))
    agent.start()
    assert agent.booked("held", source="logs.collect.socket") == SAID
    assert agent.booked("held", source="receive.otlp") == SPANS
    assert agent.status()["state"]["spool_bytes"] > 0
    agent.wait_until(lambda: agent.booked("held", source="logs.collect.tail") == LINES, 60, "the file is read again")
    down.server.listen()
    agent.wait_until(lambda: agent.booked("delivered") == LINES + SAID + SPANS, 60, "all is delivered")
    agent.assert_balanced()
    assert agent.stop() == 0
    down.assert_all_once()
    sent = len(down.server.taken())
    agent.start()
    assert agent.booked("held") == 0 and agent.booked("delivered") == LINES + SAID + SPANS
    assert len(down.server.taken()) == sent


@pytest.fixture
def slow_reader(tmp_path):
    """A FIFO, of which less than 10 KiB are read in a second."""
    path, over = tmp_path / "fifo", threading.Event()
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read():
        while not over.wait(0.4):
            try:
                os.read(reader, 4096)
            except BlockingIOError:
                pass

    thread = threading.Thread(target=read)
    thread.start()
    yield path
    over.set()
    thread.join()
    os.close(reader)


def test_a_slow_reader_of_a_pipe_holds_up_no_commit(oxpecker, fault_server, tmp_path, slow_reader):
    """The disk lane writes to the pipe, and makes the commits: those of the spans' door, and the last one. The first
    line alone takes its reader a minute."""
    server, door, writer = fault_server(), f"127.0.0.1:{free_port()}", Writer(tmp_path / "app.log")
    agent = oxpecker({"exit": {"within": "3s"}, "receive": {"otlp": {"http": door, "ack": "disk"}},
                      "logs": {"batch": {"age": "20ms"}, "collect": {"tail": writer.path},
                               "export": {"file": str(slow_reader)}},
                      "traces": {"export": {"otlp": server.url}}})
    writer.write(1, padding="x" * 600000)
    writer.write(2000, padding="x" * 200)
    agent.wait_until(lambda: agent.booked("held", signal="logs") > 0, 60, "lines wait for the pipe")
    for _ in range(3):
        answer = requests.post(f"http://{door}/v1/traces", data=request_of(1).SerializeToString(), headers=PROTOBUF,
                               timeout=30)
        assert answer.status_code == 200
    agent.process.signal(signal.SIGTERM)
    assert agent.process.wait(40) == 0
