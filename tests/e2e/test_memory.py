"""A container of 24 MiB and every door flooded while nothing can be delivered: no OOM kill, and nothing of it lost."""

import concurrent.futures
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lib import agent as agents, span_floods
from lib.agent import HURRIED
from lib.counting import Counting
from lib.shipped import wait_delivered
from lib.wait import free_port, wait_until
from test_otlp_json import as_otlp
from test_traces import PROTOBUF, request_of

LIMIT, TIGHT = 24 << 20, 3 << 20
TAILED, BURST, REFUSALS, SINGLE_MAX = 170_000, 12_000, 50, 500_000
FIRST = {"logs.collect.bulk": TAILED, "logs.collect.pipe": 10_000_000, "logs.collect.socket": 20_000_000}
KEPT = {"Content-Type": PROTOBUF["Content-Type"]}  # the connection is
PAD = b"x" * 1150
NUMBER, ID = re.compile(rb'"n":(\d+)'), re.compile(rb'"_id":"([^"]+)"')


@pytest.fixture
def small(container):
    return container(LIMIT)


def lines(first, count):
    return b"".join(b'{"n":%d,"level":"info","message":"%s"}\n' % (n, PAD) for n in range(first, first + count))


def test_files_without_end(oxpecker, small, fault_server, tmp_path):
    """An app that makes a hundred thousand of them, with names as long as they may be."""
    server, folder = fault_server(), tmp_path / "logs"
    folder.mkdir()
    for number in range(100_000):
        os.mknod(f"{folder}/{number}{'x' * 240}.log")
    (tmp_path / "app.log").write_text('{"n":1}\n')
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "export": {"elasticsearch": {"url": server.url, "index": "a"}},
                               "collect": {"tail": {"paths": [str(tmp_path / "app.log"), str(folder / "*.log")],
                                                    "sweep": "1s"}}}})
    wait_delivered(agent, 1)
    agent.wait_until(lambda: agent.metric("oxpecker_scans_total") >= 3, 60)
    assert "too many files" in agent.err() and small.kills == 0


def test_what_a_flood_took_goes_back(oxpecker, container, fault_server):
    """While requests come, what was freed is kept for the next ones, but not for long."""
    group, body = container(256 << 20), json.dumps(as_otlp(request_of(4000)))
    agent = oxpecker({"traces": {"export": {"otlp": {"endpoint": fault_server().url}}}}, words=["--debug"])
    agent.wait_until(lambda: "of code pages back" in agent.err(), 60)  # gives back all memory that is free, once

    def send(_):
        return requests.post(agent.otlp_url + "/v1/traces", data=body, headers={"Content-Type": "application/json"},
                             timeout=60).status_code

    with concurrent.futures.ThreadPoolExecutor(12) as apps:
        assert set(apps.map(send, range(120))) <= {200, 503}
    agent.wait_until(lambda: not agent.booked("held", signal="traces"), 300, "all is delivered")
    wait_until(lambda: group.anonymous < 8 << 20, 60, "what was kept went back to the kernel")


