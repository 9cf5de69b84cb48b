"""Steps of metrics: they act on the samples of every way in, and what they leave is a page that Prometheus takes."""

import socket

from lib import agent as agents
from lib import parsers, unix_http
from lib.parsers import TEXT
from lib.wait import wait_until
from test_otlp_metrics import DELTA, request_of_sum, shown

PAGE = "".join(f"# HELP {name} Some.\n# TYPE {name} {kind}\n{samples}" for name, kind, samples in (
    ("scraped_total", "counter", 'scraped_total{pod="a",path="/"} 1\nscraped_total{pod="b",path="/"} 2\n'),
    ("secret_size", "gauge", "secret_size 1\n"), ("noise", "gauge", "noise 1\n"),
    ("took_seconds", "histogram", "".join(
        f'took_seconds_bucket{{pod="{pod}",le="1"}} 1\ntook_seconds_bucket{{pod="{pod}",le="+Inf"}} 2\n'
        f'took_seconds_sum{{pod="{pod}"}} 3\ntook_seconds_count{{pod="{pod}"}} 2\n' for pod in "ab"))))
STEPS = [{"drop": {"where": {"name": "secret*"}}}, {"filter": {"where": {"name": "!noise|push_*|target_info"}}},
         {"drop": ["pod", "instance", "otel_scope_name"]}, {"rename": {"names": {"took_seconds": "wait_seconds"},
                                                                      "fields": {"part": "where"}}},
         {"add": {"fields": {"team": "pay"}}}]


def test_steps_see_the_samples_of_every_way_in(oxpecker, fault_server, tmp_path):
    app, push, statsd = (str(tmp_path / f"{name}.sock") for name in ("app", "push", "statsd"))
    server = fault_server(unix=app)
    server.plan(lambda handler, request: handler.answer(200, PAGE.encode(), TEXT, {}))
    running = oxpecker({"metrics": {"steps": STEPS, "collect": {
        "scrape": {"target": f"unix:{app}", "timeout": "60s", "labels": {"part": "web"}},
        "push": {"http": f"unix:{push}"}, "statsd": {"listen": f"unix:{statsd}"}}},
        "receive": {"otlp": {"http": f"unix:{tmp_path}/otlp.sock"}}})
    status, _, body = unix_http.request(push, "PUT", "/metrics/job/backup/pod/x", body=b"pushed 7\nsecret 1\n")
    assert status == 200, body
    for worker in ("a", "b"):
        status, _, body = unix_http.request(push, "POST", "/push", b'# TYPE jobs counter\njobs{pod="x"} 2\nnoise 1\n',
                                            {"X-Oxpecker-Worker": worker})
        assert status == 200, body
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"hits:3|c|#pod:a\nhits:4|c|#pod:b\nsecret:1|g", statsd)
    for service in ("one", "two"):
        status, _, body = unix_http.request(
            f"{tmp_path}/otlp.sock", "POST", "/v1/metrics",
            request_of_sum(5, temporality=DELTA, service=service).SerializeToString(),
            {"Content-Type": "application/x-protobuf"})
        assert status == 200, body
    wait_until(lambda: "hits" in running.page() and "scraped" in running.page(), 60, "all of it")

    def of(**labels):
        return tuple(sorted({"team": "pay", **labels}.items()))

    wanted = {("scraped_total", of(path="/", where="web")): 3, ("pushed", of(job="backup")): 7, ("jobs", of()): 4,
              ("hits", of()): 7, ("made_total", of(job="one")): 5, ("made_total", of(job="two")): 5,
              ("wait_seconds_sum", of(where="web")): 6, ("wait_seconds_count", of(where="web")): 4,
              ("wait_seconds_bucket", of(where="web", le="1.0")): 2,
              ("wait_seconds_bucket", of(where="web", le="+Inf")): 4}
    assert shown(running) == wanted
    for kind in parsers.ALL:
        assert not parsers.read(kind, running.get("/metrics", headers={"Accept": kind}).content).error
    page = running.page()
    assert "# TYPE wait_seconds histogram" in page and "# HELP wait_seconds Some." in page
    names = {name for step in STEPS for name in step}
    assert page.count('oxpecker_step_dropped_records_total{component="metrics.steps') == len(names)
    running.assert_balanced()


def test_a_step_that_means_nothing_is_refused(tmp_path):
    path = tmp_path / "oxpecker.yaml"
    for step, said in (("drop: { where: { type: meter } }", "expected some of counter"), ("drop: [le]", "a histogram"),
                       ("rename: { fields: { a: __name__ } }", "use `names` of rename"),
                       ("sample: { ratio: 0.1 }", "unknown step")):
        path.write_text(f"metrics:\n  steps:\n    - {step}\n")
        done = agents.run("check", str(path))
        assert done.returncode != 0 and "oxpecker.yaml:3:" in done.stdout + done.stderr, done
        assert said in done.stdout + done.stderr, done
