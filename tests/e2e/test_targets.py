"""What becomes of a target that redirects, fails, has too much or wants to know who asks, and where that stands."""

import base64
import json

import pytest

from lib import agent as agents
from lib import authority, fault, parsers
from lib.parsers import TEXT

PAGE = fault.ok(b"demo 1\n", TEXT)


def config(folder, limits=None, **options):
    return {"metrics": {"collect": {"app": {"type": "scrape", "target": f"unix:{folder}/app.sock",
                                            "timeout": "60s", **options}},
                        **({"limits": limits} if limits else {})}}


def moved(status, to):
    return fault.ok(b"elsewhere", "text/plain", status, Location=to)


@pytest.fixture
def server(fault_server, tmp_path):
    return fault_server(unix=str(tmp_path / "app.sock"))


def row_of(agent):
    row, = (row for row in agent.status()["sources"] if row["name"].endswith(".app"))
    return row


def said(agent):
    return " ".join(agents.run("status", "--config", agent.config_path, env=agent.env).stdout.split())


def test_a_target_is_asked_for_formats_and_its_times_are_shown_or_not(oxpecker, server, tmp_path):
    page = '# TYPE demo counter\ndemo_total 1 1.5 # {trace_id="a"} 0.5 1e9\n# EOF\n'
    server.plan(fault.ok(page.encode(), parsers.OPENMETRICS))
    agent = oxpecker(config(tmp_path))
    shown = parsers.read(parsers.OPENMETRICS, agent.get("/metrics", headers={"Accept": parsers.OPENMETRICS}).content)
    assert shown.samples["demo_total", ()] == ("1", 1500)
    assert shown.exemplars["demo_total", ()] == {"labels": {"trace_id": "a"}, "value": "0.5", "timestamp": 10**12}
    accept = server.taken("/metrics")[-1].headers["Accept"]
    assert accept.startswith("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.9,")
    agent.stop()
    agent = oxpecker(config(tmp_path, scrape_protocols=["PrometheusText0.0.4"],
                            honor_timestamps=False))
    assert parsers.read(TEXT, agent.get("/metrics").content).samples["demo_total", ()] == ("1", None)
    assert server.taken("/metrics")[-1].headers["Accept"] == "text/plain;version=0.0.4;q=0.9,*/*;q=0.1"


@pytest.mark.parametrize("status, to", [(307, "/metrics/"), (301, "http://localhost/metrics/"),
                                        (308, "./metrics/?x=1")])
def test_a_redirect_within_the_target_is_followed(oxpecker, server, tmp_path, status, to):
    """As FastAPI's, whose metrics are an app of their own at /metrics/."""
    agent = oxpecker(config(tmp_path))
    server.plan(lambda handler, request: (moved(status, to) if request.path == "/metrics" else PAGE)(handler, request))
    assert agent.metric("demo") == 1 and agent.metric("oxpecker_target_up") == 1
    assert server.requests[-1].path == to.replace("http://localhost", "").replace("./", "/")


@pytest.mark.parametrize("to, why", [("http://example.com/metrics", "another server"), ("/metrics", "too often"),
                                     ("https://localhost/", "another server"), ("http://:x/", "no URL"),
                                     ("http://localhost/page?" + "x" * 1100, "no URL")])
def test_a_redirect_elsewhere_is_not_followed(oxpecker, server, tmp_path, to, why):
    server.plan(lambda handler, request: (PAGE if request.path.startswith("/page") else moved(302, to))(
        handler, request))
    agent = oxpecker(config(tmp_path))
    assert agent.metric("oxpecker_target_up") == 0
    assert "HTTP 302" in row_of(agent)["error"] and why in row_of(agent)["error"]
    assert len(server.requests) <= 7


def test_each_new_reason_is_told_once(oxpecker, server, tmp_path):
    server.plan(PAGE)
    agent = oxpecker(config(tmp_path))
    assert agent.metric("oxpecker_targets_down") == 0
    for behaviour, reason in ((fault.status(500), "HTTP 500"), (fault.ok(b"demo one\n", TEXT), "line 1: value"),
                              (fault.ok(b"x", "text/html"), "not an exposition"), (fault.status(500), "HTTP 500")):
        server.plan(behaviour)
        before = agent.err().count(reason)
        for _ in range(3):
            assert agent.metric("oxpecker_targets_down") == 1
        assert reason in row_of(agent)["error"] and reason in said(agent)
        assert agent.err().count(reason) == before + 1
    server.refuse()
    assert agent.metric("oxpecker_targets_down") == 1
    assert f"no metrics from unix:{tmp_path}/app.sock: " in agent.err() and "localhost" not in agent.err()
    server.listen()
    server.plan(PAGE)
    assert agent.metric("oxpecker_targets_down") == 0
    assert "again" in agent.err()


def histogram(sets, buckets=12):
    lines = ["# TYPE latency histogram"]
    for number in range(sets):
        lines += [f'latency_bucket{{path="/{number}",le="{le}"}} {le}' for le in range(buckets - 1)]
        lines += [f'latency_bucket{{path="/{number}",le="+Inf"}} 99', f'latency_sum{{path="/{number}"}} 1.5',
                  f'latency_count{{path="/{number}"}} 99']
    return fault.ok("\n".join([*lines, "other 1", ""]).encode(), TEXT)


