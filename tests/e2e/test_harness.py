"""The harness itself: the backends start and answer, the host apps run, the misbehaving server misbehaves."""

import concurrent.futures
import gzip
import os
import random
import signal
import socket
import struct
import subprocess
import sys

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lib import backends, fault, need, servers
from lib.agent import row_balances
from lib.wait import free_port, wait_until


def test_waiting_gives_up_and_says_for_what():
    with pytest.raises(AssertionError, match="the moon"):
        wait_until(lambda: False, 0.05, "the moon")
    assert wait_until(lambda: 7) == 7


def test_what_cannot_run_here_is_reported_as_skipped():
    """A file by its status, which ctest shows, and each of its tests by name."""
    there = os.path.join(need.TESTS, "e2e")
    env = {name: value for name, value in os.environ.items() if name not in ("OXPECKER_RELEASE_BIN", "CI")}
    done = subprocess.run(["sh", there + "/run.sh", there + "/test_memory.py", "-k", "files_without_end"], env=env,
                          capture_output=True, text=True)
    assert done.returncode == 77 and "::test_files_without_end" in done.stdout, done.stdout
    assert "1 skipped" in done.stdout and "OXPECKER_RELEASE_BIN names no program" in done.stdout


def test_a_port_is_given_to_one_run_at_a_time(monkeypatch):
    """Nobody listens there for a while, as when a test's backend is down, and another run looks for a port."""
    script = "from lib.wait import free_port; print(free_port(), flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             cwd=os.path.dirname(__file__))
    theirs = int(other.stdout.readline())
    choices = iter([theirs, theirs, theirs - 1, theirs - 2, theirs - 3])
    monkeypatch.setattr(random, "randrange", lambda *_: next(choices))
    assert free_port() != theirs
    other.communicate("end\n", timeout=60)


