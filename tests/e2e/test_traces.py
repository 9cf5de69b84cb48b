"""Traces: OTLP/HTTP in, OTLP/HTTP out, with the real SDKs and Jaeger, and with bodies nobody should send."""

import gzip
import json
import os
import re
import socket
import time
from collections import Counter

import pytest
import requests
from google.protobuf.internal.encoder import _VarintBytes as varint
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (ExportTraceServiceRequest,
                                                                      ExportTraceServiceResponse)

from lib import agent as agents
from lib.agent import HURRIED
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
    return requests.post(agent.otlp_url + "/v1/traces", data=body, headers={**PROTOBUF, **names}, timeout=60)


def spans_at(server):
    """Every span id a fault server was sent, in order."""
    found = []
    for request in server.taken("/v1/traces"):
        message = ExportTraceServiceRequest.FromString(request.body)
        found += [int.from_bytes(span.span_id, "big") for resource in message.resource_spans
                  for scope in resource.scope_spans for span in scope.spans]
    return found


def assert_spans(agent, server, wanted):
    """The server was sent these, and none more often unless the agent says that it sent some again."""
    found, wanted = Counter(spans_at(server)), Counter(wanted)
    more = found - wanted
    assert not wanted - found and more.keys() <= wanted.keys() and (not more or agent.sent_again()), found


def wait_settled(agent):
    agent.wait_until(lambda: agent.booked("received", signal="traces") and not agent.booked("held", signal="traces"))
    agent.assert_balanced()


def test_the_python_sdk_reaches_jaeger(oxpecker, jaeger, host_python):
    agent = oxpecker(config(jaeger.otlp_http))
    host = host_python(otlp=agent.otlp_url, name="e2e-python")
    for _ in range(5):
        host.get("/products/1")
    wait_until(lambda: len(jaeger.spans("e2e-python")) >= 10, 60, "ten spans in Jaeger")
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
        wait_until(lambda: any(span["parent"] is None for span in jaeger.spans(name)), 60, "the root span of " + name)
    through.stop(), straight.stop()
    wait_until(lambda: shape(jaeger.spans("e2e-node")) == shape(jaeger.spans("e2e-straight")), 60, "the same spans")


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
    assert_spans(agent, server, [1, 2, 3])


