"""Where spans go: the real Jaeger over gRPC, and what a server may say there."""

import hashlib
import json

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lib import grpc_fault as fault
from lib.wait import wait_until
from test_traces import PROTOBUF, post, request_of, wait_settled

GRPC = {"protocol": "grpc", "timeout": "5s"}


def config(endpoint, **more):
    return {"traces": {"batch": {"age": "100ms"}, "export": {"otlp": {"endpoint": endpoint, **more}}}}


def trace_id(service):
    return hashlib.md5(service.encode()).digest()


def spans_of(message):
    return message.resource_spans[0].scope_spans[0].spans


def rich_request(service):
    """Everything that a span can have, in three spans of one trace."""
    message = request_of(3, service)
    for number, span in enumerate(spans_of(message)):
        span.trace_id, span.kind, span.trace_state = trace_id(service), number + 1, "a=b"
        span.end_time_unix_nano = span.start_time_unix_nano + 1234567
        span.parent_span_id = b"" if number == 0 else (1).to_bytes(8, "big")
        for name, kind, value in (("text", "string_value", "naïve"), ("flag", "bool_value", True),
                                  ("count", "int_value", -7), ("part", "double_value", 0.25),
                                  ("raw", "bytes_value", b"\0\xff")):
            attribute = span.attributes.add()
            attribute.key = name
            setattr(attribute.value, kind, value)
        event = span.events.add()
        event.name, event.time_unix_nano = "it happened", span.start_time_unix_nano + 1
        link = span.links.add()
        link.trace_id, link.span_id = b"\2" * 16, b"\3" * 8
        span.status.code, span.status.message = 2, "broke"
    scope = message.resource_spans[0].scope_spans[0].scope
    scope.name, scope.version = "scope", "1.2"
    return message


def as_stored(jaeger, service):
    """The spans of that service but for its name, in order."""
    found = [dict(span, resource=None, processID=None, traceID=None) for span in jaeger.spans(service)]
    text = json.dumps(sorted(found, key=lambda span: span["spanID"]), sort_keys=True)
    return json.loads(text.replace(trace_id(service).hex(), "TRACE").replace(service, "SERVICE"))


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
def test_what_jaeger_has_over_grpc_is_what_was_sent(oxpecker, jaeger, packed):
    """Span by span the same as what Jaeger makes of the same request when it gets it straight, over HTTP."""
    name = "grpc-gzip" if packed else "grpc-open"
    through, straight = f"through-{name}", f"straight-{name}"
    agent = oxpecker(config(f"http://{jaeger.otlp_grpc}", gzip=packed, **GRPC))
    message, other = rich_request(through), rich_request(straight)
    for ours, theirs in zip(spans_of(message), spans_of(other)):
        theirs.start_time_unix_nano, theirs.end_time_unix_nano = ours.start_time_unix_nano, ours.end_time_unix_nano
        theirs.events[0].time_unix_nano = ours.events[0].time_unix_nano
    assert post(agent, message.SerializeToString()).status_code == 200
    assert requests.post(jaeger.otlp_http + "/v1/traces", data=other.SerializeToString(), headers=PROTOBUF,
                         timeout=20).ok
    for service in (through, straight):
        wait_until(lambda: len(jaeger.spans(service)) == 3, 20, f"the spans of {service}")
    assert as_stored(jaeger, through) == as_stored(jaeger, straight)
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 3


def test_what_a_call_of_grpc_looks_like(oxpecker, grpc_fault_server):
    server = grpc_fault_server()
    agent = oxpecker(config(server.url, **GRPC))
    assert post(agent, request_of(3).SerializeToString()).status_code == 200
    wait_settled(agent)
    request, = server.taken()
    assert request.path == "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    expected = {":method": "POST", ":scheme": "http", ":authority": f"127.0.0.1:{server.port}", "te": "trailers",
                "content-type": "application/grpc", "grpc-encoding": "gzip", "grpc-timeout": "5000m"}
    assert expected.items() <= request.headers.items()
    assert len(spans_of(ExportTraceServiceRequest.FromString(request.body))) == 3


def test_what_grpc_says_is_counted_and_shown(oxpecker, grpc_fault_server):
    server = grpc_fault_server()
    server.plan(fault.failing(14, "caf%C3%A9 is closed"), fault.partial(2, "two were odd"),
                then=fault.failing(3, "no!"))
    agent = oxpecker(config(server.url, retry_first="10ms", **GRPC))
    agent.expected_exit = {1}  # of a run that has lost some
    assert post(agent, request_of(5).SerializeToString()).status_code == 200
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 3 and agent.booked("rejected", signal="traces") == 2
    assert "gRPC UNAVAILABLE: café is closed" in agent.err() and "two were odd" in agent.err()
    assert agent.metric("oxpecker_partial_successes_total") == 1
    assert post(agent, request_of(1, first=10).SerializeToString()).status_code == 200
    wait_settled(agent)
    assert agent.booked("parked", signal="traces") == 1 and len(server.taken()) == 3
    assert "gRPC INVALID_ARGUMENT: no!" in json.dumps(agent.status())


def test_a_large_batch_goes_in_messages_that_servers_take(oxpecker, jaeger):
    """Jaeger takes 4 MiB at most. The door gets more within one batch."""
    agent = oxpecker({"memory": "64MiB", "traces": {"batch": {"age": "2s", "bytes": "16MiB", "records": 100000},
                                                    "export": {"otlp": {"endpoint": f"http://{jaeger.otlp_grpc}",
                                                                        "gzip": False, **GRPC}}}})
    for number in range(8):
        message = request_of(1000, service="large-messages", first=1 + number * 1000)
        for span in spans_of(message):
            span.trace_state = "x=" + "y" * 700
        assert post(agent, message.SerializeToString()).status_code == 200
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 8000, 30, "all of it")
    wait_settled(agent)
    assert agent.booked("parked", signal="traces") == 0
    assert agent.status()["destinations"][0]["retries"] == 0
