"""A server that misbehaves on demand, over TCP or a Unix socket.

    server = FaultServer()
    server.plan(status(503, retry_after=1), garbage(), then=ok())

Each request takes the next behaviour of the plan, the last one stays. Without a plan it is a good backend: 200, and to
a `_bulk` an answer with one item a document. Everything that came is in `requests`, bodies unpacked, with the answer
that it got; what was acknowledged is told by lib/shipped.py.
"""

import gzip
import http.server
import json
import os
import socket
import socketserver
import threading
import time

from .wait import free_port, wait_until

RESET_AT_ONCE = b"\1\0\0\0\0\0\0\0"  # struct linger { 1, 0 }


class Request:
    def __init__(self, handler, raw):
        self.method, self.path, self.headers = handler.command, handler.path, dict(handler.headers.items())
        self.raw, self.at, self.answered = raw, time.monotonic(), None
        packed = handler.headers.get("Content-Encoding") == "gzip"
        self.body = gzip.decompress(raw) if packed else raw

    def documents(self):
        """Of a bulk: [(action, document)]."""
        lines = [json.loads(line) for line in self.body.split(b"\n") if line]
        return list(zip(lines[::2], lines[1::2]))

    def acknowledged(self):
        """Of a bulk: the pairs whose item was answered 2xx, or 409, as it was there; none of an answer that is none."""
        pairs, (code, body) = self.documents(), self.answered or (0, b"")
        try:
            items = json.loads(body)["items"] if code == 200 else []
        except (ValueError, KeyError, TypeError):
            return []
        if len(items) != len(pairs):
            return []
        return [pair for pair, item in zip(pairs, items) if is_kept(next(iter(item.values()))["status"])]


def is_kept(status):
    return 200 <= status < 300 or status == 409


def ok(body=b"", content_type="application/x-protobuf", code=200, **headers):
    """An ordinary answer."""
    def behave(handler, request):
        handler.answer(code, body, content_type, headers)

    return behave


def good():
    """What a backend in order answers: bulk items to a bulk, a word to a template, else an empty 200."""
    return partial_bulk(every=0)


def status(code, retry_after=None, body=b"refused"):
    headers = {} if retry_after is None else {"Retry_After": retry_after}
    return ok(body, "text/plain", code, **headers)


def partial_bulk(every, code=429, kind="es_rejected_execution_exception", first=0):
    """Refuses each `every`-th document of a bulk, from number `first` on, with this item status; 0 refuses none."""
    def behave(handler, request):
        if "_index_template" in request.path:
            return handler.answer(200, b'{"acknowledged":true}', "application/json", {})
        if "_bulk" not in request.path:
            return handler.answer(200, b"", "application/x-protobuf", {})
        items, refused = [], False
        for number, (action, _) in enumerate(request.documents()):
            bad = every and number % every == first % every
            error = {"status": code, "error": {"type": kind, "reason": "refused by the test"}}
            items.append({next(iter(action)): error if bad else {"status": 201}})
            refused = refused or bad
        answer = {"took": 1, "errors": bool(refused), "items": items}
        return handler.answer(200, json.dumps(answer).encode(), "application/json", {})

    return behave


def garbage(data=b"\x00\xff this is no HTTP \r\n\r\n"):
    """Bytes that are no HTTP answer, then the end of the connection."""
    def behave(handler, request):
        handler.wfile.write(data)
        handler.close_connection = True

    return behave


def close_at_once():
    """Takes the request and closes without a byte."""
    return garbage(b"")


def reset():
    """Takes the request and answers with RST."""
    def behave(handler, request):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
        handler.connection.close()
        handler.close_connection = True

    return behave


def close_mid_answer(promised=1000, sent=b'{"took":1,"err'):
    """A head that promises more than comes."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % promised
    return garbage(head + sent)


def hang():
    """Takes the request and says nothing until the server closes."""
    def behave(handler, request):
        handler.server.owner.ended.wait()
        handler.close_connection = True

    return behave


def stall(sent=b"some_metric 1\n", content_type="text/plain; version=0.0.4"):
    """A head and a first piece, then nothing more until the server closes."""
    def behave(handler, request):
        handler.send_response(200)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(sent) + 1000))
        handler.end_headers()
        handler.wfile.write(sent)
        handler.server.owner.ended.wait()
        handler.close_connection = True

    return behave


def endless(piece=b"some_metric{n=\"1\"} 1\n" * 1000, content_type="text/plain; version=0.0.4"):
    """An answer that goes on until the peer has had enough."""
    def behave(handler, request):
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n" % content_type.encode())
        while not handler.server.owner.ended.is_set():
            handler.wfile.write(piece)

    return behave


def slow(seconds, then=None):
    """Waits before it answers."""
    def behave(handler, request):
        handler.server.owner.ended.wait(seconds)
        (then or good())(handler, request)

    return behave


def poisoned(marker, behaviour):
    """A backend in order, but for requests in which these bytes are."""
    def behave(handler, request):
        (behaviour if marker in request.body else good())(handler, request)

    return behave


def coded(behaviour, coding="gzip", pack=gzip.compress):
    """The same answer in a content coding that nobody has asked for."""
    def behave(handler, request):
        handler.coding, handler.pack = coding, pack
        try:
            behaviour(handler, request)
        finally:
            handler.coding = None

    return behave


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, coding = "HTTP/1.1", None

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def serve(self):
        owner = self.server.owner
        self.taken = Request(self, self.body())
        behave = owner.next_behaviour(self.taken)
        try:
            behave(self, self.taken)
        except OSError:  # the peer had enough
            self.close_connection = True
            self.taken.answered = None

    do_GET = do_POST = do_PUT = do_HEAD = serve

    def answer(self, code, body, content_type, headers):
        self.taken.answered = (code, body)  # before the peer can have read it
        self.send_response(code)
        if content_type:
            self.send_header("Content-Type", content_type)
        if self.coding:
            self.send_header("Content-Encoding", self.coding)
            body = self.pack(body)
        if code != 204:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "peer"

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def process_request(self, request, client_address):
        self.owner.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        pass  # peers that leave are part of the game


class TlsServer(Server):
    """Shakes hands in the connection's own thread, so that a peer that does not is nobody else's trouble."""

    def get_request(self):
        connection, address = super().get_request()
        return self.owner.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address


class UnixServer(Server):
    address_family = socket.AF_UNIX


def hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it had ended before


class FaultServer:
    """`tls`: an ssl.SSLContext, and then `url` begins with https."""

    def __init__(self, unix=None, tls=None):
        self.unix, self.tls, self.port = unix, tls, None if unix else free_port()
        self.lock, self.ended, self.listening = threading.Lock(), threading.Event(), None
        self.requests, self.behaviours, self.connections = [], [good()], []
        self.listen()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def plan(self, *behaviours, then=None):
        """The next requests in turn; after them `then`, or the last of them again and again."""
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

    def refuse(self):
        """Stops listening: connections are refused, what is open hangs up. listen() ends it."""
        self.ended.set()
        if self.listening:
            self.listening.shutdown()
            for connection in self.connections:
                hang_up(connection)
            self.connections = []
            self.listening.server_close()
            self.listening = None
        if self.unix and os.path.exists(self.unix):
            os.unlink(self.unix)

    def listen(self):
        self.ended.clear()
        address = self.unix or ("127.0.0.1", self.port)
        self.listening = (UnixServer if self.unix else TlsServer if self.tls else Server)(address, Handler)
        self.listening.owner = self
        threading.Thread(target=self.listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    close = refuse
