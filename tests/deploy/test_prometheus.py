"""conf/prometheus: its configurations and rules are right, each alert fires when it has to and not otherwise, and has a
section in the runbooks."""

import json
import os
import re
import subprocess

import pytest
import yaml

from lib import need
from lib.backends import Prometheus
from lib.wait import wait_until

CONF = os.path.join(os.path.dirname(need.TESTS), "conf")
FOLDER = os.path.join(CONF, "prometheus")
RULES = [os.path.join(FOLDER, "rules", name) for name in ("services.yaml", "sidecars.yaml")]
SIDECAR = 'job="shop",instance="10.0.0.1:9464",sidecar="oxpecker"'
UP = (f"up{{{SIDECAR}}}", "1x5000")
TAIL, TRACES = 'component="logs.collect.tail"', 'destination="traces.export.otlp"'


def read(*path):
    with open(os.path.join(CONF, *path), encoding="utf-8") as file:
        return file.read()


def alerts():
    return {rule["alert"]: rule for path in RULES for group in yaml.safe_load(read(path))["groups"]
            for rule in group["rules"] if "alert" in rule}


def own(name, values, labels=""):
    """A series of the sidecar."""
    return f"{name}{{{SIDECAR}{',' if labels else ''}{labels}}}", values


def ledger(values, term, reason="", signal="logs"):
    return own("oxpecker_ledger_records", values, f'signal="{signal}",source="logs.collect.tail",destination='
               f'"logs.export.elasticsearch",term="{term}",reason="{reason}"')


def spans(good, bad):
    """600 requests a minute, `good` and `bad` of them, as values of promtool."""
    labels = f'{SIDECAR},service_name="shop",span_name="GET /",span_kind="SPAN_KIND_SERVER"'
    rows = [(f'traces_span_metrics_calls_total{{{labels},status_code="STATUS_CODE_UNSET"}}', good)]
    return rows + [(f'traces_span_metrics_calls_total{{{labels},status_code="STATUS_CODE_ERROR"}}', bad)]


def timed(fast, every, le="400", name="traces_span_metrics_duration_milliseconds"):
    """A histogram of which only one bucket matters."""
    labels = f'{SIDECAR},service_name="shop",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET"'
    if not name.startswith("traces"):
        labels = SIDECAR + ',route="/",status="200"'
        return [(f'{name}_bucket{{{labels},le="{le}"}}', fast), (f"{name}_count{{{labels}}}", every)]
    return [(f'{name}_bucket{{{labels},le="{le}"}}', fast),
            (f"traces_span_metrics_calls_total{{{labels}}}", every)]


def memory(used):
    return [own("oxpecker_memory_used_bytes", used), own("oxpecker_memory_limit_bytes", "32x30")]


def pages(good, bad):
    """What prom-client shows."""
    return [own("http_request_duration_seconds_count", values, f'route="/",status="{status}"')
            for status, values in (("200", good), ("500", bad))]


