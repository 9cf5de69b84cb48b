"""conf/grafana: each query of each dashboard has data in a real Prometheus, OpenSearch and Jaeger that agents feed,
no metric is named that there is not, the links lead where they say, and Grafana would take the files."""

import copy
import json
import math
import os
import re
import sys
import time
import xml.etree.ElementTree

import pytest
import requests
import yaml

import board
import stand as stands
from lib.fixtures import Closing
from lib.wait import wait_until
from test_prometheus import CONF, RULES, alerts, read

sys.path.insert(0, os.path.join(CONF, "grafana"))
import draw  # noqa: E402
import queries  # noqa: E402

OF_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS"}
DASHBOARDS = queries.dashboards()
PROVISIONED = yaml.safe_load(read("grafana", "provisioning", "datasources", "oxpecker.yaml"))["datasources"]
UIDS = {source["uid"]: source["type"] for source in PROVISIONED}


def source(kind):
    return next(each for each in PROVISIONED if each["type"] == kind)["jsonData"]


def kept(tmp_path_factory, **options):
    closing = Closing()
    try:
        made = stands.Stand(closing, tmp_path_factory.mktemp("stand"), **options)
        made.index = options.get("elastic", {}).get("data_stream")
        yield made
    finally:
        closing.close()


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    """Agents, apps and Prometheus; nothing that takes minutes to build."""
    yield from kept(tmp_path_factory)


@pytest.fixture(scope="module")
def whole_stand(tmp_path_factory, opensearch, jaeger):
    """With a real OpenSearch, whose data stream is its own, and a real Jaeger."""
    index = opensearch.index("logs-made")
    yield from kept(tmp_path_factory, elastic={"url": opensearch.url, "data_stream": index}, jaeger=jaeger.otlp_http)


def of_now(seconds=60):
    now = time.time()
    return queries.Span(now - seconds, now + 1, interval=2)


def without_data(panel, values, sources):
    """The targets of a panel that have no number, or no line or trace, in their answer."""
    for target, answer in zip(panel["targets"], queries.ask(panel, values, sources, of_now())):
        numbers = [value for _, _, points in answer for _, value in points if math.isfinite(value)]
        documents = [what for name, what, _ in answer if name in ("lines", "traces")]
        if not numbers and not documents:
            yield f"{panel['title']} {target['refId']}"


def cases(kind):
    return [pytest.param(dashboard, panel, id=f"{name}-{panel['id']}-{panel['title']}") for name, dashboard in
            DASHBOARDS.items() for panel in queries.panels(dashboard) if panel["datasource"]["type"] == kind]


def wait_for_data(dashboard, panel, sources):
    wait_until(lambda: not list(without_data(panel, sources.variables(dashboard), sources)), 60,
               f"data in {panel['title']}")


@pytest.mark.parametrize("dashboard, panel", cases("prometheus"))
def test_each_panel_of_metrics_has_data(stand, dashboard, panel):
    wait_for_data(dashboard, panel, queries.Sources(stand.server.url, interval=2))


def test_a_panel_without_data_is_found(stand):
    """The check above can fail: a metric that nobody has, and one whose value is no number."""
    dashboard = DASHBOARDS["fleet"]
    sources = queries.Sources(stand.server.url, interval=2)
    for expression in ("oxpecker_destinations_up", "up / 0 - up / 0"):
        panel = copy.deepcopy(queries.panels(dashboard)[0])
        panel["targets"][0]["expr"] = expression
        assert list(without_data(panel, sources.variables(dashboard), sources)) == ["Sidecars A"]


def test_own_histogram_of_other_conventions(stand):
    """The same panels for an app that has the names of OpenTelemetry's conventions."""
    given = {"histogram": "http_server_request_duration_seconds", "status": "http_response_status_code",
             "route": "http_route"}
    sources = queries.Sources(stand.server.url, given=given, interval=2)
    panels = [p for p in queries.panels(DASHBOARDS["service"]) if "${histogram}" in p["targets"][0]["expr"]]
    assert len(panels) == 4
    for panel in panels:
        wait_for_data(DASHBOARDS["service"], panel, sources)


def expressions():
    """[(where, expression)] of dashboards, variables, links and rules."""
    for name, dashboard in DASHBOARDS.items():
        for panel in queries.panels(dashboard):
            yield from ((f"{name}: {panel['title']}", t["expr"]) for t in panel["targets"] if "expr" in t)
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{name}: ${variable['name']}", variable["definition"][len("label_values("):].rsplit(",", 1)[0]
    for each in source("jaeger")["tracesToMetrics"]["queries"]:
        yield "a link of a trace", each["query"]
    for path in RULES:
        for group in yaml.safe_load(read(path))["groups"]:
            yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in group["rules"])


