"""Traces: OTLP/HTTP in, OTLP/HTTP out, with the real SDKs and Jaeger, and with bodies nobody should send."""

import gzip
import json
import os
import socket
import time

import pytest
import requests
from google.protobuf.internal.encoder import _VarintBytes as varint
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (ExportTraceServiceRequest,
                                                                      ExportTraceServiceResponse)

from lib import fault, unix_http
from lib.wait import wait_until

PROTOBUF = {"Content-Type": "application/x-protobuf", "Connection": "close"}


def config(endpoint, **more):
    return {"traces": {"batch": {"age": "100ms"}, "export": {"otlp": {"endpoint": endpoint, **more}}}}


def request_of(spans, service="made", first=1):
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", service
    scope = resource.scope_spans.add()
    for number in range(first, first + spans):
        span = scope.spans.add()
        span.trace_id, span.span_id = (number + 1).to_bytes(16, "big"), number.to_bytes(8, "big")
        now = time.time_ns()
        span.name, span.start_time_unix_nano, span.end_time_unix_nano = f"span {number}", now, now + number
    return message


def post(agent, body, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(agent.otlp_url + "/v1/traces", data=body, headers={**PROTOBUF, **names}, timeout=20)


def spans_at(server):
    """Every span id a fault server was sent, in order."""
    found = []
    for request in server.taken("/v1/traces"):
        message = ExportTraceServiceRequest.FromString(request.body)
        found += [int.from_bytes(span.span_id, "big") for resource in message.resource_spans
                  for scope in resource.scope_spans for span in scope.spans]
    return found


def wait_settled(agent):
    agent.wait_until(lambda: agent.booked("received", signal="traces") and not agent.booked("held", signal="traces"))
    agent.assert_balanced()


def test_the_python_sdk_reaches_jaeger(oxpecker, jaeger, host_python):
    agent = oxpecker(config(jaeger.otlp_http))
    host = host_python(otlp=agent.otlp_url, name="e2e-python")
    for _ in range(5):
        host.get("/products/1")
    wait_until(lambda: len(jaeger.spans("e2e-python")) >= 10, 20, "ten spans in Jaeger")
    assert host.stop() == 0
    spans = jaeger.spans("e2e-python")
    ids = {span["spanID"] for span in spans}
    assert all(span["parent"] in ids for span in spans if span["parent"])
    wait_settled(agent)
    assert agent.booked("received", signal="traces") == agent.booked("delivered", signal="traces") == len(spans)


def test_the_node_sdk_reaches_jaeger_unchanged(oxpecker, jaeger, host_node):
    """The same app beside the agent and straight into Jaeger: the same spans, parents and attributes."""
    agent = oxpecker(config(jaeger.otlp_http))
    through, straight = (host_node(otlp=otlp, name=name) for otlp, name in
                         ((agent.otlp_url, "e2e-node"), (jaeger.otlp_http, "e2e-straight")))
    for host in (through, straight):
        assert host.get("/products/1").status_code == 200
    for name in ("e2e-node", "e2e-straight"):
        wait_until(lambda: any(span["parent"] is None for span in jaeger.spans(name)), 20, "the root span of " + name)
    through.stop(), straight.stop()
    wait_until(lambda: shape(jaeger.spans("e2e-node")) == shape(jaeger.spans("e2e-straight")), 20, "the same spans")


def shape(spans):
    """What does not differ between two runs: names, parents' names, attribute keys."""
    names = {span["spanID"]: span["operationName"] for span in spans}
    return sorted((span["operationName"], names.get(span["parent"]), sorted(span["attributes"])) for span in spans)


def test_over_a_unix_socket(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), str(tmp_path / "otlp.sock")
    agent = oxpecker({**config(server.url), "receive": {"otlp": {"http": ["unix:" + path]}}})
    body = request_of(3).SerializeToString()
    code, headers, answer = unix_http.request(path, "POST", "/v1/traces", body, PROTOBUF)
    assert code == 200 and answer == b""
    wait_settled(agent)
    assert spans_at(server) == [1, 2, 3]


def test_requests_are_merged_into_batches(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker({"traces": {"batch": {"age": "1s"}, "export": {"otlp": {"endpoint": server.url}}}})
    for first in range(1, 101, 10):
        assert post(agent, request_of(10, first=first).SerializeToString()).status_code == 200
    wait_settled(agent)
    assert sorted(spans_at(server)) == list(range(1, 101))
    assert len(server.taken("/v1/traces")) < 10
    assert server.taken("/v1/traces")[0].headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("packed", [True, False])
def test_a_large_request_goes_through_the_lane(oxpecker, fault_server, packed):
    server = fault_server()
    agent = oxpecker(config(server.url, gzip=packed))
    body = request_of(20000).SerializeToString()
    answer = post(agent, gzip.compress(body) if packed else body, **({"Content_Encoding": "gzip"} if packed else {}))
    assert answer.status_code == 200
    wait_settled(agent)
    assert sorted(spans_at(server)) == list(range(1, 20001))


def test_an_empty_request_is_fine(oxpecker, fault_server):
    agent = oxpecker(config(fault_server().url))
    answer = post(agent, b"")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/x-protobuf"
    assert agent.booked("received", signal="traces") == 0


def nested(depth):
    """An attribute whose value is an array in an array in an array …"""
    value = b"\x0a\x01x"
    for _ in range(depth):
        array = b"\x0a" + varint(len(value)) + value
        value = b"\x2a" + varint(len(array)) + array
    attribute = b"\x0a\x01k\x12" + varint(len(value)) + value
    span = b"\x0a\x10" + b"\x01" * 16 + b"\x12\x08" + b"\x01" * 8 + b"\x4a" + varint(len(attribute)) + attribute
    for tag in (b"\x12", b"\x12", b"\x0a"):
        span = tag + varint(len(span)) + span
    return span


def with_change(change):
    message = request_of(2)
    change(message.resource_spans[0].scope_spans[0].spans[1])
    return message.SerializeToString()


BAD = {
    "cut short": request_of(3).SerializeToString()[:-7],
    "depth 10,000": nested(10000),
    "zero trace id": with_change(lambda span: setattr(span, "trace_id", bytes(16))),
    "short trace id": with_change(lambda span: setattr(span, "trace_id", b"short")),
    "no span id": with_change(lambda span: setattr(span, "span_id", b"")),
    "bad UTF-8": request_of(1).SerializeToString().replace(b"span 1", b"sp\xff\xfe 1"),
    "JSON in disguise": b'{"resourceSpans":[]}',
    "noise": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_body_is_refused_and_sinks_nobody(oxpecker, fault_server, kind):
    server = fault_server()
    agent = oxpecker(config(server.url))
    assert post(agent, request_of(2).SerializeToString()).status_code == 200
    answer = post(agent, BAD[kind])
    assert answer.status_code == 400 and answer.headers["Content-Type"] == "application/x-protobuf"
    assert b"OTLP" in answer.content
    assert post(agent, request_of(2, first=3).SerializeToString()).status_code == 200
    wait_settled(agent)
    assert spans_at(server) == [1, 2, 3, 4]
    assert agent.metric("oxpecker_refused_bad_total") == 1


def test_a_gzip_bomb_is_refused(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url))
    bomb = gzip.compress(bytes(200 << 20))
    lying = bomb[:-4] + (1000).to_bytes(4, "little")
    assert post(agent, bomb, Content_Encoding="gzip").status_code == 413
    assert post(agent, lying, Content_Encoding="gzip").status_code == 413
    for name in ("gzip", "x-gzip", "GZIP"):  # the second is the first (RFC 9110, 8.4.1.3)
        assert post(agent, gzip.compress(request_of(2).SerializeToString()), Content_Encoding=name).status_code == 200
    wait_settled(agent)
    assert spans_at(server) == [1, 2] * 3


def test_wrong_type_encoding_method_path_and_size(oxpecker, fault_server):
    agent = oxpecker({**config(fault_server().url), })
    body = request_of(1).SerializeToString()
    assert post(agent, body, Content_Type="text/plain").status_code == 415
    assert post(agent, body, Content_Encoding="br").status_code == 415
    assert requests.get(agent.otlp_url + "/v1/traces", timeout=5).status_code == 405
    assert requests.post(agent.otlp_url + "/v1/nothing", data=body, timeout=5).status_code == 404
    assert post(agent, b"\x0a" * (9 << 20)).status_code == 413
    assert agent.get("/health").status_code == 200


def test_a_peer_that_leaves_half_way_costs_nothing(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url))
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", agent.otlp_port)) as peer:
            peer.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                         b"Content-Length: 100000\r\n\r\n" + b"\x0a" * 500)
    assert post(agent, request_of(1).SerializeToString()).status_code == 200
    wait_settled(agent)
    assert spans_at(server) == [1]


