"""Metrics over OTLP: real SDKs over HTTP and gRPC, read back from /metrics by Prometheus' own parsers; what is refused,
and what JSON is."""

import collections
import json
import math
import os
import random
import re

import grpc
import pytest
import requests
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (ExportMetricsServiceRequest,
                                                                          ExportMetricsServiceResponse)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub

from lib import agent as agents
from lib import need, parsers
from lib.process import Process
from lib.wait import free_port, wait_until
from test_traces import PROTOBUF, request_of

HOSTS = os.path.join(need.TESTS, "hosts", "otlp_metrics")
CUMULATIVE, DELTA = 2, 1


def request_of_sum(value, name="made", temporality=CUMULATIVE, service="app"):
    message = ExportMetricsServiceRequest()
    resource = message.resource_metrics.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", service
    metric = resource.scope_metrics.add().metrics.add(name=name)
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, temporality
    metric.sum.data_points.add(as_int=value)
    return message


def measured():
    """What the programs of hosts/otlp_metrics measure, as Prometheus has it."""
    scope = {"job": "sdk", "otel_scope_name": "shop.orders", "otel_scope_version": "1.2"}
    rows = [("shop_orders_total", {"payment_method": "card", "first": "true"}, 4),
            ("shop_orders_total", {"payment_method": "card", "first": "false"}, 8),
            ("queue_size", {}, -6), ("cpu_utilization_ratio", {"cpu": "0"}, 0.25),
            ("disk_io_bytes_total", {"direction": "read"}, 4096)]
    took, route = "http_server_request_duration_seconds", {"http_route": "/cart"}
    rows += [(took + "_bucket", {**route, "le": le}, count) for le, count in ((0.1, 2), (1, 4), (math.inf, 6))]
    rows += [(took + "_sum", route, 11.1), (took + "_count", route, 6)]
    return {(name, tuple(sorted({**labels, **scope}.items()))): value for name, labels, value in rows}


def run_host(folder, argv, **env):
    host = Process("metrics", argv, folder, {"OTEL_SERVICE_NAME": "sdk", "OTEL_METRIC_EXPORT_INTERVAL": 600000, **env})
    assert host.wait(180) == 0, host.out()


def assert_measured(agent, language):
    """In text and in OpenMetrics, which are read with 1 and 1.0. An instance is random, if there is one."""
    for kind in (parsers.TEXT, parsers.OPENMETRICS):
        found = {}
        for (name, labels), value in shown(agent, kind).items():
            labels = ((key, float(text) if key == "le" else text) for key, text in labels if key != "instance")
            found[name, tuple(labels)] = round(value, 9)
        told = [dict(labels) for name, labels in found if name == "target_info"]
        assert [(one["job"], one["telemetry_sdk_language"]) for one in told] == [("sdk", language)]
        assert {key: value for key, value in found.items() if key[0] != "target_info"} == measured()


def post(url, message, path="/v1/metrics", **headers):
    body = message if isinstance(message, bytes) else message.SerializeToString()
    return requests.post(url + path, data=body, headers={**PROTOBUF, **headers}, timeout=60)


def shown(agent, kind=parsers.TEXT):
    """Samples that are not our own, by name and labels."""
    read = parsers.read(kind, agent.get("/metrics", headers={"Accept": kind}).content)
    assert not read.error
    return {key: float(value) for key, (value, _) in read.samples.items() if not key[0].startswith("oxpecker_")}


def test_what_was_answered_is_on_the_next_page(oxpecker):
    agent = oxpecker({})
    for value in range(1, 20):
        assert post(agent.otlp_url, request_of_sum(value)).content == b""
        assert shown(agent) == {("made_total", (("job", "app"),)): value}
    assert post(agent.otlp_url, request_of_sum(5, "deltas", DELTA)).status_code == 200
    assert post(agent.otlp_url, request_of_sum(6, "deltas", DELTA)).status_code == 200
    assert shown(agent)["deltas_total", (("job", "app"),)] == 11
    assert agent.metric("oxpecker_metric_points_total", component="receive.otlp") == 21


def test_an_exemplar_is_one_that_prometheus_reads(oxpecker):
    agent, message = oxpecker({}), request_of_sum(5)
    point = message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
    attributes = point.exemplars.add(as_double=1.5, time_unix_nano=10**18, trace_id=b"t" * 16).filtered_attributes
    for key, value in (("zero", "a\0b"), ("http.route", '/a"b')):  # it refuses a page for the first one
        attribute = attributes.add()
        attribute.key, attribute.value.string_value = key, value
    assert post(agent.otlp_url, message).status_code == 200
    page = agent.get("/metrics", headers={"Accept": parsers.OPENMETRICS}).content
    assert not parsers.read(parsers.OPENMETRICS, page).error
    assert b'# {trace_id="' + b"74" * 16 + b'",http_route="/a\\"b"} 1.5 1000000000.000\n' in page


