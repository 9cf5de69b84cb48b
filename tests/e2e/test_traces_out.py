"""Where spans go: the real Jaeger over gRPC, and what a server may say there."""

import hashlib
import json
import socket
import threading
from concurrent import futures

import grpc
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (ExportTraceServiceRequest,
                                                                      ExportTraceServiceResponse)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (TraceServiceServicer,
                                                                           add_TraceServiceServicer_to_server)

from lib import authority, fault as http_fault, grpc_fault as fault
from lib.agent import HURRIED, run
from lib.wait import free_port, wait_until
from test_otlp_json import as_otlp
from test_traces import PROTOBUF, assert_spans, post, request_of, wait_settled

GRPC = {"protocol": "grpc", "timeout": "60s"}


def config(endpoint, **more):
    return {"traces": {"batch": {"age": "100ms"}, "export": {"otlp": {"endpoint": endpoint, **more}}}}


def trace_id(service):
    return hashlib.md5(service.encode()).digest()


def spans_of(message):
    return message.resource_spans[0].scope_spans[0].spans


def rich_request(service, first=1):
    """Everything that a span can have, in three spans of one trace."""
    message = request_of(3, service, first)
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
                         timeout=60).ok
    for service in (through, straight):
        wait_until(lambda: len(jaeger.spans(service)) == 3, 60, f"the spans of {service}")
    assert as_stored(jaeger, through) == as_stored(jaeger, straight)
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 3


def each_once(rows):
    return [row for place, row in enumerate(rows) if row not in rows[:place]]


def with_two_scopes(message):
    """The last span gets a scope of its own, and both have a schema."""
    resource = message.resource_spans[0]
    other = resource.scope_spans.add()
    other.scope.name, other.schema_url, resource.schema_url = "other", "scope/1", "resource/1"
    other.spans.add().CopyFrom(spans_of(message)[2])
    del spans_of(message)[2]
    return message


def of_another(message, service):
    """The same spans as those of another app, in a trace of its own."""
    other = ExportTraceServiceRequest.FromString(message.SerializeToString())
    other.resource_spans[0].resource.attributes[0].value.string_value = service
    for scope in other.resource_spans[0].scope_spans:
        for span in scope.spans:
            span.trace_id = trace_id(service)
    return other


@pytest.mark.parametrize("way", [{"protocol": "grpc"}, {"gzip": False}], ids=["grpc", "http"])
def test_what_jaeger_has_of_requests_that_became_one_is_what_was_sent(oxpecker, jaeger, way):
    through, straight = (f"{name}-{next(iter(way))}" for name in ("together", "apart"))
    agent = oxpecker({"traces": {"batch": {"age": "1s"}, "export": {"otlp": {
        "endpoint": f"http://{jaeger.otlp_grpc}" if "protocol" in way else jaeger.otlp_http, **way}}}})
    for first in range(1, 16, 3):
        message = with_two_scopes(rich_request(through, first))
        assert post(agent, message.SerializeToString()).status_code == 200
        assert requests.post(jaeger.otlp_http + "/v1/traces", data=of_another(message, straight).SerializeToString(),
                             headers=PROTOBUF, timeout=60).ok
    for service in (through, straight):
        wait_until(lambda: len({span["spanID"] for span in jaeger.spans(service)}) == 15, 60, f"the spans of {service}")
    wait_settled(agent)
    # where Jaeger takes more than a second to answer, it may get a span twice
    assert each_once(as_stored(jaeger, through)) == each_once(as_stored(jaeger, straight))
    assert agent.booked("delivered", signal="traces") == 15


def test_what_a_call_of_grpc_looks_like(oxpecker, grpc_fault_server):
    server = grpc_fault_server()
    agent = oxpecker(config(server.url, **GRPC))
    assert post(agent, request_of(3).SerializeToString()).status_code == 200
    wait_settled(agent)
    request = server.taken()[0]
    assert len(server.taken()) == 1 or agent.scouts()
    assert request.path == "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    expected = {":method": "POST", ":scheme": "http", ":authority": f"127.0.0.1:{server.port}", "te": "trailers",
                "content-type": "application/grpc", "grpc-encoding": "gzip", "grpc-timeout": "60000m"}
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
    assert agent.booked("parked", signal="traces") == 1
    assert len(server.taken()) == 3 or agent.scouts()
    assert "gRPC INVALID_ARGUMENT: no!" in json.dumps(agent.status())


