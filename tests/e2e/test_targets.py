"""What becomes of a target that redirects, fails or has too much, and where that stands."""

import json

import pytest

from lib import agent as agents
from lib import fault, parsers
from lib.parsers import TEXT

PAGE = fault.ok(b"demo 1\n", TEXT)


def config(folder, limits=None, **options):
    return {"metrics": {"collect": {"app": {"type": "scrape", "target": f"unix:{folder}/app.sock", **options}},
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


@pytest.mark.parametrize("status, to", [(307, "/metrics/"), (301, "http://localhost/metrics/"),
                                        (308, "./metrics/?x=1")])
def test_a_redirect_within_the_target_is_followed(oxpecker, server, tmp_path, status, to):
    """As FastAPI's, whose metrics are an app of their own at /metrics/."""
    agent = oxpecker(config(tmp_path))
    server.plan(lambda handler, request: (moved(status, to) if request.path == "/metrics" else PAGE)(handler, request))
    assert agent.metric("demo") == 1 and agent.metric("oxpecker_target_up") == 1
    assert server.requests[-1].path == to.replace("http://localhost", "").replace("./", "/")


@pytest.mark.parametrize("to, why", [("http://example.com/metrics", "another server"), ("/metrics", "too often"),
                                     ("https://localhost/", "another server"), ("http://:x/", "no URL")])
def test_a_redirect_elsewhere_is_not_followed(oxpecker, server, tmp_path, to, why):
    server.plan(moved(302, to))
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
