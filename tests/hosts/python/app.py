#!/usr/bin/env python3
"""A small shop API that needs only python3: the demo's host app where node is missing, and a host for the tests.

  METRICS_SOCKET  Unix socket that serves /metrics          LOG_FILE  JSON log, one object a line
  PORT            of the API, 0 or unset for a free one     OTEL_EXPORTER_OTLP_ENDPOINT  where its spans go, over HTTP
  WORK_MS         how long a request takes in the middle; unset: no longer than it has to
  --traffic N/s   makes its own requests, for the demo

Prints {"ready":true,"port":N} once everything listens; ends cleanly at SIGTERM.
"""

import argparse
import http.client
import http.server
import json
import os
import queue
import random
import signal
import socketserver
import sys
import threading
import time
import uuid

import metrics
import otlp

SERVICE = os.environ.get("OTEL_SERVICE_NAME", "shop")
WORK_SECONDS = float(os.environ.get("WORK_MS") or 0) / 1000
PRODUCTS = [{"id": 1, "name": "Field guide", "price": 24.5}, {"id": 2, "name": "Binoculars", "price": 189}]

REQUESTS = metrics.Counter("http_requests_total", "HTTP requests served")
DURATION = metrics.Histogram("http_request_duration_seconds", "Time to serve an HTTP request")


class JsonLog:
    """One JSON object a line, each written in one go; without a path, on stderr."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8") if path else sys.stderr
        self.lock = threading.Lock()

    def write(self, level, message, **members):
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".%03dZ" % (now * 1000 % 1000)
        line = json.dumps({"level": level, "message": message, "timestamp": stamp, "service": SERVICE, **members})
        with self.lock:
            self.file.write(line + "\n")
            self.file.flush()


class Tracer:
    """Sends ended spans in the background; what cannot be sent is dropped, as an SDK does."""

    def __init__(self, endpoint):
        self.endpoint, self.spans = endpoint, queue.Queue(2048)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def take(self, spans):
        if not self.endpoint:
            return
        try:
            self.spans.put_nowait(spans)
        except queue.Full:
            pass

    def run(self):
        while (spans := self.spans.get()) is not None:
            otlp.post(self.endpoint, SERVICE, spans)

    def close(self):
        self.spans.put(None)
        self.thread.join(10)


def find(path):
    """The answer to a GET: status, route, body."""
    if path == "/products":
        return 200, path, PRODUCTS
    if path == "/fail":
        return 500, path, {"error": "internal"}
    if path.startswith("/products/"):
        found = [p for p in PRODUCTS if str(p["id"]) == path[len("/products/"):]]
        return (200, "/products/:id", found[0]) if found else (404, "/products/:id", {"error": "no such product"})
    return 404, "unknown", {"error": "not found"}


def work():
    """Takes as long as a database would: seldom much longer than in the middle."""
    if WORK_SECONDS:
        threading.Event().wait(WORK_SECONDS * random.lognormvariate(0, 0.6))


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.serve(lambda: find(self.path))

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.serve(lambda: (201, "/orders", {"id": str(uuid.uuid4())}))

    def serve(self, handler):
        started = time.monotonic()
        span = otlp.Span(self.command, kind=otlp.KIND_SERVER)
        child = otlp.Span("handler", parent=span)
        work()
        status, route, answer = handler()
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.observe(status, route, time.monotonic() - started, [child.end(), span.end()])

    def observe(self, status, route, seconds, spans):
        labels = {"method": self.command, "route": route, "status": status}
        REQUESTS.inc(**labels)
        DURATION.observe(seconds, **labels)
        spans[1].name = f"{self.command} {route}"
        spans[1].failed = status >= 500
        spans[1].attributes = {"http.request.method": self.command, "http.route": route,
                               "http.response.status_code": status}
        self.server.tracer.take(spans)
        self.server.log.write("error" if status >= 500 else "info", f"{self.command} {route}",
                              userId=self.headers.get("x-user-id", "anonymous"),
                              email=self.headers.get("x-user-email", "anonymous@example.com"),
                              ipAddress=self.client_address[0], userAgent=self.headers.get("user-agent", ""),
                              status=status, requestId=str(uuid.uuid4()), traceId=spans[1].trace_id.hex())

    def log_message(self, *args):
        pass


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = metrics.page(REQUESTS, DURATION).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def serve_in_background(server):
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    return server


def serve_metrics(path):
    if os.path.exists(path):
        os.unlink(path)
    return serve_in_background(UnixServer(path, Page))


VISITS = ["/products", "/products/1", "/products/2", "/products/99", "/products", "/fail"]


def visit(port, n):
    headers = {"x-user-id": f"u-{1001 + n % 3}", "x-user-email": ["ada", "lin", "sam"][n % 3] + "@example.com",
               "user-agent": "okhttp/4.12.0"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        if n % 4 == 3:
            connection.request("POST", "/orders", '{"product":2}', headers)
        else:
            connection.request("GET", VISITS[n % len(VISITS)], headers=headers)
        connection.getresponse().read()
    except OSError:
        pass
    finally:
        connection.close()


def traffic(port, rate, ended):
    n = 0
    while not ended.wait(1 / rate):
        visit(port, n)
        n += 1


def main():
    parser = argparse.ArgumentParser(description="A small shop API beside which the agent runs.")
    parser.add_argument("--traffic", metavar="N/s", default="0", help="requests a second to make by itself")
    rate = float(parser.parse_args().traffic.split("/")[0])

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    shop = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Shop)
    shop.log, shop.tracer = JsonLog(os.environ.get("LOG_FILE")), Tracer(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    servers = [serve_in_background(shop)]
    if os.environ.get("METRICS_SOCKET"):
        servers.append(serve_metrics(os.environ["METRICS_SOCKET"]))
    if rate > 0:
        threading.Thread(target=traffic, args=(shop.server_port, rate, ended), daemon=True).start()
    print(json.dumps({"ready": True, "port": shop.server_port}), flush=True)
    ended.wait()
    for server in servers:
        server.shutdown()
    shop.tracer.close()


if __name__ == "__main__":
    main()