def test_chunked_bodies_are_taken(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url))
    body = request_of(5000).SerializeToString()
    pieces = (body[at:at + 10000] for at in range(0, len(body), 10000))
    assert post(agent, pieces).status_code == 200
    wait_settled(agent)
    assert len(spans_at(server)) == 5000


RETRIED = {"429": fault.status(429, retry_after=1), "502": fault.status(502), "503": fault.status(503),
           "504": fault.status(504), "garbage": fault.garbage(), "closed": fault.close_at_once(),
           "reset": fault.reset(), "mid-answer": fault.close_mid_answer()}


@pytest.mark.parametrize("kind", RETRIED)
def test_tried_again_by_the_specification(oxpecker, fault_server, kind):
    server = fault_server()
    server.plan(RETRIED[kind], then=fault.ok())
    agent = oxpecker(config(server.url))
    post(agent, request_of(5).SerializeToString())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 5
    assert spans_at(server) == [1, 2, 3, 4, 5] * 2


@pytest.mark.parametrize("code", [400, 404, 408, 500, 501])
def test_never_tried_again_by_the_specification(oxpecker, fault_server, code):
    server = fault_server()
    server.plan(fault.status(code), then=fault.ok())
    agent = oxpecker(config(server.url))
    post(agent, request_of(5).SerializeToString())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 0
    assert agent.booked("rejected", signal="traces") + agent.booked("parked", signal="traces") == 5
    assert len(server.taken("/v1/traces")) == 1


