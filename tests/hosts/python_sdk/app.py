#!/usr/bin/env python3
"""A small worker as a Python developer writes it: prometheus_client, the OpenTelemetry SDK, JSON logging.

  METRICS_SOCKET  Unix socket that serves /metrics          LOG_FILE  JSON log, one object a line
  PORT            of the API, 0 or unset for a free one     OTEL_EXPORTER_OTLP_ENDPOINT  where its spans go, over HTTP
  --traffic N/s   makes its own requests

Prints {"ready":true,"port":N} once everything listens; ends cleanly at SIGTERM.
"""

import argparse
import json
import logging
import os
import signal
import socketserver
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import prometheus_client
from prometheus_client import Counter, Gauge, Histogram, Info, Summary
from prometheus_client.exposition import choose_encoder
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

SERVICE = os.environ.get("OTEL_SERVICE_NAME", "worker")
LABELS = ["method", "route", "status"]
REQUESTS = Counter("http_requests_total", "HTTP requests served", LABELS)
DURATION = Histogram("http_request_duration_seconds", "Time to serve an HTTP request", LABELS,
                     buckets=(0.1, 0.5, 1, 2, 5))
SIZES = Summary("http_response_size_bytes", "Bytes of an answer")
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests being served")
Info("worker_build", "What is running").info({"version": "1.0.0"})


class JsonFormatter(logging.Formatter):
    def format(self, record):
        now = time.gmtime(record.created)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", now) + ".%03dZ" % record.msecs
        members = {"level": record.levelname.lower(), "message": record.getMessage(), "timestamp": stamp,
                   "service": SERVICE}
        members.update(getattr(record, "members", {}))
        if record.exc_info:
            members["stack"] = self.formatException(record.exc_info)
        return json.dumps(members)


def make_log(path):
    handler = logging.FileHandler(path) if path else logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    log = logging.getLogger(SERVICE)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return log


def make_tracer():
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=200))
    trace.set_tracer_provider(provider)
    return provider


class Worker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        started = time.monotonic()
        tracer = trace.get_tracer("worker")
        served = tracer.start_as_current_span("GET " + self.path, kind=SpanKind.SERVER)
        with IN_FLIGHT.track_inprogress(), served as span:
            with tracer.start_as_current_span("query"):
                status = {"/": 200, "/fail": 500}.get(self.path, 404)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(StatusCode.ERROR, "internal")
            self.answer(status)
        self.observe(status, time.monotonic() - started)

    def answer(self, status):
        body = json.dumps({"status": status}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        SIZES.observe(len(body))

    def observe(self, status, seconds):
        route = self.path if status != 404 else "unknown"
        REQUESTS.labels("GET", route, status).inc()
        DURATION.labels("GET", route, status).observe(seconds)
        self.server.log.log(logging.ERROR if status >= 500 else logging.INFO, "GET %s", route, extra={"members": {
            "userId": self.headers.get("x-user-id", "anonymous"), "ipAddress": self.client_address[0],
            "userAgent": self.headers.get("user-agent", ""), "status": status}})

    def log_message(self, *args):
        pass


class Page(BaseHTTPRequestHandler):
    """What prometheus_client serves, on a Unix socket: OpenMetrics to those who ask for it."""

    def do_GET(self):
        encoder, content_type = choose_encoder(self.headers.get("Accept", ""))
        body = encoder(prometheus_client.REGISTRY)
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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


def traffic(port, rate, ended):
    n = 0
    while not ended.wait(1 / rate):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/{'fail' if n % 7 == 6 else ''}", timeout=5).read()
        except OSError:
            pass
        n += 1


def main():
    parser = argparse.ArgumentParser(description="A small Python worker beside which the agent runs.")
    parser.add_argument("--traffic", metavar="N/s", default="0", help="requests a second to make by itself")
    rate = float(parser.parse_args().traffic.split("/")[0])

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    provider = make_tracer()
    api = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Worker)
    api.log = make_log(os.environ.get("LOG_FILE"))
    servers = [serve_in_background(api)]
    if os.environ.get("METRICS_SOCKET"):
        servers.append(serve_metrics(os.environ["METRICS_SOCKET"]))
    if rate > 0:
        threading.Thread(target=traffic, args=(api.server_port, rate, ended), daemon=True).start()
    print(json.dumps({"ready": True, "port": api.server_port}), flush=True)
    ended.wait()
    for server in servers:
        server.shutdown()
    provider.shutdown()


if __name__ == "__main__":
    main()
