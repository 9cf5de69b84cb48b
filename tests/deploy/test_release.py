"""conf/kubernetes/release.py: what it is told, what it may do, whom it asks for counts, and that a signal takes back
what it has begun. The sidecars and Prometheus are real; kubectl is a stand-in, kubectl.py."""

import json
import os
import signal
import subprocess
import sys

import pytest

import manifests
from lib.backends import Prometheus
from lib.process import Process
from lib.wait import wait_until
from rollout import NEW, OLD, SCRIPT, assert_taken_back, cluster  # noqa: F401


@pytest.mark.parametrize("bad, status", [(0.0, 0), (0.5, 1)])
def test_prometheus_is_asked_if_there_is_one(cluster, closing, tmp_path, bad, status):
    """A real one, which scrapes the sidecars as conf/prometheus/kubernetes.yaml labels them."""
    made, _ = cluster("canary", canary=bad)
    targets = [f'{{ targets: ["{each.agent.url[7:]}"], labels: {{ namespace: shop, pod: shop-{end}-7d4-x2x }} }}'
               for end, each in made.sidecars.items()]
    made.write("scrape.yaml", "global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: pods\n"
               f"    static_configs: [{', '.join(targets)}]\n")
    server = closing.keep(Prometheus(tmp_path, config=tmp_path / "scrape.yaml"))
    wait_until(lambda: server.value('sum(increase(traces_span_metrics_calls_total{pod=~"shop-stable.*"}[10s]))'), 60,
               "the stable one is seen")
    ended, said = made.release("--prometheus", server.url, "--pause", "3s", "--steps", "5,100")
    assert ended == status, said
    assert not made.calls("get --raw")
    assert made.image("stable") == (OLD if status else NEW) and made.weights() == {"stable": 100, "canary": 0}
    if status:
        assert "canary fails" in said


def test_a_signal_takes_it_back(cluster, closing):
    made, _ = cluster("canary")
    process = Process("release", made.words("--pause", "1h", "--patience", "2h"), made.folder, made.env())
    wait_until(lambda: made.weights()["canary"] == 1, 60, "the first step")
    process.signal(signal.SIGTERM)
    assert process.child.wait(60) == 1
    assert_taken_back(made, 1, "")


def test_what_the_role_does_not_allow_is_refused(cluster):
    made, _ = cluster("blue-green")
    rules = [{**rule, "verbs": [verb for verb in rule["verbs"] if verb != "patch"]}
             for rule in json.loads((made.folder / "rules.json").read_text())]
    made.write("rules.json", json.dumps(rules))
    status, said = made.release()
    assert status == 1 and "cannot patch" in said and made.image("green") == OLD


@pytest.mark.parametrize("words", [
    ["canary"], ["canary", "--back"], ["blue-green", "--back", "--image", NEW], ["canary", "--image", OLD],
    ["canary", "--image", NEW, "--steps", "5,1,100"], ["canary", "--image", NEW, "--steps", "1,50"],
    ["canary", "--image", NEW, "--pause", "10"]])
def test_what_is_not_meant_is_refused(words):
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "error: " in done.stderr


def test_the_role_is_right():
    found, = manifests.findings(os.path.join(manifests.FOLDER, "role.yaml"))
    assert len(found) == 3, found