def test_what_waits_for_a_destination_stands_on_disk(oxpecker, container, fault_server, closing):
    """20 MiB are held while it is away, and arrive. The agent has less than 12 MiB of memory of its own meanwhile."""
    group, server, taken = container(256 << 20), fault_server(), 0
    sink, folders = Sink(server), closing.keep(contextlib.ExitStack())
    server.refuse()
    agent = oxpecker({"state": {"path": folders.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp"))},  # no tmpfs
                      "traces": {"batch": {"age": "100ms"}, "export": {
                          "otlp": {"endpoint": server.url, "retry_first": "100ms", "retry_last": "1s"}}}})
    while taken < 20_000:
        message = request_of(500, first=1 + taken)
        for span in message.resource_spans[0].scope_spans[0].spans:
            span.name = "x" * 1000
        assert requests.post(agent.otlp_url + "/v1/traces", data=message.SerializeToString(), headers=PROTOBUF,
                             timeout=60).status_code == 200
        taken += 500
    agent.wait_until(lambda: agent.metric("oxpecker_memory_on_disk_bytes") > 18 << 20, 60)
    assert agent.metric("oxpecker_memory_used_bytes") > 20_000_000 and agent.booked("held") == taken
    wait_until(lambda: group.anonymous < 12 << 20, 60, "what was moved to disk is no memory of the agent's any more")
    server.listen()
    agent.wait_until(lambda: agent.booked("held") == 0, 300, "all is delivered")
    assert set(sink.spans) == set(range(1, 1 + taken))
    agent.wait_until(lambda: agent.metric("oxpecker_memory_on_disk_bytes") == 0, 60)


@pytest.mark.parametrize("word", ["--json", "--follow"])
def test_large_lines_are_shown_beside_the_agent_in_24_mib(oxpecker, small, tmp_path, word):
    """`kubectl exec` starts it in the agent's container: a kill would be the end of both."""
    with open(tmp_path / "app.log", "wb") as file:
        for number in range(60):
            file.write(b'{"n":%d,"message":"%s"}\n' % (number, b"x" * 500_000))
    agent = oxpecker({"logs": {"collect": {"tail": str(tmp_path / "app.log")}}})
    wait_delivered(agent, 60)
    with open(tmp_path / "shown", "w+b") as shown:
        show = subprocess.Popen([agents.binary(), "show", "logs", *word.split("="), "--config", agent.config_path],
                                env={**os.environ, **{k: str(v) for k, v in agent.env.items()}}, stdout=shown)
        wait_until(lambda: lines_of(shown.name) >= 50 or show.poll() is not None, 60, "50 lines")
        if word == "--follow":
            show.send_signal(signal.SIGINT)
        show.wait(60)
        shown.seek(0)
        numbers = [int(n) for n in re.findall(rb'"?\bn"?[:=](\d+)', shown.read())]
    assert numbers == list(range(10, 60)) and small.kills == 0


def lines_of(path):
    with open(path, "rb") as file:
        return file.read().count(b"\n")


class Sink(Counting):
    """Knows the number of each line by its id."""

    def __init__(self, server):
        self.numbers = {}
        super().__init__(server)

    def bulk(self, request):
        ids, numbers = ID.findall(request.body), NUMBER.findall(request.body)
        assert len(ids) == len(numbers)
        items = [b'{"create":{"status":%d}}' % (409 if i in self.numbers else 201) for i in ids]
        self.numbers.update(zip(ids, map(int, numbers)))
        return b'{"took":1,"errors":false,"items":[%s]}' % b",".join(items)

    def counted(self, first):
        return sum(first <= number < first + BURST for number in self.numbers.values())

    def assert_once(self, *wanted):
        """These numbers are there, under one id each, and no others but what came where nobody was answered."""
        found = sorted(number for number in self.numbers.values() if number < FIRST["logs.collect.pipe"])
        assert found == sorted(number for part in wanted for number in part)
        assert len(set(self.numbers.values())) == len(self.numbers)


class Flood:
    """What apps send at each door; `taken` and `spans` are what was accepted there."""

    def __init__(self, agent, folder, bulk):
        self.agent, self.folder, self.bulk = agent, folder, bulk
        self.taken, self.spans, self.refused = [], 0, {"bulk": 0, "otlp": 0}
        self.threads = [threading.Thread(target=flow, daemon=True) for flow in
                        (self.into_bulk, self.into_otlp, self.into_pipe, self.into_socket)]
        self.threads[0].start()  # once the others have filled `memory`, nothing of a bulk may be taken any more
        wait_until(lambda: self.taken or not self.threads[0].is_alive(), 60, "a bulk is taken")
        for thread in self.threads[1:]:
            thread.start()

    def goes_on(self):
        return any(thread.is_alive() for thread in self.threads)

    def into_bulk(self):
        session, first = requests.Session(), FIRST["logs.collect.bulk"]
        while self.refused["bulk"] < REFUSALS:
            body = b"".join(b'{"create":{}}\n' + lines(n, 1) for n in range(first, first + 100))
            answer = session.post(f"http://127.0.0.1:{self.bulk}/_bulk", data=body, timeout=60,
                                  headers={"Content-Type": "application/x-ndjson"})
            if answer.status_code == 200 and not answer.json()["errors"]:
                self.taken += range(first, first + 100)
            else:
                assert answer.status_code in (429, 503), answer.text
                self.refused["bulk"] += 1
            first += 100

    def into_otlp(self):
        session = requests.Session()
        while self.refused["otlp"] < REFUSALS:
            body = request_of(500, first=1 + self.spans).SerializeToString()
            answer = session.post(self.agent.otlp_url + "/v1/traces", data=body, headers=KEPT, timeout=60)
            if answer.status_code == 200:
                self.spans += 500
            else:
                assert answer.status_code in (429, 503), answer.text
                self.refused["otlp"] += 1

    def into_pipe(self):
        with open(f"{self.folder}/pipe", "wb", buffering=0) as app:
            for number in range(0, BURST, 100):
                app.write(lines(FIRST["logs.collect.pipe"] + number, 100))

    def into_socket(self):
        with socket.socket(socket.AF_UNIX) as app:
            app.connect(f"{self.folder}/log.sock")
            for number in range(0, BURST, 100):
                app.sendall(lines(FIRST["logs.collect.socket"] + number, 100))


def config(folder, bulk, server):
    retry = {"retry_first": "20ms", "retry_last": "500ms"}
    return {"exit": HURRIED,
            "logs": {"collect": {"tail": f"{folder}/app*.log", "bulk": f"127.0.0.1:{bulk}",
                                 "pipe": {"path": f"{folder}/pipe", "patience": "100ms"},
                                 "socket": {"listen": f"unix:{folder}/log.sock", "patience": "100ms"}},
                     "export": {"elasticsearch": {"url": server.url, **retry}}},
            "traces": {"export": {"otlp": {"endpoint": server.url, **retry}}}}


def write_files(folder):
    for part in range(4):
        with open(folder / f"app{part}.log", "wb") as file:
            for number in range(part * TAILED // 4, (part + 1) * TAILED // 4, 500):
                file.write(lines(number, 500))


class Spans:
    """What an app sends over HTTP while others flood, one request after the other."""

    def __init__(self, agent):
        self.url, self.taken, self.ending = agent.otlp_url + "/v1/traces", [], threading.Event()
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def live(self):
        first = 1
        while not self.ending.wait(0.01):
            try:
                answer = requests.post(self.url, data=request_of(10, first=first).SerializeToString(), headers=KEPT,
                                       timeout=60)
                self.taken += range(first, first + 10) if answer.status_code == 200 else []
            except requests.RequestException:
                pass  # whether these were taken is not known
            first += 10

    def close(self):
        self.ending.set()
        self.thread.join(60)


def test_floods_at_the_doors_for_spans_fit_in_24_mib(oxpecker, fault_server, small, closing, tmp_path):
    """Over gRPC and HTTP, and as datagrams, with nothing that is delivered. What an app was answered for arrives."""
    server, (grpc, jaeger, compact, binary, zipkin) = fault_server(), (free_port() for _ in range(5))
    sink, local = Sink(server), "127.0.0.1:{}".format
    server.refuse()
    agent = oxpecker({"exit": HURRIED, "receive": {
        "otlp": {"http": "127.0.0.1:${OTLP_PORT}", "grpc": local(grpc)}, "zipkin": {"http": local(zipkin)},
        "jaeger": {"http": local(jaeger), "compact": local(compact), "binary": local(binary)}},
        "traces": {"export": {"otlp": {"endpoint": server.url, "retry_first": "20ms", "retry_last": "500ms"}}}})
    pid, app = agent.pid, closing.keep(Spans(agent))
    floods = [closing.keep(flood) for flood in
              (*span_floods.all_of_them(grpc, agent.otlp_port, jaeger, zipkin), span_floods.Datagrams(binary))]
    seen, end = [], time.monotonic() + 10
    over = lambda: time.monotonic() > end and app.taken or small.kills  # noqa: E731
    wait_until(lambda: seen.append(small.anonymous) or over(), 60, "ten seconds of it, and an app that is answered")
    for flood in (*floods, app):
        flood.close()
    assert small.kills == 0 and agent.pid == pid
    server.listen()
    agent.wait_until(lambda: agent.booked("held") == 0, 300, "all is delivered")
    assert small.kills == 0 and max(seen) < LIMIT - TIGHT and app.taken
    assert set(app.taken) <= set(sink.spans)
    agent.assert_balanced()
    agent.expected_exit = {0, 1}


def settled(agent):
    return agent.booked("held") == 0 and agent.booked("delivered", source="logs.collect.tail") == TAILED


@pytest.mark.parametrize("ended", [False, True], ids=["they come back", "ended meanwhile"])
def test_floods_with_every_backend_down_fit_in_24_mib(oxpecker, fault_server, small, tmp_path, ended):
    """`memory` is what it is by default, more than the container has. TIGHT of it stay free for pages of files."""
    server, bulk = fault_server(), free_port()
    sink = Sink(server)
    server.refuse()
    write_files(tmp_path)
    agent, seen = oxpecker(config(tmp_path, bulk, server)), []
    pid, flood = agent.pid, Flood(agent, tmp_path, bulk)

    def after(condition):
        seen.append(small.anonymous)
        return condition()

    agent.wait_until(lambda: after(lambda: not flood.goes_on()), 180, "every door has had enough")
    assert not server.taken() and flood.spans > 0 and flood.taken
    assert agent.metric("oxpecker_memory_used_bytes") > LIMIT // 4, "that was no flood"
    lost = agent.booked("dropped")
    if ended:
        agent.process.signal(15)
        agent.wait_until(lambda: after(lambda: "waiting for " in agent.err()), 60, "it leaves")
        agent.process.signal(15)
        wait_until(lambda: after(lambda: not agent.process.alive()), 60, "the end")
        assert agent.process.child.returncode == 1 and small.kills == 0  # what pipe and socket had no room for is lost
        assert f"ended: {lost} records lost" in agent.err()
        agent.start()
    server.listen()
    agent.wait_until(lambda: after(lambda: settled(agent)), 300, "all is delivered")
    assert (agent.pid == pid) != ended and small.kills == 0
    assert max(seen) < LIMIT - TIGHT
    sink.assert_once(range(TAILED), flood.taken)
    assert set(sink.spans) == set(range(1, 1 + flood.spans))
    for source in ("logs.collect.pipe", "logs.collect.socket"):
        assert agent.booked("delivered", source=source) + agent.booked("dropped", source=source) == BURST
        assert agent.booked("delivered", source=source) == sink.counted(FIRST[source])
    assert agent.booked("dropped") == lost
    agent.assert_balanced()
    agent.expected_exit = {0, 1}


def answers_to(connection, request, count):
    """How many of so many requests behind one another are answered 200."""
    connection.sendall(request * count)
    file, taken = connection.makefile("rb"), 0
    for _ in range(count):
        taken += b" 200 " in file.readline()
        size = 0
        while (head := file.readline()) != b"\r\n":
            size = int(head[15:]) if head.lower().startswith(b"content-length:") else size
        file.read(size)
    return taken


def test_a_dump_of_very_many_small_spans_fits_in_24_mib(oxpecker, fault_server, small):
    """The mark that each gets is larger than they are. Meanwhile others keep coming."""
    server, over = fault_server(), threading.Event()
    agent = oxpecker({"traces": {"batch": {"age": "50ms"}, "steps": [{"sample": {"ratio": 0}}],
                                 "recorder": {"size": "16MiB", "when": []}, "export": {"otlp": server.url}}})
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(1, 60_001):
        spans.add(trace_id=b"0123456789abcdef", span_id=number.to_bytes(8, "big"))
    body, pid = request.SerializeToString(), agent.pid

    def flood():
        while not over.is_set():
            with contextlib.suppress(requests.RequestException):
                requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60)

    threads = [threading.Thread(target=flood) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        agent.wait_until(lambda: agent.metric("oxpecker_recorder_spans_total") >= 300_000, 300, "enough of them")
        done = agents.run("recorder", "dump", "--all", "--config", agent.config_path, env=agent.env)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert small.kills == 0 and agent.pid == pid and agent.process.alive()
    assert done.returncode == 0 or "no whole answer within" in done.stderr, done.stderr  # it is made all the same
    agent.wait_until(lambda: agent.booked("delivered", source="traces.recorder") >= 300_000, 300, "the dump")
    assert agent.status()["recorder"]["last_dump"]["unreadable_requests"] == 0
    shown = agents.run("recorder", "show", "--config", agent.config_path, env=agent.env)
    assert small.kills == 0 and len(shown.stdout.splitlines()) == 50, shown.stderr


def test_what_it_costs_to_hold_a_record_counts_too(oxpecker, fault_server, small, tmp_path):
    """One span a request and a batch: nearly all of it is what the agent needs to keep them apart, in the spool too."""
    server, taken = fault_server(), 0
    sink, body = Sink(server), request_of(1).SerializeToString()
    server.refuse()
    settings = config(tmp_path, free_port(), server)
    settings["traces"]["batch"] = {"records": 1}
    agent = oxpecker(settings)
    request = b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n" \
              b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    with socket.create_connection(("127.0.0.1", agent.otlp_port)) as app:
        while some := answers_to(app, request, 100):
            taken += some
            assert taken < SINGLE_MAX and small.anonymous < LIMIT - TIGHT, f"{taken} spans: {small.anonymous} bytes"
    assert taken > 1000
    peak = []
    agent.process.signal(15)
    agent.wait_until(lambda: peak.append(small.anonymous) or "waiting for " in agent.err(), 60, "it leaves")
    agent.process.signal(15)
    wait_until(lambda: peak.append(small.anonymous) or not agent.process.alive(), 60, "the end")
    assert agent.process.child.returncode == 0 and small.kills == 0 and max(peak) < LIMIT - TIGHT
    server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == taken, 300, "all of them")
    assert taken <= len(sink.spans) <= taken + agent.sent_again()
    agent.assert_balanced()
