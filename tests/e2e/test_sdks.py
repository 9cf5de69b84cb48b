"""The SDKs of Go and Java and telemetrygen, with their defaults, over gRPC and HTTP: read back from Jaeger.
Those of Node and Python are in test_grpc.py and test_traces.py."""

import os
import secrets

import pytest

from lib import need
from lib.backends import unique
from lib.process import Process
from lib.wait import free_port, wait_until
from test_grpc import START, grpc_agent, run, stored, wait_settled  # noqa: F401

CALLER = "0000000000000009"
RUNS, TRACES, SPANS = 5, 20, 100  # of telemetrygen: at once, traces of each, spans of a trace
BEGAN = int(START) * 10 ** 9 + 123_456_789
# When each span of the programs begins and ends, in nanoseconds from BEGAN.
TIMES = {"GET /cart": (0, 5000), "SELECT": (1, 4000), "send": (3, 10)}
STATES = {"vendor=value,other@tenant=1", "other@tenant=1,vendor=value"}  # their order is the SDK's affair


def go():
    return [os.path.join(need.built("go_sdk"), "go_sdk")]


def java():
    home = need.built("java_sdk")
    return [need.program("java"), "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
            f"{home}/classes:{home}/lib/*", "Spans"]


def send(words, protocol, address, service):
    """Runs a program; the id of its trace, and of each span by name, as the SDK says."""
    trace, made = "01" + secrets.token_hex(15), {}
    out = run(words, address, service, TRACE_ID=trace, OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
              OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none")
    for line in out.splitlines():
        name, made[name] = line.split("\t")
    return trace, made


def spans_of(jaeger, trace):
    answer = jaeger.get(f"{jaeger.query}/api/v3/traces/{trace}")
    return {span["name"]: span for resource in answer["result"]["resourceSpans"]
            for scope in resource["scopeSpans"] for span in scope["spans"]}


def assert_as_made(jaeger, trace, made):
    """Ids, parents, times and tracestate: what the comparison of two runs leaves out, or has wrong in both."""
    found = spans_of(jaeger, trace)
    assert {name: span["spanId"] for name, span in found.items()} == made
    assert {span["traceId"] for span in found.values()} == {trace}
    root = made["GET /cart"]
    assert {name: span["parentSpanId"] for name, span in found.items()} == {
        "GET /cart": CALLER, "SELECT": root, "send": root}
    assert {name: (int(span["startTimeUnixNano"]) - BEGAN, int(span["endTimeUnixNano"]) - BEGAN)
            for name, span in found.items()} == TIMES
    assert [span["traceState"] for span in found.values() if span["traceState"] not in STATES] == []
    link = found["send"]["links"][0]
    assert (link["traceId"], link["spanId"]) == (trace, made["SELECT"])


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("program", [go, java])
def test_an_sdk_with_its_defaults_reaches_jaeger(grpc_agent, jaeger, program, protocol):  # noqa: F811
    """Through the agent and straight into Jaeger: the same spans, one by one, which are those that were made."""
    words, services = program(), (unique("through"), unique("straight"))
    http = free_port()
    agent = grpc_agent(jaeger.otlp_http, door={"http": [f"127.0.0.1:{http}"]})
    port = agent.grpc_port if protocol == "grpc" else http
    own = jaeger.otlp_grpc if protocol == "grpc" else jaeger.otlp_http.removeprefix("http://")
    sent = [send(words, protocol, address, service) for address, service in zip((f"127.0.0.1:{port}", own), services)]
    for service, (trace, made) in zip(services, sent):
        wait_until(lambda: len(jaeger.spans(service)) == len(TIMES), 60, f"the spans of {service}")  # noqa: B023
        assert_as_made(jaeger, trace, made)
    assert stored(jaeger, services[0]) == stored(jaeger, services[1])
    wait_settled(agent)
    assert agent.booked("received", signal="traces") == agent.booked("delivered", signal="traces") == len(TIMES)


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_what_telemetrygen_sends_is_stored(grpc_agent, jaeger, protocol, tmp_path):  # noqa: F811
    """10,000 spans as fast as it can. Each run sends fewer than the queue of its SDK holds, 2,048: what finds no room
    there is dropped before it is sent, without a word."""
    tool, service, http = os.path.join(need.built("go_sdk"), "telemetrygen"), unique("generated"), free_port()
    agent = grpc_agent(jaeger.otlp_http, door={"http": [f"127.0.0.1:{http}"]})
    port, more = (agent.grpc_port, []) if protocol == "grpc" else (http, ["--otlp-http"])
    words = [tool, "traces", "--otlp-insecure", "--otlp-endpoint", f"127.0.0.1:{port}", "--service", service,
             "--traces", TRACES, "--child-spans", SPANS - 1, "--rate", 0, "--timeout", "120s", *more]
    runs = [Process(f"telemetrygen-{number}", words, tmp_path) for number in range(RUNS)]
    for one in runs:
        assert one.wait(180) == 0, one.err()
    wait_settled(agent)
    count = RUNS * TRACES * SPANS
    assert agent.booked("received", signal="traces") == agent.booked("delivered", signal="traces") == count
    ids = lambda: [span["spanID"] for trace in jaeger.traces(service) for span in trace["spans"]]  # noqa: E731
    wait_until(lambda: len(ids()) >= count, 60, "all in Jaeger")
    assert len(ids()) == len(set(ids())) == count
