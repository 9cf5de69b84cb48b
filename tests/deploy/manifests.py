"""Manifests as they are applied: rendered by kustomize, read as the API server reads them, and followed from name to
name."""

import json
import os
import subprocess

import yaml

import kubelet
from lib import need

CONF = os.path.join(os.path.dirname(need.TESTS), "conf")
FOLDER = os.path.join(CONF, "kubernetes")
NAME = "app.kubernetes.io/name"


def kustomize(folder):
    """The text that `kustomize build` makes of a folder."""
    program = os.path.join(need.built("kustomize"), "kustomize")
    done = subprocess.run([program, "build", str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects_of(text):
    return [each for each in yaml.safe_load_all(text) if each]


def read(*path):
    """The objects of a file of conf/kubernetes, as they stand there."""
    with open(os.path.join(FOLDER, *path), encoding="utf-8") as file:
        return objects_of(file)


def findings(*paths):
    """What the Go types and the Pod Security standard say of each object of the files: see tests/backends/manifests."""
    program = os.path.join(need.built("manifests"), "manifests")
    done = subprocess.run([program, *map(str, paths)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def secrets():
    """{name: {key: value}} of the Secrets that the manifests want."""
    return {each["metadata"]["name"]: each["stringData"] for each in read("base", "secret.yaml")}


class Names:
    """The names that objects use, and what they lead to. check() fails at the first one that leads nowhere."""

    def __init__(self, objects):
        self.objects = objects
        self.pods = kubelet.templates(objects)

    def check(self):
        named = [(each["kind"], each["metadata"]["name"]) for each in self.objects]
        assert len(set(named)) == len(named), named
        for _, pod in self.pods:
            self.check_pod(pod)
        for each in self.objects:
            getattr(self, "check_" + each["kind"].lower(), lambda _: None)(each)

    def check_pod(self, pod):
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        mounted = {mount["name"] for each in kubelet.containers_of(pod) for mount in each["volumeMounts"]}
        assert mounted == set(volumes), (mounted, set(volumes))
        for each in volumes.values():
            if "configMap" in each:
                assert "oxpecker.yaml" in kubelet.of_kind(self.objects, "ConfigMap", each["configMap"]["name"])["data"]
            if "secret" in each:
                assert each["secret"]["secretName"] in secrets()
        for variable in (entry for each in kubelet.containers_of(pod) for entry in each.get("env", [])):
            kubelet.variable(variable, pod, secrets())
        for name, _, _, port in kubelet.probes_of(pod):
            assert isinstance(port, int), (name, port)

    def selected(self, labels):
        """The pods that these labels select: at least one."""
        found = [pod for _, pod in self.pods if labels.items() <= pod["metadata"]["labels"].items()]
        assert labels and found, labels
        return found

    @staticmethod
    def ports(pod):
        return {port["name"] for each in kubelet.containers_of(pod) for port in each.get("ports", [])}

    def check_deployment(self, each):
        assert each["spec"]["selector"]["matchLabels"].items() <= each["spec"]["template"]["metadata"]["labels"].items()

    def check_service(self, each):
        for pod in self.selected(each["spec"]["selector"]):
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= self.ports(pod)

    def check_poddisruptionbudget(self, each):
        self.selected(each["spec"]["selector"]["matchLabels"])

    def check_networkpolicy(self, each):
        for pod in self.selected(each["spec"]["podSelector"]["matchLabels"]):
            named = {port["port"] for rule in each["spec"]["ingress"] for port in rule["ports"]}
            assert named <= self.ports(pod), named

    def check_podmonitor(self, each):
        for pod in self.selected(each["spec"]["selector"]["matchLabels"]):
            assert {endpoint["port"] for endpoint in each["spec"]["podMetricsEndpoints"]} <= self.ports(pod)
            assert "prometheus.io/scrape" not in pod["metadata"]["annotations"]

    def check_servicemonitor(self, each):
        wanted = each["spec"]["selector"]["matchLabels"].items()
        service, = [one for one in self.objects
                    if one["kind"] == "Service" and wanted <= one["metadata"]["labels"].items()]
        assert {one["port"] for one in each["spec"]["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}
        for pod in self.selected(service["spec"]["selector"]):
            assert "prometheus.io/scrape" not in pod["metadata"]["annotations"]

    def check_horizontalpodautoscaler(self, each):
        target = each["spec"]["scaleTargetRef"]
        deployment = kubelet.of_kind(self.objects, target["kind"], target["name"])
        assert deployment["apiVersion"] == target["apiVersion"] and "replicas" not in deployment["spec"]
        for metric in each["spec"]["metrics"]:
            if metric["type"] == "ContainerResource":
                kubelet.named(deployment["spec"]["template"]["spec"]["containers"],
                              metric["containerResource"]["container"])

    def check_httproute(self, each):
        for backend in (one for rule in each["spec"]["rules"] for one in rule["backendRefs"]):
            service = kubelet.of_kind(self.objects, "Service", backend["name"])
            assert backend["port"] in {port["port"] for port in service["spec"]["ports"]}
