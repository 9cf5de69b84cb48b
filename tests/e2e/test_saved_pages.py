"""What was pushed goes on in the next run: groups as they were answered, sums over workers through kills of both."""

import os
import random
import shutil
import subprocess
import sys

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client import delete_from_gateway, push_to_gateway, pushadd_to_gateway

from lib import need
from lib.wait import free_port, wait_until
from test_workers import CLIENTS, Load, Peer, answers, server, total  # noqa: F401

LIVES = 20
WORKER = """
import sys, oxpecker_push
from prometheus_client import Counter, Gauge, Histogram
hits, took = Counter("hits", "Requests.", ["path"]), Histogram("took_seconds", "How long.", buckets=(1, 2))
Gauge("workers_up", "One for each worker.").set(1)
flush = oxpecker_push.start(sys.argv[1], every=3600)
for line in sys.stdin:
    for _ in range(int(line)):
        hits.labels("/a").inc()
        took.observe(1.5)
    print(flush(), flush=True)
"""


@pytest.fixture
def door(oxpecker, tmp_path):
    """An agent that is pushed to over TCP and a Unix socket: (agent, the URL, the socket's path)."""
    def start(**options):
        port, path = free_port(), f"{tmp_path}/push.sock"
        listen = [f"127.0.0.1:{port}", f"unix:{path}"]
        agent = oxpecker({"metrics": {"collect": {"push": {"http": listen, **options}}}})
        return agent, f"http://127.0.0.1:{port}", path
    return start


def restart(agent):
    agent.kill9()
    agent.start()


def page_of(**values):
    registry = CollectorRegistry()
    for name, value in values.items():
        (Gauge(name, "One.", registry=registry)).set(value)
    Counter("files", "Files.", registry=registry).inc(sum(values.values()))
    return registry


def test_groups_are_as_they_were_answered(door):
    """The API's own client, and what each answered request should have left."""
    agent, url, _ = door()
    dice, groups = random.Random(14), {}
    for life in range(LIVES):
        for step in range(4):
            job, value = dice.choice("abc"), 100 * life + step
            family = dice.choice(["one", "two"])
            if dice.random() < .2:
                delete_from_gateway(url, job=job)
                groups.pop(job, None)
            elif dice.random() < .5:
                push_to_gateway(url, job=job, registry=page_of(**{family: value}))
                groups[job] = {family: value, "files_total": value}
            else:
                pushadd_to_gateway(url, job=job, registry=page_of(**{family: value}))
                groups.setdefault(job, {}).update({family: value, "files_total": value})
        pushed = {job: agent.metric("push_time_seconds", job=job) for job in "abc"}
        restart(agent)
        for job in "abc":
            names = ("one", "two", "files_total")
            assert {name: agent.metric(name, job=job) for name in names} == \
                {name: groups.get(job, {}).get(name) for name in names}
            assert agent.metric("push_time_seconds", job=job) == pushed[job]
    assert agent.stop() == 0
    agent.start()
    assert agent.metric("oxpecker_push_groups") == len(groups)
    row, = (row for row in agent.status()["sources"] if row["name"].endswith(".push"))
    saved = row["saved"]
    assert saved["damaged"] == 0 and saved["restored"] == saved["pages"] and not saved["error"]
    agent.assert_balanced()


def test_a_group_ends_by_its_time_whoever_runs(door):
    agent, url, _ = door(ttl="1s")
    push_to_gateway(url, job="a", registry=page_of(one=1))
    agent.kill9()
    agent.start()
    agent.wait_until(lambda: agent.metric("oxpecker_push_groups") == 0, 60, "its time is over")
    assert agent.metric("one", job="a") is None


def test_a_large_page_is_there_as_a_whole(door):
    agent, url, _ = door()
    page = "".join(f'large{{n="{n}",x="{"x" * 200}"}} 1\n' for n in range(5000))
    assert requests.put(url + "/metrics/job/j", page, timeout=60).ok
    assert agent.metric("large", job="j", n="4999") == 1  # so it is saved
    restart(agent)
    assert sum(1 for name, _ in agent.metrics() if name == "large") == 5000