HTML = b"<html><body>Log in to use this network</body></html>"
NO_RECEIVER = {"a portal": fault.ok(HTML, "text/html"), "an empty page": fault.ok(b"", "text/html"),
               "a large page": fault.ok(HTML * 100000, "text/html"), "JSON": fault.ok(b'{"error":"log in"}',
               "application/json"), "text": fault.ok(b"accepted", "text/plain", code=202),
               "a page that says it is OTLP": fault.ok(HTML), "moved": fault.ok(HTML, "text/html", code=302,
               Location="http://portal.example/"), "moved for good": fault.ok(b"", "text/html", code=308),
               "401": fault.ok(b"", "text/plain", code=401, WWW_Authenticate="Basic"), "403": fault.status(403),
               "407": fault.status(407), "511": fault.ok(HTML, "text/html", code=511)}


@pytest.mark.parametrize("kind", NO_RECEIVER)
def test_what_is_no_receiver_of_otlp_delivers_nothing_and_refuses_nothing(oxpecker, fault_server, kind):
    server = fault_server()
    server.plan(NO_RECEIVER[kind])
    agent = oxpecker(config(server.url, retry_first="50ms", retry_last="50ms"))
    post(agent, request_of(5).SerializeToString())
    settled = lambda: sum(agent.booked(term, signal="traces") for term in ("delivered", "parked"))  # noqa: E731
    agent.wait_until(lambda: len(server.taken("/v1/traces")) > 2 or settled())
    assert agent.booked("held", signal="traces") == 5
    error = next(row["error"] for row in agent.status()["destinations"] if row["name"].startswith("traces."))
    assert "is the endpoint right?" in error or error.startswith("HTTP "), error
    server.plan(fault.ok())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 5 and set(spans_at(server)) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("answer", [fault.ok(), fault.ok(b"{}", "application/json"),
                                    fault.ok(b"", "application/json"),
                                    fault.ok(b'{"partialSuccess":{}}', "application/json; charset=utf-8"),
                                    fault.ok(b"", None, code=204), fault.ok(b"", None)])
