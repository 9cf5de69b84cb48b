#!/usr/bin/env python3
"""Spans of every kind, sent by the OpenTelemetry SDK over gRPC with its defaults; COUNT traces of three, default 1.

Only ids differ from one run to the next. The second at which they begin is START_SECOND.
"""

import os
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

START = int(os.environ["START_SECOND"]) * 10 ** 9 + 123_456_789


def make(tracer, number):
    start = START + number * 1_000_000_007
    root = tracer.start_span("GET /cart", kind=SpanKind.SERVER, start_time=start, attributes={
        "text": "ä \U0001f600", "int": -2 ** 62, "float": 0.1, "bool": True, "texts": ["a", ""], "ints": [1, 2],
        "floats": [1.5, -0.0], "bools": [True, False], "number": number})
    context = trace.set_span_in_context(root)
    child = tracer.start_span("SELECT", context, SpanKind.CLIENT, {"db.system": "postgresql"}, start_time=start + 1)
    child.add_event("retry", {"attempt": 2}, start + 2)
    child.set_status(Status(StatusCode.ERROR, "deadlock"))
    sent = tracer.start_span("send", context, SpanKind.PRODUCER, start_time=start + 3, links=[
        Link(child.get_span_context(), {"why": "same cart"})])
    sent.set_status(StatusCode.OK)
    for span, end in ((sent, start + 10), (child, start + 4000), (root, start + 5000)):
        span.end(end)


def main():
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("shop", "1.2.3")
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        make(tracer, number)
    fine = provider.force_flush(30_000)
    provider.shutdown()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
