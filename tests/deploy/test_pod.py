"""conf/kubernetes/base as a real pod: the app of tests/hosts/shop and the sidecar's image, with the limits of the
manifest, and real backends outside. Probes answer; the app, the sidecar and the pod are killed and ended while data
flows; each line is in OpenSearch once, and each span that was answered for is in Jaeger."""

import contextlib
import json
import os
import threading
import time
import uuid

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import compose
import kubelet
import pod as pods
from lib import containers, unix_http
from lib.authority import Authority
from lib.backends import Prometheus
from lib.fixtures import Closing
from lib.wait import wait_until
from test_image import build

GRACE = 10
PASSWORD = "3f9ac07be21d4866"
DATABASE = {"POSTGRES_USER": "shop", "POSTGRES_DB": "shop"}


class Orders(threading.Thread):
    """Somebody orders all the time; an app that is away is asked again later. `made` has the ids of what was
    answered."""

    def __init__(self, pod):
        super().__init__(daemon=True)
        self.pod, self.made, self.ended = pod, set(), threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.02):
            one = str(uuid.uuid4())
            with contextlib.suppress(requests.RequestException):
                answer = requests.post(self.pod.url(3000, "/orders"), json={"product": 7}, timeout=60,
                                       headers={"x-request-id": one})
                if answer.status_code == 201:
                    self.made.add(one)

    def close(self):
        self.ended.set()
        self.join(120)


class Spans:
    """An SDK in the pod that counts. `taken` has the ids of spans that the sidecar answered for."""

    def __init__(self, pod):
        self.taken, self.number = set(), 0
        self.service = f"counted-{uuid.uuid4().hex[:8]}"
        self.thread = pods.Inside(pod, self.send)

    def request(self):
        message = ExportTraceServiceRequest()
        resource = message.resource_spans.add()
        attribute = resource.resource.attributes.add(key="service.name")
        attribute.value.string_value = self.service
        self.number += 1
        span = resource.scope_spans.add().spans.add(name="counted", start_time_unix_nano=time.time_ns(),
                                                        end_time_unix_nano=time.time_ns())
        span.trace_id, span.span_id = os.urandom(16), self.number.to_bytes(8, "big")
        return f"{self.number:016x}", message.SerializeToString()

    def send(self):
        number, body = self.request()
        with contextlib.suppress(requests.RequestException):
            if requests.post("http://127.0.0.1:4318/v1/traces", data=body, timeout=60,
                             headers={"Content-Type": "application/x-protobuf"}).status_code == 200:
                self.taken.add(number)
        self.thread.ended.wait(0.1)

    def end(self):
        self.thread.end()


class Stand:
    """The pod with its backends, which it reaches over forwarders. What it logs is in `index`."""

    def __init__(self, closing, podman, folder, opensearch, jaeger):
        self.closing, self.podman, self.folder = closing, podman, str(folder)
        self.opensearch, self.jaeger, self.index = opensearch, jaeger, opensearch.index("logs")
        build(podman, "oxpecker-of-the-test", "docker")
        images = {"app": pods.app_image(podman, self.folder), "oxpecker": "localhost/oxpecker-of-the-test"}
        network = closing.keep(pods.Network(podman))
        authority = Authority(folder)
        cert, key = authority.signed("server", "subjectAltName=IP:127.0.0.1\n")
        self.postgres = closing.keep(compose.Database(folder, cert, key, DATABASE, PASSWORD))
        self.elastic_way, self.jaeger_way, self.postgres_way = (
            closing.keep(pods.Forwarder(network.gateway, port, to)) for port, to in
            ((9200, self.port(opensearch.url)), (4318, self.port(jaeger.otlp_http)), (5432, self.postgres.port)))
        self.objects = list(pods.manifests())
        taken = pods.as_podman_takes(self.objects, images, network.gateway, self.config)
        secrets = {"oxpecker": {"password": "any"},
                   "shop": {"database-url": f"postgresql://shop:{PASSWORD}@postgres:5432/shop"}}
        self.pod = closing.keep(pods.Pod(podman, network, self.folder, taken, secrets))

    @staticmethod
    def port(url):
        return int(url.rsplit(":", 1)[1])

    def config(self, text):
        """The index is the test's own, and this app has left its readiness to the sidecar (conf/app.md)."""
        assert text.count("index: logs\n") == 1 and text.count("/health/readiness\"") == 1
        text = text.replace("index: logs\n", f"index: {self.index}\n")
        return "\n".join(line for line in text.split("\n") if "/health/readiness\"" not in line)

    @property
    def template(self):
        return kubelet.of_kind(self.objects, "Deployment")["spec"]["template"]

    def probes(self):
        """{(container, kind): status}, as the kubelet asks."""
        return {(name, kind): self.pod.asked(port, path) for name, kind, path, port in kubelet.probes_of(self.template)}

    def wait_ready(self):
        wait_until(lambda: set(self.probes().values()) == {200}, 120, "each probe is answered 200")

    def status(self):
        """From the control socket, which is in the state's volume."""
        path = self.pod.volume("oxpecker", "/var/lib/oxpecker") + "/control.sock"
        code, _, body = unix_http.request(path, "GET", "/status")
        assert code == 200, body
        return json.loads(body)

    def lines(self):
        """[(path, offset)] of each line that the app has written, in all its files."""
        folder, found = self.pod.volume("app", "/var/log/app"), []
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as file:
                at = 0
                for line in file:
                    found.append((f"/var/log/app/{name}", at))
                    at += len(line)
        return found

    def documents(self):
        return list(self.opensearch.documents(self.index).values()) if self.opensearch.count(self.index) else []

    def wait_all(self, orders, spans):
        """Each line is there, once, among them each order that was answered; and each span that was answered for."""
        lines = self.lines()
        wait_until(lambda: self.opensearch.count(self.index) >= len(lines), 120, "as many documents as lines")
        documents = self.documents()
        assert sorted((each["oxpecker.path"], each["oxpecker.offset"]) for each in documents) == sorted(lines)
        assert orders.made <= {each.get("requestId") for each in documents} and orders.made
        wait_until(lambda: spans.taken <= self.stored(spans), 120, "the spans that were answered for")
        assert spans.taken

    def stored(self, spans):
        return {span["spanID"] for span in self.jaeger.spans(spans.service, limit=100000)}


