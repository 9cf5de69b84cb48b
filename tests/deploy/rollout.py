"""A cluster in which conf/kubernetes/release.py puts a new image in the place of an old one: the manifests, a stand-in
for kubectl that changes them (kubectl.py), real sidecars run from them, and requests that go where they say."""

import json
import os
import subprocess
import sys
import threading

import pytest

import kubelet
import manifests
from lib import need
from test_traces import post, request_of

SCRIPT = os.path.join(manifests.FOLDER, "release.py")
STAND_IN = os.path.join(need.TESTS, "deploy", "kubectl.py")
NEW = "registry.example.com/shop@sha256:" + "a" * 64
OLD = "registry.example.com/shop:1.4.2"
ENDS = {"blue-green": ("blue", "green"), "canary": ("stable", "canary")}


class Cluster:
    """The manifests of `way` as they were applied, with one real sidecar a Deployment: `sidecars[blue]`.
    `failing[blue]` is the share of its requests that fails."""

    def __init__(self, closing, folder, way):
        self.folder, self.way, self.ends = folder, way, ENDS[way]
        self.failing, self.sidecars = dict.fromkeys(self.ends, 0.0), {}
        objects = manifests.objects_of(manifests.kustomize(os.path.join(manifests.FOLDER, way)))
        for name, pod in kubelet.templates(objects):
            end = name.partition("-")[2]
            os.makedirs(folder / end)
            self.sidecars[end] = kubelet.Sidecar(closing, folder / end, objects, pod, manifests.secrets())
        if way == "canary":
            kubelet.of_kind(objects, "Deployment", "shop-stable")["spec"]["replicas"] = 20
        role, = manifests.read("role.yaml")
        self.write("objects.json", json.dumps(objects))
        self.write("rules.json", json.dumps(role["rules"]))
        self.write("pods.json", json.dumps({f"shop-{end}": self.sidecars[end].agent.url for end in self.ends}))
        self.write("fails", "")
        self.write("calls", "")
        os.symlink(STAND_IN, folder / "kubectl")

    def start(self, fine=True):
        for end, each in self.sidecars.items():
            each.healthy = fine or end == self.ends[0]
            each.agent.launch()
        for each in self.sidecars.values():
            path = "/health/readiness" if each.healthy else "/health/startup"
            each.agent.wait_until(lambda each=each, path=path: each.agent.answers(path), 60, path)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def objects(self):
        return json.loads((self.folder / "objects.json").read_text())

    def calls(self, beginning=""):
        return [line[len("-n shop "):] for line in (self.folder / "calls").read_text().splitlines()
                if line.startswith("-n shop " + beginning)]

    def weights(self):
        """{end: its share of the requests in percent}, as the objects say."""
        if self.way == "blue-green":
            color = kubelet.of_kind(self.objects(), "Service", "shop")["spec"]["selector"]["color"]
            return {end: 100 * (end == color) for end in self.ends}
        rule, = kubelet.of_kind(self.objects(), "HTTPRoute")["spec"]["rules"]
        return {each["name"].partition("-")[2]: each["weight"] for each in rule["backendRefs"]}

    def image(self, end):
        deployment = kubelet.of_kind(self.objects(), "Deployment", f"shop-{end}")
        return kubelet.named(deployment["spec"]["template"]["spec"]["containers"], "app")["image"]

    def replicas(self, end):
        return kubelet.of_kind(self.objects(), "Deployment", f"shop-{end}")["spec"]["replicas"]

    def env(self):
        return {"PATH": f"{self.folder}:{os.environ['PATH']}", "CLUSTER": str(self.folder)}

    def words(self, *more, image=NEW):
        times = ["--pause", "300ms", "--patience", "2m", "--requests", "40"]
        return [sys.executable, SCRIPT, self.way, "--namespace", "shop", "--image", image, *times, *more]

    def release(self, *more):
        """Its exit status and what it said."""
        done = subprocess.run(self.words(*more), capture_output=True, text=True, timeout=600,
                              env={**os.environ, **self.env()})
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    def assert_objects_are_valid(self):
        path = self.folder / "all.yaml"
        path.write_text("\n---\n".join(map(json.dumps, self.objects())))
        assert not [each for each in manifests.findings(path) if len(each) > 3]
        manifests.Names(self.objects()).check()


class Requests(threading.Thread):
    """Goes on making requests: a sidecar gets their spans if any share of the requests goes to its app."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.ended, self.most = cluster, threading.Event(), {}
        self.worse_from = 0  # the share from which on the new end fails

    def run(self):
        while not self.ended.wait(0.05):
            for end, weight in self.cluster.weights().items():
                self.most[end] = max(weight, self.most.get(end, 0))
                if weight:
                    bad = self.cluster.failing[end] if weight >= self.worse_from else 0
                    post(self.cluster.sidecars[end].agent, spans(20, bad).SerializeToString())

    def close(self):
        self.ended.set()
        self.join(60)


def spans(count, bad):
    request = request_of(count)
    for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        span.kind, span.name = span.SPAN_KIND_SERVER, "GET /"
        if number < count * bad:
            span.status.code = span.status.STATUS_CODE_ERROR
    return request


@pytest.fixture
def cluster(closing, tmp_path):
    """cluster(way, failing={}, fine=True) → a Cluster under way, and its Requests."""
    def make(way, fine=True, worse_from=0, **failing):
        made = Cluster(closing, tmp_path, way)
        made.failing.update(failing)
        made.start(fine)
        requests = closing.keep(Requests(made))
        requests.worse_from = worse_from
        requests.start()
        return made, requests

    return make


def assert_taken_back(made, status, said):
    """All of a canary is as it was before."""
    assert status == 1, said
    assert made.weights() == {"stable": 100, "canary": 0} and made.replicas("canary") == 0, said
    assert made.image("stable") == OLD
    made.assert_objects_are_valid()
