"""Clients of Prometheus beyond those of the host apps, in every format they speak: what we show is what they show."""

import contextlib
import os
import shutil
import signal

import pytest
import requests

from lib import need, parsers
from lib.lines import whole_lines
from lib.process import Process

HOSTS = os.path.join(need.TESTS, "hosts", "metric_clients")
CLIENTS = os.path.join(os.path.dirname(need.TESTS), "conf", "clients")
COUNTED = ("hits_total", "took_seconds_bucket", "took_seconds_sum", "took_seconds_count")
EXEMPLAR = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}


def java():
    home = need.built("metric_clients")
    return [need.program("java"), "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
            f"{home}/classes:{home}/lib/*", "Metrics"], {}


def prom_client():
    return [need.program("node"), os.path.join(HOSTS, "prom_client.js")], {
        "NODE_PATH": need.built("node") + "/node_modules"}


@pytest.fixture
def client(tmp_path):
    """Starts one; the numbers that it prints, the port of its page first. It ends with the test, as do its children."""
    started = []

    def start(argv, env):
        started.append(process := Process("client", argv, tmp_path, env))
        process.wait_until(lambda: whole_lines(process.out_path), 120, "it listens")
        return [*map(int, process.out().split())]
    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill9()


def read(kind, url):
    answer = requests.get(url, headers={"Accept": kind}, timeout=60)
    answer.raise_for_status()
    page = parsers.read(answer.headers["Content-Type"], answer.content)
    assert not page.error
    return page


def ours(agent, kind):
    """What it shows beside its own series."""
    page = read(kind, agent.url + "/metrics")
    for part in (page.samples, page.exemplars, page.created):
        for key in [key for key in part if key[0].startswith("oxpecker_")]:
            del part[key]
    return page


def scraped(oxpecker, port, protocol):
    return oxpecker({"metrics": {"collect": {"app": {
        "type": "scrape", "target": f"127.0.0.1:{port}", "timeout": "60s", "scrape_protocols": [protocol]}}}})


@pytest.mark.parametrize("protocol, kind", [
    ("PrometheusText0.0.4", parsers.TEXT), ("PrometheusProto", parsers.PROTOBUF),
    ("OpenMetricsText1.0.0", parsers.OPENMETRICS)])
def test_client_java_and_micrometer(oxpecker, client, protocol, kind):
    port, = client(*java())
    agent = scraped(oxpecker, port, protocol)
    shown, wanted = ours(agent, kind), read(kind, f"http://127.0.0.1:{port}/metrics")
    assert shown.samples == wanted.samples
    assert {name: shown.types[name] for name in wanted.types} == wanted.types
    helps = {name: text for name, text in wanted.help.items() if text.strip()}  # Micrometer's may be a blank
    assert {name: shown.help[name] for name in helps} == helps and len(helps) >= 1
    assert shown.exemplars == wanted.exemplars and shown.created == wanted.created
    assert bool(shown.exemplars) == (kind != parsers.TEXT)
    names = {name for name, _ in shown.samples}
    assert {"jobs_total", "temperature_celsius", "orders_placed_total", "queue_size", "build_info"} <= names
    natives = [value for value, _ in shown.samples.values() if value.startswith("{count:")]
    assert len(natives) == (2 if protocol == "PrometheusProto" else 0)


def test_exemplars_of_prom_client(oxpecker, client):
    port, = client(*prom_client())
    shown = ours(scraped(oxpecker, port, "OpenMetricsText1.0.0"), parsers.OPENMETRICS)
    wanted = read(parsers.OPENMETRICS, f"http://127.0.0.1:{port}/metrics")
    assert shown.samples == wanted.samples and shown.exemplars == wanted.exemplars
    assert {name for name, _ in shown.exemplars} == {"jobs_total", "took_seconds_bucket"}
    assert all(exemplar["labels"] == EXEMPLAR for exemplar in shown.exemplars.values())


def test_multiprocess_mode_beside_workers_that_push(oxpecker, client, tmp_path):
    """The same sums, before and after one is killed. Its gauge goes at once; in that mode a hook has to do it."""
    path, files = f"{tmp_path}/push.sock", tmp_path / "files"
    files.mkdir()
    shutil.copy(os.path.join(CLIENTS, "python.py"), tmp_path / "oxpecker_push.py")
    agent = oxpecker({"metrics": {"collect": {"push": {"http": [f"unix:{path}"], "grace": "1s"}}}})
    port, *pids = client([need.built("python_sdk") + "/bin/python", "-B", os.path.join(HOSTS, "multiprocess.py")],
                         {"PYTHONPATH": tmp_path, "PROMETHEUS_MULTIPROC_DIR": files, "PUSH_TO": f"unix:{path}"})
    theirs = read(parsers.TEXT, f"http://127.0.0.1:{port}/metrics").samples
    assert counted(ours(agent, parsers.TEXT).samples) == counted(theirs)
    assert theirs["busy", ()] == ours(agent, parsers.TEXT).samples["busy", ()] == ("6", None)
    os.kill(pids[1], signal.SIGKILL)
    agent.wait_until(lambda: agent.metric("oxpecker_push_workers_folded_total") == 1, 60, "its sums are kept")
    shown = ours(agent, parsers.TEXT).samples
    assert shown["busy", ()] == ("4", None) and counted(shown) == counted(theirs)


def counted(samples):
    """The counters and histograms; sums to nine digits, since they are added up in another order."""
    return {key: round(float(value), 9) for key, (value, _) in samples.items() if key[0] in COUNTED}