def test_a_large_batch_goes_in_messages_that_servers_take(oxpecker, jaeger):
    """Jaeger takes 4 MiB at most. The door gets more within one batch."""
    agent = oxpecker({"memory": "64MiB", "traces": {"batch": {"age": "2s", "bytes": "16MiB", "records": 100000},
                                                    "export": {"otlp": {"endpoint": f"http://{jaeger.otlp_grpc}",
                                                                        "gzip": False, **GRPC}}}})
    for number in range(8):
        message = request_of(1000, service="large-messages", first=910001 + number * 1000)
        for span in spans_of(message):
            span.trace_state = "x=" + "y" * 700
        assert post(agent, message.SerializeToString()).status_code == 200
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 8000, 60, "all of it")
    wait_settled(agent)
    assert agent.booked("parked", signal="traces") == 0
    assert agent.status()["destinations"][0]["retries"] == 0 or agent.scouts()


class Receiver(TraceServiceServicer):
    """A server of grpcio, which as most of them takes messages of up to 4 MiB."""

    def __init__(self):
        self.messages = []
        self.server = grpc.server(futures.ThreadPoolExecutor(2))
        add_TraceServiceServicer_to_server(self, self.server)
        self.url = f"http://127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def Export(self, request, context):
        self.messages.append(request)
        return ExportTraceServiceResponse()

    def spans(self):
        """The number of each span, with its resource and its scope."""
        return [(int.from_bytes(span.span_id, "big"), resource.resource.attributes[0].value.string_value,
                 scope.scope.name) for message in self.messages for resource in message.resource_spans
                for scope in resource.scope_spans for span in scope.spans]

    def close(self):
        self.server.stop(0).wait()


@pytest.fixture
def receiver(closing):
    made = Receiver()
    closing.keep(made)
    return made


def large_request(spans, size, resources=1):
    """Spans from 1 on, of about that many bytes, of as many apps."""
    message = ExportTraceServiceRequest()
    for number in range(resources):
        message.MergeFrom(request_of(spans // resources, f"app {number}", 1 + number * (spans // resources)))
        message.resource_spans[-1].scope_spans[0].scope.name = f"scope {number}"
    for resource in message.resource_spans:
        for span in resource.scope_spans[0].spans:
            span.trace_state = "x=" + "y" * size
    return message


def large_agent(oxpecker, url, **more):
    return oxpecker({"memory": "128MiB", "traces": {"batch": {"age": "100ms"}, "export": {"otlp": {
        "endpoint": url, "gzip": False, **GRPC}}}, **more})


@pytest.mark.parametrize("apps", [1, 10])
def test_one_large_request_goes_in_messages_that_servers_take(oxpecker, receiver, apps):
    agent = large_agent(oxpecker, receiver.url)
    body = large_request(20000, 360, apps).SerializeToString()
    assert len(body) > 8 << 20 and post(agent, body).status_code == 200
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 20000, 60, "all of it")
    found = receiver.spans()
    assert set(found) == {(number, f"app {(number - 1) * apps // 20000}", f"scope {(number - 1) * apps // 20000}")
                          for number in range(1, 20001)}
    assert len(found) == 20000 or agent.sent_again()  # each once, where nothing was slow
    assert all(message.ByteSize() <= 7 << 19 for message in receiver.messages)
    agent.assert_balanced()


def as_sent(message, form):
    """The body and its type. A span that is mended or refused comes first."""
    if form == "zipkin":
        return json.dumps([{"traceId": "0" * 32, "id": "1" * 16, "name": "bad"}] + [
            {"traceId": span.trace_id.hex(), "id": span.span_id.hex(), "name": span.trace_state,
             "localEndpoint": {"serviceName": "app 0"}} for span in spans_of(message)]), "application/json"
    if form == "json":
        return json.dumps(as_otlp(message)), "application/json"
    body = message.SerializeToString()
    return body.replace(b"span 1", b"sp\xffn 1", 1) if form == "mended" else body, "application/x-protobuf"


@pytest.mark.parametrize("form", ["protobuf", "mended", "json", "zipkin"])
def test_a_span_that_no_message_holds_costs_itself_alone(oxpecker, receiver, form):
    """All forms of a request end in the same messages. The server refuses the span, which is too large to be parked."""
    port = free_port()
    agent = large_agent(oxpecker, receiver.url, receive={"otlp": {"http": "127.0.0.1:${OTLP_PORT}"},
                                                         "zipkin": f"127.0.0.1:{port}"})
    agent.expected_exit = {1}
    message = large_request(9, 1 << 20)
    spans_of(message)[4].trace_state = "x=" + "y" * (5 << 20)
    body, kind = as_sent(message, form)
    url = f"http://127.0.0.1:{port}/api/v2/spans" if form == "zipkin" else agent.otlp_url + "/v1/traces"
    assert requests.post(url, data=body, headers={"Content-Type": kind}, timeout=60).status_code in (200, 202)
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 8, 60, "all but one")
    agent.wait_until(lambda: agent.booked("rejected", signal="traces") == 1 + (form == "zipkin"), 60, "the other one")
    assert {(number, service) for number, service, _ in receiver.spans()} == {
        (number, "app 0") for number in (1, 2, 3, 4, 6, 7, 8, 9)}
    agent.assert_balanced()