def test_answers_of_receivers_of_otlp_are_deliveries(oxpecker, fault_server, answer):
    server = fault_server()
    server.plan(answer)
    agent = oxpecker(config(server.url))
    post(agent, request_of(5).SerializeToString())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 5 and len(server.taken("/v1/traces")) == 1


def test_partial_success_is_counted_not_tried_again(oxpecker, fault_server):
    server, answer = fault_server(), ExportTraceServiceResponse()
    answer.partial_success.rejected_spans, answer.partial_success.error_message = 2, "two are too old"
    server.plan(fault.ok(answer.SerializeToString()), then=fault.ok())
    agent = oxpecker(config(server.url))
    post(agent, request_of(5).SerializeToString())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 3 and agent.booked("rejected", signal="traces") == 2
    assert len(server.taken("/v1/traces")) == 1
    assert any("too old" in row["error"] for row in agent.status()["destinations"])


@pytest.mark.parametrize("place", ["message", "type"])
def test_what_a_receiver_quotes_of_who_we_are_is_not_shown(oxpecker, fault_server, place):
    server, secret = fault_server(), "s3cret-Words-1234"

    def quoting(handler, request):
        said, answer = request.headers["Authorization"] + " " + secret, ExportTraceServiceResponse()
        answer.partial_success.rejected_spans, answer.partial_success.error_message = 2, "who is " + said
        if place == "message":
            return handler.answer(200, answer.SerializeToString(), "application/x-protobuf", {})
        return handler.answer(200, b"", "text/who-is-" + said, {})

    server.plan(quoting)
    agent = oxpecker(config(server.url.replace("//", f"//app:{secret}@")))
    post(agent, request_of(5).SerializeToString())
    agent.wait_until(lambda: any("who" in row["error"] for row in agent.status()["destinations"]), 20, "told")
    server.plan(fault.ok())
    wait_settled(agent)
    told = json.dumps(agent.status()) + agent.err() + agent.get("/health/delivery").text
    sent = server.taken("/v1/traces")[0].headers["Authorization"].split()[1]
    assert "***" in told and secret[:8] not in told and sent[:8] not in told


def test_too_large_is_tried_in_halves(oxpecker, fault_server):
    server = fault_server()

    def at_most_ten(handler, request):
        message = ExportTraceServiceRequest.FromString(request.body)
        count = sum(len(s.spans) for r in message.resource_spans for s in r.scope_spans)
        handler.answer(200 if count <= 10 else 413, b"", "application/x-protobuf", {})

    server.plan(at_most_ten)
    agent = oxpecker(config(server.url))
    for first in range(1, 81, 10):
        post(agent, request_of(10, first=first).SerializeToString())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 80


def test_full_is_answered_503_and_nothing_is_lost(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    agent = oxpecker({**config(server.url), "memory": "4MiB"})
    taken, body = 0, os.urandom(0)
    for number in range(4000):
        body = request_of(100, first=1 + 100 * number).SerializeToString()
        answer = post(agent, body)
        if answer.status_code != 200:
            break
        taken += 100
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
    server.listen()
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == taken
    assert sorted(set(spans_at(server))) == list(range(1, taken + 1))


def test_sigterm_with_the_backend_down_keeps_the_spans(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    agent = oxpecker({**config(server.url), "exit": {"within": "2s"}})
    post(agent, request_of(50).SerializeToString())
    assert agent.stop() == 0
    server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 50)
    assert sorted(spans_at(server)) == list(range(1, 51))
    agent.assert_balanced()


def test_the_door_stays_open_while_the_app_still_sends(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url))
    session = requests.Session()
    headers = {"Content-Type": PROTOBUF["Content-Type"]}
    send = lambda first: session.post(agent.otlp_url + "/v1/traces",  # noqa: E731
                                      data=request_of(1, first=first).SerializeToString(), headers=headers, timeout=5)
    assert send(1).status_code == 200
    agent.process.signal(15)
    wait_until(lambda: "ending" in agent.err(), 10, "the agent to say that it ends")
    assert send(2).status_code == 200
    session.close()
    wait_until(lambda: not agent.process.alive(), 20, "the agent to end by itself")
    assert sorted(spans_at(server)) == [1, 2]
