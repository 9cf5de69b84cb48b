"""Steps of spans: what happens to them between a real SDK and Jaeger, and that what is redacted leaves by no door."""

import requests

from lib import fault
from lib.agent import HURRIED
from lib.wait import wait_until
from test_steps import bytes_under
from test_traces import PROTOBUF, request_of

SECRET, MAIL, CARD = "hunter2-hunter2", "bob@example.com", 4111111111111111
REDACT = {"redact": {"keys": ["password", "authorization"], "detect": ["card", "email"]}}


def secret_request(first):
    """Two spans with secrets wherever a span has text."""
    message = request_of(2, first=first)
    resource = message.resource_spans[0]
    scope = resource.scope_spans[0].scope.attributes.add()
    host = resource.resource.attributes.add()
    host.key, host.value.string_value = "db.password", SECRET
    scope.key, scope.value.string_value = "mail", MAIL
    for span in resource.scope_spans[0].spans:
        span.name = f"login password={SECRET}"
        span.status.code, span.status.message = 2, f"{MAIL} is not known"
        header, number, deep = (span.attributes.add() for _ in range(3))
        header.key, header.value.string_value = "http.request.header.Authorization", f"Token {SECRET}"
        number.key, number.value.int_value = "pan", CARD
        deep.key = "body"
        inner = deep.value.kvlist_value.values.add()
        inner.key, inner.value.array_value.values.add().string_value = "to", MAIL
        event = span.events.add(name=f"password={SECRET}").attributes.add()
        event.key, event.value.bytes_value = "raw", f"to {MAIL}".encode()
        link = span.links.add(trace_id=b"\1" * 16, span_id=b"\2" * 8).attributes.add()
        link.key, link.value.string_value = "password", SECRET
    return message.SerializeToString()


def has_secret(data):
    return any(secret in data for secret in (SECRET.encode(), MAIL.encode(), str(CARD).encode(),
                                             b"\x18\x80\x80\xc4\xc3\xff\xe6\xdf\x07"))


def test_redacted_bytes_of_spans_leave_by_no_door(oxpecker, fault_server):
    """Delivered, in the spool, refused and parked: what is redacted is nowhere."""
    server = fault_server()
    server.plan(fault.status(503))
    settings = {"receive": {"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], "ack": "disk"}}, "exit": HURRIED,
                "traces": {"batch": {"age": "50ms"}, "steps": [REDACT],
                           "export": {"otlp": {"endpoint": server.url, "gzip": False}}}}
    agent = oxpecker(settings)
    assert has_secret(secret_request(1))
    for first in (1, 3):
        assert requests.post(agent.otlp_url + "/v1/traces", data=secret_request(first), headers=PROTOBUF,
                             timeout=60).ok
    wait_until(lambda: server.taken("/v1/traces"), 60, "a try")
    assert agent.stop() == 0
    spooled = bytes_under(agent.folder)
    assert b"***" in spooled and not has_secret(spooled)
    server.plan(fault.status(400))
    agent.start()
    agent.wait_until(lambda: agent.booked("parked", signal="traces") == 4, 60, "all parked")
    agent.assert_balanced()
    parked = bytes_under(agent.folder)
    assert b"***" in parked and not has_secret(parked)
    assert not any(has_secret(request.body) for request in server.taken("/v1/traces"))


def test_steps_of_spans_between_a_real_sdk_and_jaeger(oxpecker, jaeger, host_python):
    """Renamed, added, dropped: Jaeger has the spans that stay as they should be, and the ledger has all of them."""
    steps = [{"drop": {"where": {"kind": "!server"}}}, {"rename": {"fields": {"http.method": "http.request.method"}}},
             {"add": {"fields": {"resource.team": "payments", "checked": "yes"}}}, {"sample": {"ratio": 1}}]
    agent = oxpecker({"traces": {"batch": {"age": "100ms"}, "steps": steps,
                                 "export": {"otlp": {"endpoint": jaeger.otlp_http}}}})
    host = host_python(otlp=agent.otlp_url, name="e2e-span-steps")
    for _ in range(5):
        host.get("/products/1")
    wait_until(lambda: len(jaeger.spans("e2e-span-steps")) >= 5, 60, "five spans in Jaeger")
    assert host.stop() == 0
    agent.wait_until(lambda: not agent.booked("held", signal="traces"), 60, "all settled")
    agent.assert_balanced()
    count = agent.booked("delivered", signal="traces")
    spans = wait_until(lambda: len(s := jaeger.spans("e2e-span-steps")) == count and s, 60, "what Jaeger has taken")
    assert agent.booked("dropped", signal="traces") > 0
    assert all(span["attributes"]["checked"] == "yes" and span["attributes"]["span.kind"] == "server" for span in spans)
    assert all(span["resource"]["team"] == "payments" for span in spans)
    assert not any("http.method" in span["attributes"] for span in spans)