def test_a_large_request_without_room_for_its_parts_goes_whole(oxpecker, fault_server):
    """Over HTTP nothing keeps it from arriving."""
    server = fault_server()
    agent = oxpecker({"memory": "8MiB", "receive": {"otlp": {"http": "127.0.0.1:${OTLP_PORT}", "body_max": "6MiB"}},
                      "traces": {"batch": {"age": "100ms"}, "export": {"otlp": {"endpoint": server.url}}}})
    assert post(agent, large_request(5, 1 << 20).SerializeToString()).status_code == 200
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 5, 60, "all of it")
    assert_spans(agent, server, [1, 2, 3, 4, 5])
    assert len(server.taken("/v1/traces")) == 1 or agent.scouts()


class TlsFront:
    """Takes TLS off before a port of this machine: a real server then has a certificate of the test."""

    def __init__(self, context, to):
        context.set_alpn_protocols(["h2"])
        self.context, self.to, self.listening = context, to, socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listening.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(connection,), daemon=True).start()

    def carry(self, connection):
        try:
            near = self.context.wrap_socket(connection, server_side=True)
        except OSError:  # a handshake that was not to be
            return connection.close()
        far = socket.create_connection(self.to)
        with near, far:
            near.settimeout(0.01), far.settimeout(0.01)
            while all(self.pass_on(*pair) for pair in ((near, far), (far, near))):
                pass

    @staticmethod
    def pass_on(source, target):
        try:
            data = source.recv(65536)
        except TimeoutError:
            return True
        except OSError:
            return False
        target.settimeout(20)
        target.sendall(data)
        target.settimeout(0.01)
        return data != b""

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


