"""The Pushgateway's API: its clients, unchanged, put what their jobs leave behind on /metrics."""

import gzip
import os
import socket
import subprocess
import time

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import delete_from_gateway, instance_ip_grouping_key, push_to_gateway, pushadd_to_gateway

from lib import need, parsers
from lib.parsers import TEXT
from lib.wait import free_port, wait_until


@pytest.fixture
def door(oxpecker):
    """An agent that is pushed to: (agent, what runs with those options, its URL)."""
    def start(**options):
        port = free_port()
        agent = oxpecker({"metrics": {"collect": {"push": {"http": [f"127.0.0.1:{port}"], **options}}}})
        return agent, f"http://127.0.0.1:{port}"
    return start


def job(value):
    registry = CollectorRegistry()
    Gauge("backup_bytes", "How much was saved.", ["disk"], registry=registry).labels("sda").set(value)
    Counter("backup_files", "Files.", registry=registry).inc(value)
    Histogram("backup_seconds", "How long files took.", buckets=(1, 2), registry=registry).observe(1.5)
    return registry


def one(name, value):
    registry = CollectorRegistry()
    Gauge(name, "One.", registry=registry).set(value)
    return registry


def row_of(agent):
    row, = (row for row in agent.status()["sources"] if row["name"].endswith(".push"))
    return row


def test_pythons_client_pushes_adds_and_deletes(door):
    agent, url = door()
    began = time.time()
    push_to_gateway(url, job="backup", registry=job(7), grouping_key={"instance": "db/1", "empty": ""})
    labels = {"job": "backup", "instance": "db/1"}
    assert agent.metric("backup_bytes", disk="sda", **labels) == 7
    assert agent.metric("backup_files_total", **labels) == 7
    assert agent.metric("backup_seconds_bucket", le="2.0", **labels) == 1
    assert began - 1 < agent.metric("push_time_seconds", **labels) < time.time() + 1
    assert agent.metric("push_failure_time_seconds", **labels) == 0
    pushadd_to_gateway(url, job="backup", registry=one("more", 1), grouping_key={"instance": "db/1", "empty": ""})
    assert agent.metric("more", **labels) == 1 and agent.metric("backup_files_total", **labels) == 7
    pushadd_to_gateway(url, job="backup", registry=job(9), grouping_key={"instance": "db/1", "empty": ""})
    assert agent.metric("more", **labels) == 1 and agent.metric("backup_files_total", **labels) == 9
    push_to_gateway(url, job="backup", registry=one("more", 2), grouping_key={"instance": "db/1", "empty": ""})
    assert agent.metric("more", **labels) == 2 and agent.metric("backup_files_total", **labels) is None
    push_to_gateway(url, job="other", registry=one("more", 3), grouping_key=instance_ip_grouping_key())
    assert agent.metric("oxpecker_push_groups") == 2
    delete_from_gateway(url, job="backup", grouping_key={"instance": "db/1", "empty": ""})
    assert agent.metric("more", **labels) is None and agent.metric("oxpecker_push_groups") == 1
    assert agent.metric("more", job="other", **instance_ip_grouping_key()) == 3
    agent.assert_balanced()


def node(url, what, value):
    home = need.built("node")
    done = subprocess.run([need.program("node"), os.path.join(need.TESTS, "hosts", "node", "push.js"), url, what,
                           "nightly", str(value)], env={**os.environ, "NODE_PATH": home + "/node_modules"},
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout)


def test_nodes_client_pushes_adds_and_deletes(door):
    agent, url = door()
    labels = {"job": "nightly", "instance": "db 1"}
    assert node(url, "push", 5) == 200
    assert agent.metric("job_done", part="all", **labels) == 5 and agent.metric("job_seconds_sum", **labels) == 1.5
    assert node(url, "pushAdd", 6) == 200
    assert agent.metric("job_done", part="all", **labels) == 6
    assert node(url, "delete", 0) == 202
    assert agent.metric("job_done", part="all", **labels) is None


def test_the_page_is_one_that_prometheus_reads(door, prometheus):
    agent, url = door()
    push_to_gateway(url, job="backup", registry=job(7))
    push_to_gateway(url, job="backup", registry=job(8), grouping_key={"instance": "b"})
    page = parsers.read(TEXT, agent.page().encode()).samples
    assert ("backup_files_total", (("instance", "b"), ("job", "backup"))) in page
    server = prometheus([f"127.0.0.1:{agent.port}"])
    wait_until(lambda: server.value("count(backup_files_total)") == 2, 60, "both groups")


def test_a_client_of_go_pushes_protobuf(door):
    """As it is, without a word about the format; what it pushed is what its page has."""
    agent, url = door()
    parsers.push_from_go(url)
    pushed = parsers.read(TEXT, agent.page().encode()).samples
    asked = parsers.read(parsers.PROTOBUF, agent.get("/metrics", headers={"Accept": parsers.PROTOBUF}).content)
    wanted = parsers.read(*parsers.page_of_go())
    for name, labels in wanted.samples:
        if wanted.types.get(name) != "histogram":
            key = name, tuple(sorted((*labels, ("instance", ""), ("job", "go"))))
            key = key if key in pushed else (name, tuple(sorted((*labels, ("job", "go")))))
            assert pushed[key] == wanted.samples[name, labels] == asked.samples[key], name
            assert (key in asked.created) == ((name, labels) in wanted.created), name
    assert asked.exemplars["jobs_total", (("job", "go"), ("kind", 'a "\\\n'))]["labels"] == {"trace_id": 'x"y'}