def test_a_histogram_beyond_the_ceiling_keeps_whole_label_sets(oxpecker, server, tmp_path):
    """14 series a set, and room for 7 sets and a half."""
    server.plan(histogram(20))
    agent = oxpecker(config(tmp_path, {"family": 105}))
    shown = parsers.read(TEXT, agent.page().encode()).samples
    sets = {}
    for name, labels in shown:
        if name.startswith("latency"):
            sets[dict(labels)["path"]] = sets.get(dict(labels)["path"], 0) + 1
    assert sets == {f"/{number}": 14 for number in range(7)}
    assert ("other", ()) in shown
    drop, = row_of(agent)["dropped"]
    assert drop["reason"] == "family_ceiling" and drop["first"] == "latency" and drop["samples"] == 13 * 14
    assert "metrics.limits.family" in said(agent) and "latency" in said(agent)
    assert agent.err().count("the first of latency") == 1
    server.plan(histogram(5))
    assert agent.metric("latency_count", path="/4") == 99
    assert row_of(agent)["dropped"] == [] and "are shown again" in agent.err()
    agent.assert_balanced()


def test_limits_are_what_is_configured(oxpecker, server, tmp_path):
    """More than the defaults, too."""
    page = "".join(f'demo{{n="{number}"}} 1\n' for number in range(30000))
    server.plan(fault.ok(page.encode(), TEXT))
    agent = oxpecker({**config(tmp_path, {"family": 30000, "bytes": "32MiB"}), "memory": "64MiB"})
    assert agent.metric("oxpecker_target_samples") == 30000
    assert row_of(agent)["dropped"] == []
    done = agents.run("check", "--effective", "--config", agent.config_path, env=agent.env)
    assert "family: 30000" in done.stdout, json.dumps(done.stdout)


def over_tls(server, options):
    return {"metrics": {"collect": {"app": {"type": "scrape", "target": f"127.0.0.1:{server.port}", "tls": True,
                                            "timeout": "60s", **options}}}}


def test_a_target_in_tls_that_asks_for_our_certificate(oxpecker, fault_server, tmp_path):
    ca = authority.Authority(tmp_path)
    server = fault_server(tls=ca.server(clients=True))
    server.plan(PAGE)
    cert, key = ca.signed("agent", authority.CLIENT)
    agent = oxpecker(over_tls(server, {"ca": ca.cert, "cert": cert, "key": key}))
    assert agent.metric("demo") == 1
    without = oxpecker(over_tls(server, {"ca": ca.cert}))
    assert without.metric("oxpecker_target_up") == 0


@pytest.mark.parametrize("kind", [authority.SERVER, authority.OTHER_NAME])
def test_a_target_in_tls_has_to_be_the_one_we_name(oxpecker, fault_server, tmp_path, kind):
    ca, other = authority.Authority(tmp_path), authority.Authority(tmp_path, "other")
    server = fault_server(tls=ca.server(extensions=kind))
    server.plan(PAGE)
    right = oxpecker(over_tls(server, {"ca": ca.cert}))
    assert right.metric("oxpecker_target_up") == (kind == authority.SERVER)
    wrong = oxpecker(over_tls(server, {"ca": other.cert}))
    assert wrong.metric("oxpecker_target_up") == 0 and "certificate" in row_of(wrong)["error"]
    assert oxpecker(over_tls(server, {"verify": False})).metric("demo") == 1


def asks_for(authorization):
    """Who has it gets the page. The refusal quotes what came."""
    def behave(handler, request):
        came = request.headers.get("Authorization", "")
        refused = fault.ok(f"{came} is wrong".encode(), "text/plain", 401)
        (PAGE if came == authorization else refused)(handler, request)

    return behave


def test_who_asks_is_told_and_renewed(oxpecker, server, tmp_path):
    """A token in a file, which is renewed; and basic authentication. No refusal shows either."""
    token = tmp_path / "token"
    token.write_text("old-token-1\n")
    agent = oxpecker(config(tmp_path, bearer="${file:%s}" % token, headers={"X-Tenant": "one"}))
    server.plan(asks_for("Bearer old-token-1"))
    assert agent.metric("demo") == 1 and server.requests[-1].headers["X-Tenant"] == "one"
    server.plan(asks_for("Bearer new-token-2"))
    assert agent.metric("oxpecker_target_up") == 0
    assert row_of(agent)["error"].startswith("HTTP 401")
    assert "old-token-1" not in json.dumps(row_of(agent)) + agent.err()
    token.write_text("new-token-2\n")
    agent.wait_until(lambda: agent.metric("demo") == 1, 60, "the token is read again")
    server.plan(asks_for("Basic " + base64.b64encode(b"scraper:secret word").decode()))
    assert oxpecker(config(tmp_path, user="scraper", password="secret word")).metric("demo") == 1


def test_options_of_tls_without_it_are_refused(tmp_path):
    file = tmp_path / "oxpecker.yaml"
    file.write_text(json.dumps(config(tmp_path, ca="/etc/ca.pem")))
    done = agents.run("check", file)
    assert done.returncode == 1 and "set tls: true" in done.stderr