def test_requests_are_merged_into_batches(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker({"traces": {"batch": {"age": "10m", "records": 100}, "export": {"otlp": {
        "endpoint": server.url}}}})
    for first in range(1, 101, 10):
        message = request_of(10, first=first)
        message.resource_spans[0].scope_spans[0].scope.name = "a long name, so that it is worth it " * 3
        assert post(agent, message.SerializeToString()).status_code == 200
    wait_settled(agent)
    assert_spans(agent, server, range(1, 101))
    assert len(server.taken("/v1/traces")) < 10
    for request in server.taken("/v1/traces"):  # the resource and the scope stand there once
        resource, = ExportTraceServiceRequest.FromString(request.body).resource_spans
        assert len(resource.scope_spans) == 1
    assert server.taken("/v1/traces")[0].headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("packed", [True, False])
def test_a_large_request_goes_through_the_lane(oxpecker, fault_server, packed):
    server = fault_server()
    agent = oxpecker(config(server.url, gzip=packed))
    body = request_of(20000).SerializeToString()
    answer = post(agent, gzip.compress(body) if packed else body, **({"Content_Encoding": "gzip"} if packed else {}))
    assert answer.status_code == 200
    wait_settled(agent)
    assert_spans(agent, server, range(1, 20001))


def test_an_empty_request_is_fine(oxpecker, fault_server):
    agent = oxpecker(config(fault_server().url))
    answer = post(agent, b"")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/x-protobuf"
    assert agent.booked("received", signal="traces") == 0


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def value_in(levels, map_=False):
    """The attribute "deep": a text in an array in an array in an array … or in maps."""
    value = field(1, b"x")
    for _ in range(levels):
        value = field(6, field(1, field(1, b"k") + field(2, value))) if map_ else field(5, field(1, value))
    return field(1, b"deep") + field(2, value)


def nested(levels, map_=False, service=b"deep"):
    """By hand, as Python's protobuf reads no more than 100 messages in messages."""
    times = b"\x39" + time.time_ns().to_bytes(8, "little")
    span = field(1, os.urandom(16)) + field(2, b"\x01" * 8) + times + field(9, value_in(levels, map_))
    resource = field(1, field(1, b"service.name") + field(2, field(1, service)))
    return field(1, field(1, resource) + field(2, field(2, span)))


def with_change(change):
    message = request_of(2)
    change(message.resource_spans[0].scope_spans[0].spans[1])
    return message.SerializeToString()


BAD = {
    "cut short": request_of(3).SerializeToString()[:-7],
    "cut short behind bad UTF-8": request_of(3).SerializeToString().replace(b"span 1", b"sp\xff\xfe 1")[:-7],
    "wrong type beside a zero trace id": with_change(lambda span: setattr(span, "trace_id", bytes(16))) + b"\x08\x01",
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
    assert b"OTLP" in answer.content and b" at byte " in answer.content
    assert post(agent, request_of(2, first=3).SerializeToString()).status_code == 200
    wait_settled(agent)
    assert_spans(agent, server, [1, 2, 3, 4])
    assert agent.metric("oxpecker_refused_bad_total", component="receive.otlp") == 1


def test_what_is_refused_before_it_is_read_is_counted(oxpecker, fault_server):
    """By its length, by what comes of it in chunks, and by its head."""
    agent = oxpecker(config(fault_server().url), words=["--set", "receive.otlp.body_max=64KiB"])
    assert post(agent, bytes(100000)).status_code == 413
    assert post(agent, iter([bytes(40000), bytes(40000)])).status_code == 413
    assert post(agent, b"", Content_Encoding="gzip", Transfer_Encoding="gzip").status_code in (400, 501)
    assert agent.metric("oxpecker_refused_bad_total", component="receive.otlp") == 3
    assert agent.metric("oxpecker_refused_bad_total", component="listen") == 0


@pytest.mark.parametrize("kind", ["maps", "arrays"])
def test_values_nest_as_deep_as_sdks_let_them(oxpecker, jaeger, tmp_path, kind):
    """64 levels, into Jaeger, into a file and into the embedded store."""
    shown = str(tmp_path / "spans.jsonl")
    agent = oxpecker({"traces": {"batch": {"age": "50ms"}, "export": {
        "jaeger": {"type": "otlp", "endpoint": jaeger.otlp_http}, "file": {"path": shown}, "store": {}}}})
    service = f"deep-{kind}"
    assert post(agent, nested(64, kind == "maps", service.encode())).status_code == 200
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces", destination="traces.export.jaeger") == 1
    wait_until(lambda: jaeger.spans(service), 60, "the span in Jaeger")
    text = jaeger.spans(service)[0]["attributes"]["deep"]
    assert text == ('{"k":' * 64 + '"x"' + "}" * 64 if kind == "maps" else "[" * 64 + '"x"' + "]" * 64)
    with open(shown, encoding="utf-8") as file:
        request = json.load(file)
    assert levels_of(request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0]["value"]) == 64
    done = agents.run("show", "traces", "--json", "--config", agent.config_path)
    assert levels_of(json.loads(done.stdout)["details"]["attributes"][0]["value"]) == 64


def text_change(span):
    span.attributes.add().key = "url.path"
    span.attributes[0].value.string_value = "/cafX.html"


LATIN = with_change(text_change).replace(b"/cafX.html", b"/caf\xe9.html")  # as nginx sends it
# Two spans each: what is wrong with the second; how many arrive; what the answer says.
SPOILT = {
    "a Latin-1 path": (LATIN, 2, "not UTF-8: 1"),
    "a name that is not UTF-8":
        (request_of(2).SerializeToString().replace(b"span 2", b"sp\xff\xfe 2"), 2, "not UTF-8: 1"),
    "a resource that is not UTF-8":
        (request_of(2, "caf?").SerializeToString().replace(b"caf?", b"caf\xe9"), 2, "not UTF-8: 1"),
    "10,000 arrays": (nested(10000) + nested(1), 2, "deeper than 64 levels: 1"),
    "65 maps": (nested(65, True) + nested(64), 2, "deeper than 64 levels: 1"),
    "a zero trace id":
        (with_change(lambda span: setattr(span, "trace_id", bytes(16))), 1, 'span 2, "span 2": a trace id'),
    "a short trace id": (with_change(lambda span: setattr(span, "trace_id", b"short")), 1, "1 of 2 spans refused"),
    "no trace id": (with_change(lambda span: setattr(span, "trace_id", b"")), 1, "a trace id"),
    "a zero span id": (with_change(lambda span: setattr(span, "span_id", bytes(8))), 1, "a span id"),
    "no span id": (with_change(lambda span: setattr(span, "span_id", b"")), 1, "a span id"),
    "a short parent": (with_change(lambda span: setattr(span, "parent_span_id", b"\1\2")), 1, "a parent span id"),
    "a link with a short id":
        (with_change(lambda span: setattr(span.links.add(), "trace_id", b"\1")), 2, "links with"),
}


def test_what_is_wrong_with_a_part_costs_no_more(oxpecker, jaeger):
    """Into a real Jaeger, which answers 400 to the whole request for one id of the wrong size, and shows no span of one
    with a zero trace id."""
    agent = oxpecker(config(jaeger.otlp_http))
    arrived = refused = 0
    for kind, (body, arrive, said) in SPOILT.items():
        answer = post(agent, body)
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/x-protobuf", kind
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert partial.rejected_spans == 2 - arrive and said in partial.error_message, kind
        arrived, refused = arrived + arrive, refused + 2 - arrive
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == arrived
    assert agent.booked("rejected", signal="traces") == agent.metric("oxpecker_spans_refused_total") == refused == 6
    assert agent.metric("oxpecker_strings_mended_total") == 3
    assert agent.metric("oxpecker_values_emptied_total") == 2
    assert agent.metric("oxpecker_links_left_out_total") == 1
    assert not agent.metric("oxpecker_refused_bad_total", component="receive.otlp")
    assert agent.err().count("strings that were not UTF-8: 1") == 1, "the first is logged, and no other within a minute"


def texts_of(request):
    """Every text of a request that a peer may fill, by name: the message that has it, and its field."""
    resource = request.resource_spans[0]
    scope = resource.scope_spans[0]
    span = scope.spans[1]
    event, link = span.events.add(), span.links.add(trace_id=os.urandom(16), span_id=os.urandom(8))
    values = {"an array": span.attributes.add(key="a").value.array_value.values.add(),
              "a map": span.attributes.add(key="m").value.kvlist_value.values.add(key="k").value}
    attributes = {"resource": resource.resource, "scope": scope.scope, "span": span, "event": event, "link": link}
    for name, owner in attributes.items():
        values[f"a value of {name}"] = owner.attributes.add(key="v").value
        yield f"a key of {name}", owner.attributes.add(), "key"
    for name, value in values.items():
        yield name, value, "string_value"
    yield "a key of a map", span.attributes[1].value.kvlist_value.values.add(), "key"
    for name, owner in (("resource", resource), ("scope", scope)):
        yield f"the schema of {name}", owner, "schema_url"
    yield from (("the scope", scope.scope, "name"), ("its version", scope.scope, "version"),
                ("the span", span, "name"), ("its state", span, "trace_state"), ("the status", span.status, "message"),
                ("the event", event, "name"), ("the link's state", link, "trace_state"))


def test_text_that_is_not_utf8_is_mended_wherever_it_stands(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url))
    names = [name for name, _, _ in texts_of(request_of(2))]
    for at, name in enumerate(names):
        message = request_of(2, first=1 + 2 * at)
        _, owner, field_name = list(texts_of(message))[at]
        setattr(owner, field_name, "caf?")
        answer = post(agent, message.SerializeToString().replace(b"caf?", b"caf\xe9"))
        assert answer.status_code == 200, name
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert partial.rejected_spans == 0 and "not UTF-8: 1 " in partial.error_message, name
    wait_settled(agent)
    assert_spans(agent, server, range(1, 2 * len(names) + 1))
    mended = b"".join(request.body for request in server.requests).count("caf\ufffd".encode())
    assert len(names) == 22 and (mended == 22 or mended > 22 and agent.sent_again())
    assert agent.metric("oxpecker_strings_mended_total") == len(names)