def test_json_is_the_same(oxpecker):
    agent = oxpecker({})
    answer = post(agent.otlp_url, MessageToJson(request_of_sum(7), preserving_proto_field_name=False).encode(),
                  **{"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {})
    assert shown(agent) == {("made_total", (("job", "app"),)): 7}
    answer = post(agent.otlp_url, MessageToJson(request_of_sum(-7, "below")).encode(),
                  **{"Content-Type": "application/json"})
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"


def test_a_point_that_is_wrong_is_refused_alone(oxpecker):
    agent = oxpecker({})
    message = request_of_sum(3)
    message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points.add(as_int=-1)
    answer = post(agent.otlp_url, message)
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert answer.status_code == 200 and partial.rejected_data_points == 1
    assert "point 2, of the metric \"made\": a counter must be a finite number" in partial.error_message
    assert shown(agent) == {("made_total", (("job", "app"),)): 3}
    assert agent.metric("oxpecker_metric_points_refused_total", component="receive.otlp", reason="value") == 1
    [source] = [one for one in agent.status()["sources"] if one["name"] == "receive.otlp"]
    assert [(one["reason"], one["count"], one["latest"]) for one in source["metrics"]["refused"]] == [
        ("value", 1, "made")]


@pytest.mark.parametrize("body", [b"\x0a\xff", b"{}", request_of(1).SerializeToString()[:-3]])
def test_what_is_no_metrics_request_is_answered_400(oxpecker, body):
    agent = oxpecker({})
    answer = post(agent.otlp_url, body)
    assert answer.status_code == 400 and b"not an OTLP metrics request" in answer.content
    assert post(agent.otlp_url, b"").status_code == 200, "an empty request is fine"
    assert shown(agent) == {}


def test_a_large_request_is_taken_whole(oxpecker):
    """Its points are applied some at a time, and the answer waits for that."""
    agent = oxpecker({})
    message = request_of_sum(0)
    points = message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
    for number in range(1, 5000):
        attribute = points.add(as_int=number).attributes.add()
        attribute.key, attribute.value.int_value = "n", number
    assert post(agent.otlp_url, message).content == b""
    samples = shown(agent)
    assert len(samples) == 5000
    assert samples["made_total", (("job", "app"), ("n", "4711"))] == 4711


def test_metrics_over_grpc(oxpecker):
    agent = oxpecker({"receive": {"otlp": {"grpc": [f"127.0.0.1:{(port := free_port())}"]}}})
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = MetricsServiceStub(channel).Export(request_of_sum(9), timeout=60)
    assert answer == ExportMetricsServiceResponse()
    assert shown(agent) == {("made_total", (("job", "app"),)): 9}


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_the_python_sdk_is_shown(oxpecker, tmp_path, temporality):
    agent = oxpecker({})
    run_host(tmp_path, [need.built("python_sdk") + "/bin/python", os.path.join(HOSTS, "python_metrics.py")],
             OTEL_EXPORTER_OTLP_ENDPOINT=agent.otlp_url,
             OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality)
    assert_measured(agent, "python")


@pytest.mark.parametrize("protocol", ["grpc", "http/json", "http/protobuf"])
def test_the_node_sdk_is_shown(oxpecker, tmp_path, protocol):
    http, rpc = free_port(), free_port()
    agent = oxpecker({"receive": {"otlp": {"http": [f"127.0.0.1:{http}"], "grpc": [f"127.0.0.1:{rpc}"]}}})
    run_host(tmp_path, [need.program("node"), os.path.join(HOSTS, "node.js")],
             NODE_PATH=need.built("node") + "/node_modules", OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
             OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta" if protocol == "grpc" else "cumulative",
             OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{rpc if protocol == 'grpc' else http}")
    assert_measured(agent, "nodejs")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_telemetrygen_sends_is_shown(oxpecker, tmp_path, protocol):
    """The SDK of Go."""
    http, rpc = free_port(), free_port()
    agent = oxpecker({"receive": {"otlp": {"http": [f"127.0.0.1:{http}"], "grpc": [f"127.0.0.1:{rpc}"]}}})
    tool = [os.path.join(need.built("go_sdk"), "telemetrygen"), "metrics", "--otlp-insecure", "--service", "gen"]
    for kind, more in (("Sum", ["--otlp-metric-name", "sums"]), ("Histogram", ["--otlp-metric-name", "spread"])):
        argv = [*tool, *more, "--metric-type", kind, "--metrics", 3, "--rate", 0, "--otlp-endpoint",
                f"127.0.0.1:{rpc if protocol == 'grpc' else http}", *(["--otlp-http"] if protocol == "http" else [])]
        run_host(tmp_path, argv)
    names = {name for name, labels in shown(agent) if ("job", "gen") in labels}
    assert names >= {"sums_total", "spread_bucket", "spread_sum", "spread_count"}
    assert agent.metric("oxpecker_metric_points_total", component="receive.otlp") == 6


def test_a_real_prometheus_has_them(oxpecker, prometheus, tmp_path):
    """Under its own job, since it is not told to honor labels."""
    agent = oxpecker({})
    run_host(tmp_path, [need.built("python_sdk") + "/bin/python", os.path.join(HOSTS, "python_metrics.py")],
             OTEL_EXPORTER_OTLP_ENDPOINT=agent.otlp_url)
    server = prometheus([f"127.0.0.1:{agent.port}"])
    quantile = 'histogram_quantile(0.5, http_server_request_duration_seconds_bucket{exported_job="sdk"})'
    total = 'sum(shop_orders_total{exported_job="sdk", job="oxpecker"})'
    joined = 'queue_size * on (exported_job) group_left (telemetry_sdk_language) target_info'
    languages = lambda: [(labels["telemetry_sdk_language"], value)  # noqa: E731
                         for labels, value in server.query(joined)]
    # each is waited for: when Prometheus gets no page within its second, no series is there until the next one
    wait_until(lambda: abs((server.value(quantile) or 0) - 0.55) < 1e-9, 60, "the median")
    wait_until(lambda: server.value(total) == 12, 60, "the sum")
    wait_until(lambda: languages() == [("python", -6)], 60, "what is told of the target")


class Native:
    """What Prometheus writes for a native histogram, `{count:3, sum:1.5, (0.5,1]:3}`, by the indexes of its buckets."""

    def __init__(self, text):
        fields = re.findall(r"([\[(][^\])]*[\])]|count|sum):([^,}]+)", text)
        self.values = {name: float(value) for name, value in fields if name in ("count", "sum")}
        self.zeros, self.positive, self.negative, self.schema = 0, {}, {}, None
        for name, value in fields:
            if name not in self.values:
                self.take(*map(float, name[1:-1].split(",")), int(value))

    def take(self, lower, upper, count):
        if lower < 0 < upper:
            self.zeros = count
            return
        inner, outer = sorted((abs(lower), abs(upper)))
        self.schema = round(-math.log2(math.log2(outer) - math.log2(inner)))
        side = self.positive if upper > 0 else self.negative
        side[round(math.log2(inner) * 2 ** self.schema)] = count  # by its lower bound, as OTLP has it


def coarser(buckets, levels):
    found = collections.Counter()
    for index, count in buckets.items():
        found[int(index) >> levels] += count
    return found


def assert_same_histogram(native, told):
    """Each may be coarser than the other, if there were more buckets at a time; none is coarser than that needs."""
    common = min(native.schema, told["scale"])
    assert native.schema >= min(told["scale"], 8)
    assert native.values == {"count": told["count"], "sum": pytest.approx(told["sum"])}
    assert native.zeros == told["zeros"]
    for side in ("positive", "negative"):
        assert coarser(getattr(native, side), native.schema - common) == coarser(told[side], told["scale"] - common)


SPREADS = {"narrow": lambda random: random.gauss(1, 0.01), "wide": lambda random: random.lognormvariate(-3, 3),
           "latencies": lambda random: random.lognormvariate(-3, 0.6), "one": lambda random: 0.25,
           "zeros": lambda random: random.choice([0, 0, 1e-9, 5e8])}


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
@pytest.mark.parametrize("spread", SPREADS)
def test_exponential_histograms_of_the_python_sdk_are_native(oxpecker, tmp_path, temporality, spread):
    agent, random_ = oxpecker({}), random.Random(spread)
    lines = [line for _ in range(4) for line in [*(repr(SPREADS[spread](random_)) for _ in range(300)), "export"]]
    (tmp_path / "values").write_text("\n".join(map(str, lines)))
    host = Process("metrics", [need.built("python_sdk") + "/bin/python", os.path.join(HOSTS, "python_exponential.py"),
                               tmp_path / "values"], tmp_path,
                   {"OTEL_SERVICE_NAME": "sdk", "OTEL_EXPORTER_OTLP_ENDPOINT": agent.otlp_url,
                    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality})
    assert host.wait(180) == 0, host.out() + host.err()
    told = json.loads(host.out())
    page = parsers.read(parsers.PROTOBUF, agent.get("/metrics", headers={"Accept": parsers.PROTOBUF}).content)
    assert not page.error
    (key, (value, _)), = ((key, one) for key, one in page.samples.items() if key[0] == "took_seconds")
    assert ("http_route", "/cart") in key[1] and page.created[key] > 1.7e12
    assert_same_histogram(Native(value), told)
    text = {name: value for (name, _), value in shown(agent).items() if name.startswith("took")}
    assert text == {"took_seconds_bucket": told["count"], "took_seconds_count": told["count"],
                    "took_seconds_sum": pytest.approx(told["sum"])}


def test_without_an_exporter_they_are_shown(oxpecker):
    agent = oxpecker({"store": {"snapshot": "100ms"}})
    post(agent.otlp_url, request_of_sum(4, "stored"))
    words = ["--config", agent.config_path, "show", "metrics", "--grep", "stored"]
    wait_until(lambda: "stored_total" in agents.run(*words).stdout, 60, "the store has them")
