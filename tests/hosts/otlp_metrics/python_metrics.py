#!/usr/bin/env python3
"""Each instrument of the OpenTelemetry SDK once, with its defaults, over OTLP/HTTP. What it measures is in
test_otlp_metrics.py. Temporality is what OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE says."""

from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader


def main():
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    provider = MeterProvider(metric_readers=[reader])
    metrics.set_meter_provider(provider)
    meter = metrics.get_meter("shop.orders", "1.2")
    orders = meter.create_counter("shop.orders", unit="{order}", description="Orders taken.")
    size = meter.create_up_down_counter("queue.size")
    took = meter.create_histogram("http.server.request.duration", unit="s",
                                  explicit_bucket_boundaries_advisory=[0.1, 1])
    meter.create_observable_gauge("cpu.utilization", [lambda _: [Observation(0.25, {"cpu": 0})]], unit="1")
    meter.create_observable_counter("disk.io", [lambda _: [Observation(4096, {"direction": "read"})]], unit="By")
    for _ in range(2):  # exports
        for number in range(3):
            orders.add(2, {"payment.method": "card", "first": number == 0})
            size.add(-1)
            took.record(0.05 * 10 ** number, {"http.route": "/cart"})
        provider.force_flush()
    provider.shutdown()


main()