def batch_of(spans, service, bad):
    """So many spans, each in a trace of its own, with a path; bad[number] is done to some, as (what, path)."""
    message = request_of(spans, service)
    for number, span in enumerate(message.resource_spans[0].scope_spans[0].spans, 1):
        span.trace_id = os.urandom(16)
        text_change(span)
        bad.get(number, lambda span: None)(span)
    return message.SerializeToString()


def door(**options):
    return {"receive": {"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], **options}}}


def zero_trace(span):
    span.trace_id = bytes(16)


def latin(span):
    span.attributes[0].value.string_value = "/cafY.html"


@pytest.mark.parametrize("ack, packed", [("memory", False), ("disk", True)])
def test_of_512_spans_none_is_lost_for_a_latin_path(oxpecker, jaeger, ack, packed):
    service = f"latin-{ack}-{packed}"
    agent = oxpecker({**config(jaeger.otlp_http), **door(ack=ack)})
    body = batch_of(512, service, {300: latin}).replace(b"/cafY.html", b"/caf\xe9.html")
    answer = post(agent, gzip.compress(body) if packed else body, **({"Content_Encoding": "gzip"} if packed else {}))
    assert answer.status_code == 200
    wait_settled(agent)
    wait_until(lambda: len(jaeger.spans(service)) == 512, 60, "all spans in Jaeger")
    paths = [span["attributes"]["url.path"] for span in jaeger.spans(service)]
    assert paths.count("/cafX.html") == 511 and paths.count("/caf\ufffd.html") == 1
    assert agent.booked("received", signal="traces") == agent.booked("delivered", signal="traces") == 512
    assert agent.metric("oxpecker_strings_mended_total") == 1


@pytest.mark.parametrize("ack", ["memory", "disk"])
def test_of_512_spans_one_without_a_trace_is_refused(oxpecker, jaeger, ack):
    service = f"zero-{ack}"
    agent = oxpecker({**config(jaeger.otlp_http), **door(ack=ack)})
    body = batch_of(512, service, {300: zero_trace, 511: latin}).replace(b"/cafY.html", b"/caf\xe9.html")
    answer = post(agent, body)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert answer.status_code == 200 and partial.rejected_spans == 1
    assert 'the first is span 300, "span 300": a trace id' in partial.error_message
    wait_settled(agent)
    wait_until(lambda: len(jaeger.spans(service)) == 511, 60, "the others in Jaeger")
    assert agent.booked("received", signal="traces") == 512
    assert agent.booked("rejected", signal="traces") == 1
    assert agent.booked("delivered", signal="traces") == 511
    assert agent.booked("received", "bytes", signal="traces") == len(body) + len("\ufffd".encode()) - 1
    spans = request_of(512).resource_spans[0].scope_spans[0].spans
    text_change(spans[299])
    assert agent.booked("rejected", "bytes", signal="traces") == len(field(2, spans[299].SerializeToString()))


def test_a_large_request_is_mended_in_the_lane(oxpecker, fault_server, tmp_path):
    """More than is looked at on the loop, into a file besides: what was mended is fine for every exporter."""
    server, shown = fault_server(), tmp_path / "spans.jsonl"
    agent = oxpecker({"traces": {"batch": {"age": "50ms"}, "export": {
        "otlp": {"endpoint": server.url}, "file": {"path": str(shown)}, "store": {}}}})
    spans = 8000
    body = batch_of(spans, "large", {1: latin, 4000: latin, 5000: zero_trace, spans: latin})
    assert len(body) > 512 << 10
    assert post(agent, body.replace(b"/cafY.html", b"/caf\xe9.html")).status_code == 200
    wait_settled(agent)
    assert_spans(agent, server, [number for number in range(1, spans + 1) if number != 5000])
    written = json.loads(shown.read_text(encoding="utf-8"))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    paths = [span["attributes"][0]["value"]["stringValue"] for span in written]
    assert paths.count("/caf\ufffd.html") == 3 and len(paths) == spans - 1
    done = agents.run("show", "traces", "--json", "--limit", "8000", "--config", agent.config_path)
    assert len(done.stdout.splitlines()) == spans - 1 and done.stdout.count("/caf\ufffd.html") == 3


def test_a_body_is_mended_whatever_way_it_goes(oxpecker, fault_server):
    """On the loop, handed to the lane after a look, in the lane from the beginning; each plain, in pieces, compressed,
    and with a trailer that says less than is in it, so that it is inflated again."""
    server = fault_server()
    agent = oxpecker(config(server.url))
    ways = {"plain": bytes, "in pieces": lambda body: (body[at:at + 5000] for at in range(0, len(body), 5000)),
            "gzip": gzip.compress, "two members": lambda body: gzip.compress(body[:-9]) + gzip.compress(body[-9:])}
    sizes = {200: range(16 << 10, 32 << 10), 1500: range(64 << 10, 256 << 10), 6000: range(300 << 10, 1 << 20)}
    for spans, size in sizes.items():
        body = batch_of(spans, "ways", {2: zero_trace, spans: latin}).replace(b"/cafY.html", b"/caf\xe9.html")
        assert len(body) in size
        for way, send in ways.items():
            encoding = {"Content_Encoding": "gzip"} if way in ("gzip", "two members") else {}
            answer = post(agent, send(body), **encoding)
            partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
            assert answer.status_code == 200 and partial.rejected_spans == 1, (spans, way)
            assert "not UTF-8: 1" in partial.error_message, (spans, way)
    wait_settled(agent)
    assert_spans(agent, server, [n for spans in sizes for n in range(1, spans + 1) if n != 2] * len(ways))
    assert agent.metric("oxpecker_strings_mended_total") == agent.metric("oxpecker_spans_refused_total") == 12


def test_a_request_of_bad_spans_alone_keeps_nothing(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url))
    answer = post(agent, batch_of(3, "bad", {1: zero_trace, 2: zero_trace, 3: zero_trace}))
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert answer.status_code == 200 and partial.rejected_spans == 3
    wait_settled(agent)
    assert agent.booked("received", signal="traces") == agent.booked("rejected", signal="traces") == 3
    assert not server.taken("/v1/traces")


def test_what_becomes_too_large_by_mending_is_refused(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker({**config(server.url), **door(body_max="64KiB")})
    for size, status in ((20000, 200), (30000, 413), (60000, 413)):
        attribute = field(9, field(1, b"k") + field(2, field(1, b"\xff" * size)))
        span = field(1, os.urandom(16)) + field(2, b"\1" * 8) + attribute
        answer = post(agent, field(1, field(2, field(2, span))))
        assert answer.status_code == status, answer.content
        assert status == 200 or b"more than body_max to mend" in answer.content
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 1


def test_without_room_to_mend_nothing_is_taken(oxpecker, fault_server):
    """The old body and the new one stand beside each other for a moment. Where that is more than `memory` ever allows,
    the answer is 413, and nothing is counted."""
    server = fault_server()
    agent = oxpecker({**config(server.url), **door(body_max="8MiB"), "memory": "2MiB"})
    body = batch_of(14000, "large", {300: latin, 400: zero_trace})
    answer = post(agent, body.replace(b"/cafY.html", b"/caf\xe9.html"))
    assert answer.status_code == 413 and b"send less at a time" in answer.content
    assert agent.booked("received", signal="traces") == 0
    assert post(agent, batch_of(14000, "large", {300: latin})).status_code == 200
    wait_settled(agent)
    assert agent.booked("received", signal="traces") == agent.booked("delivered", signal="traces") == 14000


def levels_of(value):
    """How deep a value of OTLP/JSON is."""
    levels = 0
    while "stringValue" not in value:
        levels += 1
        value = (value["arrayValue"]["values"][0] if "arrayValue" in value
                 else value["kvlistValue"]["values"][0]["value"])
    return levels


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
    assert_spans(agent, server, [1, 2] * 3)


def test_wrong_type_encoding_method_path_and_size(oxpecker, fault_server):
    agent = oxpecker({**config(fault_server().url), })
    body = request_of(1).SerializeToString()
    wrong_type = post(agent, body, Content_Type="text/plain")
    assert wrong_type.status_code == 415 and "Accept-Encoding" not in wrong_type.headers
    for name in ("br", "gzip, gzip", "snappy"):
        wrong_coding = post(agent, body, Content_Encoding=name)
        assert wrong_coding.status_code == 415
        assert wrong_coding.headers["Accept-Encoding"] == "gzip, deflate, zstd"
    assert requests.get(agent.otlp_url + "/v1/traces", timeout=60).status_code == 405
    assert requests.post(agent.otlp_url + "/v1/nothing", data=body, timeout=60).status_code == 404
    assert post(agent, b"\x0a" * (9 << 20)).status_code == 413
    assert agent.get("/health").status_code == 200


def test_a_request_may_have_a_quarter_of_memory(oxpecker, fault_server):
    agent = oxpecker({**config(fault_server().url), "memory": "128MiB"})
    message = request_of(1)
    attribute = message.resource_spans[0].resource.attributes.add()
    attribute.key, attribute.value.string_value = "large", "x" * (30 << 20)
    assert post(agent, message.SerializeToString()).status_code == 200
    assert post(agent, b"\x0a" * (33 << 20)).status_code == 413
    wait_settled(agent)


def test_a_peer_that_leaves_half_way_costs_nothing(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url))
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", agent.otlp_port)) as peer:
            peer.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                         b"Content-Length: 100000\r\n\r\n" + b"\x0a" * 500)
    assert post(agent, request_of(1).SerializeToString()).status_code == 200
    wait_settled(agent)
    assert_spans(agent, server, [1])


