"""The sidecar of a manifest, run here as the kubelet would run it: its configuration out of the ConfigMap that it
mounts, its variables as the container names them, its volumes as folders of the test, shared with the app. What it
talks to has other addresses here."""

import os
import re

from lib import agent, fault
from lib.wait import free_port

SIDECAR = "oxpecker"
PAGE = b"# TYPE http_requests_total counter\nhttp_requests_total 7\n"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
APP_URL, ELASTIC_URL, JAEGER_URL = "http://127.0.0.1:3000", "http://elasticsearch:9200", "http://jaeger:4318"
PUSH, WRITE_URL = "127.0.0.1:9091", "http://prometheus:9090"


def named(items, name):
    """The one of a list of objects that has this name."""
    found, = [item for item in items if item["name"] == name]
    return found


def of_kind(objects, kind, name=None):
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, (kind, name, [(each["kind"], each["metadata"]["name"]) for each in objects])
    return found[0]


def templates(objects):
    """The pods of the objects, as they will be made: [(name of their owner, metadata and spec of the pod)]."""
    return [(each["metadata"]["name"], each["spec"]["template"]) for each in objects
            if "template" in each.get("spec", {})]


def containers_of(pod):
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def sidecar_of(pod):
    return named(containers_of(pod), SIDECAR)


def config_of(objects, pod):
    """The text that stands where the sidecar looks for its configuration."""
    mount, = [each for each in sidecar_of(pod)["volumeMounts"] if each["mountPath"] == "/etc/oxpecker"]
    volume = named(pod["spec"]["volumes"], mount["name"])
    return of_kind(objects, "ConfigMap", volume["configMap"]["name"])["data"]["oxpecker.yaml"]


def probes_of(pod):
    """[(container, kind of probe, path, number of the port)] of each probe over HTTP."""
    ports = {port["name"]: port["containerPort"] for each in containers_of(pod) for port in each.get("ports", [])}
    return [(each["name"], kind, each[kind]["httpGet"]["path"],
             ports.get(each[kind]["httpGet"]["port"], each[kind]["httpGet"]["port"]))
            for each in containers_of(pod) for kind in PROBES if kind in each]


def variable(entry, pod, secrets):
    """The value of a variable, as the kubelet finds it."""
    source = entry.get("valueFrom", {})
    if "secretKeyRef" in source:
        return secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
    if "fieldRef" in source:
        path = source["fieldRef"]["fieldPath"]
        if path.startswith("metadata.labels['"):
            return pod["metadata"]["labels"][path.split("'")[1]]
        return {"metadata.name": "shop-0", "metadata.namespace": "shop", "spec.nodeName": "node-1"}[path]
    return entry["value"]


class Sidecar:
    """A pod's sidecar, not started: `agent`; `app`, which stands in for the app's API and answers its probes by
    `healthy`; `elastic` and `jaeger`, which do for the backends. `folder_of(mount path)` is what is mounted there.
    `addresses` are those of more servers that stand in for what the configuration names: {its: one here}."""

    def __init__(self, closing, folder, objects, pod, secrets, addresses=()):
        self.folder, self.pod, self.healthy = str(folder), pod, True
        self.app, self.elastic, self.jaeger = (closing.keep(fault.FaultServer()) for _ in range(3))
        self.app.plan(lambda handler, request: fault.ok(code=200 if self.healthy else 503)(handler, request))
        self.addresses = {APP_URL: self.app.url, ELASTIC_URL: self.elastic.url, JAEGER_URL: self.jaeger.url,
                          WRITE_URL: self.elastic.url, PUSH: f"127.0.0.1:{free_port()}", **dict(addresses)}
        self.make_volumes(secrets)
        if "/run/app" in self.mounts:
            page = closing.keep(fault.FaultServer(unix=self.folder_of("/run/app") + "/metrics.sock"))
            page.plan(fault.ok(PAGE, "text/plain; version=0.0.4"))
        env = {each["name"]: variable(each, pod, secrets) for each in sidecar_of(pod)["env"]}
        if "DATABASE_URL" in env:
            env["DATABASE_URL"] = f"tcp://127.0.0.1:{self.app.port}"
        text = self.as_here(config_of(objects, pod))
        self.agent = closing.keep(agent.Oxpecker(text, folder, env=env, ready="/health/readiness"))
        for option in (f"listen=127.0.0.1:{self.agent.port}", "control=unix:" + self.agent.control,
                       f"receive.otlp.http=127.0.0.1:{self.agent.otlp_port}"):
            self.agent.words += ["--set", option]

    def make_volumes(self, secrets):
        self.mounts = {each["mountPath"]: os.path.join(self.folder, "volumes", each["name"])
                       for each in sidecar_of(self.pod)["volumeMounts"]}
        for path in self.mounts.values():
            os.makedirs(path, exist_ok=True)
        for volume in self.pod["spec"]["volumes"]:
            for key, value in secrets[volume["secret"]["secretName"]].items() if "secret" in volume else []:
                with open(os.path.join(self.folder, "volumes", volume["name"], key), "w", encoding="utf-8") as file:
                    file.write(value)

    def folder_of(self, path):
        return self.mounts[path]

    def as_here(self, text):
        """What of the configuration lies in a mounted volume lies in that folder; each address is one of a stand-in."""
        for path, here in self.mounts.items():
            text = re.sub(re.escape(path) + r"(?=[/,\s])", here, text)
        for old, new in self.addresses.items():
            text = text.replace(old, new)
        assert not re.findall(r"//(?!127)[\w.]+:\d+", text), text
        return text
