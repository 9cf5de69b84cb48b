"""A thousand clients at once, at every door for spans, in a container of 32 MiB: some slow, some that vanish in the
middle of a body. What each of the others was answered for is in Jaeger."""

import contextlib
import json
import socket
import struct

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from lib import need
from lib.backends import unique
from lib.wait import free_port, wait_until
from test_otlp_json import as_otlp
from test_traces import request_of

LIMIT = 32 << 20
CLIENTS, CALLS, DATAGRAMS = 1000, 400, 200
EACH = 5  # spans of a request
SLOW, VANISHING, PIECES = 7, 5, 10  # one in so many; pieces that a slow one's body comes in


def number_of(span):
    return int.from_bytes(span.span_id, "big")


def micros(span):
    return span.start_time_unix_nano // 1000


def as_zipkin(message, service):
    return [{"traceId": span.trace_id.hex(), "id": span.span_id.hex(), "name": span.name, "timestamp": micros(span),
             "localEndpoint": {"serviceName": service}} for span in message.resource_spans[0].scope_spans[0].spans]


def text(value):
    return struct.pack(">i", len(value)) + value.encode()


def as_thrift(message, service):
    """A Batch in the binary protocol."""
    spans = [b"".join(b"\x0a" + struct.pack(">hq", field, value) for field, value in
                      ((1, number_of(span) + 1), (2, 0), (3, number_of(span)), (4, 0)))
             + b"\x0b\0\5" + text(span.name) + b"\x08\0\7" + bytes(4)
             + b"\x0a" + struct.pack(">hq", 8, micros(span)) + b"\x0a" + struct.pack(">hq", 9, 1) + b"\0"
             for span in message.resource_spans[0].scope_spans[0].spans]
    return b"\x0c\0\1\x0b\0\1" + text(service) + b"\0" + b"\x0f\0\2\x0c" + struct.pack(">i", len(spans)) \
        + b"".join(spans) + b"\0"


def varint(value):
    return bytes([value & 0x7f | 0x80]) + varint(value >> 7) if value > 0x7f else bytes([value])


def as_compact(message, service):
    """A Batch in the compact protocol, of fewer than 15 spans."""
    def string(value):
        return varint(len(value)) + value.encode()

    spans = [b"".join(b"\x16" + varint(value << 1) for value in (number_of(span) + 1, 0, number_of(span), 0))
             + b"\x18" + string(span.name) + b"\x25\0\x16" + varint(micros(span) << 1) + b"\x16\2\0"
             for span in message.resource_spans[0].scope_spans[0].spans]
    return b"\x1c\x18" + string(service) + b"\0\x19" + bytes([len(spans) << 4 | 12]) + b"".join(spans) + b"\0"


def datagram(batch, is_compact):
    """A call of emitBatch()."""
    if is_compact:
        return b"\x82\x81\0\x09emitBatch\x1c" + batch + b"\0"
    return b"\x80\x01\0\4" + text("emitBatch") + bytes(4) + b"\x0c\0\1" + batch + b"\0"


# Of each door over HTTP: path, type, and what a request is there.
DOORS = {"protobuf": ("/v1/traces", "application/x-protobuf", lambda m, service: m.SerializeToString()),
         "json": ("/v1/traces", "application/json", lambda m, service: json.dumps(as_otlp(m)).encode()),
         "jaeger": ("/api/traces", "application/x-thrift", as_thrift),
         "zipkin": ("/api/v2/spans", "application/json", lambda m, service: json.dumps(as_zipkin(m, service)).encode())}


