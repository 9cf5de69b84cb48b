#!/usr/bin/env python3
"""Logs through `logging` and the OpenTelemetry SDK as its documentation sets it up, in and outside of spans.

Prints one JSON object for each record: what its document has to say in the names of ECS.
"""

import json
import logging
import time

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber, get_logger_provider, set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

ATTRIBUTES = {"text": "grün \"x\"\n\u0001", "yes": True, "int": -2**53, "half": 0.5, "texts": ["a", "b"],
              "ints": [1, 2], "in": {"deep": {"deeper": [True, None]}}, "octets": b"\x00\xff"}
WRITTEN = {**ATTRIBUTES, "octets": "AP8="}


def main():
    trace.set_tracer_provider(TracerProvider())
    set_logger_provider(LoggerProvider())
    get_logger_provider().add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    logging.getLogger().addHandler(LoggingHandler())
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.INFO)  # it logs each request that the exporter makes
    expected = []
    logger = logging.getLogger("shop.orders")
    for number, level in enumerate(("debug", "info", "warning", "error", "critical")):
        logger.log(getattr(logging, level.upper()), "%s %d", level, number, extra={"order.id": number})
        expected.append({"message": f"{level} {number}", "log.logger": "shop.orders", "order.id": number,
                         "event.severity": (5, 9, 13, 17, 21)[number]})
    with trace.get_tracer("shop").start_as_current_span("pay") as span:
        logger.info("in a span")
        context = span.get_span_context()
        expected.append({"message": "in a span", "trace.id": format(context.trace_id, "032x"),
                         "span.id": format(context.span_id, "016x"), "trace.flags": int(context.trace_flags)})
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("failed")
        expected.append({"message": "failed", "error.type": "ValueError", "error.message": "broken"})
    own, now = get_logger_provider().get_logger("own", "2.1", attributes={"part": "scope"}), time.time_ns()
    for number in range(2000):
        own.emit(LogRecord(timestamp=now + number, severity_number=SeverityNumber.INFO3, severity_text="NOTICE",
                           body=f"record {number}", event_name="made", attributes=ATTRIBUTES))
        expected.append({"message": f"record {number}", "time": now + number, "event.severity": 11,
                         "log.level": "NOTICE", "event.action": "made", "log.logger": "own",
                         "otel.scope.version": "2.1", "otel.scope.part": "scope", **WRITTEN})
    own.emit(LogRecord(timestamp=now, body={"order": {"id": 7, "items": ["a"]}}, attributes={"structured": True}))
    expected.append({"body": {"order": {"id": 7, "items": ["a"]}}, "structured": True, "time": now})
    get_logger_provider().shutdown()
    for record in expected:
        print(json.dumps(record))


main()
