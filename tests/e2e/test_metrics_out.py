"""Series that are pushed on over OTLP: what a page of Prometheus becomes, read by OpenTelemetry's own messages."""

import re

import pytest
import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from lib import fault, parsers
from lib.parsers import OPENMETRICS

PAGE = """# HELP hits How\\nmany.
# TYPE hits counter
hits_total{path="/a\\"b\\\\c"} 7 # {trace_id="0102030405060708090a0b0c0d0e0f10",who="me"} 0.5 1e9
hits_created{path="/a\\"b\\\\c"} 1.5
hits_total{path="/b"} 8
# TYPE size histogram
size_bucket{le="1.0",part="x"} 2
size_bucket{le="2.5",part="x"} 2 # {span_id="0102030405060708"} 2 3
size_bucket{le="+Inf",part="x"} 5
size_sum{part="x"} 9.5
size_count{part="x"} 5
size_created{part="x"} 3
size_bucket{le="+Inf",part="y"} 1
size_sum{part="y"} 1
size_count{part="y"} 1
# TYPE wait summary
wait{quantile="0.5"} 1
wait{quantile="0.9"} 2
wait_sum 3
wait_count 4
# TYPE temp gauge
temp{room="1"} NaN
temp{room="2"} -3.5 1700000000.5
# TYPE air_celsius gauge
# UNIT air_celsius celsius
air_celsius 20
# TYPE build info
build_info{version="1"} 1
# TYPE odd unknown
odd 1
# EOF
"""


def config(url, tmp_path, **options):
    return {"service": {"name": "shop"},
            "metrics": {"collect": {"app": {"type": "scrape", "target": f"unix:{tmp_path}/app.sock", "timeout": "60s"}},
                        "export": {"otlp": {"endpoint": url, "interval": "500ms", **options}}}}


@pytest.fixture
def app(fault_server, tmp_path):
    server = fault_server(unix=str(tmp_path / "app.sock"))
    server.plan(fault.ok(PAGE.encode(), OPENMETRICS))
    return server


def metrics_of(bodies):
    """Each metric by its name, the pieces of one joined."""
    found = {}
    for body in bodies:
        message = ExportMetricsServiceRequest.FromString(body)
        resource, = message.resource_metrics
        assert {pair.key: pair.value.string_value for pair in resource.resource.attributes}["service.name"] == "shop"
        scope, = resource.scope_metrics
        assert scope.scope.name == "oxpecker"
        for metric in scope.metrics:
            if metric.name in found:
                found[metric.name].MergeFrom(metric)
            else:
                found[metric.name] = metric
    return found


def labels(pairs):
    return {pair.key: pair.value.string_value for pair in pairs}


def points(metric, kind):
    assert metric.WhichOneof("data") == kind, metric
    return list(getattr(metric, kind).data_points)


def check_sums(found):
    hits = found["hits_total"]
    first, second = points(hits, "sum")
    assert hits.sum.is_monotonic and hits.sum.aggregation_temporality == 2
    assert hits.description == "How\nmany."
    assert (first.as_double, labels(first.attributes)) == (7, {"path": '/a"b\\c'})
    assert first.start_time_unix_nano == 1500000000 and second.start_time_unix_nano == 0
    assert (second.as_double, labels(second.attributes)) == (8, {"path": "/b"})
    exemplar, = first.exemplars
    assert exemplar.trace_id == bytes(range(1, 17)) and labels(exemplar.filtered_attributes) == {"who": "me"}
    assert exemplar.as_double == 0.5 and exemplar.time_unix_nano == 10**18
    build = found["build_info"]
    assert not build.sum.is_monotonic and labels(points(build, "sum")[0].attributes) == {"version": "1"}


