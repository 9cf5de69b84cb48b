"""OTLP over gRPC: the real SDKs with their defaults, read back from Jaeger, and what calls come to that go wrong."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (ExportTraceServiceRequest,
                                                                      ExportTraceServiceResponse)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from lib import fault, need
from lib.wait import free_port, wait_until
from test_traces import assert_spans, request_of, spans_at, wait_settled

OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
POST = b"\x83\x86\x44" + bytes([len("/x")]) + b"/x\x41\x01x"  # a block of fields
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
START = str(int(time.time()) - 60)
HOSTS = os.path.join(need.TESTS, "hosts")


@pytest.fixture
def grpc_agent(oxpecker):
    """An agent with a gRPC door on 127.0.0.1:`grpc_port`."""
    def start(endpoint, config=None, door=None, **more):
        port = free_port()
        agent = oxpecker({"traces": {"batch": {"age": "100ms"}, "export": {"otlp": {"endpoint": endpoint,
                                                                                    "retry_last": "1s"}}},
                          "receive": {"otlp": {"http": "127.0.0.1:0", "grpc": [f"127.0.0.1:{port}"], **(door or {})}},
                          **(config or {})}, **more)
        agent.grpc_port = port
        return agent
    return start


@pytest.fixture
def channel(grpc_agent):
    """channel(agent): a client of its door, closed at the end."""
    channels = []

    def connect(agent, *options):
        channels.append(grpc.insecure_channel(f"127.0.0.1:{agent.grpc_port}", options=options))
        return channels[-1]
    yield connect
    for one in channels:
        one.close()


def run_python(address, name, count=1, **env):
    return run([sys.executable, os.path.join(HOSTS, "python", "spans_grpc.py"), str(count)], address, name, **env)


def run_node(address, name):
    env = {"NODE_PATH": need.built("node") + "/node_modules"}
    return run([need.program("node"), os.path.join(HOSTS, "node", "spans_grpc.js")], address, name, **env)


def run(words, address, name, **more):
    env = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    env.update(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{address}", OTEL_SERVICE_NAME=name, START_SECOND=START, **more)
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0 and "Failed" not in done.stderr, done.stderr
    return done.stdout


def stored(jaeger, service):
    """Every span of the service as OTLP has it, to the nanosecond, with what its ids lead to in place of the ids."""
    spans, names = [], {}
    for trace in jaeger.traces(service):
        answer = jaeger.get(f"{jaeger.query}/api/v3/traces/{trace['traceID']}")
        for resource in answer["result"]["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    names[span["spanId"]] = span["name"]
                    spans.append((resource["resource"], scope["scope"], span))
    return sorted((comparable(resource, scope, span, names) for resource, scope, span in spans), key=repr)


def comparable(resource, scope, span, names):
    span = {**span, "traceId": len(span["traceId"]), "spanId": len(span["spanId"]),
            "parentSpanId": names.get(span.get("parentSpanId")),
            "links": [{**link, "traceId": len(link["traceId"]), "spanId": names.get(link["spanId"])}
                      for link in span.get("links", [])],
            "attributes": sorted(span.get("attributes", []), key=repr)}
    own = ("service.name", "service.instance.id", "process.pid")
    return [one for one in resource["attributes"] if one["key"] not in own], scope, span


@pytest.mark.parametrize("sdk", [run_python, run_node])
def test_an_sdk_with_its_defaults_reaches_jaeger(grpc_agent, jaeger, sdk):
    """Through the agent and straight into Jaeger: the same spans, one by one."""
    agent = grpc_agent(jaeger.otlp_http)
    through, straight = f"{sdk.__name__}-through", f"{sdk.__name__}-straight"
    sdk(f"127.0.0.1:{agent.grpc_port}", through)
    sdk(jaeger.otlp_grpc, straight)
    for name in (through, straight):
        wait_until(lambda: len(jaeger.spans(name)) == 3, 60, f"the spans of {name}")
    assert stored(jaeger, through) == stored(jaeger, straight)
    wait_settled(agent)
    assert agent.booked("received", signal="traces") == agent.booked("delivered", signal="traces") == 3


def test_many_streams_of_many_channels(grpc_agent, fault_server, channel):
    server = fault_server()
    agent = grpc_agent(server.url)
    exports = [TraceServiceStub(channel(agent, ("grpc.use_local_subchannel_pool", 1))).Export for _ in range(4)]
    calls = [exports[i % 4].future(request_of(1, first=i + 1), wait_for_ready=True, timeout=60) for i in range(1000)]
    for call in calls:
        assert call.result() == ExportTraceServiceResponse()
    wait_settled(agent)
    assert_spans(agent, server, range(1, 1001))


@pytest.mark.parametrize("packed", [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_large_message_over_a_unix_socket(grpc_agent, fault_server, tmp_path, packed):
    server, path = fault_server(), f"unix:{tmp_path}/otlp.sock"
    agent = grpc_agent(server.url, door={"grpc": [path]})
    with grpc.insecure_channel(path, compression=packed) as one:
        assert TraceServiceStub(one).Export(request_of(20000), timeout=60) == ExportTraceServiceResponse()
    wait_settled(agent)
    assert_spans(agent, server, range(1, 20001))


def test_a_broken_span_is_told_and_costs_itself_alone(grpc_agent, fault_server, channel):
    server = fault_server()
    agent = grpc_agent(server.url)
    message = request_of(3)
    message.resource_spans[0].scope_spans[0].spans[1].span_id = b"\0" * 8
    answer = TraceServiceStub(channel(agent)).Export(message, timeout=60)
    assert answer.partial_success.rejected_spans == 1 and answer.partial_success.error_message
    wait_settled(agent)
    assert_spans(agent, server, [1, 3])


def failure(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def raw(one, path=EXPORT, **more):
    """A call with bytes for a message."""
    return lambda body: one.unary_unary(path)(body, timeout=60, **more)


def test_what_is_wrong_is_told(grpc_agent, fault_server, channel):
    agent = grpc_agent(fault_server().url, door={"body_max": "64KiB"})
    one = channel(agent)
    code = grpc.StatusCode
    assert failure(lambda: raw(one)(b"\xff\xff")).code() == code.INVALID_ARGUMENT
    large = failure(lambda: raw(one)(b"x" * 70000))
    assert large.code() == code.RESOURCE_EXHAUSTED and "body_max" in large.details()
    for packed in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        bomb = failure(lambda: raw(one, compression=packed)(b"\0" * 10_000_000))  # noqa: B023
        assert bomb.code() == code.RESOURCE_EXHAUSTED
    for path in ("/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export", "/x.Y/Z", EXPORT + "s"):
        missing = failure(lambda: raw(one, path)(b""))  # noqa: B023
        assert missing.code() == code.UNIMPLEMENTED and path in missing.details()
    assert raw(one)(b"") == b""
    assert agent.metric("oxpecker_unserved_total", component="receive.otlp") == 3
    assert agent.booked("received", signal="traces") == 0


def test_no_room_is_told_with_the_time_to_try_again(grpc_agent, fault_server, channel):
    """Nothing of what was refused is there; the SDK sends it again until there is room."""
    server = fault_server()
    server.plan(fault.status(503))
    agent = grpc_agent(server.url, {"memory": "8MiB"})
    export, taken = TraceServiceStub(channel(agent)).Export, 0
    refused = None
    while refused is None:
        try:
            export(request_of(2000, first=1 + taken), timeout=60)
            taken += 2000
        except grpc.RpcError as error:
            refused = error
    assert refused.code() == grpc.StatusCode.UNAVAILABLE
    details = dict(refused.trailing_metadata())["grpc-status-details-bin"]
    (info,) = status_pb2.Status.FromString(details).details
    retry = error_details_pb2.RetryInfo()
    assert info.Unpack(retry) and retry.retry_delay.seconds == 1
    assert agent.booked("received", signal="traces") == taken
    sdk = threading.Thread(target=run_python, args=(f"127.0.0.1:{agent.grpc_port}", "again", 600),
                           kwargs={"OTEL_EXPORTER_OTLP_TIMEOUT": "120"})  # seconds until it gives up; 10 by default
    sdk.start()
    agent.wait_until(lambda: agent.metric("oxpecker_refused_full_total", component="receive.otlp") >= 2, 60, "refused")
    server.plan(fault.good())
    sdk.join(180)
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == taken + 1800


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


FLOODS = {
    "nothing": b"",
    "pings": frame(6, 0, 0, b"12345678") * 5000,
    "settings": frame(4, 0, 0, b"\0\3\0\0\0\1") * 5000,
    "resets": b"".join(frame(1, 4, n, POST) + frame(3, 0, n, b"\0\0\0\x08") for n in range(1, 4001, 2)),
    "bodies that never end": b"".join(frame(1, 4, n, POST) for n in range(1, 201, 2)),
    "a block that never ends": frame(1, 0, 1, POST) + frame(9, 0, 1, b"\x40\x01a\x7f\xa1\x1d" + b"x" * 3872) * 3,
    "a bomb": frame(1, 0, 1, POST + b"\x40\x01a\x7f\xa1\x1d" + b"x" * 3872) + frame(9, 4, 1, b"\xbe" * 16000),
    "an answer that is not read": b"".join(frame(1, 5, n, POST) for n in range(1, 100001, 2)),
}


class Stranger(threading.Thread):
    """Comes again and again, says one of the floods, and reads nothing."""

    def __init__(self, port, over):
        super().__init__(daemon=True)
        self.port, self.over, self.came = port, over, 0

    def run(self):
        open_ones = []
        while not self.over.is_set():
            for flood in FLOODS.values():
                with contextlib.suppress(OSError):  # no seat is free, or it has been cut off
                    one = socket.create_connection(("127.0.0.1", self.port), timeout=1)
                    open_ones = [*open_ones[-50:], one]
                    one.sendall(OPENING + flood)
                self.came += 1


def test_floods_of_frames_keep_nobody_from_the_door(grpc_agent, fault_server, channel):
    """More connections than there are seats, none of which does anything; an app beside them is served."""
    server = fault_server()
    agent, over = grpc_agent(server.url, door={"connections": 32}), threading.Event()
    strangers = [Stranger(agent.grpc_port, over) for _ in range(2)]
    for stranger in strangers:
        stranger.start()
    # Its own retries spin, and fill memory, from the end of a connection until another thread there hears of it.
    export, sent = TraceServiceStub(channel(agent, ("grpc.enable_retries", 0))).Export, 0
    try:
        while sent < 50 or min(stranger.came for stranger in strangers) < 100:
            with contextlib.suppress(grpc.RpcError):  # pushed out by them: an SDK sends again
                export(request_of(1, first=sent + 1), timeout=60, wait_for_ready=True)
                sent += 1
            assert agent.answers("/health/liveness")
    finally:
        over.set()
    for stranger in strangers:
        stranger.join(60)
    assert agent.metric("oxpecker_connections_evicted_total", component="receive.otlp") > 0
    assert agent.metric("oxpecker_refused_bad_total", component="receive.otlp") > 0
    wait_settled(agent)
    assert set(spans_at(server)) == set(range(1, sent + 1))
