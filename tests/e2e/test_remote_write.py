"""Series that are pushed by remote write: what a real Prometheus has of them, over outages, kills and the end."""

import math
import time

import pytest
import requests

from lib import agent as agents
from lib import fault, parsers, remote_write
from lib.parsers import OPENMETRICS
from lib.wait import free_port, wait_until
from test_metrics_out import request_of_exponential

WRITE = "/api/v1/write"
NEVER = "1h"  # but at the end


@pytest.fixture
def receiver(prometheus):
    return prometheus([], words=["--web.enable-remote-write-receiver"])


def exporter(url, **options):
    return {"remote_write": {"url": url + WRITE, "interval": "200ms", "retry_first": "50ms", **options}}


def config(url, collect=None, **options):
    return {"metrics": {"collect": collect or {}, "export": exporter(url, **options)}}


def scraped(tmp_path):
    return {"app": {"type": "scrape", "target": f"unix:{tmp_path}/app.sock", "timeout": "60s"}}


def booked(agent, term):
    return agent.booked(term, signal="metrics", source="series")


def dropped(agent, reason):
    row, = agent.ledger(source="series")
    return row["dropped"].get(reason, {"records": 0})["records"]


def times_of(receiver, selector):
    """The times of all samples that it has of the one series."""
    answer = receiver.get(receiver.url + "/api/v1/query", params={"query": f"{selector}[1h]"})
    rows = answer["data"]["result"]
    assert len(rows) <= 1, rows
    return [at for at, _ in rows[0]["values"]] if rows else []


def refused_by(receiver):
    """How many samples it did not take, since they were out of order or too old."""
    page = requests.get(receiver.url + "/metrics", timeout=60).text
    names = ("prometheus_tsdb_out_of_order_samples_total", "prometheus_tsdb_out_of_bound_samples_total",
             "prometheus_tsdb_too_old_samples_total")
    return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(names))


def test_prometheus_has_what_the_app_shows(oxpecker, receiver, fault_server, tmp_path):
    app = fault_server(unix=str(tmp_path / "app.sock"))
    page = ('# HELP hits How many.\n# TYPE hits counter\nhits_total{path="/a\\"b\\\\c"} 7 # {trace_id="t"} 1 1e9\n'
            '# TYPE size histogram\nsize_bucket{le="1"} 2\nsize_bucket{le="+Inf"} 3\nsize_sum 4.5\nsize_count 3\n'
            '# TYPE odd gauge\nodd{cluster="own",A="upper"} NaN\nodd{cluster="other"} +Inf\n# EOF\n')
    app.plan(fault.ok(page.encode(), OPENMETRICS))
    agent = oxpecker(config(receiver.url, scraped(tmp_path), external_labels={"cluster": "eu", "zone": "a"}))
    agent.wait_until(lambda: receiver.value("hits_total") == 7, 60, "a sample")
    assert [labels for labels, _ in receiver.query("hits_total")] == [
        {"__name__": "hits_total", "path": '/a"b\\c', "cluster": "eu", "zone": "a"}]
    assert receiver.value('size_bucket{le="+Inf",cluster="eu"}') == 3 and receiver.value("size_sum") == 4.5
    assert receiver.value('odd{cluster="other"}') == math.inf
    assert math.isnan(receiver.value('odd{cluster="own",A="upper",zone="a"}'))
    assert receiver.query('oxpecker_ledger_records{source="series",term="delivered",cluster="eu"}')
    agent.assert_balanced()


@pytest.mark.parametrize("at", [1000, 2_000_000_000_000])
def test_a_time_that_is_refused_costs_no_other_series(oxpecker, receiver, tmp_path, fault_server, at):
    """An app that gives its samples times of 1970, or of 2033: Prometheus refuses a request for one of them."""
    app = fault_server(unix=str(tmp_path / "app.sock"))
    app.plan(fault.ok(f"mine 7\nodd 1 {at}\n".encode(), parsers.TEXT))
    agent = oxpecker(config(receiver.url, scraped(tmp_path)))
    agent.wait_until(lambda: len(times_of(receiver, "mine")) > 3, 60, "some samples")
    assert receiver.query("oxpecker_ledger_records") and not receiver.query("odd")
    assert booked(agent, "rejected") > 0 if at == 1000 else dropped(agent, "ceiling") > 0
    agent.assert_balanced()
    assert agent.stop() == (at == 1000)
    agent.expected_exit = {0, 1}