def test_chunked_bodies_are_taken(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url))
    body = request_of(5000).SerializeToString()
    pieces = (body[at:at + 10000] for at in range(0, len(body), 10000))
    assert post(agent, pieces).status_code == 200
    wait_settled(agent)
    assert_spans(agent, server, range(1, 5001))


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
    assert agent.sent_again()
    assert_spans(agent, server, [1, 2, 3, 4, 5] * 2)


@pytest.mark.parametrize("code", [400, 404, 408, 500, 501])
def test_never_tried_again_by_the_specification(oxpecker, fault_server, code):
    server = fault_server()
    server.plan(fault.status(code), then=fault.ok())
    agent = oxpecker(config(server.url))
    post(agent, request_of(5).SerializeToString())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 0
    assert agent.booked("rejected", signal="traces") + agent.booked("parked", signal="traces") == 5
    assert len(server.taken("/v1/traces")) == 1 or agent.scouts()


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


def post_apart(agent, count, marked):
    """As many requests of one span; one of them is the firewall's."""
    for number in range(count):
        body = request_of(1, first=number + 1, service="offensive" if number == marked else "fine")
        assert post(agent, body.SerializeToString()).status_code == 200


@pytest.mark.parametrize("kind", ["a portal", "moved", "401", "403"])
def test_who_lets_nobody_by_refuses_nobody(oxpecker, fault_server, kind):
    """For many more tries than one record alone has."""
    server = fault_server()
    server.plan(NO_RECEIVER[kind])
    agent = oxpecker(config(server.url, retry_first="5ms", retry_last="10ms"))
    post_apart(agent, 20, 7)
    agent.wait_until(lambda: len(server.taken("/v1/traces")) > 60, 60, "many tries")
    assert agent.booked("held", signal="traces") == 20
    server.plan(fault.ok())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 20 and set(spans_at(server)) == set(range(1, 21))