def check_histograms(found):
    x, y = points(found["size"], "histogram")
    assert found["size"].histogram.aggregation_temporality == 2
    assert (list(x.explicit_bounds), list(x.bucket_counts)) == ([1, 2.5], [2, 0, 3])
    assert (x.count, x.sum, labels(x.attributes), x.start_time_unix_nano) == (5, 9.5, {"part": "x"}, 3 * 10**9)
    assert x.exemplars[0].span_id == bytes(range(1, 9)) and x.exemplars[0].time_unix_nano == 3 * 10**9
    assert (list(y.explicit_bounds), list(y.bucket_counts), y.count) == ([], [1], 1)
    wait, = points(found["wait"], "summary")
    assert [(q.quantile, q.value) for q in wait.quantile_values] == [(0.5, 1), (0.9, 2)]
    assert (wait.count, wait.sum) == (4, 3) and wait.time_unix_nano == x.time_unix_nano


def check_gauges(found):
    one, two = points(found["temp"], "gauge")
    assert one.as_double != one.as_double and two.as_double == -3.5
    assert two.time_unix_nano == 1700000000500000000
    assert found["air_celsius"].unit == "celsius" and points(found["air_celsius"], "gauge")[0].as_double == 20
    assert points(found["odd"], "gauge")[0].as_double == 1


@pytest.mark.parametrize("samples", [2000, 7])
def test_each_kind_of_series_is_what_otlp_has_for_it(oxpecker, fault_server, app, tmp_path, samples):
    """However the page is cut: a label set stays whole."""
    server = fault_server()
    agent = oxpecker(config(server.url, tmp_path, samples=samples, interval="3s"))

    def bodies():
        return [request.body for request in server.taken("/v1/metrics")]

    def is_whole():
        """What the app gave a time comes last."""
        found = metrics_of(bodies())
        return "wait" in found and len(points(found["temp"], "gauge")) > 1

    agent.wait_until(is_whole, 60, "a round")
    found = metrics_of(first_round(bodies()))
    check_sums(found)
    check_histograms(found)
    check_gauges(found)


def request_of_exponential():
    """As a process of OTLP may send it, with buckets on both sides of zero."""
    message = ExportMetricsServiceRequest()
    resource = message.resource_metrics.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", "app"
    metric = resource.scope_metrics.add().metrics.add(name="took")
    metric.exponential_histogram.aggregation_temporality = 2
    point = metric.exponential_histogram.data_points.add(
        count=20, sum=-1.5, scale=3, zero_count=2, zero_threshold=1e-9, start_time_unix_nano=15 * 10**17,
        time_unix_nano=16 * 10**17)
    point.positive.offset, point.negative.offset = -5, 100
    point.positive.bucket_counts.extend([1, 0, 0, 7])
    point.negative.bucket_counts.extend([10])
    exemplar = point.exemplars.add(as_double=0.75, time_unix_nano=10**18, trace_id=bytes(range(1, 17)))
    pair = exemplar.filtered_attributes.add()
    pair.key, pair.value.string_value = "who", "me"
    return message, point


def test_native_histograms_are_exponential_ones(oxpecker, fault_server):
    """What comes in over OTLP goes out the same."""
    server = fault_server()
    agent = oxpecker({"service": {"name": "shop"},
                      "metrics": {"export": {"otlp": {"endpoint": server.url, "interval": "500ms"}}}})
    message, sent = request_of_exponential()
    requests.post(agent.otlp_url + "/v1/metrics", data=message.SerializeToString(), timeout=60,
                  headers={"Content-Type": "application/x-protobuf"}).raise_for_status()

    def found():
        return metrics_of(request.body for request in server.taken("/v1/metrics")).get("took")

    agent.wait_until(found, 60, "the histogram")
    assert found().exponential_histogram.aggregation_temporality == 2
    point = points(found(), "exponential_histogram")[0]
    assert labels(point.attributes)["job"] == "app" and point.time_unix_nano > sent.time_unix_nano
    del point.attributes[:]
    point.time_unix_nano = sent.time_unix_nano
    assert point == sent
    agent.assert_balanced()