# Of each alert: the series with which it fires and with which it does not, and the minute at which they are looked at.
# A day is 1440 minutes: 0+100x3000 grows by 100 each minute.
CASES = {
    "ErrorBudgetBurnFast": [
        ("2 % fail for an hour", spans("0+600x360 216588+588x80", "0x360 12+12x80"), 440, True),
        ("1 % for six hours", pages("0+594x400", "0+6x400"), 390, True),
        ("2 %, but it is over", spans("0+588x60 35280+600x60", "0+12x60 720x60"), 110, False),
        ("0.05 %", spans("0+5997x400", "0+3x400"), 390, False),
        ("nothing fails", pages("0+600x400", "0+0x400"), 390, False)],
    "ErrorBudgetBurnSlow": [
        ("0.2 % for three days", spans("0+998x4400", "0+2x4400"), 4350, True),
        ("0.05 %", spans("0+9995x4400", "0+5x4400"), 4350, False)],
    "LatencyBudgetBurnFast": [
        ("20 % are slow for an hour", timed("0+600x360 216480+480x80", "0+600x450"), 440, True),
        ("7 % for six hours", timed("0+558x400", "0+600x400"), 390, True),
        ("20 % of the pages", timed("0+480x120", "0+600x120", "0.5", "http_request_duration_seconds"), 90, True),
        ("half a per cent", timed("0+597x120", "0+600x120"), 90, False)],
    "LatencyBudgetBurnSlow": [
        ("2 % for three days", timed("0+588x4400", "0+600x4400", le="400.0"), 4350, True),
        ("half a per cent", timed("0+597x4400", "0+600x4400"), 4350, False)],
    "SidecarDown": [
        ("for three minutes", [(f"up{{{SIDECAR}}}", "1 1 0x10")], 6, True),
        ("one scrape failed", [(f"up{{{SIDECAR}}}", "1 1 0 0 1x10")], 3, False),
        ("what is down is no sidecar", [UP, ('up{job="node"}', "0x20")], 6, False)],
    "NoSidecars": [
        ("there are other targets", [('up{job="node"}', "1x30")], 15, True),
        ("not yet", [('up{job="node"}', "1x30")], 5, False),
        ("there is one", [UP], 15, False)],
    "SidecarRestarts": [
        ("three times", [UP, own("oxpecker_loop_slice_seconds_count", "9 1 1 8 2 9 3 9x20")], 12, True),
        ("once", [UP, own("oxpecker_loop_slice_seconds_count", "9 10 11 2 3x20")], 12, False)],
    "DestinationNotTaking": [
        ("for three minutes", [UP, own("oxpecker_destination_up", "1 0x10", TRACES)], 5, True),
        ("for one", [UP, own("oxpecker_destination_up", "1 0 0 1x10", TRACES)], 2, False)],
    "RecordsLost": [
        ("no room", [UP, ledger("0 0 7x20", "dropped", "full")], 4, True),
        ("refused, and not parked", [UP, ledger("0 0 7x20", "rejected")], 4, True),
        ("by a step, as was asked for", [UP, ledger("0+7x20", "dropped", "step"), ledger("3x20", "rejected")], 10,
         False),
        ("long ago", [UP, ledger("0 7x40", "dropped", "killed")], 30, False)],
    "RecordsParked": [
        ("some", [UP, ledger("0 0 5x20", "parked")], 4, True),
        ("none", [UP, ledger("5x20", "parked"), ledger("0+60x20", "delivered")], 10, False)],
    "SeriesDropped": [
        ("too many", [UP, ledger("0+9x40", "dropped", "ceiling", "metrics")], 20, True),
        ("once", [UP, ledger("0 9x40", "dropped", "clash", "metrics")], 9, False)],
    "TargetDown": [
        ("for six minutes", [UP, own("oxpecker_target_up", "1 0x20", 'target="scrape"')], 8, True),
        ("the app restarts", [UP, own("oxpecker_target_up", "1 0 0 1x20", 'target="scrape"')], 2, False)],
    "SendersRefused": [
        ("all the time", [UP, own("oxpecker_refused_full_total", "0+3x40", 'component="receive.otlp"')], 15, True),
        ("once", [UP, own("oxpecker_refused_full_total", "0 3x40", 'component="receive.otlp"')], 4, False)],
    "TelemetryMemoryFull": [
        ("for long", [UP, *memory("31x30")], 15, True),
        ("for short", [UP, *memory("31x30")], 5, False),
        ("half", [UP, *memory("16x30")], 15, False)],
    "StateMissing": [
        ("it is", [UP, own("oxpecker_state_missing", "0 1x10")], 4, True),
        ("it was just now", [UP, own("oxpecker_state_missing", "0 1x10")], 1, False),
        ("it is not", [UP, own("oxpecker_state_missing", "0x10")], 4, False)],
    "LogsUnreadable": [
        ("errors", [UP, own("oxpecker_read_errors_total", "0 2x20", TAIL)], 4, True),
        ("files that vanish", [UP, own("oxpecker_vanished_files_total", "0 2x20", TAIL)], 4, True),
        ("none", [UP, own("oxpecker_read_errors_total", "2x20", TAIL),
                  own("oxpecker_refused_links_total", "0x20", TAIL)], 4, False)],
    "LoopBusy": [
        ("nine tenths", [UP, own("oxpecker_loop_slice_seconds_sum", "0+54x40")], 20, True),
        ("for short", [UP, own("oxpecker_loop_slice_seconds_sum", "0+54x40")], 9, False),
        ("a tenth", [UP, own("oxpecker_loop_slice_seconds_sum", "0+6x40")], 20, False)],
}
BESIDE = {"ErrorBudgetBurnFast": "ErrorBudgetBurnSlow", "LatencyBudgetBurnFast": "LatencyBudgetBurnSlow"}  # fire, too