def test_prometheus_has_native_histograms(oxpecker, prometheus):
    """With all of their buckets, and nothing else of them; when the series ends, it is stale."""
    receiver = prometheus([], words=["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"])
    agent = oxpecker(config(receiver.url))
    message, point = request_of_exponential()

    def post():
        requests.post(agent.otlp_url + "/v1/metrics", data=message.SerializeToString(), timeout=60,
                      headers={"Content-Type": "application/x-protobuf"}).raise_for_status()

    post()
    agent.wait_until(lambda: receiver.value("histogram_count(took)") == 20, 60, "the histogram")
    assert receiver.value("histogram_sum(took)") == -1.5
    assert [labels for labels, _ in receiver.query('count({__name__=~"took.*"}) by (__name__)')] == [
        {"__name__": "took"}]
    # 7 are above 2^(-2/8), 8 above 0; the one that is looked for lies in the middle of these 7
    assert receiver.value("histogram_fraction(0.5, 1, took)") == pytest.approx(8 / 20)
    assert receiver.value("histogram_quantile(0.975, took)") == pytest.approx(2 ** (-2 / 8), rel=0.1)
    point.flags = 1  # no recorded value: it has ended
    post()
    agent.wait_until(lambda: not receiver.query("histogram_count(took)"), 60, "the end")
    agent.assert_balanced()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_what_has_gone_is_stale_at_once(oxpecker, fault_server, tmp_path, version):
    app, server = fault_server(unix=str(tmp_path / "app.sock")), fault_server()
    server.plan(fault.ok(X_Prometheus_Remote_Write_Samples_Written=10**6))
    app.plan(fault.ok(b"stays 1\ngoes{a=\"1\"} 1\n", "text/plain; version=0.0.4"))
    agent = oxpecker(config(server.url, scraped(tmp_path), version=version))

    def sent(name):
        return [s for request in server.taken(WRITE) for s in remote_write.samples(request) if s.name == name]

    agent.wait_until(lambda: len(sent("goes")) > 1, 60, "values")
    app.plan(fault.ok(b"stays 1\n", "text/plain; version=0.0.4"))
    agent.wait_until(lambda: sent("goes")[-1].bits == remote_write.STALE, 60, "a marker")
    count = len(sent("stays"))
    agent.wait_until(lambda: len(sent("stays")) > count + 2, 60, "more rounds")
    bits = [sample.bits for sample in sent("goes")]
    assert bits.count(remote_write.STALE) == 1 and bits[-1] == remote_write.STALE
    assert sent("goes")[-1].labels == {"a": "1"}
    assert remote_write.STALE not in [sample.bits for sample in sent("stays")]
    agent.assert_balanced()


def test_requests_are_as_the_specification_has_them(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.ok(X_Prometheus_Remote_Write_Samples_Written=10**6))
    agent = oxpecker({"metrics": {"export": {
        "one": {"type": "remote_write", "url": server.url + "/one", "interval": "200ms", "bearer": "secret"},
        "two": {"type": "remote_write", "url": server.url + "/two", "interval": "200ms", "version": "2.0",
                "headers": {"X-Scope-OrgID": "tenant"}, "samples": 10}}}})
    for path, version, kind, header in [
            ("/one", "0.1.0", "application/x-protobuf", ("Authorization", "Bearer secret")),
            ("/two", "2.0.0", "application/x-protobuf;proto=io.prometheus.write.v2.Request",
             ("X-Scope-OrgID", "tenant"))]:
        times = []
        for request in server.wait_requests(8, path, 60):
            assert request.headers["Content-Encoding"] == "snappy" and request.headers["Content-Type"] == kind
            assert request.headers["X-Prometheus-Remote-Write-Version"] == version
            assert request.headers["User-Agent"].startswith("oxpecker/")
            assert request.headers[header[0]] == header[1]
            sent = remote_write.samples(request)
            assert len({sample.at for sample in sent}) == 1 and sent
            times.append(sent[0].at)
        assert times == sorted(times) and (len(set(times)) < len(times)) == (path == "/two"), "a round is cut"
    agent.assert_balanced()


