"""conf/kubernetes: each object that kustomize makes of it is what the Go type of its kind takes, each pod is what the
standard "restricted" allows, each name leads somewhere; and what it says of the sidecar is so with the real one, run
from its ConfigMap: the configuration is right, each probe is answered, what the app hands over arrives."""

import base64
import copy
import os
import re

import pytest
import requests

import kubelet
import manifests
from lib import agent as agents
from lib.backends import Prometheus
from lib.lines import Writer
from lib.wait import wait_until
from test_traces import post, request_of, spans_at

OVERLAYS = ["base", "overlays/native", "overlays/production", "job"]
OF_THE_SHOP = ("OTEL_SERVICE_NAME", "DATABASE_URL", "secrets")
CHOICES = ["scale-cpu", "scale-metric", "disruption", "network", "pod-monitor", "service-monitor"]
ANY = """
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: web
          image: web:1
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
"""
OWN = """
          env: [{ name: MODE, value: fast }]
          volumeMounts: [{ name: data, mountPath: /data }]
      volumes: [{ name: data, emptyDir: {} }]
"""


def kustomization(folder, lines, **files):
    """Makes a folder with one, and what kustomize makes of that."""
    for name, text in {"kustomization": lines, **files}.items():
        (folder / f"{name}.yaml").write_text(text)
    return manifests.kustomize(folder)


def component(folder, name):
    """The line that uses it."""
    return f"components: [{os.path.relpath(os.path.join(manifests.FOLDER, 'components', name), folder)}]\n"


def injected(folder, deployment=ANY, more=""):
    return kustomization(folder, "resources: [any.yaml]\n" + component(folder, "sidecar") + more, any=deployment)


def chosen(folder, name):
    """The base with that component."""
    resources = os.path.relpath(os.path.join(manifests.FOLDER, "base"), folder)
    return kustomization(folder, f"resources: [{resources}]\n" + component(folder, name))


def rendered(name, folder):
    if name == "components/sidecar":
        return injected(folder)
    return chosen(folder, name) if name in CHOICES else manifests.kustomize(os.path.join(manifests.FOLDER, name))


def base():
    """The objects of the base, as they stand in its files."""
    named, = manifests.read("base", "kustomization.yaml")
    return [each for name in named["resources"] for each in manifests.read("base", name)]


@pytest.fixture
def sidecar(closing, tmp_path):
    """sidecar(objects, addresses={}) → the sidecar of their first pod, not started."""
    def make(objects, **options):
        (_, pod), *_ = kubelet.templates(objects)
        return kubelet.Sidecar(closing, tmp_path, objects, pod, manifests.secrets(), **options)

    return make


@pytest.mark.parametrize("name", [*OVERLAYS, *CHOICES, "components/sidecar"])
def test_objects_are_what_their_types_and_the_standard_want(tmp_path, name):
    text = rendered(name, tmp_path)
    (tmp_path / "all.yaml").write_text(text)
    found = manifests.findings(tmp_path / "all.yaml")
    assert len(found) == len(manifests.objects_of(text)) and not [each for each in found if len(each) > 3], found
    manifests.Names(manifests.objects_of(text)).check()


def test_examples_of_secrets_are_right():
    found = manifests.findings(os.path.join(manifests.FOLDER, "base", "secret.yaml"))
    assert [each["name"] for each in found] == list(manifests.secrets())
    assert not [each for each in found if len(each) > 3]


@pytest.mark.parametrize("old, new, said", [
    ("readOnlyRootFilesystem", "readonlyRootFilesystem", 'unknown field "spec.template.spec.containers[0].security'),
    ("replicas: 2", "replicas: two", "cannot unmarshal string"),
    ("  replicas: 2\n", "  replicas: 2\n  replicas: 3\n", 'key "replicas" already set'),
    ("drop: [ALL]", "drop: []", "unrestricted capabilities"),
    ("type: RuntimeDefault", "type: Unconfined", "seccompProfile"),
    ("runAsNonRoot: true", "hostUsers: true", "unknown field"),
    ("emptyDir:\n            sizeLimit: 16Mi", "hostPath:\n            path: /run", "restricted volume types")])
def test_what_is_wrong_is_found(tmp_path, old, new, said):
    with open(os.path.join(manifests.FOLDER, "base", "deployment.yaml"), encoding="utf-8") as file:
        text = file.read()
    assert old in text
    (tmp_path / "deployment.yaml").write_text(text.replace(old, new, 1))
    found, = manifests.findings(tmp_path / "deployment.yaml")
    assert said in found.get("error", "") + " ".join(found.get("forbidden", [])), found


@pytest.mark.parametrize("kind, change", [
    ("Service", lambda each: each["spec"]["selector"].update({manifests.NAME: "other"})),
    ("Service", lambda each: each["spec"]["ports"][0].update(targetPort="web")),
    ("PodDisruptionBudget", lambda each: each["spec"]["selector"]["matchLabels"].update(track="stable")),
    ("HorizontalPodAutoscaler", lambda each: each["spec"]["metrics"][0]["containerResource"].update(container="shop")),
    ("HorizontalPodAutoscaler", lambda each: each["spec"]["scaleTargetRef"].update(name="other")),
    ("PodMonitor", lambda each: each["spec"]["podMetricsEndpoints"][0].update(port="http-metrics")),
    ("NetworkPolicy", lambda each: each["spec"]["ingress"][0]["ports"][0].update(port="web")),
    ("Deployment", lambda each: each["spec"]["template"]["spec"]["volumes"].pop())])