def promtool(*words):
    done = subprocess.run([need.prometheus("promtool"), *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def case(series, minute, fires, name):
    """One test of promtool: of all alerts just this one fires, or none."""
    expression = f'count by (alertname) (ALERTS{{alertstate="firing",alertname!="{BESIDE.get(name, "")}"}})'
    wanted = [{"labels": f'{{alertname="{name}"}}', "value": 1}] if fires else []
    if not any(selector.startswith("up{") for selector, _ in series):  # no sidecar at all is an alert of its own
        series = [UP, *series]
    return {"interval": "1m", "input_series": [{"series": selector, "values": values} for selector, values in series],
            "promql_expr_test": [{"expr": expression, "eval_time": f"{minute}m", "exp_samples": wanted}]}


def test_configurations_and_rules_are_right(tmp_path):
    assert promtool("check", "config", os.path.join(FOLDER, "prometheus.yaml")).count("SUCCESS") == 4
    promtool("check", "rules", *RULES)
    # Debian's Prometheus is built without Kubernetes: the rest of the file is checked with files in its place.
    path = tmp_path / "prometheus.yaml"
    path.write_text(with_files(tmp_path))
    promtool("check", "config", str(path))


@pytest.mark.parametrize("name", CASES)
def test_each_alert_fires_and_stays_quiet(name, tmp_path):
    assert {fires for _, _, _, fires in CASES[name]} == {True, False}
    path = tmp_path / "test.yaml"
    tests = [case(series, minute, fires, name) for _, series, minute, fires in CASES[name]]
    often = "10m" if max(minute for _, _, minute, _ in CASES[name]) > 300 else "1m"  # days, each minute, take minutes
    path.write_text(json.dumps({"rule_files": RULES, "evaluation_interval": often, "tests": tests}))
    promtool("test", "rules", str(path))


def test_every_alert_has_a_case_and_a_section():
    known = alerts()
    section = r"^## (\w+)\n\*\*It means\*\*.+?\n\*\*Look at\*\*.+?\n\*\*Do\*\*.+?\n"
    sections = re.findall(section, read("runbooks.md"), re.M | re.S)
    assert set(known) == set(CASES) == set(sections) and len(sections) == len(set(sections))
    for name, rule in known.items():
        assert rule["annotations"]["runbook_url"] == "{{ externalURL }}/user/runbooks.md#" + name.lower()
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
        assert rule["labels"]["severity"] in ("page", "ticket")


def with_files(folder):
    """kubernetes.yaml with targets that stand in a file there, with the labels that Kubernetes gives them."""
    text = read("prometheus", "kubernetes.yaml")
    wanted = "kubernetes_sd_configs: [{ role: pod }]"
    assert text.count(wanted) == 1
    text = text.replace("rules/*.yaml", f"{FOLDER}/rules/*.yaml")
    return text.replace(wanted, "file_sd_configs: [{ files: [" + str(folder / "pods.json") + "] }]")


def pod(address, name, phase="Running", **more):
    labels = {"namespace": "shop", "pod_name": name, "pod_node_name": "node-1", "pod_phase": phase,
              "pod_annotation_prometheus_io_scrape": "true", "pod_annotation_prometheus_io_port": "9464",
              "pod_label_app": "shop", **more}
    return {"targets": [address], "labels": {"__meta_kubernetes_" + key: value for key, value in labels.items()}}


def test_pods_are_scraped_once_under_the_name_of_their_app(closing, tmp_path):
    named = {"pod_label_app_kubernetes_io_name": "orders"}
    (tmp_path / "pods.json").write_text(json.dumps([
        pod("127.0.0.2:3000", "shop-1"), pod("127.0.0.2:9464", "shop-1"), pod("127.0.0.2", "shop-1"),
        pod("[::1]:3000", "orders-1", **named), pod("127.0.0.3:3000", "done", "Succeeded"),
        pod("127.0.0.4:3000", "other", pod_annotation_prometheus_io_scrape="false")]))
    path = tmp_path / "prometheus.yaml"
    path.write_text(with_files(tmp_path))
    server = closing.keep(Prometheus(tmp_path, config=path))
    found = wait_until(server.targets, 60, "targets")
    assert sorted((t["labels"]["job"], t["labels"]["pod"], t["labels"]["instance"]) for t in found) == [
        ("orders", "orders-1", "[::1]:9464"), ("shop", "shop-1", "127.0.0.2:9464")]
    assert {(t["labels"]["sidecar"], t["labels"]["node"], t["labels"]["namespace"]) for t in found} == {
        ("oxpecker", "node-1", "shop")}
    assert {t["scrapePool"] for t in found} == {"pods"}