def keeper_of(kind, owner):
    """The process that listens for whoever wants that server, or None."""
    with socket.socket(socket.AF_UNIX) as keeper:
        if keeper.connect_ex(servers.name_of(kind, owner)):
            return None
        return struct.unpack("3i", keeper.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


@pytest.mark.parametrize("who", ["owner", "keeper"])
def test_a_shared_server_is_one_for_all_and_ends_with_its_run(monkeypatch, tmp_path, who):
    """In place of ctest a process that waits, in place of an OpenSearch what starts sooner. Both may be killed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a keeper that is killed leaves its folder there
    kind, run = backends.Jaeger, subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    with concurrent.futures.ThreadPoolExecutor(4) as tests:
        told = list(tests.map(lambda _: servers.ask(kind, run.pid), range(4)))
    server = kind.at(told[0])
    assert told == [told[0]] * 4
    wait_until(lambda: server.is_up(server.query + "/api/services"), 60, "the server answers")
    keeper = keeper_of(kind, run.pid)
    os.kill(keeper if who == "keeper" else run.pid, signal.SIGKILL)
    wait_until(lambda: not server.is_up(server.query + "/api/services"), 60, "the server gone")
    wait_until(lambda: keeper_of(kind, run.pid) is None, 60, "nobody says where it was")
    if who == "keeper":
        server = kind.at(servers.ask(kind, run.pid))
        wait_until(lambda: server.is_up(server.query + "/api/services"), 60, "the new server answers")
    run.kill(), run.wait()
    wait_until(lambda: not server.is_up(server.query + "/api/services"), 60, "the server gone with its run")
    wait_until(lambda: len(list(tmp_path.iterdir())) == (who == "keeper"), 60, "its folder gone")


def test_opensearch_takes_a_bulk_once(opensearch):
    index = opensearch.index()
    bulk = b'{"create":{"_id":"a"}}\n{"n":1}\n{"create":{"_id":"b"}}\n{"n":2}\n'
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    first = opensearch.request("POST", index + "/_bulk", gzip.compress(bulk), headers).json()
    again = opensearch.request("POST", index + "/_bulk", gzip.compress(bulk), headers).json()
    assert [item["create"]["status"] for item in first["items"]] == [201, 201]
    assert [item["create"]["status"] for item in again["items"]] == [409, 409]
    assert opensearch.count(index) == 2
    assert opensearch.documents(index) == {"a": {"n": 1}, "b": {"n": 2}}


def test_opensearch_refuses_what_does_not_fit(opensearch):
    index = opensearch.index()
    opensearch.create_index(index, {"n": {"type": "long"}})
    bulk = '{"create":{"_id":"a"}}\n{"n":"no number"}\n'
    answer = opensearch.request("POST", index + "/_bulk", bulk, {"Content-Type": "application/x-ndjson"}).json()
    assert answer["items"][0]["create"]["status"] == 400


def test_jaeger_returns_the_spans_of_the_python_app(jaeger, host_python):
    host = host_python(sdk=False, otlp=jaeger.otlp_http, name="harness-plain")
    assert host.get("/products/1").status_code == 200
    wait_until(lambda: len(jaeger.spans("harness-plain")) == 2, 60, "two spans in Jaeger")
    spans = {span["operationName"]: span for span in jaeger.spans("harness-plain")}
    assert spans["handler"]["parent"] == spans["GET /products/:id"]["spanID"]
    assert spans["GET /products/:id"]["attributes"]["http.response.status_code"] == 200


def test_jaeger_returns_the_spans_of_the_python_sdk(jaeger, host_python):
    host = host_python(otlp=jaeger.otlp_http, name="harness-sdk")
    host.get("/")
    wait_until(lambda: len(jaeger.spans("harness-sdk")) == 2, 60, "two spans in Jaeger")
    assert host.stop() == 0


def test_the_node_app_speaks_all_three(jaeger, host_node):
    host = host_node(otlp=jaeger.otlp_http, name="harness-node")
    assert host.get("/products", **{"x-user-id": "u-7"}).status_code == 200
    counted = 'http_requests_total{method="GET",route="/products",status="200"} 1'
    wait_until(lambda: counted in host.metrics(), 60, "the request is counted")
    line = wait_until(host.log_lines, 60, "a log line")[0]
    assert line["userId"] == "u-7" and line["ipAddress"] == "127.0.0.1"
    wait_until(lambda: jaeger.spans("harness-node"), 60, "spans in Jaeger")
    assert host.stop() == 0


def test_prometheus_sees_a_target(prometheus, fault_server):
    target = fault_server()
    target.plan(fault.ok(b"demo_total 3\n", "text/plain; version=0.0.4"))
    server = prometheus([f"127.0.0.1:{target.port}"])
    wait_until(lambda: server.value("demo_total") == 3 and server.value("up") == 1, 60, "the series in Prometheus")


def test_promtool_reads_the_page_of_the_python_app(host_python):
    host = host_python(sdk=False)
    host.get("/products")
    done = subprocess.run([need.prometheus("promtool"), "check", "metrics"], input=host.metrics(), text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr


def test_the_plan_of_a_fault_server(fault_server):
    server = fault_server()
    server.plan(fault.status(503, retry_after=2), fault.garbage(), fault.close_mid_answer(), then=fault.good())
    refused = requests.post(server.url + "/x", b"one", timeout=60)
    assert refused.status_code == 503 and refused.headers["Retry-After"] == "2"
    for _ in range(2):
        with pytest.raises(requests.RequestException):
            requests.post(server.url + "/x", b"two", timeout=60)
    assert requests.post(server.url + "/x", b"three", timeout=60).status_code == 200
    assert [request.body for request in server.taken()] == [b"one", b"two", b"two", b"three"]


def test_a_fault_server_answers_a_bulk_item_by_item(fault_server):
    server = fault_server()
    server.plan(fault.partial_bulk(every=2))
    bulk = b"".join(b'{"create":{}}\n{"n":%d}\n' % n for n in range(4))
    headers = {"Content-Encoding": "gzip"}
    answer = requests.post(server.url + "/logs/_bulk", gzip.compress(bulk), headers=headers, timeout=60)
    assert [item["create"]["status"] for item in answer.json()["items"]] == [429, 201, 429, 201]
    assert answer.json()["errors"] is True


def test_a_fault_server_refuses_hangs_and_comes_back(fault_server):
    server = fault_server()
    server.plan(fault.hang())
    with pytest.raises(requests.Timeout):
        requests.get(server.url, timeout=0.2)
    server.refuse()
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=60)
    server.plan(fault.good())
    server.listen()
    assert requests.get(server.url, timeout=60).status_code == 200


def test_an_otlp_body_reaches_a_fault_server_whole(fault_server, host_python):
    server = fault_server()
    host = host_python(otlp=server.url)
    host.get("/")

    def spans():
        messages = [ExportTraceServiceRequest.FromString(request.body) for request in server.taken("/v1/traces")]
        return [span.span_id for message in messages for resource in message.resource_spans
                for scope in resource.scope_spans for span in scope.spans]

    wait_until(lambda: len(set(spans())) == 2, 60, "both spans, in one request or two")


def test_a_ledger_row_that_does_not_add_up_is_noticed():
    def of(n):
        return {"records": n, "bytes": 10 * n}

    row = {"received": of(5), "delivered": of(2), "dropped": {"killed": of(2)}, "held": of(1)}
    assert row_balances(row)
    assert not row_balances({**row, "held": of(0)})
    assert not row_balances({**row, "held": {"records": 1, "bytes": 0}})
    assert not row_balances({**row, "dropped": {}})