def test_whom_a_firewall_takes_offence_at_lets_others_by(oxpecker, fault_server):
    """The 403 is for all at first, and then for one."""
    server = fault_server()
    server.plan(fault.status(403))
    agent = oxpecker(config(server.url, retry_first="5ms", retry_last="10ms"))
    post_apart(agent, 20, 7)
    agent.wait_until(lambda: len(server.taken("/v1/traces")) > 60, 60, "many tries")
    assert agent.booked("held", signal="traces") == 20
    server.plan(fault.poisoned(b"offensive", fault.status(403)))
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 19, 60, "the others")
    agent.wait_until(lambda: agent.booked("parked", signal="traces") == 1, 60, "it is parked")
    agent.assert_balanced()


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
    assert agent.booked("delivered", signal="traces") == 5
    assert len(server.taken("/v1/traces")) == 1 or agent.scouts()


def test_partial_success_is_counted_not_tried_again(oxpecker, fault_server):
    server, answer = fault_server(), ExportTraceServiceResponse()
    answer.partial_success.rejected_spans, answer.partial_success.error_message = 2, "two are too old"
    server.plan(fault.ok(answer.SerializeToString()), then=fault.ok())
    agent = oxpecker(config(server.url))
    post(agent, request_of(5).SerializeToString())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 3 and agent.booked("rejected", signal="traces") == 2
    assert len(server.taken("/v1/traces")) == 1 or agent.scouts()
    assert any("too old" in row["error"] for row in agent.status()["destinations"])
    agent.expected_exit = {1}  # nobody has the two
    assert agent.stop() == 1 and "ended: 2 records lost" in agent.err()


