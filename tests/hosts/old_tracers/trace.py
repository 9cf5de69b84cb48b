"""Sends the same spans to two places with each exporter of Python that speaks Jaeger's Thrift or Zipkin's JSON.

TARGETS: [{"http": "http://127.0.0.1:14268/api/traces", "compact": 6831, "zipkin": "http://…/api/v2/spans"}, …]. Each
exporter is a service of its own, named after it.
"""

import json
import os

from opentelemetry.exporter.jaeger.thrift import JaegerExporter
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState

TARGETS = json.loads(os.environ["TARGETS"])


def send(name, exporter):
    provider = TracerProvider(resource=Resource({"service.name": name, "host.name": "h", "deployment": 2}))
    for target in TARGETS:
        provider.add_span_processor(SimpleSpanProcessor(exporter(target)))
    tracer = provider.get_tracer("shop", "0.3")
    other = SpanContext(0x1234, 0x5678, False, trace_state=TraceState([("a", "1")]))
    with tracer.start_as_current_span("GET /cart", kind=SpanKind.SERVER):
        links = [Link(other, {"why": "retry"})]
        with tracer.start_as_current_span("charge", kind=SpanKind.CLIENT, links=links) as span:
            span.set_attributes({"text": 'a "quoted" \\ ü 😀', "count": 3, "ratio": 0.5, "flag": True, "big": 2**62})
            span.add_event("declined", {"code": 51, "text": "päck"})
            span.set_status(Status(StatusCode.ERROR, "card declined"))
        with tracer.start_as_current_span("publish", kind=SpanKind.PRODUCER):
            pass
        with tracer.start_as_current_span("work"):
            pass
    provider.shutdown()


send("python-exporter-jaeger-http", lambda target: JaegerExporter(collector_endpoint=target["http"]))
send("python-exporter-jaeger-udp",
     lambda target: JaegerExporter(agent_host_name="127.0.0.1", agent_port=target["compact"]))
send("python-exporter-zipkin", lambda target: ZipkinExporter(endpoint=target["zipkin"]))
