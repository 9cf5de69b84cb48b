"""A real Prometheus 3 at the other end: what it has of an app by way of the agent is what it has of the app itself, be
it scraped, or pushed by remote write or OTLP."""

import math

import pytest

from lib import fault, parsers
from lib.parsers import OPENMETRICS
from lib.wait import wait_until

WRITE, OTLP = "/api/v1/write", "/api/v1/otlp"
BESIDE = ("instance", "job")
TRACE = "0102030405060708090a0b0c0d0e0f10"

PAGE = f"""# HELP hits How\\nmany.
# TYPE hits counter
hits_total{{path="/a\\"b\\\\c"}} 7 # {{trace_id="{TRACE}"}} 0.5
hits_created{{path="/a\\"b\\\\c"}} CREATED
hits_total{{path="/b"}} 8e30
hits_created{{path="/b"}} CREATED
# TYPE size histogram
size_bucket{{le="1.0",part="x"}} 2
size_bucket{{le="2.5",part="x"}} 2 # {{span_id="0102030405060708"}} 2
size_bucket{{le="+Inf",part="x"}} 5
size_sum{{part="x"}} 9.5
size_count{{part="x"}} 5
size_created{{part="x"}} CREATED
# TYPE wait summary
wait{{quantile="0.5"}} 1
wait{{quantile="0.9"}} 2
wait_sum 3
wait_count 4
# TYPE temp gauge
temp{{room="1"}} NaN
temp{{room="2"}} -3.5
temp{{room="3"}} +Inf
temp{{room="4"}} 1e-320
# TYPE air_celsius gauge
# UNIT air_celsius celsius
air_celsius 20
# TYPE build info
build_info{{version="1"}} 1
# EOF
"""
NAMES = ('# TYPE "http.requests" counter\n{"http.requests_total","ключ"="é"} 3\n'
         '# TYPE "a b" gauge\n{"a b","x.y"="1"} 4\n# EOF\n')


@pytest.fixture
def app(fault_server, tmp_path):
    """On a socket, for the agent, and on a port for Prometheus."""
    class App:
        ways = [fault_server(unix=str(tmp_path / "app.sock")), fault_server()]
        address = ways[1].url.removeprefix("http://")

        def shows(self, page, kind=OPENMETRICS):
            for way in self.ways:
                way.plan(fault.ok(page if isinstance(page, bytes) else page.encode(), kind))
    return App()


def config(tmp_path, protocols=None, **export):
    scrape = {"type": "scrape", "target": f"unix:{tmp_path}/app.sock", "timeout": "60s"}
    if protocols:
        scrape["scrape_protocols"] = protocols
    return {"metrics": {"collect": {"app": scrape}, **({"export": export} if export else {})}}


def page(server):
    """It says that its counters were made before the first sample that the server gets, and not long before."""
    now = int(server.get(server.url + "/api/v1/query", params={"query": "time()"})["data"]["result"][0])
    return PAGE.replace("CREATED", f"{now - 30:.3f}"), now - 30


def of(server, instance, left_out=BESIDE):
    """What it has of that instance: {labels: value}."""
    rows = server.latest(f'{{instance="{instance}",__name__!~"oxpecker_.*|scrape_.*|up"}}')
    return {tuple(pair for pair in labels if pair[0] not in left_out): value for labels, value in rows.items()}


def pushed(server):
    """What was pushed by an agent with that external label."""
    rows = server.latest('{cluster="eu",__name__!~"oxpecker_.*"}')
    return {tuple(pair for pair in labels if pair[0] not in ("cluster", *BESIDE)): value
            for labels, value in rows.items()}


def exemplars(server, selector):
    """Each once: one that has no time of its own is new in each round."""
    return {(labels["__name__"], float(labels.get("le", 0)), *exemplar["labels"].items(), float(exemplar["value"]))
            for labels, exemplar in server.exemplars(selector)}


@pytest.mark.parametrize("protocols", [["PrometheusProto"], None])
def test_it_scrapes_what_it_would_scrape_from_the_app(oxpecker, prometheus3, app, tmp_path, protocols):
    kind, body = parsers.page_of_go()
    agent = oxpecker(config(tmp_path, protocols))
    shown = f"127.0.0.1:{agent.port}"
    server = prometheus3([shown, app.address])
    if protocols:
        app.shows(body, kind)
    else:
        app.shows(page(server)[0])
    wait_until(lambda: of(server, shown) and of(server, shown) == of(server, app.address), 60, "the same of both")
    found = of(server, shown)
    if protocols:
        natives = {dict(labels)["__name__"] for labels, value in found.items() if isinstance(value, dict)}
        assert natives == {"native", "both", "unused"}
    else:
        assert ("__name__", "size_bucket") in {pair for labels in found for pair in labels}
    same = lambda: (exemplars(server, f'{{instance="{shown}"}}')  # noqa: E731
                    == exemplars(server, f'{{instance="{app.address}"}}'))
    wait_until(lambda: same() and exemplars(server, f'{{instance="{shown}"}}'), 60, "exemplars")


def same_value(one, other):
    return float(one) == float(other) or (math.isnan(float(one)) and math.isnan(float(other)))