def test_jaeger_over_grpc_and_tls_takes_only_a_client_with_a_certificate(oxpecker, jaeger, closing, tmp_path):
    ca = authority.Authority(tmp_path)
    host, port = jaeger.otlp_grpc.split(":")
    front = closing.keep(TlsFront(ca.server(clients=True), (host, int(port))))
    cert, key = ca.signed("client", authority.CLIENT)
    known = {"endpoint": f"https://{front.address}", "ca": ca.cert, "cert": cert, "key": key, **GRPC}
    stranger = {"endpoint": f"https://{front.address}", "ca": ca.cert, **GRPC}
    agent = oxpecker({"exit": HURRIED,
                      "traces": {"batch": {"age": "50ms"},
                                 "export": {"known": {"type": "otlp", **known},
                                            "stranger": {"type": "otlp", **stranger}}}})
    for number in range(10):  # one connection after another, or the same again
        assert post(agent, request_of(5, "over-tls", first=900001 + 5 * number).SerializeToString()).status_code == 200
    wait_until(lambda: len(jaeger.spans("over-tls")) == 50, 60, "the spans")
    agent.wait_until(lambda: agent.booked("delivered", destination="traces.export.known") == 50, 60, "all of it")
    assert agent.booked("delivered", destination="traces.export.stranger") == 0
    agent.expected_exit = {0, 1}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_token_that_is_refused_is_read_again(oxpecker, fault_server, grpc_fault_server, tmp_path, protocol):
    secret, token = tmp_path / "tenant", tmp_path / "token"
    secret.write_text("old-tenant\n"), token.write_text("old-token\n")
    server = grpc_fault_server() if protocol == "grpc" else fault_server()

    def sent(request, name):
        return {key.lower(): value for key, value in request.headers.items()}[name]

    def ask_who(*peer_and_request):
        request = peer_and_request[1]
        known = sent(request, "authorization") == "Bearer new-token" and sent(request, "x-tenant") == "new-tenant"
        refusal = fault.failing(16, "old-token?") if protocol == "grpc" else http_fault.status(401, body=b"old-token?")
        (fault.good() if protocol == "grpc" and known else http_fault.good() if known else refusal)(*peer_and_request)

    server.plan(ask_who)
    agent = oxpecker(config(server.url, protocol=protocol, bearer=f"${{file:{token}}}", retry_first="10ms",
                            headers={"X-Tenant": f"${{file:{secret}}}"}))
    assert post(agent, request_of(2).SerializeToString()).status_code == 200
    server.wait_requests(2)
    assert agent.booked("parked", signal="traces") == 0
    secret.write_text("new-tenant\n"), token.write_text("new-token\n")
    wait_settled(agent)
    assert agent.booked("delivered", signal="traces") == 2
    assert "old-token" not in agent.err() and "***?" in agent.err()


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_receiver_that_fails_is_left_out(oxpecker, fault_server, grpc_fault_server, protocol):
    make = grpc_fault_server if protocol == "grpc" else fault_server
    servers = [make(), make()]
    servers[0].refuse()
    servers[1].plan(fault.good() if protocol == "grpc" else http_fault.good())
    agent = oxpecker(config([server.url for server in servers], protocol=protocol))
    for number in range(4):
        assert post(agent, request_of(5, first=1 + 5 * number).SerializeToString()).status_code == 200
        agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 5 * (number + 1), 60, "it goes on")
    hosts = agent.status()["destinations"][1]["hosts"]
    assert [host["url"] for host in hosts][0].startswith(servers[0].url) and hosts[0]["failures"] > 0
    assert hosts[1]["failures"] == 0 and agent.metric("oxpecker_failovers_total") >= 1
    wait_settled(agent)


def test_an_exporter_without_an_endpoint_obeys_the_variables(oxpecker, fault_server, tmp_path):
    server, prefix = fault_server(), "OTEL_EXPORTER_OTLP_"
    env = {prefix + "ENDPOINT": "http://127.0.0.1:9", prefix + "TRACES_ENDPOINT": server.url + "/custom/in",
           prefix + "HEADERS": "x-tenant=a%20b", prefix + "COMPRESSION": "none"}
    agent = oxpecker({"traces": {"batch": {"age": "50ms"}, "export": {"otlp": {}}}}, env=env)
    assert post(agent, request_of(2).SerializeToString()).status_code == 200
    wait_settled(agent)
    request = server.taken()[0]
    assert request.path == "/custom/in" and request.headers["x-tenant"] == "a b"
    assert "Content-Encoding" not in request.headers
    wrong = run("check", agent.config_path, env={**agent.env, prefix + "TIMEOUT": "soon"})
    assert wrong.returncode == 1 and "OTEL_EXPORTER_OTLP_TIMEOUT:1:1" in wrong.stdout + wrong.stderr
    own = run("check", agent.config_path, env={**agent.env, prefix + "TRACES_ENDPOINT": agent.otlp_url})
    assert own.returncode == 1 and "is our own door" in own.stdout + own.stderr