PAGE = """# HELP hits How\\nmany "there" are.
# TYPE hits counter
hits_total{path="/a\\"b\\\\c\\n"} 7 # {trace_id="t",who="é"} 0.5 1700000000.5
hits_created{path="/a\\"b\\\\c\\n"} 1700000000.25
# TYPE size histogram
size_bucket{le="1.0"} 2
size_bucket{le="+Inf"} 3
size_sum 4.5
size_count 3
size_created 1700000001
# TYPE air_celsius gauge
# UNIT air_celsius celsius
air_celsius{A="upper",cluster="own"} NaN
air_celsius 1e-320 1700000002
# TYPE "a.b" gauge
{"a.b","ключ"="1"} -Inf
# TYPE odd unknown
odd 1
# EOF
"""


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_requests_are_what_prometheus_reads(oxpecker, fault_server, tmp_path, version):
    """By its own messages: snappy, symbols, metadata, exemplars, times."""
    app, server, is_2 = fault_server(unix=str(tmp_path / "app.sock")), fault_server(), version == "2.0"
    app.plan(fault.ok(PAGE.encode(), OPENMETRICS))
    server.plan(fault.ok(X_Prometheus_Remote_Write_Samples_Written=10**6))
    agent = oxpecker(config(server.url, scraped(tmp_path), version=version, external_labels={"cluster": "eu"}))
    series = {}
    metadata = {}

    def has_all():
        for read in parsers.read_writes(server.taken(WRITE)):
            assert not read["error"]
            metadata.update(read["metadata"])
            series.update({parsers.key(one): one for one in read["series"]})
        return ("odd", (("cluster", "eu"),)) in series

    agent.wait_until(has_all, 60, "all of the page")
    one = lambda name, **labels: series[name, tuple(sorted({"cluster": "eu", **labels}.items()))]  # noqa: E731
    told = lambda name, **labels: (one(name, **labels) if is_2 else metadata[name.removesuffix("_total")])  # noqa: E731
    hits = {"path": '/a"b\\c\n'}
    assert one("hits_total", **hits)["exemplars"] == [
        {"labels": {"trace_id": "t", "who": "é"}, "value": "0.5", "timestamp": 1700000000500}]
    assert one("hits_total", **hits)["samples"][0]["value"] == "7"
    assert one("hits_total", **hits)["samples"][0]["start"] == (1700000000250 if is_2 else 0)
    assert one("size_bucket", le="+Inf")["samples"][0]["start"] == (1700000001000 if is_2 else 0)
    assert (("hits_created", tuple(sorted({"cluster": "eu", **hits}.items()))) in series) != is_2
    assert one("air_celsius")["samples"] == [
        {"value": "1e-320", "bits": f"{2024:016x}", "timestamp": 1700000002000, "start": 0}]
    assert one("air_celsius", A="upper", cluster="own")["samples"][0]["value"] == "NaN"
    name, label = ("a.b", "ключ") if is_2 else ("a_b", "____")
    assert one(name, **{label: "1"})["samples"][0]["value"] == "-Inf"
    assert (told("hits_total", **(hits if is_2 else {}))["type"], told("odd")["type"]) == ("counter", "unknown")
    assert told("hits_total", **(hits if is_2 else {}))["help"] == 'How\nmany "there" are.'
    assert told("air_celsius")["unit"] == "celsius" and told("air_celsius")["type"] == "gauge"
    agent.assert_balanced()


@pytest.mark.parametrize("status, waits", [(500, True), (503, True), (429, True), (400, False), (401, False),
                                           (404, False), (413, False)])
