"""Span metrics: counted before sampling, shown on /metrics, read by Prometheus and by Jaeger's Monitor tab."""

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families

from lib import backends, fault
from lib.agent import HURRIED
from lib.wait import free_port, wait_until
from test_metrics import families, promtool
from test_traces import PROTOBUF, request_of

OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
CALLS, DURATION = "traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds"


def config(exporter, steps=("span_metrics",), **more):
    return {"traces": {"batch": {"age": "50ms"}, "steps": list(steps), "export": {"otlp": exporter}}, **more}


def calls(agent, **labels):
    return agent.metric(CALLS, **labels) or 0


def test_prometheus_and_jaeger_read_what_real_sdks_send(oxpecker, host_node, host_python, prometheus, closing,
                                                        tmp_path_factory):
    """As many as Jaeger stores; its Monitor tab shows them; an exemplar leads to a trace. The app's page is there."""
    agent = oxpecker(config("http://127.0.0.1:1"), start=False)
    socket = agent.folder + "/node.sock"
    scraped = {"metrics": {"collect": {"node": {"type": "scrape", "target": "unix:" + socket}}}}
    server = prometheus([f"127.0.0.1:{agent.port}"])
    jaeger = closing.keep(backends.Jaeger(tmp_path_factory.mktemp("jaeger"), prometheus=server.url))
    agent.write_config(config(jaeger.otlp_http, **scraped))
    agent.start()
    node = host_node(otlp=agent.otlp_url, name="monitored-node", metrics_socket=socket)
    python = host_python(otlp=agent.otlp_url, name="monitored-python")
    for number in range(6):
        node.get(f"/products/{number % 2}")
        python.get("/products/1")
    for name in ("monitored-node", "monitored-python"):
        wait_until(lambda name=name: calls(agent, service_name=name) >= 6, 60, f"spans of {name}")
    wait_until(lambda: server.value("sum(http_requests_total)") == 6, 60, "the app's own counter")
    assert node.stop() == 0 and python.stop() == 0
    agent.wait_until(lambda: not agent.booked("held", signal="traces"), 60, "all settled")
    for name in ("monitored-node", "monitored-python"):
        spans = calls(agent, service_name=name)
        wait_until(lambda name=name, spans=spans: len(jaeger.spans(name)) == spans, 60, "as many in Jaeger")
        wait_until(lambda name=name, spans=spans: server.value(f'sum({CALLS}{{service_name="{name}"}})') == spans,
                   60, "as many in Prometheus")
        wait_until(lambda name=name: jaeger.monitored("calls", name), 60, f"{name} on the Monitor tab")
        assert jaeger.monitored("latencies", name, quantile="0.95")
    selector = f'{DURATION}_bucket{{service_name="monitored-python"}}'
    wait_until(lambda: server.exemplars(selector), 60, "an exemplar")
    for labels, exemplar in server.exemplars(selector):
        spans = {span["spanID"]: span for span in jaeger.trace(exemplar["labels"]["trace_id"])["spans"]}
        span = spans[exemplar["labels"]["span_id"]]
        assert span["operationName"] == labels["span_name"]
        assert abs(span["duration"] / 1000 - float(exemplar["value"])) < 0.01
    wait_until(lambda: server.value("up") == 1, 60, "a scrape within a second")
    agent.assert_balanced()


def test_both_pages_are_valid_and_the_same(oxpecker, jaeger, host_python):
    """promtool takes the text page, the strict parser of prometheus_client the one of OpenMetrics."""
    host = host_python()
    step = {"span_metrics": {"dimensions": "made.by", "names": "seconds"}}
    agent = oxpecker(config(jaeger.otlp_http, [step], metrics={
        "collect": {"app": {"type": "scrape", "target": "unix:" + host.metrics_socket, "timeout": "60s"}}}))
    message = request_of(3, service='sh"op\\\n')
    attribute = message.resource_spans[0].scope_spans[0].spans[0].attributes.add()
    attribute.key, attribute.value.string_value = "made.by", "hand"
    assert requests.post(agent.otlp_url + "/v1/traces", data=message.SerializeToString(), headers=PROTOBUF,
                         timeout=60).ok
    plain, page = agent.get("/metrics"), agent.get("/metrics", headers=OPENMETRICS)
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4") and "trace_id" not in plain.text
    assert page.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    promtool(plain.text, host.metrics())
    spans = [line for line in plain.text.splitlines() if line.startswith("traces_")]
    assert spans == [line.split(" # ")[0] for line in page.text.splitlines() if line.startswith("traces_")]
    assert page.text.endswith("# EOF\n")
    own = [line for line in page.text.splitlines()
           if line.removeprefix("# HELP ").removeprefix("# TYPE ").startswith(("traces_", "oxpecker_"))]
    read = {family.name: family.samples for family in openmetrics_families("\n".join([*own, "# EOF\n"]))}
    counted = [s for s in read["traces_span_metrics_calls"] if s.labels["made_by"] == "hand"]
    assert [(s.labels["service_name"], s.value) for s in counted] == [('sh"op\\\n', 1)]
    assert any(s.exemplar.labels["trace_id"] for s in read["traces_span_metrics_duration_seconds"]
               if s.exemplar and s.labels["made_by"])
    assert {s.name for f in families(plain.text).values() for s in f.samples} >= {"oxpecker_spans_total", CALLS}