@pytest.fixture(scope="module")
def stand(tmp_path_factory, opensearch, jaeger):
    closing = Closing()
    try:
        podman = closing.keep(containers.Podman())
        yield Stand(closing, podman, tmp_path_factory.mktemp("pod"), opensearch, jaeger)
    finally:
        closing.close()


@pytest.fixture
def flow(stand):
    """Orders and spans, while the test goes on: (orders, spans, until(more of each))."""
    stand.wait_ready()
    orders, spans = Orders(stand.pod), Spans(stand.pod)

    def until(more=10):
        made, taken = len(orders.made), len(spans.taken)
        wait_until(lambda: len(orders.made) >= made + more and len(spans.taken) >= taken + more, 120, "more of each")
    yield orders, spans, until
    orders.close()
    spans.thread.close()


def end(flow):
    orders, spans, _ = flow
    orders.close()
    spans.end()


def test_it_runs_as_the_manifest_says(stand):
    """Users, limits and read-only roots; the sidecar has taken notice of the 32 MiB."""
    stand.wait_ready()
    for container in stand.template["spec"]["containers"]:
        shown = stand.pod.shown(container["name"])
        assert shown["HostConfig"]["Memory"] == int(container["resources"]["limits"]["memory"].removesuffix("Mi")) << 20
        assert shown["HostConfig"]["ReadonlyRootfs"] and not shown["EffectiveCaps"]
        assert shown["Config"]["User"] == f"{pods.USER}:{pods.USER}"
    assert stand.pod.shown("oxpecker")["HostConfig"]["Memory"] == 32 << 20
    assert "because this container's limit (cgroup) is 32768 KiB" in stand.pod.said("oxpecker")
    assert len(stand.probes()) == 4


def test_what_the_app_says_arrives(stand, flow, tmp_path, closing):
    orders, spans, until = flow
    prometheus = closing.keep(Prometheus(tmp_path, [f"{stand.pod.address}:9464"]))
    until()
    end(flow)
    stand.wait_all(orders, spans)
    query = 'http_requests_total{route="/orders",status="201"}'
    wait_until(lambda: (prometheus.value(query) or 0) >= len(orders.made), 60, "the metrics are in Prometheus")
    traces = {each["trace_id"] for each in stand.documents() if each.get("requestId") in orders.made}
    of_app = lambda: {span["traceID"] for span in stand.jaeger.spans("shop", limit=100000)}  # noqa: E731
    wait_until(lambda: traces <= of_app(), 60, "a trace of each order")


def test_readiness_is_that_of_the_database(stand):
    stand.wait_ready()
    stand.postgres_way.away()
    readiness = lambda: stand.probes()["oxpecker", "readinessProbe"]  # noqa: E731
    wait_until(lambda: readiness() == 503, 90, "not ready")
    assert stand.probes()["oxpecker", "livenessProbe"] == stand.probes()["app", "livenessProbe"] == 200
    stand.postgres_way.back()
    wait_until(lambda: readiness() == 200, 90, "ready again")


def test_the_app_is_killed(stand, flow):
    orders, spans, until = flow
    until()
    stand.pod.kill9("app")
    until()
    end(flow)
    stand.wait_ready()
    stand.wait_all(orders, spans)


def test_the_sidecar_is_killed_while_backends_are_away(stand, flow):
    orders, spans, until = flow
    until()
    stand.elastic_way.away()
    stand.jaeger_way.away()
    until()
    stand.pod.kill9("oxpecker")
    until()
    stand.elastic_way.back()
    stand.jaeger_way.back()
    end(flow)
    stand.wait_ready()
    stand.wait_all(orders, spans)
    wait_until(lambda: all(row["held"]["records"] == 0 for row in stand.status()["ledger"] if "held" in row), 60,
               "nothing is held")
    assert not stand.pod.shown("oxpecker")["State"]["OOMKilled"]


def test_the_pod_is_stopped_with_ten_seconds_of_grace(stand, flow):
    """With data on its way. A sidecar that ends by itself has delivered all. One that a slow machine kills after ten
    seconds has kept what was left, and delivers it when it is started again."""
    orders, spans, until = flow
    until(30)
    end(flow)
    stand.pod.stop(GRACE)
    ended = stand.pod.shown("oxpecker")["State"]["ExitCode"]
    assert ended in (0, 137), stand.pod.said("oxpecker")
    if ended == 0:
        assert "nothing was lost" in stand.pod.said("oxpecker")
        stand.wait_all(orders, spans)
    stand.pod.start()
    stand.wait_all(orders, spans)


def test_what_cannot_leave_when_the_pod_is_stopped_waits_on_disk(stand, flow):
    """Its network goes first, so that no backend is reached any more; state and logs stay, as on a volume that is
    claimed."""
    orders, spans, until = flow
    until(30)
    end(flow)
    stand.pod.stop_with_network(GRACE)
    assert stand.pod.shown("oxpecker")["State"]["ExitCode"] in (0, 137), stand.pod.said("oxpecker")
    stand.pod.start()
    stand.wait_all(orders, spans)