STATUS = b"\x08\x03\x12\x10span 7: no trace\x1a\x02\x0a\x00"


def parked(agent):
    """What people are shown of it."""
    done = agents.run("parked", "ls", "--json", "--config", agent.config_path, env=agent.env)
    return [json.loads(line) for line in done.stdout.splitlines()]


SAYING = {"protobuf": fault.ok(STATUS, code=400), "packed": fault.coded(fault.ok(STATUS, code=400)),
          "JSON": fault.ok(b'{"code":3,"message":"span 7: no trace"}', "application/json", code=400),
          "no type": fault.ok(STATUS, None, code=400),
          "text": fault.ok(b"span 7:\r\n\x1b[31m no trace", "text/plain", code=400),
          "a page": fault.ok(b"<html><style>p{}</style><h1>span 7:</h1> no trace", "text/html", code=400)}


@pytest.mark.parametrize("kind", SAYING)
def test_what_a_receiver_says_is_told_wherever_people_look(oxpecker, fault_server, kind):
    server = fault_server()
    server.plan(SAYING[kind])
    agent = oxpecker(config(server.url))
    post(agent, request_of(5).SerializeToString())
    wait_settled(agent)
    assert agent.booked("parked", signal="traces") == 5
    rows = agent.status()["destinations"]
    told = {"/status": next(row["error"] for row in rows if row["name"].startswith("traces.")),
            "the log": next(line for line in agent.err().splitlines() if "refused for good" in line),
            "parked": parked(agent)[0]["reason"]}
    for place, words in told.items():
        assert re.search("HTTP 400: span 7: *(\\[31m)? no trace", words), (place, words)