def test_what_fails_is_sent_again_or_dropped_and_counted(oxpecker, fault_server, status, waits):
    server = fault_server()
    server.plan(fault.status(status, body=b"because of the test"), then=fault.good())
    agent = oxpecker(config(server.url))
    server.wait_requests(3, WRITE, 60)
    first, second = server.taken(WRITE)[:2]
    assert (first.raw == second.raw) == waits
    agent.wait_until(lambda: booked(agent, "delivered") > 0, 60, "what came later")
    assert booked(agent, "rejected") == (0 if waits else len(remote_write.samples(first)))
    if not waits:
        said = "records are refused for good: HTTP %d: because of the test" % status
        agent.wait_until(lambda: said in agent.err(), 60, "what it said")
        agent.expected_exit = {1}
    agent.assert_balanced()


def test_retry_after_is_obeyed(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.status(503, retry_after=3), then=fault.good())
    oxpecker(config(server.url))
    first, second = server.wait_requests(2, WRITE, 60)[:2]
    assert second.at - first.at >= 3


def test_a_429_is_dropped_if_it_is_to_be(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.status(429), then=fault.good())
    agent = oxpecker(config(server.url, retry_429=False))
    server.wait_requests(2, WRITE, 60)
    agent.wait_until(lambda: booked(agent, "rejected") == len(remote_write.samples(server.taken(WRITE)[0])), 60,
                     "it is counted")
    agent.expected_exit = {1}


def test_a_receiver_of_2_says_what_it_has_written(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.ok(X_Prometheus_Remote_Write_Samples_Written=3),
                fault.ok(X_Prometheus_Remote_Write_Samples_Written=2, code=400, body=b"out of order"),
                then=fault.ok(X_Prometheus_Remote_Write_Samples_Written=10**6))
    agent = oxpecker(config(server.url, version="2.0"))
    server.wait_requests(3, WRITE, 60)
    lost = sum(len(remote_write.samples(request)) for request in server.taken(WRITE)[:2]) - 5
    agent.wait_until(lambda: booked(agent, "rejected") == lost, 60, "the others are counted")
    agent.wait_until(lambda: "samples of a request: it says that it has written fewer" in agent.err(), 60, "a word")
    agent.assert_balanced()
    agent.expected_exit = {1}


def test_a_receiver_of_1_is_told_from_one_of_2(oxpecker, fault_server):
    """It reads an empty request, and answers 200."""
    server = fault_server()
    agent = oxpecker(config(server.url, version="2.0"))
    agent.wait_until(lambda: "it does not read version 2.0: set version: 1.0" in agent.err(), 60, "a word")
    assert booked(agent, "delivered") == 0
    agent.expected_exit = {1}


def test_the_last_push_is_at_the_end(oxpecker, receiver):
    """A job that lives between two rounds: what it pushed is in Prometheus, once the agent is gone."""
    port = free_port()
    agent = oxpecker(config(receiver.url, {"push": f"127.0.0.1:{port}"}, interval=NEVER))
    assert requests.put(f"http://127.0.0.1:{port}/metrics/job/backup", data="saved_bytes 42\n", timeout=60).ok
    assert agent.stop() == 0
    wait_until(lambda: receiver.value('saved_bytes{job="backup"}') == 42, 60, "the last push")


def test_a_push_while_the_end_waits_for_a_receiver_is_not_lost(oxpecker, fault_server):
    server, port = fault_server(), free_port()
    server.plan(fault.status(503))
    agent = oxpecker({"exit": {"within": "15s"}, **config(server.url, {"push": f"127.0.0.1:{port}"}, interval=NEVER)})
    agent.process.signal(15)
    agent.wait_until(lambda: "waiting for " in agent.err(), 60, "its rounds are over, and nobody takes them")
    assert requests.put(f"http://127.0.0.1:{port}/metrics/job/late", data="late_bytes 42\n", timeout=60).ok
    assert agent.process.wait(120) == 0
    server.plan(fault.status(204))
    server.requests.clear()
    agent.start()
    sent = lambda: [request for request in server.taken(WRITE) if request.raw]  # a probe has no body  # noqa: E731
    names = lambda: {s.name for request in sent() for s in remote_write.samples(request)}  # noqa: E731
    agent.wait_until(lambda: "late_bytes" in names(), 60, "the late push")