def test_a_name_that_leads_nowhere_is_found(tmp_path, kind, change):
    objects = manifests.objects_of(rendered("overlays/production", tmp_path))
    manifests.Names(objects).check()
    change(kubelet.of_kind(objects, kind))
    with pytest.raises((AssertionError, KeyError, ValueError)):
        manifests.Names(objects).check()


@pytest.mark.parametrize("name", ["base", "job", "components/sidecar"])
def test_the_configuration_is_right_and_lies_in_its_volumes(sidecar, tmp_path, name):
    made = sidecar(manifests.objects_of(rendered(name, tmp_path)))
    done = agents.run("check", *made.agent.words, made.agent.config_path, env=made.agent.env)
    assert done.returncode == 0, done.stderr
    with open(made.agent.config_path, encoding="utf-8") as file:
        paths = re.findall(r"(?<![\w/])/(?!/)(?!api/)[\w.-]+/[\w./*-]+", file.read())
    assert len(paths) >= 2 and all(path.startswith(str(tmp_path / "volumes")) for path in paths), paths


@pytest.mark.parametrize("name", ["base", "overlays/native", "job", "components/sidecar"])
def test_each_probe_is_answered(sidecar, tmp_path, name):
    """The app's own by what the app answers, the sidecar's liveness whatever that is."""
    objects = manifests.objects_of(rendered(name, tmp_path))
    made = sidecar(objects)
    probes = kubelet.probes_of(made.pod)
    native = made.pod["spec"].get("initContainers", [])
    asked = {path for _, _, path, _ in probes}
    assert {port for *_, port in probes} == {9464} and "/health/liveness" in asked
    assert bool(native) == ("/health/startup" in asked)
    assert {path for container, _, path, _ in probes if container != "oxpecker"} <= {"/health/app"}
    assert re.search(r'^listen: ":9464"$', kubelet.config_of(objects, made.pod), re.M)
    made.agent.start()
    for path in asked:
        wait_until(lambda path=path: made.agent.get(path).status_code == 200, 60, path)
    made.healthy = False
    checked = {"/health/app", "/health/readiness"} if "health:" in kubelet.config_of(objects, made.pod) else set()
    for path in asked:
        expected = 503 if path in checked else 200
        wait_until(lambda path=path, expected=expected: made.agent.get(path).status_code == expected, 60, path)


def test_what_the_app_hands_over_arrives(sidecar):
    """Lines of its log, with the password of the Secret; spans; its page of metrics, where Prometheus asks."""
    made = sidecar(base())
    app = kubelet.named(made.pod["spec"]["containers"], "app")
    variables = {each["name"]: each.get("value") for each in app["env"]}
    shared = {each["mountPath"]: each["name"] for each in app["volumeMounts"]}
    log = variables["LOG_FILE"]
    for path in (log, variables["METRICS_SOCKET"]):
        folder = os.path.dirname(path)
        assert os.path.basename(made.folder_of(folder)) == shared[folder]
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    writer = Writer(os.path.join(made.folder_of(os.path.dirname(log)), os.path.basename(log)))
    made.agent.start()
    writer.write(3)
    made.agent.wait_until(lambda: made.agent.booked("delivered", signal="logs") == 3, 60, "lines are in Elasticsearch")
    wanted = base64.b64encode(f"shipper:{manifests.secrets()['oxpecker']['password']}".encode()).decode()
    assert made.elastic.taken("/_bulk")[0].headers["Authorization"] == "Basic " + wanted
    assert post(made.agent, request_of(2).SerializeToString()).status_code == 200
    made.agent.wait_until(lambda: set(spans_at(made.jaeger)) == {1, 2}, 60, "spans are in Jaeger")
    annotations = made.pod["metadata"]["annotations"]
    assert (annotations["prometheus.io/scrape"], annotations["prometheus.io/port"]) == ("true", "9464")
    assert "\nhttp_requests_total 7" in made.agent.page()


def test_the_limit_of_memory_is_what_is_measured():
    """tests/e2e/test_memory.py holds the agent to 24 and 32 MiB; a lower limit would not be held by it."""
    for _, pod in kubelet.templates(base()):
        resources = kubelet.sidecar_of(pod)["resources"]
        assert resources["limits"]["memory"] == resources["requests"]["memory"] == "32Mi"
        assert "cpu" not in resources["limits"]


def test_the_native_sidecar_is_that_of_the_base():
    """But for when it starts and ends; and the component's is that one, without what is the app's own."""
    (_, ordinary), = kubelet.templates(base())
    (_, native), = kubelet.templates(manifests.objects_of(rendered("overlays/native", None)))
    one, two = kubelet.sidecar_of(ordinary), copy.deepcopy(kubelet.sidecar_of(native))
    assert two.pop("restartPolicy") == "Always" and two.pop("startupProbe")
    assert one.pop("lifecycle") and one == two
    assert [each["name"] for each in native["spec"]["containers"]] == ["app"]