class Worker:
    """A process with the client of conf/clients. `pushed`: what it had counted when its last push was answered."""

    def __init__(self, folder, address):
        self.count = self.pushed = 0
        self.process = subprocess.Popen([sys.executable, "-B", "-c", WORKER, address], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": folder})

    def work(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "200\n"
        self.count += count
        self.pushed = self.count

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def workers(tmp_path):
    """Starts workers; all of them are killed at the end."""
    started = []
    shutil.copy(os.path.join(CLIENTS, "python.py"), tmp_path / "oxpecker_push.py")

    def start(address):
        started.append(Worker(str(tmp_path), address))
        return started[-1]
    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.kill()


def test_the_sum_over_workers_is_what_all_have_counted(door, workers):
    """Equal to the last bit, whoever was killed: workers, the agent, both."""
    agent, _, path = door(grace="1s")
    dice, living, reference = random.Random(14), [workers(f"unix:{path}") for _ in range(3)], 0
    for _ in range(LIVES):
        for worker in dice.sample(living, 2):
            count = dice.randrange(1, 100)
            worker.work(count)
            reference += count
        assert total(agent) == reference
        agent.kill9()
        if dice.random() < .5:
            living.pop(dice.randrange(len(living))).kill()
            living.append(workers(f"unix:{path}"))
        agent.start()
        assert total(agent) == reference
        if dice.random() < .5:
            for worker in living:
                worker.work(1)
            reference += len(living)
            agent.wait_until(lambda: agent.metric("workers_up") == len(living), 60, "all have a gauge")
        assert total(agent) == reference
    agent.wait_until(lambda: agent.metric("oxpecker_push_workers_folded_total") > 0, 60, "some are folded")
    assert total(agent) == reference
    assert agent.stop() == 0
    agent.start()
    page = agent.metrics()
    assert page["hits_total", (("path", "/a"),)] == reference
    assert page["took_seconds_bucket", (("le", "2.0"),)] == page["took_seconds_count", ()] == reference
    agent.assert_balanced()


def test_without_a_name_the_sum_does_not_fall(door):
    """Over TCP nobody can tell such a worker when it comes back, so it counts twice, as conf says."""
    agent, url, _ = door()
    for life in range(1, 5):
        with requests.Session() as peer:
            assert peer.post(url + "/push", data=f"a_total {life}\n", timeout=60).status_code == 200
            before = agent.metric("a_total")
            restart(agent)
        assert agent.metric("a_total") == before == life * (life + 1) // 2


@pytest.mark.parametrize("way", ["kill", "end"])
def test_without_a_name_a_process_comes_back(door, way):
    """Over a Unix socket the kernel says which process it is: it counts once. One that ends the connection has died."""
    agent, _, path = door(grace="10m")
    for life in range(1, 5):
        peer = Peer(path)
        assert peer.push(f"a_total {life}\nbusy 1\n").startswith("HTTP/1.1 200 ")
        assert agent.metric("a_total") == life and agent.metric("busy") == 1
        if way == "end":
            agent.stop()
            agent.start()
        else:
            restart(agent)
        peer.close()
        assert agent.metric("a_total") == life and agent.metric("busy") is None
    peer = Peer(path)
    assert peer.push("a_total 5\n").startswith("HTTP/1.1 200 ")
    peer.close()
    agent.wait_until(lambda: agent.metric("oxpecker_push_workers_folded_total") == 1, 60, "it is dead")
    peer = Peer(path)
    assert peer.push("a_total 6\n").startswith("HTTP/1.1 200 ")
    assert agent.metric("a_total") == 5 + 6
    peer.close()


def through_kills_of_the_agent(agent, url, kills):
    """Under load: no sum falls. At the end it is what was answered, and what was pushed unanswered."""
    load, before = Load(url), 0
    try:
        for _ in range(kills):
            asked = load.answered
            wait_until(lambda: load.answered > asked + 20, 60, "workers answer")
            asked = load.answered
            agent.kill9()
            agent.start()
            now = total(agent)
            assert now >= max(before, asked)
            before = now
    finally:
        load.stop()
    assert load.answered <= total(agent) <= load.answered + load.failed


def test_gunicorns_workers_come_back(door, server, tmp_path):  # noqa: F811
    agent, _, path = door()
    shutil.copy(os.path.join(CLIENTS, "python.py"), tmp_path / "oxpecker_push.py")
    port, home = free_port(), os.path.join(need.TESTS, "hosts", "python_sdk")
    server("gunicorn", [need.built("python_sdk") + "/bin/python", "-B", "-m", "gunicorn", "-w", 3, "-b",
                        f"127.0.0.1:{port}", "--max-requests", 40, "--no-control-socket", "workers:app"],
           {"PYTHONPATH": f"{tmp_path}:{home}", "PUSH_TO": f"unix:{path}"})
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/up"), 60, "gunicorn answers")
    through_kills_of_the_agent(agent, f"http://127.0.0.1:{port}/a", 5)


def test_nodes_workers_come_back(door, server):  # noqa: F811
    agent, _, path = door()
    port, home = free_port(), need.built("node")
    server("cluster", [need.program("node"), os.path.join(need.TESTS, "hosts", "node", "workers.js"), 3,
                       f"unix:{path}"], {"NODE_PATH": home + "/node_modules", "PORT": port})
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/up"), 60, "the cluster answers")
    through_kills_of_the_agent(agent, f"http://127.0.0.1:{port}/a", 5)
