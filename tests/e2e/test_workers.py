"""Workers of a server that forks push their metrics: the sum over them, through kills, is what was answered."""

import contextlib
import os
import re
import shutil
import signal
import socket
import threading

import pytest
import requests

from lib import need, parsers
from lib.agent import samples_of
from lib.lines import whole_lines
from lib.process import Process
from lib.wait import free_port, wait_until

CLIENTS = os.path.join(os.path.dirname(need.TESTS), "conf", "clients")


@pytest.fixture
def door(oxpecker, tmp_path):
    """An agent that workers push to, and the path of its socket."""
    def start(**options):
        path = f"{tmp_path}/push.sock"
        return oxpecker({"metrics": {"collect": {"push": {"http": [f"unix:{path}"], **options}}}}), path
    return start


@pytest.fixture
def server(tmp_path):
    """Starts a server of several processes; all of them are killed at the end."""
    started = []

    def start(name, argv, env):
        started.append(Process(name, argv, tmp_path, env))
        return started[-1]
    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.kill9()


class Load:
    """Requests from several threads: how many were answered, how many not, and who answered (`latest`: last)."""

    def __init__(self, url, threads=4):
        self.url, self.lock, self.pids, self.latest = url, threading.Lock(), set(), None
        self.answered = self.failed = 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        try:
            answer = requests.get(self.url, timeout=60)
            return int(answer.text) if answer.status_code == 200 else None
        except requests.RequestException:
            return None

    def run(self):
        while not self.over.is_set():
            pid = self.ask()
            with self.lock:
                self.answered += pid is not None
                self.failed += pid is None
                self.pids |= {pid} - {None}
                self.latest = pid or self.latest

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(120)


def total(agent):
    return agent.metric("hits_total", path="/a") or 0


def through_kills(agent, url, workers, kills):
    """Kills workers under load: no sum falls. At the end it is what was answered, and what was pushed unanswered."""
    load, dead, before = Load(url), {None}, 0
    try:
        for _ in range(kills):
            wait_until(lambda: load.latest not in dead, 60, "a worker that answers")
            asked, victim = load.answered, load.latest
            dead.add(victim)
            with contextlib.suppress(ProcessLookupError):  # gunicorn may have replaced it by now
                os.kill(victim, signal.SIGKILL)
            wait_until(lambda: load.answered > asked + 20, 60, "the others answer")
            now = total(agent)
            assert now >= max(before, asked)
            before = now
        wait_until(lambda: len(load.pids) > workers, 60, "others in their place answer")
    finally:
        load.stop()
    assert load.answered <= total(agent) <= load.answered + load.failed
    agent.wait_until(lambda: agent.metric("workers_up") == workers, 60, "only the living have a gauge")
    page = samples_of(agent.page())
    assert page["took_seconds_bucket", (("le", "+Inf"),)] == page["took_seconds_count", ()]
    return total(agent)


def kill_one_at_rest(agent, url, workers, sum_before):
    """Nothing is under way, so nothing may be missing, nor there twice."""
    os.kill(int(requests.get(url, timeout=60).text), signal.SIGKILL)
    agent.wait_until(lambda: agent.metric("workers_up") == workers, 60, "it is replaced")
    assert total(agent) == sum_before + 1


def test_node_cluster_looks_like_one_process(door, server):
    agent, path = door(gauge_modes={"process_start_time_seconds": "min"}, grace="1s")
    port, home = free_port(), need.built("node")
    process = server("cluster", [need.program("node"), os.path.join(need.TESTS, "hosts", "node", "workers.js"), 4,
                                 f"unix:{path}"], {"NODE_PATH": home + "/node_modules", "PORT": port})
    process.wait_until(lambda: whole_lines(process.out_path), 60, "all workers listen")
    url = f"http://127.0.0.1:{port}/a"
    reached = through_kills(agent, url, 4, 4)
    kill_one_at_rest(agent, url, 4, reached)
    assert agent.metric("size_bytes_sum") == 10 * total(agent)
    agent.wait_until(lambda: agent.metric("oxpecker_push_workers_folded_total") >= 5, 60, "the dead are folded")
    assert total(agent) == reached + 1
    page = agent.page()
    assert "quantile" not in page and page.count("# TYPE hits_total counter") == 1
    agent.assert_balanced()


def test_gunicorn_looks_like_one_process(door, server, tmp_path):
    agent, path = door()
    shutil.copy(os.path.join(CLIENTS, "python.py"), tmp_path / "oxpecker_push.py")
    port = free_port()
    home = os.path.join(need.TESTS, "hosts", "python_sdk")
    server("gunicorn", [need.built("python_sdk") + "/bin/python", "-B", "-m", "gunicorn", "-w", 3, "-b",
                        f"127.0.0.1:{port}", "--max-requests", 40, "--no-control-socket", "workers:app"],
           {"PYTHONPATH": f"{tmp_path}:{home}", "PUSH_TO": f"unix:{path}"})
    url = f"http://127.0.0.1:{port}/a"
    wait_until(lambda: answers(url[:-1] + "up"), 60, "gunicorn answers")
    through_kills(agent, url, 3, 2)
    assert agent.metric("hits_created", path="/a") is None