@pytest.mark.parametrize("own", ["", OWN])
def test_one_line_puts_the_sidecar_into_any_deployment(tmp_path, own):
    objects = manifests.objects_of(injected(tmp_path, ANY.rstrip() + own))
    (_, pod), = kubelet.templates(objects)
    (_, native), = kubelet.templates(manifests.objects_of(rendered("overlays/native", None)))
    like, got = kubelet.sidecar_of(native), kubelet.sidecar_of(pod)
    assert set(like) == set(got)
    for key in set(like) - {"env", "volumeMounts", "securityContext"}:
        assert got[key] == like[key], key
    for key in ("env", "volumeMounts"):
        assert [each for each in like[key] if each["name"] not in OF_THE_SHOP] == got[key]
    app, = pod["spec"]["containers"]
    mounts = {each["mountPath"]: each["name"] for each in app.pop("volumeMounts")}
    variables = {each["name"]: each["value"] for each in app.pop("env")}
    wanted = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", **({"MODE": "fast"} if own else {})}
    assert variables == wanted
    assert mounts == {"/var/log/app": "logs", "/run/app": "sockets", **({"/data": "data"} if own else {})}
    (_, before), = kubelet.templates(manifests.objects_of(ANY))
    assert app == before["spec"]["containers"][0]


def test_the_component_takes_another_configuration_and_rolls_out(tmp_path):
    """Its name follows what is in it."""
    names = set()
    for text in ("memory: 8MiB", "memory: 16MiB"):
        config = ("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: oxpecker-config }\n"
                  f"data: {{ oxpecker.yaml: '{text}' }}\n")
        (tmp_path / "config.yaml").write_text(config)
        objects = manifests.objects_of(injected(tmp_path, more="patches: [{ path: config.yaml }]\n"))
        (_, pod), = kubelet.templates(objects)
        assert kubelet.config_of(objects, pod) == text
        names.add(kubelet.named(pod["spec"]["volumes"], "config")["configMap"]["name"])
    assert len(names) == 2


def test_the_last_data_of_a_job_arrives(sidecar, closing, tmp_path):
    """The app writes, pushes and ends at once; then the sidecar is told to end. Prometheus is a real one."""
    server = closing.keep(Prometheus(tmp_path, words=["--web.enable-remote-write-receiver"]))
    made = sidecar(manifests.objects_of(rendered("job", tmp_path)), addresses={kubelet.WRITE_URL: server.url})
    assert made.pod["spec"]["restartPolicy"] == "Never"
    made.agent.start()
    Writer(made.folder_of("/var/log/app") + "/report.log").write(500)
    assert post(made.agent, request_of(3).SerializeToString()).status_code == 200
    url = f"http://{made.addresses[kubelet.PUSH]}/metrics/job/report"
    assert requests.post(url, data="report_rows 500\n", timeout=60).status_code == 200
    assert made.agent.stop() == 0
    lines = {document["n"] for request in made.elastic.taken("/_bulk") for _, document in request.acknowledged()}
    assert lines == set(range(500)) and set(spans_at(made.jaeger)) == {1, 2, 3}
    wait_until(lambda: server.value("report_rows") == 500, 60, "Prometheus has what the job pushed")


def test_the_metric_that_scales_is_there(sidecar, closing, tmp_path):
    """The adapter's query, asked of a Prometheus that scrapes the sidecar, gives the HPA a value for the pod."""
    rule, = manifests.read("components", "scale-metric", "adapter.yaml")[0]["rules"]
    scaler, = manifests.read("components", "scale-metric", "autoscaler.yaml")
    assert scaler["spec"]["metrics"][0]["pods"]["metric"]["name"] == rule["name"]["as"]
    made = sidecar(base())
    made.agent.start()
    server = closing.keep(Prometheus(tmp_path, config=scraping(tmp_path, made.agent.port)))
    series, = re.findall(r"^\w+", rule["seriesQuery"])
    query = (rule["metricsQuery"].replace("<<.Series>>", series).replace("<<.GroupBy>>", "pod")
             .replace("<<.LabelMatchers>>", 'namespace="shop",pod=~"shop-0"'))

    request = request_of(5)
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.kind = span.SPAN_KIND_SERVER

    def counted():
        post(made.agent, request.SerializeToString())
        return [(labels, value) for labels, value in server.query(query) if value > 0]

    (labels, _), = wait_until(counted, 60, query)
    assert labels == {"pod": "shop-0"} and server.query(rule["seriesQuery"])


def scraping(folder, port):
    """A configuration that gives the target the labels that conf/prometheus/kubernetes.yaml gives a pod."""
    path = folder / "scrape.yaml"
    path.write_text("global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: pods\n    static_configs:\n"
                    f'      - {{ targets: ["127.0.0.1:{port}"], labels: {{ namespace: shop, pod: shop-0 }} }}\n')
    return path
