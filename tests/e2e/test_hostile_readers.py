"""A container of 32 or 64 MiB whose peers hold what they get: pages, answers, requests. It lives, those who mean well
are served, and what was acknowledged arrives.

It runs what is shipped: sanitizers take several times the memory, which says nothing of it."""

import gzip
import http.client
import os
import re
import select
import socket
import threading
import time

import pytest
import requests

from lib import cgroup, need
from lib.counting import Counting
from lib.cpu import Waits
from lib.flood import Flood
from lib.hostile import Crowd
from lib.prober import Clock, Prober
from lib.wait import free_port, wait_until
from test_hostile import assert_prompt, probe
from test_traces import PROTOBUF, request_of

MIB = 1 << 20
SPARE = 3 * MIB  # that stays free for pages of files
NUMBER = re.compile(rb'"n":(\d+)')
TEXT = "text/plain; version=0.0.4"
EACH = 2500
COMING, BURST = 5000, 100  # connections a second that come and go at once, and how many of them one behind the other
PULL = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def container(closing, monkeypatch, tmp_path):
    """container(limit): a cgroup that every agent of the test starts in from then on."""
    program = os.environ.get("OXPECKER_RELEASE_BIN", "")
    if not os.access(program, os.X_OK):
        need.missing("OXPECKER_RELEASE_BIN names no program without sanitizers: tests/run.sh builds one")

    def make(limit):
        made = closing.keep(cgroup.MemoryCgroup(f"oxpecker-hostile-{os.getpid()}", limit))
        monkeypatch.setenv("OXPECKER_BIN", made.wrapped(program, tmp_path))
        return closing.keep(Watched(made, limit))

    return make


class Watched:
    """Looks at a container's memory all the time."""

    def __init__(self, group, limit):
        self.group, self.limit, self.most, self.ending = group, limit, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.ending.wait(0.005):
            self.most = max(self.most, self.group.anonymous)

    def close(self):
        self.ending.set()
        self.thread.join(60)

    def assert_held(self, most=None):
        print(f"most: {self.most / MIB:.1f} of {self.limit / MIB:.0f} MiB anonymous")
        assert self.group.kills == 0 and self.most < (most or self.limit - SPARE)


def exposition(size, width):
    """About so many bytes in lines of that width, in 30 families."""
    pad, count = "x" * (width - 30), size // width
    return "".join(f'some_metric_{30 * n // count}{{n="{n:06}{pad}"}} {n}\n' for n in range(count)).encode()