def push(path, name, body, kind):
    """Once, as a worker of that name; the connection, which stays open."""
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    peer.sendall(f"POST /push HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nX-Oxpecker-Worker: {name}\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert peer.recv(4096).startswith(b"HTTP/1.1 200")
    return peer


def natives(kind, page):
    """{name: {bucket, count or sum: number}} of each native histogram, as Prometheus reads it."""
    read = parsers.read(kind, page)
    assert not read.error
    return {key[0]: {part: float(number) for part, number in re.findall(r"([^{:, ]+(?:,[^:]+)?):([^,}]+)", value)}
            for key, (value, _) in read.samples.items() if value.startswith("{")}


def test_native_histograms_are_summed_up_over_workers(door):
    agent, path = door(grace="60s")
    kind, page = parsers.page_of_go()
    shown = lambda: natives(parsers.PROTOBUF, agent.get(  # noqa: E731
        "/metrics", headers={"Accept": parsers.PROTOBUF}).content)
    once = {name: parts for name, parts in natives(kind, page).items() if parts["count"] > 0}
    assert {"native", "both"} <= once.keys() and len(once["native"]) > 10
    times = lambda n: {name: {part: n * number for part, number in parts.items()}  # noqa: E731
                       for name, parts in once.items()}
    seen = lambda: {name: shown()[name] for name in once}  # noqa: E731
    with push(path, "a", page, kind), push(path, "b", page, kind):
        assert seen() == times(2)
        push(path, "c", page, kind).close()
        push(path, "a", page, kind).close()  # once more the same
        assert seen() == times(3)
    agent.kill9()
    agent.start()
    agent.wait_until(lambda: seen() == times(3), 60, "they are there again")
    with push(path, "b", page, kind), push(path, "d", page, kind):
        assert seen() == times(4)
    assert samples_of(agent.page())["native_count", ()] == 4 * once["native"]["count"]
    agent.assert_balanced()


def answers(url):
    try:
        return requests.get(url, timeout=60).ok
    except requests.RequestException:
        return False


class Peer:
    """A worker by hand."""

    def __init__(self, path, name=None):
        self.socket, self.name = socket.socket(socket.AF_UNIX), name
        self.socket.settimeout(60)
        self.socket.connect(path)

    def push(self, page):
        name = f"X-Oxpecker-Worker: {self.name}\r\n" if self.name is not None else ""
        head = f"POST /push HTTP/1.1\r\nHost: x\r\n{name}Content-Length: {len(page)}\r\n\r\n"
        self.socket.sendall((head + page).encode())
        return self.socket.recv(65536).decode()

    def close(self):
        self.socket.close()


def test_a_worker_is_its_connection_or_its_name(door):
    agent, path = door(grace="1h", gauges="all")
    nameless, named = Peer(path), Peer(path, "web-1")
    assert nameless.push("a_total 1\ng 1\n").startswith("HTTP/1.1 200 ")
    assert named.push("a_total 2\ng 2\n").startswith("HTTP/1.1 200 ")
    assert agent.metric("a_total") == 3 and agent.metric("g", worker="web-1") == 2
    nameless.close()
    named.close()
    agent.wait_until(lambda: agent.metric("oxpecker_push_workers") == 0, 60, "both connections have ended")
    assert agent.metric("g", worker="web-1") is None and agent.metric("a_total") == 3
    named = Peer(path, "web-1")
    assert named.push("a_total 5\ng 3\n").startswith("HTTP/1.1 200 ")
    assert agent.metric("a_total") == 6 and agent.metric("g", worker="web-1") == 3
    row, = (row for row in agent.status()["sources"] if row["name"].endswith(".push"))
    assert row["workers"]["live"] == 1 and row["workers"]["folded"] == 1
    named.close()
    agent.assert_balanced()


def test_what_is_no_page_leaves_the_worker_as_it_was(door):
    agent, path = door(connections=4)
    worker, others = Peer(path, "w"), [Peer(path, name) for name in ("a", "b")]
    assert worker.push("a_total 1\n").startswith("HTTP/1.1 200 ")
    assert worker.push("a_total one\n").startswith("HTTP/1.1 400 ")
    assert agent.metric("a_total") == 1
    for other in others:
        assert other.push("a_total 1\n").startswith("HTTP/1.1 200 ")
    bad = Peer(path, "x" * 129)
    assert bad.push("a_total 1\n").startswith("HTTP/1.1 400 ")
    bad.name = "fourth"
    assert bad.push("a_total 1\n").startswith("HTTP/1.1 503 ")
    assert agent.metric("a_total") == 3
    for peer in (worker, bad, *others):
        peer.close()