def test_spans_count_before_sampling_and_once(oxpecker, fault_server):
    """Sampled out, refused and sent again, or in the spool over a restart: each span that was taken counts once."""
    server = fault_server()
    server.plan(fault.status(503))
    agent = oxpecker(config({"endpoint": server.url}, ["span_metrics", {"sample": 0}],
                            receive={"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], "ack": "disk"}}))
    body = request_of(100).SerializeToString()
    assert requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).ok
    assert calls(agent, service_name="made") == 100 and agent.booked("dropped", signal="traces") == 100
    broken = requests.post(agent.otlp_url + "/v1/traces", data=body[:-1], headers=PROTOBUF, timeout=60)
    assert broken.status_code == 400
    assert calls(agent, service_name="made") == 100
    agent.stop()
    agent.write_config(config({"endpoint": server.url}, receive={
        "otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], "ack": "disk"}}, exit=HURRIED))
    agent.start()
    assert requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).ok
    assert calls(agent, service_name="made") == 100
    agent.stop()
    agent.start()
    agent.wait_until(lambda: agent.booked("held", signal="traces") == 100, 60, "what the spool has")
    assert not calls(agent)


def test_every_door_counts_and_refused_spans_do_not(oxpecker, fault_server):
    """OTLP in protobuf and JSON, Zipkin; of each request the second span has no valid id."""
    zipkin = f"127.0.0.1:{free_port()}"
    agent = oxpecker(config({"endpoint": fault_server().url}, receive={
        "otlp": {"http": ["127.0.0.1:${OTLP_PORT}"]}, "zipkin": {"http": [zipkin]}}))
    message = request_of(2, service="protobuf")
    message.resource_spans[0].scope_spans[0].spans[1].span_id = bytes(8)
    assert requests.post(agent.otlp_url + "/v1/traces", data=message.SerializeToString(), headers=PROTOBUF,
                         timeout=60).ok
    ids = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}
    service = {"key": "service.name", "value": {"stringValue": "json"}}
    spans = [{**ids, "name": "a"}, {**ids, "name": "a", "spanId": "00"}]
    body = {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [{"spans": spans}]}]}
    assert requests.post(agent.otlp_url + "/v1/traces", json=body, timeout=60).ok
    spans = [{"traceId": ids["traceId"], "id": number, "name": "a", "kind": "CLIENT", "duration": 3000,
              "timestamp": 1700000000000000, "localEndpoint": {"serviceName": "zipkin"}}
             for number in ("7b".zfill(16), "0" * 16)]
    assert requests.post(f"http://{zipkin}/api/v2/spans", json=spans, timeout=60).ok
    for name in ("protobuf", "json", "zipkin"):
        wait_until(lambda name=name: calls(agent, service_name=name) == 1, 60, f"one span over {name}")
    assert agent.metric(DURATION + "_sum", service_name="zipkin", span_kind="SPAN_KIND_CLIENT") == 3


def test_ids_in_names_are_one_series(oxpecker, fault_server):
    agent = oxpecker(config({"endpoint": fault_server().url}, [{"span_metrics": {"label_sets": 20}}]))
    body = request_of(5000).SerializeToString()
    assert requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).ok
    wait_until(lambda: calls(agent) == 5000, 60, "all counted")
    assert calls(agent, span_name="other", otel_metric_overflow="true") == 4980
    assert agent.metric("oxpecker_span_metrics_other_total") == 4980
    agent.assert_balanced()
