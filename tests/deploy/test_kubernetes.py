"""conf/kubernetes: what the manifests say of the sidecar is so with the real one, run from its ConfigMap: the
configuration is right, each probe is answered, and what the app hands it through the volumes arrives."""

import base64
import os
import re

import pytest
import yaml

import kubelet
from lib import agent as agents, need
from lib.lines import Writer
from lib.wait import wait_until
from test_traces import post, request_of, spans_at

FOLDER = os.path.join(os.path.dirname(need.TESTS), "conf", "kubernetes")


def read(*path):
    with open(os.path.join(FOLDER, *path), encoding="utf-8") as file:
        return list(yaml.safe_load_all(file))


def base():
    """The objects of the base, as they stand in its files."""
    kustomization, = read("base", "kustomization.yaml")
    return [each for name in kustomization["resources"] for each in read("base", name)]


def secrets():
    """{name: {key: value}} of the Secrets that the manifests want."""
    return {each["metadata"]["name"]: each["stringData"] for each in read("base", "secret.yaml")}


@pytest.fixture
def sidecar(closing, tmp_path):
    """sidecar(objects) → the sidecar of their first pod, not started."""
    def make(objects):
        (_, pod), *_ = kubelet.templates(objects)
        return kubelet.Sidecar(closing, tmp_path, objects, pod, secrets())

    return make


def test_the_configuration_is_right_and_lies_in_its_volumes(sidecar, tmp_path):
    made = sidecar(base())
    done = agents.run("check", *made.agent.words, made.agent.config_path, env=made.agent.env)
    assert done.returncode == 0, done.stderr
    with open(made.agent.config_path, encoding="utf-8") as file:
        paths = re.findall(r"(?<![\w/])/(?!/)[\w.-]+/[\w./*-]+", file.read())
    assert len(paths) >= 4 and all(path.startswith(str(tmp_path)) for path in paths), paths


def test_each_probe_is_answered(sidecar):
    """The app's own by what the app answers, the sidecar's liveness whatever that is."""
    made = sidecar(base())
    probes = kubelet.probes_of(made.pod)
    assert {(name, path) for name, _, path, _ in probes} >= {
        ("app", "/health/app"), ("oxpecker", "/health/liveness"), ("oxpecker", "/health/readiness")}
    assert {port for *_, port in probes} == {9464}
    assert re.search(r'^listen: ":9464"$', kubelet.config_of(base(), made.pod), re.M)
    made.agent.start()
    asked = {path for _, _, path, _ in probes}
    for path in asked:
        wait_until(lambda path=path: made.agent.get(path).status_code == 200, 60, path)
    made.healthy = False
    for path in asked:
        expected = 200 if path in ("/health/liveness", "/health/startup") else 503
        wait_until(lambda path=path, expected=expected: made.agent.get(path).status_code == expected, 60, path)


def test_what_the_app_hands_over_arrives(sidecar):
    """Lines of its log, with the password of the Secret; spans; its page of metrics, where Prometheus asks."""
    made = sidecar(base())
    app = kubelet.named(made.pod["spec"]["containers"], "app")
    variables = {each["name"]: each.get("value") for each in app["env"]}
    shared = {each["mountPath"]: each["name"] for each in app["volumeMounts"]}
    log, socket = variables["LOG_FILE"], variables["METRICS_SOCKET"]
    for path in (log, socket):
        folder = os.path.dirname(path)
        assert os.path.basename(made.folder_of(folder)) == shared[folder]
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    writer = Writer(os.path.join(made.folder_of(os.path.dirname(log)), os.path.basename(log)))
    made.agent.start()
    writer.write(3)
    made.agent.wait_until(lambda: made.agent.booked("delivered", signal="logs") == 3, 60, "lines are in Elasticsearch")
    wanted = base64.b64encode(f"shipper:{secrets()['oxpecker']['password']}".encode()).decode()
    assert made.elastic.taken("/_bulk")[0].headers["Authorization"] == "Basic " + wanted
    assert post(made.agent, request_of(2).SerializeToString()).status_code == 200
    made.agent.wait_until(lambda: set(spans_at(made.jaeger)) == {1, 2}, 60, "spans are in Jaeger")
    annotations = made.pod["metadata"]["annotations"]
    assert (annotations["prometheus.io/scrape"], annotations["prometheus.io/port"]) == ("true", "9464")
    assert "\nhttp_requests_total 7" in made.agent.page()