def test_buckets_that_otlp_has_no_place_for_are_not_delivered(oxpecker, fault_server, app, tmp_path):
    """1,100 of one label set, of which 1,024 are sent: each round the ledger has the rest as rejected."""
    server = fault_server()
    rows = "".join(f'wide_bucket{{le="{bound}"}} {bound}\n' for bound in range(1, 1101))
    app.plan(fault.ok(f"# TYPE wide histogram\n{rows}wide_count 1100\n# EOF\n".encode(), OPENMETRICS))
    agent = oxpecker(config(server.url, tmp_path, samples=2000))

    def rejected():
        return agent.booked("rejected", signal="metrics")

    agent.wait_until(rejected, 60, "what is left out")
    found = metrics_of(request.body for request in server.taken("/v1/metrics"))["wide"]
    assert len(points(found, "histogram")[0].explicit_bounds) == 1024
    assert rejected() % (1100 - 1024) == 0
    agent.assert_balanced()
    agent.expected_exit = {1}  # a run that lost records


def observed(point):
    return point.zero_count + sum(point.positive.bucket_counts) + sum(point.negative.bucket_counts)


def test_native_histograms_of_the_client_for_go_are_exponential_ones(oxpecker, fault_server, app, tmp_path):
    """Also one that has classic buckets, too, and one that has observed nothing; a classic one stays what it is."""
    kind, page = parsers.page_of_go()
    source, server = parsers.read(kind, page), fault_server()
    app.plan(fault.ok(page, kind))
    made = config(server.url, tmp_path)
    made["metrics"]["collect"]["app"]["scrape_protocols"] = ["PrometheusProto"]
    agent = oxpecker(made)

    def found():
        return metrics_of(request.body for request in server.taken("/v1/metrics"))

    agent.wait_until(lambda: {"classic", "native", "both", "unused"} <= found().keys(), 60, "the histograms")
    for name in ("native", "both", "unused"):
        point = points(found()[name], "exponential_histogram")[0]
        (_, created), = ((key, at) for key, at in source.created.items() if key[0] == name)
        value, = (value for key, (value, _) in source.samples.items() if key[0] == name)
        count, total = re.match(r"{count:(\d+), sum:([^,}]+)", value).groups()
        assert (int(count), float(total)) == (point.count, point.sum), name
        assert observed(point) == point.count and point.start_time_unix_nano // 10**6 == created, name
    assert points(found()["native"], "exponential_histogram")[0].scale == 3  # 2^(2^-3) is 1.09
    assert points(found()["classic"], "histogram")
    agent.assert_balanced()


def first_round(bodies):
    """The requests up to the first in which a point comes again, but for those that went out a second time as they are:
    a server that gives no answer for a second is sent some again."""
    taken, seen = [], set()
    for body in dict.fromkeys(bodies):
        keys = {(name, str(point.attributes)) for name, metric in metrics_of([body]).items()
                for point in getattr(metric, metric.WhichOneof("data")).data_points}
        if keys & seen:
            break
        seen |= keys
        taken.append(body)
    return taken


def test_over_grpc_it_is_the_same(oxpecker, grpc_fault_server, app, tmp_path):
    server = grpc_fault_server()
    agent = oxpecker(config(server.url, tmp_path, protocol="grpc"))
    agent.wait_until(server.taken, 60, "a call")
    assert {call.path for call in server.taken()} == {
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"}
    found = metrics_of([server.taken()[0].body])
    check_sums(found)
    check_histograms(found)


def test_another_agent_shows_what_it_is_sent(oxpecker, app, tmp_path):
    shows = oxpecker({})
    agent = oxpecker(config(shows.otlp_url, tmp_path))
    shows.wait_until(lambda: shows.metric("temp", room="2") == -3.5, 60, "what the app gave a time, which comes last")
    assert shows.metric("hits_total", path="/b") == 8
    assert shows.metric("size_bucket", part="x", le="2.5") == 2 and shows.metric("size_count", part="x") == 5
    assert shows.metric("wait", quantile="0.9") == 2
    agent.wait_until(lambda: agent.booked("delivered", source="series") > 0, 60, "it is delivered")
    agent.assert_balanced()
