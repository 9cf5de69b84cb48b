"""A gRPC server that misbehaves on demand: HTTP/2 by hand, with the plans of lib/fault.py.

    server = GrpcFaultServer()
    server.plan(failing(14, "try later", retry_after=2), reset(), then=good())

A behaviour gets the connection and the request; without a plan each is answered OK. `tls`: an ssl.SSLContext that
offers h2. What came is in `requests`: path, headers, and the message, unpacked.
"""

import base64
import gzip
import socket
import struct
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from .fault import RESET_AT_ONCE, hang_up
from .wait import free_port, wait_until

TYPE = ("content-type", "application/grpc")


class Request:
    def __init__(self, stream, headers, raw):
        self.stream, self.headers, self.raw = stream, dict(headers), raw
        self.path = self.headers[":path"]
        packed, size = struct.unpack(">BI", raw[:5])
        assert size == len(raw) - 5, "the frame's size is that of the message"
        assert packed == (self.headers.get("grpc-encoding") == "gzip")
        self.body = gzip.decompress(raw[5:]) if packed else raw[5:]


def framed(message, packed=False):
    body = gzip.compress(message) if packed else message
    return struct.pack(">BI", packed, len(body)) + body


def good(message=b"", packed=False):
    """A status of OK behind a message."""
    def behave(peer, request):
        coding = [("grpc-encoding", "gzip")] if packed else []
        peer.h2.send_headers(request.stream, [(":status", "200"), TYPE, *coding])
        peer.h2.send_data(request.stream, framed(message, packed))
        peer.h2.send_headers(request.stream, [("grpc-status", "0")], end_stream=True)

    return behave


def partial(rejected, message):
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans, answer.partial_success.error_message = rejected, message
    return good(answer.SerializeToString())


def retry_info(seconds):
    """A google.rpc.Status with nothing but RetryInfo in its details."""
    def field(number, data):
        return bytes([number << 3 | 2, len(data)]) + data

    delay = field(1, bytes([8, seconds]))
    return field(3, field(1, b"type.googleapis.com/google.rpc.RetryInfo") + field(2, delay))


def failing(status, message="", retry_after=None, only_trailers=True):
    def behave(peer, request):
        trailers = [("grpc-status", str(status)), ("grpc-message", message)]
        if retry_after is not None:
            trailers += [("grpc-status-details-bin", base64.b64encode(retry_info(retry_after)).decode().rstrip("="))]
        head = [(":status", "200"), TYPE]
        if not only_trailers:
            peer.h2.send_headers(request.stream, head)
        peer.h2.send_headers(request.stream, trailers if not only_trailers else head + trailers, end_stream=True)

    return behave


def http(status, content_type="text/html", body=b"<p>not gRPC"):
    """An answer of something that is not gRPC."""
    def behave(peer, request):
        peer.h2.send_headers(request.stream, [(":status", str(status)), ("content-type", content_type)])
        peer.h2.send_data(request.stream, body, end_stream=True)

    return behave


def reset_stream(code=h2.errors.ErrorCodes.INTERNAL_ERROR):
    def behave(peer, request):
        peer.h2.reset_stream(request.stream, code)

    return behave


def cut_short():
    """A head and a part of the message, then the end of the connection."""
    def behave(peer, request):
        peer.h2.send_headers(request.stream, [(":status", "200"), TYPE])
        peer.h2.send_data(request.stream, b"\0\0\0")
        peer.ends = True

    return behave


def goes_away():
    """GOAWAY that says nothing was taken."""
    def behave(peer, request):
        peer.h2.close_connection(last_stream_id=0)
        peer.ends = True

    return behave


def close_at_once():
    def behave(peer, request):
        peer.ends = True

    return behave


def reset():
    def behave(peer, request):
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
        peer.ends = True

    return behave


def garbage(data=b"HTTP/1.1 400 Bad Request\r\n\r\n"):
    def behave(peer, request):
        peer.socket.sendall(data)
        peer.ends = True

    return behave


def hang():
    def behave(peer, request):
        peer.owner.ended.wait()
        peer.ends = True

    return behave


def slow(seconds):
    def behave(peer, request):
        peer.owner.ended.wait(seconds)
        good()(peer, request)

    return behave


def poisoned(marker, behaviour):
    def behave(peer, request):
        (behaviour if marker in request.body else good())(peer, request)

    return behave


class Peer:
    """One connection, on a thread of its own."""

    def __init__(self, owner, connection):
        self.owner, self.socket, self.ends = owner, connection, False
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.heads, self.bodies = {}, {}

    def run(self):
        try:
            if self.owner.tls:
                self.socket = self.owner.tls.wrap_socket(self.socket, server_side=True)
            self.h2.initiate_connection()
            self.socket.sendall(self.h2.data_to_send())
            while not self.ends and (data := self.socket.recv(65536)):
                for event in self.h2.receive_data(data):
                    self.take(event)
                self.socket.sendall(self.h2.data_to_send())
        except (OSError, h2.exceptions.ProtocolError):
            pass  # the peer had enough
        self.socket.close()

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.heads[event.stream_id], self.bodies[event.stream_id] = event.headers, bytearray()
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            request = Request(event.stream_id, self.heads.pop(event.stream_id), bytes(self.bodies.pop(event.stream_id)))
            self.owner.next_behaviour(request)(self, request)


class GrpcFaultServer:
    def __init__(self, tls=None):
        self.tls, self.port = tls, free_port()
        self.lock, self.ended, self.listening = threading.Lock(), threading.Event(), None
        self.requests, self.behaviours, self.connections = [], [good()], []
        self.accepted = 0
        self.listen()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def plan(self, *behaviours, then=None):
        with self.lock:
            self.behaviours = [*behaviours, *([then] if then else [])]

    def next_behaviour(self, request):
        with self.lock:
            self.requests.append(request)
            return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]

    def taken(self, path=None):
        with self.lock:
            return [request for request in self.requests if path is None or path in request.path]

    def wait_requests(self, count, path=None, deadline=60):
        return wait_until(lambda: len(self.taken(path)) >= count and self.taken(path), deadline, f"{count} requests")

    def serve(self, listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.accepted += 1
            self.connections.append(connection)
            threading.Thread(target=Peer(self, connection).run, daemon=True).start()

    def listen(self):
        self.ended.clear()
        self.listening = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self.serve, args=(self.listening,), daemon=True).start()

    def refuse(self):
        self.ended.set()
        if self.listening:
            hang_up(self.listening)
            self.listening.close()
            for connection in self.connections:
                hang_up(connection)
            self.connections, self.listening = [], None

    close = refuse