def known_names(stand):
    pages = stand.shop.page() + stand.worker.page()
    recorded = {rule["record"] for path in RULES for group in yaml.safe_load(read(path))["groups"]
                for rule in group["rules"] if "record" in rule}
    return set(re.findall(r"^(\w+)[ {]", pages, re.M)) | recorded | OF_PROMETHEUS


def test_no_metric_is_named_that_there_is_not(stand):
    wait_until(lambda: "http_server_request_duration_seconds_count" in known_names(stand), 60, "metrics over OTLP")
    wait_until(lambda: "traces_span_metrics_calls_total" in known_names(stand), 60, "spans")
    known, seen = known_names(stand), set()
    for where, expression in expressions():
        for histogram in ("http_request_duration_seconds", "http_server_request_duration_seconds"):
            names = board.metrics_of(expression.replace("${histogram}", histogram))
            assert names and names <= known, (where, names - known)
            seen |= names
    assert len(seen) > 50
    assert board.metrics_of('sum by (job) (rate(a_total{x="b"}[5m])) / on (c) group_left d_e or vector(1)') == {
        "a_total", "d_e"}


def words_of(picture):
    return {text.text for text in xml.etree.ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")}


def test_the_pictures_are_drawn(stand):
    sources = queries.Sources(stand.server.url, interval=2)
    for name, dashboard in DASHBOARDS.items():
        titles = {panel["title"] for panel in queries.panels(dashboard) if len(panel["title"]) < 15}
        assert {dashboard["title"], *titles} <= words_of(draw.draw(dashboard, sources, of_now())), name
        assert titles <= words_of(read("grafana", "pictures", name + ".svg")), "draw it again"


def test_an_alert_fires_and_links_to_its_runbook(stand):
    """What the backend refused is parked, and an alert says so; Prometheus serves the page that it links to."""
    def parked():
        found = stand.server.get(stand.server.url + "/api/v1/alerts")["data"]["alerts"]
        return next((a for a in found if a["labels"]["alertname"] == "RecordsParked" and a["state"] == "firing"), None)

    alert = wait_until(parked, 60, "RecordsParked fires")
    assert re.fullmatch(r"(shop|worker): logs\.export\.elasticsearch refused [\d.]+ logs records",
                        alert["annotations"]["summary"])
    place, anchor = alert["annotations"]["runbook_url"].split("#")
    page = requests.get(re.sub("//[^/]*", "//" + stand.server.url.split("//")[1], place), timeout=60)
    assert page.status_code == 200 and anchor in re.findall(r"^## (\w+)$", page.text.lower(), re.M)
    assert {a["labels"]["alertname"] for a in
            stand.server.get(stand.server.url + "/api/v1/alerts")["data"]["alerts"]} <= set(alerts())


def sources_of(whole_stand, opensearch, jaeger, **given):
    return queries.Sources(whole_stand.server.url, f"{opensearch.url}/{whole_stand.index}", jaeger.query, given, 2)


def test_links_from_line_to_trace_to_metric_and_back(whole_stand, opensearch, jaeger):
    """A line's trace id is a trace in Jaeger; the trace's link finds the line again, and the metrics of its service; an
    exemplar of these leads to a trace."""
    links = source("elasticsearch")["dataLinks"]
    assert [link["datasourceUid"] for link in links] == ["oxpecker-jaeger"]
    sources = sources_of(whole_stand, opensearch, jaeger)

    def documents(query):
        target = {"query": query, "timeField": source("elasticsearch")["timeField"], "bucketAggs": [],
                  "metrics": [{"settings": {"limit": "50"}}]}
        return [line for _, line, _ in queries.ask_elasticsearch(target, {}, sources, of_now(300))]

    def linked():
        if not opensearch.count(whole_stand.index):
            return None
        for line in documents("service:shop"):
            ids = [value for name, value in line.items() if re.search(links[0]["field"], name)]
            if ids and requests.get(f"{jaeger.query}/api/traces/{ids[0]}", timeout=60).status_code == 200:
                return ids[0], line
        return None

    trace_id, line = wait_until(linked, 60, "a line whose trace is there")
    assert source("elasticsearch")["logMessageField"] in line and source("elasticsearch")["logLevelField"] in line
    back = source("jaeger")["tracesToLogsV2"]["query"].replace("$${__trace.traceId}", trace_id)
    assert [found["trace.id"] for found in documents(back)] == [trace_id]
    span = jaeger.trace(trace_id)
    service = next(iter(span["processes"].values()))["serviceName"]
    tag, = source("jaeger")["tracesToMetrics"]["tags"]
    assert tag == {"key": "service.name", "value": "service_name"}
    for each in source("jaeger")["tracesToMetrics"]["queries"]:
        expression = each["query"].replace("$$__tags", f'{tag["value"]}="{service}"')
        wait_until(lambda e=expression: whole_stand.server.query(e), 60, expression)
    destination, = source("prometheus")["exemplarTraceIdDestinations"]
    selector = f'traces_span_metrics_duration_milliseconds_bucket{{service_name="{service}"}}'
    exemplars = wait_until(lambda: whole_stand.server.exemplars(selector), 60, "an exemplar")
    found = exemplars[0][1]["labels"][destination["name"]]
    wait_until(lambda: requests.get(f"{jaeger.query}/api/traces/{found}", timeout=60).ok, 60, "its trace")
    for _, panel in [case.values for case in cases("elasticsearch") + cases("jaeger")]:
        chosen = sources_of(whole_stand, opensearch, jaeger, service="shop", trace=trace_id)
        wait_for_data(DASHBOARDS["logs-traces"], panel, chosen)
    refused = {**cases("elasticsearch")[1].values[1]}
    refused["targets"] = [{**refused["targets"][0], "query": 'service:"nobody"'}]
    assert list(without_data(refused, chosen.variables(DASHBOARDS["logs-traces"]), chosen)) == ["Lines A"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafana_would_take_the_dashboard(name):
    assert list(board.complaints(DASHBOARDS[name], UIDS)) == []


def test_dashboards_have_names_of_their_own():
    assert len({d["uid"] for d in DASHBOARDS.values()}) == len({d["title"] for d in DASHBOARDS.values()}) == 4
    assert all(re.fullmatch(r"[a-z-]{1,40}", d["uid"]) for d in DASHBOARDS.values())


def spoilt():
    """What somebody may do to a dashboard, and what has to be said then."""
    def panel(d, at=1):
        return d["panels"][at]

    return {
        "the id 2 is there twice": lambda d: panel(d, 2).update(id=2),
        "overlaps": lambda d: panel(d, 2)["gridPos"].update(x=panel(d)["gridPos"]["x"]),
        "24 columns": lambda d: panel(d, 6)["gridPos"].update(w=5),
        "$nobody is used": lambda d: panel(d)["targets"][0].update(expr="up{job=\"$nobody\"}"),
        "$more is defined and not used": lambda d: d["templating"]["list"].append(
            {**d["templating"]["list"][0], "name": "more"}),
        "nobody knows the unit furlongs": lambda d: panel(d)["fieldConfig"]["defaults"].update(unit="furlongs"),
        "no prometheus is called": lambda d: panel(d)["datasource"].update(uid="somebody's"),
        "no prometheus is provisioned as": lambda d: d["templating"]["list"][0]["current"].update(value="x"),
        "schemaVersion": lambda d: d.update(schemaVersion=16),
        "nobody knows rows": lambda d: d.update(rows=[]),
        "nobody knows yaxes": lambda d: panel(d).update(yaxes=[]),
        "nobody knows the panel graph": lambda d: panel(d).update(type="graph"),
        "has no description": lambda d: panel(d).update(description=""),
        "each target has a refId": lambda d: panel(d)["targets"].append(panel(d)["targets"][0]),
        "thresholds begin with null": lambda d: panel(d)["fieldConfig"]["defaults"]["thresholds"].update(
            steps=[{"color": "red", "value": 3}]),
    }


@pytest.mark.parametrize("said", spoilt())
def test_the_strict_check_finds(said):
    dashboard = copy.deepcopy(DASHBOARDS["fleet"])
    spoilt()[said](dashboard)
    found = list(board.complaints(dashboard, UIDS))
    assert any(said in complaint for complaint in found), found


def test_provisioning_is_what_grafana_reads():
    assert sorted(UIDS.items()) == [("oxpecker-elasticsearch", "elasticsearch"), ("oxpecker-jaeger", "jaeger"),
                                    ("oxpecker-prometheus", "prometheus")]
    for each in PROVISIONED:
        assert set(each) >= {"name", "type", "uid", "access", "url", "jsonData"} and each["access"] == "proxy", each
        assert re.fullmatch(r"\$[A-Z_]+", each["url"]), "the address is the environment's"
    assert sum(each.get("isDefault", False) for each in PROVISIONED) == 1
    named = re.findall(r'"datasourceUid": "([^"]*)"', json.dumps(PROVISIONED))
    assert len(named) == 4 and set(named) <= set(UIDS)
    # A dollar that Grafana is to see is written twice: one alone is a variable of its environment, mostly empty.
    text = read("grafana", "provisioning", "datasources", "oxpecker.yaml")
    alone = set(re.findall(r"(?<!\$)\$(?!\$)(\{?\w+)", text.split("apiVersion", 1)[1]))
    assert alone == {"PROMETHEUS_URL", "JAEGER_URL", "ELASTICSEARCH_URL", "ELASTICSEARCH_USER",
                     "ELASTICSEARCH_PASSWORD"}
    providers = yaml.safe_load(read("grafana", "provisioning", "dashboards", "oxpecker.yaml"))
    assert providers["apiVersion"] == 1
    provider, = providers["providers"]
    assert provider["type"] == "file" and provider["options"]["path"].startswith("/etc/grafana/")
