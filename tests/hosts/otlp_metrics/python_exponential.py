#!/usr/bin/env python3
"""Histograms of the OpenTelemetry SDK with exponential buckets, over OTLP/HTTP. The values are lines of a file,
`export` among them; what is told at the end is what the SDK itself has: a line of JSON."""

import json
import math
import sys

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View


def side(buckets):
    """By index, without those that are empty."""
    return {buckets.offset + i: count for i, count in enumerate(buckets.bucket_counts) if count}


def told(reader):
    metric = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics[0]
    point, = metric.data.data_points
    return {"count": point.count, "sum": point.sum, "scale": point.scale, "zeros": point.zero_count,
            "positive": side(point.positive), "negative": side(point.negative)}


def main():
    kept = InMemoryMetricReader(preferred_temporality={Histogram: AggregationTemporality.CUMULATIVE})
    provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(), math.inf), kept], views=[
        View(instrument_name="took", aggregation=ExponentialBucketHistogramAggregation())])
    took = provider.get_meter("shop", "1.2").create_histogram("took", unit="s")
    for line in open(sys.argv[1]):
        if line.strip() == "export":
            provider.force_flush()
        else:
            took.record(float(line), {"http.route": "/cart"})
    print(json.dumps(told(kept)))
    provider.shutdown()


main()
