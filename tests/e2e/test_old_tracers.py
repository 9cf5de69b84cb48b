"""Apps whose tracers speak Jaeger's Thrift or Zipkin's JSON, unchanged: each sends the same spans beside the agent and
straight to Jaeger's own doors, and what Jaeger stores is the same."""

import gzip
import json
import os
import struct

import pytest
import requests

from lib import agent as agents
from lib import backends, need
from lib.process import Process
from lib.wait import free_port, wait_until

HOME = os.path.join(need.TESTS, "hosts", "old_tracers")
SERVICES = ["jaeger-client-http", "jaeger-client-udp", "node-exporter-jaeger-http", "node-exporter-jaeger-udp",
            "node-exporter-zipkin", "python-exporter-jaeger-http", "python-exporter-jaeger-udp",
            "python-exporter-zipkin"]
SPANS = 4  # of each



class Doors:
    """An agent with every older door, on ports of its own."""

    def __init__(self, folder, exported, **jaeger):
        self.http, self.compact, self.binary, self.zipkin = (free_port() for _ in range(4))
        local = "127.0.0.1:{}".format
        self.agent = agents.Oxpecker({"receive": {
            "jaeger": {"http": local(self.http), "compact": local(self.compact), "binary": local(self.binary),
                       **jaeger},
            "zipkin": {"http": local(self.zipkin)}},
            "traces": {"batch": {"age": "100ms"}, "export": {"otlp": {"endpoint": exported}}}}, folder).start()

    def target(self):
        return {"http": f"http://127.0.0.1:{self.http}/api/traces", "compact": self.compact, "binary": self.binary,
                "zipkin": f"http://127.0.0.1:{self.zipkin}/api/v2/spans"}


def run_tracers(folder, targets):
    home = need.built("old_tracers")
    env = {"TARGETS": json.dumps(targets), "NODE_PATH": home + "/node_modules"}
    programs = [Process("node", [need.program("node"), HOME + "/trace.js"], folder, env),
                Process("python", [home + "/bin/python", HOME + "/trace.py"], folder, env)]
    for program in programs:
        assert program.wait(180) == 0, program.err()


@pytest.fixture(scope="module")
def sent(jaeger, tmp_path_factory):
    """Everything was sent; the doors, and the Jaeger that got it from the tracers themselves."""
    straight = backends.Jaeger(tmp_path_factory.mktemp("straight"))
    doors = Doors(tmp_path_factory.mktemp("doors"), jaeger.otlp_http)
    try:
        run_tracers(tmp_path_factory.mktemp("tracers"),
                    [doors.target(), {"http": straight.thrift_http, "compact": straight.thrift_compact,
                                      "binary": straight.thrift_binary, "zipkin": straight.zipkin}])
        yield doors.agent, straight
        doors.agent.close()
    finally:
        straight.close()


def plain(tags):
    return sorted((tag["key"], tag["type"], json.dumps(tag["value"])) for tag in tags)


def stored(jaeger, service):
    """All that Jaeger has of the spans of a service, in an order of their own."""
    found = []
    for trace in jaeger.traces(service):
        for span in trace["spans"]:
            process = trace["processes"][span.pop("processID")]
            span["process"] = (process["serviceName"], plain(process["tags"]))
            span["tags"] = plain(span["tags"])
            span["logs"] = [(log["timestamp"], plain(log["fields"])) for log in span["logs"]]
            found.append(span)
    return sorted(found, key=lambda span: span["spanID"])


@pytest.mark.parametrize("service", SERVICES)
def test_jaeger_stores_what_its_own_door_would_have_stored(sent, jaeger, service):
    agent, straight = sent
    for backend in (jaeger, straight):
        wait_until(lambda: len(stored(backend, service)) == SPANS, 60, f"spans of {service}")
    assert stored(jaeger, service) == stored(straight, service)
    assert agent.booked("dropped", signal="traces") == agent.booked("rejected", signal="traces") == 0


@pytest.fixture
def doors(fault_server, closing, tmp_path):
    """The doors before a server that takes everything."""
    made = Doors(tmp_path, fault_server().url)
    closing.keep(made.agent)
    return made


def span(number, **more):
    return {"traceId": f"{number:032x}", "id": f"{number:016x}", "name": f"span {number}", **more}


def batch(traces):
    """Jaeger's, in binary Thrift: one span named "lost" for each of these trace ids."""
    field = lambda kind, number: struct.pack(">bh", kind, number)
    text = lambda number, value: field(11, number) + struct.pack(">i", len(value)) + value
    spans = b"".join(field(10, 1) + struct.pack(">q", trace) + field(10, 2) + bytes(8) + field(10, 3)
                     + struct.pack(">q", 1) + text(5, b"lost") + text(12, b"x" * 50) + b"\0" for trace in traces)
    return field(12, 1) + text(1, b"app") + b"\0" + field(15, 2) + struct.pack(">bi", 12, len(traces)) + spans + b"\0"


def wait_delivered(agent, spans):
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == spans, 60, f"{spans} spans delivered")
    agent.assert_balanced()