def put(url, body, path="/metrics/job/j", **headers):
    return requests.put(url + path, data=body, headers=headers, timeout=60)


def test_what_is_no_page_changes_nothing(door):
    agent, url = door()
    assert put(url, "a 1\n").status_code == 200
    for body, reason in (("a one\n", "line 1: value"), ("a 2 1500000000000\n", "timestamp"), ("a", "line 1"),
                         (b"\xff 1\n", "line 1")):
        answer = put(url, body)
        assert answer.status_code == 400 and reason in answer.text
    assert put(url, "a 1\n", "/metrics/job/j/x").status_code == 404
    assert put(url, "a 1\n", "/metrics").status_code == 404
    other = put(url, b"\n\x00", **{"Content-Type": "application/vnd.google.protobuf; encoding=text"})
    assert other.status_code == 415 and "encoding=delimited" in other.text
    broken = put(url, b"\x05\n\x01a\x18\x01\x80", **{"Content-Type": parsers.PROTOBUF})
    assert broken.status_code == 400 and "family 2: the page ends" in broken.text
    timed = put(url, b"\x0d\n\x01a\x18\x01\x22\x06\x12\x02\x40\x01\x30\x01", **{"Content-Type": parsers.PROTOBUF})
    assert timed.status_code == 400 and timed.text.startswith("family 1: a pushed sample has a timestamp")
    assert requests.delete(url + "/metrics/job/j/1/x", timeout=60).status_code == 404
    assert agent.metric("a", job="j") == 1
    assert time.time() - 60 < agent.metric("push_failure_time_seconds", job="j") < time.time() + 1


def test_bodies_may_be_packed_chunked_or_openmetrics(door):
    agent, url = door()
    assert put(url, gzip.compress(b"packed 1\n"), "/metrics/job/a", **{"Content-Encoding": "gzip"}).ok
    assert put(url, (piece for piece in (b"chun", b"ked", b" 2\n")), "/metrics/job/b").ok
    assert put(url, b"# TYPE open counter\nopen_total 3 # {a=\"b\"} 1\n# EOF\n", "/metrics/job/c",
               **{"Content-Type": "application/openmetrics-text; version=1.0.0"}).ok
    assert put(url, b"form 4\n", "/metrics/job/d", **{"Content-Type": "application/x-www-form-urlencoded"}).ok
    assert put(url, b"", "/metrics/job/e").ok
    assert [agent.metric("packed", job="a"), agent.metric("chunked", job="b"), agent.metric("open_total", job="c"),
            agent.metric("form", job="d")] == [1, 2, 3, 4]
    assert agent.metric("push_time_seconds", job="e") > 0


def test_over_a_unix_socket(oxpecker, tmp_path):
    agent = oxpecker({"metrics": {"collect": {"push": f"unix:{tmp_path}/push.sock"}}})
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(60)
        peer.connect(f"{tmp_path}/push.sock")
        peer.sendall(b"POST /metrics/job/u HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\na 1\n")
        assert peer.recv(64).startswith(b"HTTP/1.1 200 ")
    assert agent.metric("a", job="u") == 1


def test_who_dies_in_the_middle_of_a_push_changes_nothing(door):
    agent, url = door()
    assert put(url, "a 1\n").ok
    host, port = url[7:].split(":")
    with socket.create_connection((host, int(port)), 60) as peer:
        peer.sendall(b"PUT /metrics/job/j HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na 2\nb ")
    agent.wait_until(lambda: agent.metric("oxpecker_requests_total", component="metrics.collect.push") == 2, 60, "both")
    assert agent.metric("a", job="j") == 1


def test_groups_have_a_ceiling_and_an_end(door):
    agent, url = door(groups=2, ttl="1s")
    assert put(url, "a 1\n", "/metrics/job/a").ok and put(url, "a 1\n", "/metrics/job/b").ok
    full = put(url, "a 1\n", "/metrics/job/c")
    if agent.metric("oxpecker_push_groups_expired_total") == 0:
        assert full.status_code == 503 and "groups" in full.text and full.headers["Retry-After"]
    agent.wait_until(lambda: agent.metric("oxpecker_push_groups") == 0, 60, "all have expired")
    assert agent.metric("a", job="a") is None
    assert put(url, "a 1\n", "/metrics/job/c").ok


def test_a_large_page_is_whole_or_not_there(door):
    """More than is checked on the loop; a pull sees either the page before or this one."""
    agent, url = door()
    pages = ["".join(f'demo{{n="{n}"}} {turn}\n' for n in range(5000)) for turn in range(4)]
    for turn, page in enumerate(pages):
        assert put(url, page).ok
        values = {value for (name, _), (value, _) in parsers.read(TEXT, agent.page().encode()).samples.items()
                  if name == "demo"}
        assert values == {str(turn)}
    row = row_of(agent)
    assert row["group_count"] == 1 and row["groups"][0]["labels"] == {"job": "j"} and row["dropped"] == []
    agent.assert_balanced()