def without(found, *names):
    return {labels: value for labels, value in found.items() if dict(labels)["__name__"] not in names}


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_remote_write_brings_what_it_would_scrape(oxpecker, prometheus3, app, tmp_path, version):
    server = prometheus3([app.address])
    shown, created = page(server)
    app.shows(shown)
    agent = oxpecker(config(tmp_path, remote_write={
        "url": server.url + WRITE, "version": version, "interval": "500ms", "external_labels": {"cluster": "eu"}}))
    wait_until(lambda: of(server, app.address) and pushed(server), 60, "both ways")
    scraped, found = of(server, app.address), without(pushed(server), "hits_created", "size_created")
    assert len(scraped) == 17 and found.keys() == scraped.keys()
    assert all(same_value(found[labels], value) for labels, value in scraped.items())
    by_page = lambda: exemplars(server, f'{{instance="{app.address}"}}')  # noqa: E731
    wait_until(lambda: len(by_page()) == 2 and exemplars(server, '{cluster="eu"}') == by_page(), 60, "exemplars")
    counted = ('hits_total{path="/b",cluster="eu"}', 'size_count{cluster="eu"}')
    if version == "2.0":  # of 1.0 that is a series
        assert all(server.samples(selector)[0] == (pytest.approx(created, abs=0.01), 0) for selector in counted)
    else:
        assert all(server.samples(selector)[0][1] > 0 for selector in counted)
        assert server.value('hits_created{path="/b",cluster="eu"}') == pytest.approx(created, abs=0.01)
    agent.assert_balanced()


def test_names_in_utf8_are_kept(oxpecker, prometheus3, app, tmp_path):
    server = prometheus3([app.address])
    app.shows(NAMES)
    agent = oxpecker(config(tmp_path, two={"type": "remote_write", "url": server.url + WRITE, "version": "2.0",
                                           "interval": "500ms", "external_labels": {"cluster": "eu"}},
                            one={"type": "remote_write", "url": server.url + WRITE, "interval": "500ms",
                                 "external_labels": {"cluster": "one"}}))
    wait_until(lambda: of(server, app.address) and pushed(server) == of(server, app.address), 60, "names")
    assert (("__name__", "a b"), ("x.y", "1")) in pushed(server)
    wait_until(lambda: server.value('a_b{x_y="1",cluster="one"}') == 4, 60, "1.0 has classic names")
    agent.assert_balanced()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_what_ends_is_stale(oxpecker, prometheus3, app, tmp_path, version):
    """An instant query looks back for five minutes, unless it is told of the end."""
    server = prometheus3()
    app.shows("# TYPE a gauge\nstays 1\ngoes{n=\"1\"} 1\n# EOF\n")
    oxpecker(config(tmp_path, remote_write={"url": server.url + WRITE, "version": version, "interval": "500ms"}))
    wait_until(lambda: server.value("goes") == 1, 60, "a sample")
    app.shows("# TYPE a gauge\nstays 1\n# EOF\n")
    wait_until(lambda: server.value("goes") is None, 60, "its end")
    assert server.value("stays") == 1 and server.samples("goes")[0][1] == 1


def test_types_and_units_come_with_2(oxpecker, prometheus3, app, tmp_path):
    server = prometheus3(words=["--enable-feature=type-and-unit-labels"])
    app.shows(PAGE.replace("CREATED", "1"))
    oxpecker(config(tmp_path, remote_write={"url": server.url + WRITE, "version": "2.0", "interval": "500ms"}))
    wait_until(lambda: server.value('air_celsius{__type__="gauge",__unit__="celsius"}') == 20, 60, "a unit")
    for name, kind in [("hits_total", "counter"), ("size_bucket", "histogram"), ("wait", "summary"),
                       ("build_info", "info")]:
        assert server.query(f'{name}{{__type__="{kind}"}}') and not server.query(f'{name}{{__type__!="{kind}"}}')


def test_otlp_brings_what_it_would_scrape(oxpecker, prometheus3, app, tmp_path):
    """But for how a bound is written, which OTLP has as a number."""
    server = prometheus3([app.address])
    shown, _ = page(server)
    app.shows(shown)
    agent = oxpecker({"service": {"name": "shop"},
                      **config(tmp_path, otlp={"endpoint": server.url + OTLP, "interval": "500ms"})})
    own = lambda: without({tuple(pair for pair in labels if pair[0] not in BESIDE): value  # noqa: E731
                           for labels, value in server.latest('{job="shop",__name__!~"oxpecker_.*"}').items()},
                          "target_info")
    wait_until(lambda: of(server, app.address) and own(), 60, "both ways")
    scraped = {tuple((name, value.removesuffix(".0") if name == "le" else value) for name, value in labels): sample
               for labels, sample in of(server, app.address).items()}
    found = own()
    assert len(scraped) == 17 and found.keys() == scraped.keys()
    assert all(same_value(found[labels], value) for labels, value in scraped.items())
    by_page = lambda: exemplars(server, f'{{instance="{app.address}"}}')  # noqa: E731
    wait_until(lambda: len(by_page()) == 2 and exemplars(server, '{job="shop"}') == by_page(), 60, "exemplars")
    agent.assert_balanced()