class Backend(Counting):
    """`padding` is what it puts into each answer."""

    def __init__(self, server, padding=0):
        self.numbers, self.padding = [], b"x" * padding
        self.spans_answer = partial_success(self.padding[:900_000])
        super().__init__(server)

    def bulk(self, request):
        self.numbers += map(int, NUMBER.findall(request.body))
        items = b",".join([b'{"create":{"status":201}}'] * (request.body.count(b"\n") // 2))
        return b'{"took":1,"errors":false,"items":[%s],"said":"%s"}' % (items, self.padding)


def partial_success(message):
    """An ExportTraceServiceResponse that says something and refuses nothing."""
    inner = b"\x12" + varint(len(message)) + message
    return b"\x0a" + varint(len(inner)) + inner if message else b""


def varint(number):
    some = b""
    while number > 127:
        some, number = some + bytes([number & 127 | 128]), number >> 7
    return some + bytes([number])


def scraped(server):
    return {"metrics": {"collect": {"app": {"type": "scrape", "target": f"127.0.0.1:{server.port}", "timeout": "60s"}}}}


def logs_config(folder, bulk, server, **more):
    retry = {"retry_first": "20ms", "retry_last": "500ms"}
    return {"logs": {"collect": {"bulk": f"127.0.0.1:{bulk}", **more},
                     "export": {"elasticsearch": {"url": server.url, **retry}}},
            "traces": {"export": {"otlp": {"endpoint": server.url, **retry}}}}


def page_in_time(agent, headers):
    """The page and the seconds that it took; None if it was read so slowly that the next one took its place."""
    waits, began = Waits(agent.pid, os.getpid()), time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=60)
    try:
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        data = answer.read()  # at once: `requests` takes it in a thousand pieces
    except (OSError, http.client.HTTPException):
        assert time.monotonic() - began > 1, "a reader has a second at least"
        return None
    finally:
        connection.close()
    took = time.monotonic() - began - waits.seconds()
    text = (gzip.decompress(data) if answer.headers["Content-Encoding"] == "gzip" else data).decode()
    assert answer.status == 200 and text.endswith("\n")
    return text, took


def whole_page(agent, **headers):
    return wait_until(lambda: page_in_time(agent, headers), 120, "a page")


@pytest.mark.parametrize("size", [MIB, 10 * MIB])
def test_a_page_is_one_for_all_who_do_not_read_it(oxpecker, fault_server, container, closing, size):
    """And whoever reads gets the newest each time, soon, in gzip or not."""
    held, app = container(64 * MIB), fault_server()
    exposed = exposition(size, 1000 if size > MIB else 200)
    app.plan(lambda handler, request: handler.answer(200, exposed, TEXT, {}))
    agent = oxpecker(scraped(app))
    crowd = closing.keep(Crowd(("127.0.0.1", agent.port), 60, lambda number: PULL, 15))
    agent.process.wait_until(lambda: crowd.served() >= 60, 60, "each of the crowd has a page")
    for encoding in ("gzip", "identity") * 3:
        page, took = whole_page(agent, **{"Accept-Encoding": encoding})
        assert page.count("\nsome_metric_") == exposed.count(b"\n")
        assert took < 5
    held.assert_held(64 * MIB // 2 if size == MIB else None)
    assert agent.metric("oxpecker_memory_used_bytes") <= agent.metric("oxpecker_memory_limit_bytes")


def test_an_exposition_of_30_mb_is_read_within_a_ceiling(oxpecker, fault_server, container):
    held, app = container(32 * MIB), fault_server()
    exposed = exposition(30 * MIB, 300)
    app.plan(lambda handler, request: handler.answer(200, exposed, TEXT, {}))
    agent = oxpecker(scraped(app))
    for _ in range(5):
        page, _ = whole_page(agent)
        assert page.count("\nsome_metric_") > 5000
    held.assert_held(20 * MIB)
    agent.assert_balanced()


def bulk_of(count, first):
    body = b"".join(b'{"create":{}}\n{"n":%d}\n' % number for number in range(first, first + count))
    return b"POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n" % \
        len(body) + body


@pytest.mark.parametrize("count", [8, 32])
def test_answers_that_nobody_takes_are_counted(oxpecker, fault_server, container, closing, tmp_path, count):
    """Each is 3 MB; one that means well gets its own, too, and all that was answered 200 is delivered."""
    held, server, bulk = container(32 * MIB), fault_server(), free_port()
    backend = Backend(server)
    agent = oxpecker(logs_config(tmp_path, bulk, server))
    crowd = closing.keep(Crowd(("127.0.0.1", bulk), count, lambda number: bulk_of(20_000, number * 20_000), 15))
    session, mine = requests.Session(), []

    def one_more():
        first = 1_000_000_000 + 100 * len(mine)
        body = bulk_of(100, first).split(b"\r\n\r\n", 1)[1]
        answer = session.post(f"http://127.0.0.1:{bulk}/_bulk", body, headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code in (200, 503), answer.text
        mine.extend([first] if answer.status_code == 200 else [])
        return len(mine) >= 50

    agent.wait_until(one_more, 300, "the one that means well is served")
    agent.wait_until(lambda: crowd.made > 2 * count, 300, "the crowd has come again")
    crowd.close()
    assert crowd.accepted
    wanted = {number for peer in crowd.accepted for number in range(peer * 20_000, (peer + 1) * 20_000)}
    wanted.update(number for first in mine for number in range(first, first + 100))
    agent.wait_until(lambda: agent.booked("held") == 0 and wanted <= set(backend.numbers), 300, "all is delivered")
    held.assert_held()
    agent.assert_balanced()


@pytest.mark.alone
@pytest.mark.parametrize("each", [1, 16])
def test_the_door_of_logs_is_open_beside_bulks_that_nobody_waits_for(oxpecker, fault_server, container, closing,
                                                                      tmp_path, each):
    """Eight processes post 8,000 operations, leave at once or when they have 16 such, and come again."""
    held, server, bulk = container(64 * MIB), fault_server(), free_port()
    Backend(server)
    agent = oxpecker(logs_config(tmp_path, bulk, server))
    floods = [Flood("new bulks", bulk, each) for _ in range(8)]
    try:
        clock = Clock(agent.pid)
        times = [probe(clock, bulk, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") for _ in range(20)]
        probes = [probe(clock, agent.port) for _ in range(20)]
    finally:
        for flood in floods:
            flood.stop()
    assert_prompt(times, 1)
    assert_prompt(probes, 0.1)
    held.assert_held()
    agent.wait_until(lambda: agent.booked("held") == 0, 300, "all is delivered")
    agent.assert_balanced()


def test_answers_of_a_backend_are_read_and_not_kept(oxpecker, fault_server, container, tmp_path):
    held, server, bulk = container(32 * MIB), fault_server(), free_port()
    backend = Backend(server, padding=24 * MIB)
    agent = oxpecker(logs_config(tmp_path, bulk, server))
    for first in range(0, 2000, 100):
        body = bulk_of(100, first).split(b"\r\n\r\n", 1)[1]
        requests.post(f"http://127.0.0.1:{bulk}/_bulk", body, headers={"Content-Type": "application/x-ndjson"})
        requests.post(agent.otlp_url + "/v1/traces", request_of(100, first=1 + first).SerializeToString(),
                      headers=PROTOBUF)
    agent.wait_until(lambda: agent.booked("delivered") == 4000, 300, "all is delivered")
    assert set(backend.numbers) == set(range(2000)) and set(backend.spans) == set(range(1, 2001))
    held.assert_held(12 * MIB)


def unfinished(head, size):
    """A body of so many bytes that is announced, of which a little comes."""
    return (head + f"Content-Length: {size}\r\n\r\n").encode() + b"x" * 1000


class WellMeant:
    """One app at each door, and one Prometheus: what they were answered, and how soon."""

    def __init__(self, agent, bulk, socket_path):
        self.agent, self.bulk, self.path = agent, bulk, socket_path
        self.documents, self.spans, self.pages, self.lines = [], 0, [], 0
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.again, args=[what], daemon=True) for what in
                        (self.log, self.trace, self.pull, self.write)]
        for thread in self.threads:
            thread.start()

    def again(self, what):
        while not self.ending.wait(0.05):
            try:
                what()
            except (requests.RequestException, OSError):
                pass  # refused or cut off: not answered

    def log(self):
        first = 1_000_000_000 + 100 * len(self.documents)
        body = bulk_of(100, first).split(b"\r\n\r\n", 1)[1]
        answer = requests.post(f"http://127.0.0.1:{self.bulk}/_bulk", body, timeout=5,
                               headers={"Content-Type": "application/x-ndjson", "Connection": "close"})
        if answer.status_code == 200 and answer.json()["errors"] is False:
            self.documents.append(first)

    def trace(self):
        body = request_of(100, first=1 + self.spans).SerializeToString()
        if requests.post(self.agent.otlp_url + "/v1/traces", body, headers=PROTOBUF, timeout=5).status_code == 200:
            self.spans += 100

    def pull(self):
        began = time.monotonic()
        answer = requests.get(self.agent.url + "/metrics", timeout=60, headers={"Connection": "close"})
        if answer.status_code == 503:  # as many as may wait do
            return
        assert answer.status_code == 200 and "oxpecker_target_up" in answer.text
        self.pages.append(time.monotonic() - began)

    def write(self):
        with socket.socket(socket.AF_UNIX) as app:
            app.settimeout(5)
            app.connect(self.path)
            first = 2_000_000_000 + self.lines
            app.sendall(b"".join(b'{"n":%d}\n' % number for number in range(first, first + 100)))
        self.lines += 100

    def close(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive()


def come_and_go(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        pass  # whether probes are answered is seen by the prober


def crowds(agent, bulk, log_socket):
    """Hostile peers at every door."""
    listen, otlp, door = ("127.0.0.1", agent.port), ("127.0.0.1", agent.otlp_port), ("127.0.0.1", bulk)
    spans = "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n"
    return {"pages": Crowd(listen, 40, lambda number: PULL, 15),
            "answers": Crowd(door, 16, lambda number: bulk_of(EACH, number * EACH), 15),
            "bodies": Crowd(otlp, 60, lambda number: unfinished(spans, 4_000_000)),
            "documents": Crowd(door, 30, lambda number: unfinished("POST /_bulk HTTP/1.1\r\nHost: a\r\n", 200_000)),
            "heads": Crowd(otlp, 60, lambda number: b"POST /v1/traces HTTP/1.1\r\nX-Long: " + b"x" * 30_000),
            "pulls": Crowd(listen, 300, lambda number: PULL + b"x" * 60_000),
            "idle": Crowd(listen, 200, lambda number: b""),
            "half": Crowd(listen, 100, lambda number: b"GET /metrics HTTP/1.1\r\nX-Long: " + b"x" * 30_000),
            "lines": Crowd(log_socket, 40, lambda number: b'{"unfinished":"' + b"x" * 900_000)}


class Endless:
    """An app that writes the worst lines it can to a FIFO, to a socket and as datagrams, without a pause."""

    def __init__(self, folder, datagrams):
        self.folder, self.datagrams, self.ending = folder, datagrams, threading.Event()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.threads = [threading.Thread(target=self.again, args=[what], daemon=True) for what in
                        (self.into_pipe, self.into_socket, self.as_datagram)]
        for thread in self.threads:
            thread.start()

    def again(self, what):
        while not self.ending.is_set():
            try:
                what()
            except OSError:
                pass  # a full queue, or a peer that was cut off

    def into_pipe(self):
        """A long line in which all is looked through, and one without an end; the FIFO is never waited for."""
        fifo = os.open(f"{self.folder}/pipe", os.O_WRONLY | os.O_NONBLOCK)
        with open(fifo, "wb", buffering=0) as app:
            os.set_blocking(fifo, True)
            app.write(b'{"m":"\\u0041 password=x 10.0.0.1 %s"}\n' % (b"x" * 900_000) + b"x" * 900_000)

    def into_socket(self):
        with socket.socket(socket.AF_UNIX) as app:
            app.settimeout(5)
            app.connect(f"{self.folder}/log.sock")
            app.sendall(b"Exception in x\n" + b"\tat a.b.c(d.java:1)\n" * 20_000 + b"{" + b"\x01" * 250_000)

    def as_datagram(self):
        self.socket.sendto(b"\x01" * 60_000, ("127.0.0.1", self.datagrams))
        self.ending.wait(0.001)

    def close(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()
        self.socket.close()


REDACTED = {"redact": {"keys": ["password"], "detect": ["card", "email", "ip", "bearer"]}}


def every_collector(folder, datagrams):
    return {"socket": {"listen": f"unix:{folder}/log.sock", "multiline": ["java"]}, "pipe": f"{folder}/pipe",
            "datagrams": {"type": "socket", "kind": "datagram", "listen": f"127.0.0.1:{datagrams}"}}


@pytest.mark.alone
def test_hostile_peers_at_every_door_all_at_once(oxpecker, fault_server, container, closing, tmp_path):
    """Pages, answers and bodies that are held, silence, endless lines, an exposition of 30 MB, a backend whose answers
    are huge, lines that are long, endless or made longer by what is done to them, requests to `listen` with a body
    behind them, and connections that come and go: 15 seconds of all of it, in 32 MiB."""
    held, server, app, bulk = container(32 * MIB), fault_server(), fault_server(), free_port()
    backend, log_socket, page = Backend(server, padding=8 * MIB), str(tmp_path / "log.sock"), exposition(30 * MIB, 300)
    app.plan(lambda handler, request: handler.answer(200, page, TEXT, {}))
    datagrams = free_port()
    config = {**logs_config(tmp_path, bulk, server, **every_collector(tmp_path, datagrams)), **scraped(app)}
    config["logs"]["steps"] = [REDACTED, "ecs"]
    agent = oxpecker(config)
    pid, hostile = agent.pid, crowds(agent, bulk, log_socket)
    endless = closing.keep(Endless(tmp_path, datagrams))
    prober = closing.keep(Prober(agent))
    well, ending = closing.keep(WellMeant(agent, bulk, log_socket)), time.monotonic() + 15
    for crowd in hostile.values():
        closing.keep(crowd)
    served = lambda: hostile["answers"].accepted and well.documents and well.spans and well.pages  # noqa: E731
    while time.monotonic() < ending or not served() and time.monotonic() < ending + 60:
        for _ in range(BURST):
            come_and_go(agent.port)
        assert agent.process.alive()
        select.select([], [], [], BURST / COMING)
    well.close()
    endless.close()
    probes = prober.ended()
    for crowd in hostile.values():
        crowd.close()
    wanted = {number for peer in hostile["answers"].accepted for number in range(peer * EACH, (peer + 1) * EACH)}
    wanted.update(number for first in well.documents for number in range(first, first + 100))
    agent.wait_until(lambda: agent.booked("held") == 0 and wanted <= set(backend.numbers), 300, "all is delivered")
    assert set(range(1, 1 + well.spans)) <= set(backend.spans)
    lines = {number for number in backend.numbers if number >= 2_000_000_000}  # sent again where it took a second
    lost = agent.booked("dropped", source="logs.collect.socket")
    assert len(lines) + lost >= well.lines
    agent.assert_balanced()
    agent.expected_exit = {0, 1}  # what the socket had no room for is lost
    held.assert_held()
    print(f"probes {len(probes)}, pages {len(well.pages)} within {max(well.pages, default=0):.2f} s, documents "
          f"{len(well.documents)}00, spans {well.spans}, lines {well.lines}; "
          f"{max(9 if took is None else took for took in probes):.3f} s")
    assert agent.pid == pid and hostile["answers"].accepted and well.documents and well.spans and well.pages
    assert len(probes) > 50 and None not in probes and max(probes) <= 0.1