@pytest.mark.parametrize("body", [b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"two are too old"}}',
                                  b'{"partial_success":{"rejected_spans":2,"error_message":"two are too old"}}'])
def test_partial_success_in_json_is_counted(oxpecker, fault_server, body):
    server = fault_server()
    server.plan(fault.coded(fault.ok(body, "application/json")), then=fault.ok())
    agent = oxpecker(config(server.url))
    post(agent, request_of(5).SerializeToString())
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 3 and agent.booked("rejected", signal="traces") == 2
    assert any("too old" in row["error"] for row in agent.status()["destinations"]) and "too old" in agent.err()
    agent.expected_exit = {1}  # nobody has the two


@pytest.mark.parametrize("place", ["message", "type", "status"])
def test_what_a_receiver_quotes_of_who_we_are_is_not_shown(oxpecker, fault_server, place):
    server, secret = fault_server(), "s3cret-Words-1234"

    def quoting(handler, request):
        said, answer = request.headers["Authorization"] + " " + secret, ExportTraceServiceResponse()
        answer.partial_success.rejected_spans, answer.partial_success.error_message = 2, "who is " + said
        if place == "message":
            return handler.answer(200, answer.SerializeToString(), "application/x-protobuf", {})
        if place == "status":
            return handler.answer(503, b"<p>who is " + said.encode(), "text/html", {})
        return handler.answer(200, b"", "text/who-is-" + said, {})

    server.plan(quoting)
    agent = oxpecker(config(server.url.replace("//", f"//app:{secret}@")))
    post(agent, request_of(5).SerializeToString())
    agent.wait_until(lambda: any("who" in row["error"] for row in agent.status()["destinations"]), 60, "told")
    server.plan(fault.ok())
    wait_settled(agent)
    told = json.dumps(agent.status()) + agent.err() + agent.get("/health/delivery").text
    sent = server.taken("/v1/traces")[0].headers["Authorization"].split()[1]
    assert "***" in told and secret[:8] not in told and sent[:8] not in told
    agent.expected_exit = {1} if place == "message" else {0}  # nobody has the two


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
    agent = oxpecker({**config(server.url), "exit": HURRIED})
    post(agent, request_of(50).SerializeToString())
    assert agent.stop() == 0
    server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 50)
    assert_spans(agent, server, range(1, 51))
    agent.assert_balanced()


def test_the_door_stays_open_while_the_app_still_sends(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url))
    session = requests.Session()
    headers = {"Content-Type": PROTOBUF["Content-Type"]}
    send = lambda first: session.post(agent.otlp_url + "/v1/traces",  # noqa: E731
                                      data=request_of(1, first=first).SerializeToString(), headers=headers, timeout=60)
    assert send(1).status_code == 200
    agent.process.signal(15)
    wait_until(lambda: "ending" in agent.err(), 60, "the agent to say that it ends")
    assert send(2).status_code == 200
    session.close()
    wait_until(lambda: not agent.process.alive(), 60, "the agent to end by itself")
    assert set(spans_at(server)) == {1, 2}