class Client:
    """One connection over HTTP, with one request."""

    def __init__(self, number, port, door, service):
        path, kind, made = DOORS[door]
        self.door, self.first = door, 1 + number * EACH
        body = made(request_of(EACH, service, self.first), service)
        self.port, self.socket, self.left = port, None, b""
        self.data = (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nConnection: close\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def come(self):
        """With half of it."""
        self.socket, self.left = socket.create_connection(("127.0.0.1", self.port), 300), self.data
        self.send(len(self.data) // 2)

    def send(self, size):
        """One that was refused hears of it."""
        with contextlib.suppress(OSError):
            self.socket.sendall(self.left[:size])
        self.left = self.left[size:]

    def is_taken(self):
        """The answer, to its end."""
        answer = b""
        with self.socket, contextlib.suppress(OSError):
            while more := self.socket.recv(4096):
                answer += more
        assert not answer or answer[9:12] in (b"200", b"202", b"408", b"429", b"503"), answer
        return answer[9:11] == b"20"

    def vanish(self):
        self.socket.close()


def all_at_once(clients):
    """Every one is in the middle of its body before the first has sent all of it. Returns those who are to be asked
    again."""
    for client in clients:
        client.come()
    for client in clients[::VANISHING]:
        client.vanish()
    stay = [client for number, client in enumerate(clients) if number % VANISHING]
    for _ in range(PIECES):
        for client in stay[::SLOW]:
            client.send(len(client.data) // 2 // PIECES)
    for client in stay:
        client.send(len(client.data))
    return stay


def until_taken(clients):
    """How many had to come again."""
    refused = [client for client in clients if not client.is_taken()]
    for client in refused:
        client.come()
        client.send(len(client.data))
    return len(refused) + (until_taken(refused) if refused else 0)


def call(channels, service):
    """Over gRPC: all calls at once, those without room once more. The numbers that were taken."""
    left, stubs = list(range(CALLS)), [TraceServiceStub(channel) for channel in channels]
    while left:
        calls = {n: stubs[n % len(stubs)].Export.future(request_of(EACH, service, 1 + n * EACH), timeout=300)
                 for n in left}
        left = [n for n, future in calls.items() if future.exception()]
        assert all(calls[n].code() == grpc.StatusCode.UNAVAILABLE for n in left)
    return set(range(1, 1 + CALLS * EACH))


def stored(jaeger, service):
    return {int(span["spanID"], 16) for trace in jaeger.traces(service, 100_000) for span in trace["spans"]}


@pytest.mark.parametrize("room", [{}, {"connections": CLIENTS}], ids=["a few are served at a time", "all are served"])
def test_a_thousand_clients_at_every_door_fit_in_32_mib(oxpecker, container, jaeger, closing, room):
    need.descriptors(CLIENTS + 1000)
    small, service, local = container(LIMIT), {door: unique(door) for door in (*DOORS, "grpc", "compact", "binary")}, \
        "127.0.0.1:{}".format
    port = {door: free_port() for door in ("protobuf", "grpc", "jaeger", "compact", "binary", "zipkin")}
    agent = oxpecker({"receive": {
        "otlp": {"http": local(port["protobuf"]), "grpc": local(port["grpc"]), **room},
        "jaeger": {"http": local(port["jaeger"]), "compact": local(port["compact"]), "binary": local(port["binary"]),
                   **room},
        "zipkin": {"http": local(port["zipkin"]), **room}},
        "traces": {"export": {"otlp": {"endpoint": jaeger.otlp_http}}}})
    pid, names = agent.pid, list(DOORS)
    clients = [Client(number, port.get(names[number % 4], port["protobuf"]), names[number % 4],
                      service[names[number % 4]]) for number in range(CLIENTS)]
    stay = all_at_once(clients)
    channels = [closing.keep(grpc.insecure_channel(local(port["grpc"]))) for _ in range(4)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(DATAGRAMS):
            for door, made in (("compact", as_compact), ("binary", as_thrift)):
                message = request_of(EACH, service[door], 1 + number * EACH)
                sender.sendto(datagram(made(message, service[door]), door == "compact"), ("127.0.0.1", port[door]))
    answered = {"grpc": call(channels, service["grpc"]), **{door: set() for door in DOORS}}
    again = until_taken(stay)
    assert not again if room else again
    for client in stay:
        answered[client.door].update(range(client.first, client.first + EACH))
    agent.wait_until(lambda: agent.booked("held") == 0, 300, "all is delivered")
    for door, numbers in answered.items():
        wait_until(lambda: len(stored(jaeger, service[door])) >= len(numbers), 300, f"the spans of {door}")
        assert stored(jaeger, service[door]) == numbers, door
    for door in ("compact", "binary"):
        assert 0 < len(stored(jaeger, service[door])) <= DATAGRAMS * EACH
    assert small.kills == 0 and agent.pid == pid
    agent.assert_balanced()
    assert agent.booked("rejected") == 0 and agent.booked("dropped") == agent.booked("dropped", source="receive.jaeger")
    agent.expected_exit = {0, 1}  # datagrams may have been lost