@pytest.mark.parametrize("form", ["http", "zipkin"])
def test_what_is_no_request_is_answered_400(doors, form):
    url = doors.target()[form]
    kind = "application/json" if form == "zipkin" else "application/vnd.apache.thrift.binary; charset=x"
    for body in (b"", b"{}", bytes(range(256)), b"[{}"):
        answer = requests.post(url, data=body, headers={"Content-Type": kind}, timeout=60)
        assert answer.status_code == 400 and answer.text.startswith("not a ") and " at byte " in answer.text
    for other in ("text/plain", "application/x-www-form-urlencoded"):
        assert requests.post(url, data=b"[]", headers={"Content-Type": other}, timeout=60).status_code == 415
    packed = requests.post(url, data=b"[]", headers={"Content-Type": kind, "Content-Encoding": "br"}, timeout=60)
    assert packed.status_code == 415 and packed.headers["Accept-Encoding"] == "gzip, deflate, zstd"
    assert requests.get(url, timeout=60).status_code == 405
    component = "receive.jaeger" if form == "http" else "receive.zipkin"
    assert doors.agent.metric("oxpecker_refused_bad_total", component=component) == 7


def test_zipkins_api_needs_no_type(oxpecker, fault_server):
    """The exporter for Node sends one; others send none, and the one for browsers can only send text."""
    port, page = free_port(), "http://shop.example"
    agent = oxpecker({"receive": {"zipkin": {"http": f"127.0.0.1:{port}", "origins": [page]}},
                      "traces": {"export": {"otlp": {"endpoint": fault_server().url}}}})
    beacon = {"Content-Type": "text/plain;charset=UTF-8"}
    send = lambda number, headers: requests.post(f"http://127.0.0.1:{port}/api/v2/spans", headers=headers, timeout=60,
                                                 data=json.dumps([span(number)]).encode())
    assert send(1, {}).status_code == 202
    assert send(2, {"Content-Type": ""}).status_code == 202
    assert send(3, {**beacon, "Origin": page}).status_code == 202
    assert send(4, {**beacon, "Origin": "http://evil.example"}).status_code == 403
    assert send(5, beacon).status_code == 415
    assert send(6, {"Content-Type": "multipart/form-data; boundary=x", "Origin": page}).status_code == 415
    wait_delivered(agent, 3)


def test_a_span_with_a_bad_id_is_refused_alone(doors):
    body = [span(1), {"traceId": "0" * 32, "id": "1" * 16, "name": "lost"}, span(2)]
    answer = requests.post(doors.target()["zipkin"], json=body, timeout=60)
    assert answer.status_code == 202
    assert answer.text.startswith('1 of 3 spans refused; the first is span 2, "lost": its traceId is ')
    wait_delivered(doors.agent, 2)
    assert doors.agent.booked("rejected", signal="traces") == 1


@pytest.mark.parametrize("form", ["http", "zipkin"])
@pytest.mark.parametrize("count", [1, 4000], ids=["on the loop", "in the lane"])
def test_a_request_whose_spans_are_all_refused_is_answered_400(doors, form, count):
    """And is booked span by span; a request without a span has nothing that could be refused."""
    bad, component = {"traceId": "0" * 32, "id": "1" * 16, "name": "lost", "tags": {"text": "x" * 50}}, "receive.zipkin"
    body, empty, kind = json.dumps([bad] * count), b"[]", "application/json"
    if form == "http":
        body, empty, component = batch([0] * count), batch([]), "receive.jaeger"
        kind = "application/x-thrift"
    send = lambda content: requests.post(doors.target()[form], data=content, headers={"Content-Type": kind}, timeout=60)
    answer = send(body)
    assert answer.status_code == 400
    assert answer.text.startswith(f'{count} of {count} spans refused; the first is span 1, "lost": its '), answer.text
    assert send(empty).status_code == 202
    assert doors.agent.booked("rejected", signal="traces") == count
    assert doors.agent.metric("oxpecker_spans_refused_total", component=component) == count
    assert doors.agent.metric("oxpecker_refused_bad_total", component=component) == 1
    doors.agent.assert_balanced()


@pytest.mark.parametrize("packed", [True, False])
def test_a_large_request_is_converted_in_the_lane(doors, packed):
    body = json.dumps([span(number, tags={"text": "x" * 50}) for number in range(1, 4001)]).encode()
    headers = {"Content-Type": "application/json", **({"Content-Encoding": "gzip"} if packed else {})}
    answer = requests.post(doors.target()["zipkin"], data=gzip.compress(body) if packed else body, headers=headers,
                           timeout=60)
    assert answer.status_code == 202 and answer.text == ""
    wait_delivered(doors.agent, 4000)


@pytest.mark.parametrize("strategy, followed", [
    ({}, "ProbabilisticSampler(samplingRate=1)"),
    ({"sampling_per_second": 5}, "RateLimitingSampler(maxTracesPerSecond=5)")], ids=["all", "per second"])
def test_a_client_that_asks_how_much_to_sample_is_told(fault_server, closing, tmp_path, strategy, followed):
    """It begins with nothing, and asks at jaeger-client's default path, in its own words."""
    port = free_port()
    doors = Doors(tmp_path, fault_server().url, sampling=f"127.0.0.1:{port}", **strategy)
    closing.keep(doors.agent)
    env = {"NODE_PATH": need.built("old_tracers") + "/node_modules", "SAMPLING_PORT": port,
           "ENDPOINT": f"http://127.0.0.1:{doors.http}/api/traces"}
    program = Process("node", [need.program("node"), HOME + "/sample.js"], tmp_path, env)
    assert program.wait(180) == 0, program.err()
    assert program.out().strip() == followed
    wait_delivered(doors.agent, 1)
    assert doors.agent.metric("oxpecker_sampling_told_total", component="receive.jaeger") >= 1