def test_a_receiver_that_comes_back_has_each_round_once_and_in_order(oxpecker, receiver, fault_server, tmp_path):
    """The agent's way to Prometheus is cut for a while."""
    app, way = fault_server(unix=str(tmp_path / "app.sock")), fault_server()
    app.plan(fault.ok(b"up_all_the_time 1\n", "text/plain; version=0.0.4"))
    taken = set()

    def on(handler, request):
        answer = requests.post(receiver.url + request.path, data=request.raw, timeout=60, headers={
            name: request.headers[name] for name in ("Content-Encoding", "Content-Type")})
        taken.update(s.at for s in remote_write.samples(request) if s.name == "up_all_the_time")
        handler.answer(answer.status_code, answer.content, "text/plain", {})

    way.plan(on)
    agent = oxpecker(config(way.url, scraped(tmp_path), interval="1s"))
    agent.wait_until(lambda: len(taken) > 2, 60, "rounds")
    way.refuse()
    held = lambda: agent.status()["destinations"][0]["queued_records"]  # noqa: E731
    agent.wait_until(lambda: held() > 500, 60, "rounds that wait")
    way.listen()
    agent.wait_until(lambda: held() == 0, 60, "all have gone")
    assert agent.stop() == 0
    assert [round(at * 1000) for at in times_of(receiver, "up_all_the_time")] == sorted(taken)
    assert refused_by(receiver) == 0


def test_what_waits_survives_kill_9(oxpecker, receiver, fault_server, tmp_path):
    app, way = fault_server(unix=str(tmp_path / "app.sock")), fault_server()
    app.plan(fault.ok(b"up_all_the_time 1\n", "text/plain; version=0.0.4"))
    way.refuse()
    agent = oxpecker(config(way.url, scraped(tmp_path)))
    agent.wait_until(lambda: agent.status()["destinations"][0]["queued_records"] > 1000, 60, "rounds that wait")
    before = booked(agent, "held")
    killed_at = time.time()
    agent.kill9()
    agent.write_config(config(receiver.url, scraped(tmp_path)))
    agent.start()
    agent.wait_until(lambda: booked(agent, "delivered") >= before, 60, "those of the run before")
    assert booked(agent, "dropped") == 0 and booked(agent, "rejected") == 0
    agent.assert_balanced()
    assert agent.stop() == 0
    assert len([at for at in times_of(receiver, "up_all_the_time") if at < killed_at]) >= 3
    assert refused_by(receiver) == 0


def test_the_oldest_go_if_too_much_waits(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    agent = oxpecker(config(server.url, queue="64KiB", interval="1s"))
    agent.wait_until(lambda: dropped(agent, "full"), 60, "a drop")
    assert agent.booked("held", "bytes", source="series") < 200 << 10
    assert "samples are dropped, the oldest first: more wait than `queue`" in agent.err()
    server.listen()
    agent.wait_until(lambda: "no samples are dropped any more" in agent.err(), 60, "the end of that")
    times = [remote_write.samples(request)[0].at for request in server.taken(WRITE)]
    assert times == sorted(times)
    agent.assert_balanced()
    agent.expected_exit = {1}


def test_what_is_too_old_goes(oxpecker, fault_server):
    server = fault_server()
    server.refuse()
    agent = oxpecker(config(server.url, age="1s", interval="500ms"))
    agent.wait_until(lambda: dropped(agent, "age"), 60, "a drop")
    server.listen()
    agent.wait_until(lambda: booked(agent, "delivered") > 0, 60, "the newer ones")
    agent.assert_balanced()
    agent.expected_exit = {1}


@pytest.mark.parametrize("url, word", [
    ("http://prometheus:9090", "/api/v1/write for Prometheus"), ("http://x/metrics", "a page to be scraped"),
    ("http://x/v1/metrics", "use metrics.export.otlp"), ("ftp://x/y", "url")])
def test_check_tells_of_a_wrong_url(oxpecker, url, word):
    agent = oxpecker({"metrics": {"export": {"remote_write": {"url": url}}}}, start=False)
    checked = agents.run("check", agent.config_path, env=agent.env)
    assert checked.returncode == 1 and word in checked.stdout + checked.stderr
