#!/usr/bin/env python3
"""Puts a new image of the app in the place of the old one, and looks at what the sidecars count before each step.

    release.py blue-green --image IMAGE@DIGEST         # into the color that is idle; looks, switches, looks
    release.py blue-green --back                       # to the other color, at once
    release.py canary --image IMAGE@DIGEST --steps 1,5,25,100 --pause 10m

The manifests are those of blue-green/ and canary/ beside this file; role.yaml is what kubectl has to be allowed. It
reads requests and failed requests, which the sidecar counts in the spans of the app (`span_metrics`), and the
sidecar's checks: from Prometheus (--prometheus URL), or else from /metrics of each pod, through the API server.

The new pods may fail at most --errors more of their requests than the old ones do, and none of their checks may be
down. A step takes at least --pause, and until the new pods have had --requests; if they do not get these within
--patience, that is a failure. Whatever goes wrong, a signal included, requests go to the old pods again, and the exit
status is 1.
"""

import argparse
import json
import math
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request

CALLS = "traces_span_metrics_calls_total"
SERVER = "SPAN_KIND_SERVER"
FAILED = "STATUS_CODE_ERROR"
PORT = 9464
TRIES = 3
NAME = "app.kubernetes.io/name"
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


class Bad(Exception):
    """A reason to go back."""


def duration(text):
    found = re.fullmatch(r"(\d+)(ms|s|m|h)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration, such as 30s or 10m")
    return int(found[1]) * UNITS[found[2]]


def steps(text):
    found = [int(each) for each in text.split(",") if each.isdigit()]
    if len(found) != text.count(",") + 1 or found != sorted(set(found)) or found[0] < 1 or found[-1] != 100:
        raise argparse.ArgumentTypeError(f"{text!r}: percentages that grow to 100 were expected, such as 1,5,25,100")
    return found


def image(text):
    if not re.search(r"@sha256:[0-9a-f]{64}$", text):
        raise argparse.ArgumentTypeError(f"{text} has no digest: a tag may be another image tomorrow")
    return text


def say(*words):
    print("release:", *words, flush=True)


class Cluster:
    """What is asked of Kubernetes, by kubectl."""

    def __init__(self, options):
        self.options = options

    def kubectl(self, *words):
        command = ["kubectl", "-n", self.options.namespace, *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise Bad(f"{' '.join(command)} ended with {done.returncode}")
        return done.stdout

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def merge(self, kind, change):
        self.kubectl("patch", kind, self.options.app, "--type=merge", "-p", json.dumps(change))

    def replicas(self, deployment):
        return self.get("deployment", deployment)["spec"]["replicas"]

    def scale(self, deployment, count):
        self.kubectl("scale", f"deployment/{deployment}", f"--replicas={count}")

    def set_image(self, deployment):
        self.kubectl("set", "image", f"deployment/{deployment}", f"{self.options.container}={self.options.image}")

    def settle(self, deployment):
        self.kubectl("rollout", "status", f"deployment/{deployment}", f"--timeout={self.options.rollout}")

    def pods(self, label, value):
        """Those that run, and go on."""
        found = self.get("pods", "-l", f"{NAME}={self.options.app},{label}={value}")["items"]
        return [each["metadata"]["name"] for each in found
                if each["status"]["phase"] == "Running" and "deletionTimestamp" not in each["metadata"]]

    def page(self, pod):
        path = f"/api/v1/namespaces/{self.options.namespace}/pods/{pod}:{PORT}/proxy/metrics"
        for _ in range(TRIES - 1):
            try:
                return self.kubectl("get", "--raw", path)
            except Bad:
                time.sleep(1)
        return self.kubectl("get", "--raw", path)


class Counts:
    """Of some pods, for some time: requests, those that failed, and the checks that are down."""

    def __init__(self, requests=0.0, failed=0.0, down=()):
        self.requests, self.failed, self.down = requests, failed, sorted(down)

    def __add__(self, later):
        """The checks are those of the later look."""
        return Counts(self.requests + later.requests, self.failed + later.failed, later.down)

    @property
    def share(self):
        return self.failed / self.requests if self.requests else 0.0


def samples(page):
    for line in page.splitlines():
        found = SAMPLE.match(line)
        if found:
            yield found[1], dict(LABEL.findall(found[2] or "")), float(found[3])


class Pages:
    """Counts out of the pods' own pages: a counter that is smaller than it was began anew."""

    def __init__(self, cluster, label):
        self.cluster, self.label, self.last = cluster, label, {}

    def read(self, value):
        """Since the last call for this value of the label; the first time, since the pods began."""
        now, down, grown = {}, set(), {False: 0.0, True: 0.0}
        for pod in self.cluster.pods(self.label, value):
            for name, labels, count in samples(self.cluster.page(pod)):
                if name == CALLS and labels.get("span_kind") == SERVER:
                    now[pod, tuple(sorted(labels.items()))] = count
                if name == "oxpecker_check_up" and count == 0:
                    down.add(f"{labels['check']} of {pod}")
        before = self.last.get(value, {})
        for key, count in now.items():
            since = count - before.get(key, 0.0)
            grown[("status_code", FAILED) in key[1]] += since if since >= 0 else count
        self.last[value] = now
        return Counts(grown[False] + grown[True], grown[True], down)


class Series:
    """Counts out of Prometheus, which knows each pod by its label `pod`."""

    def __init__(self, cluster, label):
        self.cluster, self.label, self.began = cluster, label, {}

    def query(self, expression):
        url = f"{self.cluster.options.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]["result"]
        except (OSError, ValueError, KeyError) as error:
            raise Bad(f"Prometheus does not answer: {error}") from error

    def value(self, expression):
        return sum(float(row["value"][1]) for row in self.query(expression))

    def read(self, value):
        """Since the last call for this value of the label; the first time, in the last --pause, or a minute."""
        now = time.monotonic()
        first = now - max(60, self.cluster.options.pause)
        window = f"[{max(1, math.ceil(now - self.began.get(value, first)))}s]"
        self.began[value] = now
        pods = "|".join(self.cluster.pods(self.label, value))
        which = f'namespace="{self.cluster.options.namespace}",pod=~"{pods}"'
        calls = f'sum(increase({CALLS}{{{which},span_kind="{SERVER}"%s}}{window}))'
        down = {f"{row['metric']['check']} of {row['metric']['pod']}" for row in
                self.query(f"oxpecker_check_up{{{which}}} == 0")}
        return Counts(self.value(calls % ""), self.value(calls % f',status_code="{FAILED}"'), down)


class Judge:
    def __init__(self, cluster, label):
        self.options, self.usual = cluster.options, 0.0
        self.counts = (Series if self.options.prometheus else Pages)(cluster, label)

    def checks(self, new):
        """Of pods that get no requests yet."""
        self.fine(new, self.counts.read(new))

    def fine(self, new, counts):
        if counts.down:
            raise Bad(f"{new} is not fine: {', '.join(counts.down)}")

    def begin(self, new, old):
        """What came until now is not looked at by watch()."""
        self.counts.read(new)
        self.remember(self.counts.read(old))

    def remember(self, counts):
        """Which share of its requests the old one fails, for when it gets none any more."""
        if counts.requests >= self.options.requests:
            self.usual = counts.share

    def watch(self, new, old):
        """What comes from now on, until it is enough to judge by."""
        self.begin(new, old)
        began, pause, seen, other = time.monotonic(), self.options.pause, Counts(), Counts()
        while seen.requests < self.options.requests:
            if time.monotonic() - began > self.options.patience:
                raise Bad(f"{new} had {seen.requests:.0f} requests, too few to judge by ({self.options.requests})")
            time.sleep(pause)
            pause = min(pause, 15)
            seen, other = seen + self.counts.read(new), other + self.counts.read(old)
            say(f"{new}: {seen.failed:.0f} of {seen.requests:.0f} requests failed;",
                f"{old}: {other.failed:.0f} of {other.requests:.0f}")
            self.fine(new, seen)
        self.remember(other)
        if seen.share > self.usual + self.options.errors:
            raise Bad(f"{new} fails {seen.share:.1%} of its requests, {old} {self.usual:.1%}")


class BlueGreen:
    label = "color"

    def __init__(self, cluster):
        self.cluster, self.app = cluster, cluster.options.app
        self.old = cluster.get("service", self.app)["spec"]["selector"]["color"]
        self.new = {"blue": "green", "green": "blue"}[self.old]

    def point_at(self, color):
        self.cluster.merge("service", {"spec": {"selector": {"color": color}}})
        say(f"requests go to {color}")

    def back(self):
        """What --back does: the color that was idle is still there."""
        if not self.cluster.pods("color", self.new):
            raise Bad(f"there are no pods of {self.new}")
        self.point_at(self.new)

    def run(self, judge):
        deployment = f"{self.app}-{self.new}"
        self.cluster.set_image(deployment)
        self.cluster.scale(deployment, self.cluster.replicas(f"{self.app}-{self.old}"))
        self.cluster.settle(deployment)
        judge.checks(self.new)
        judge.begin(self.new, self.old)
        self.point_at(self.new)
        judge.watch(self.new, self.old)
        say(f"done; {self.old} stays as it is, for --back")

    def undo(self):
        self.point_at(self.old)


class Canary:
    label = "track"
    new, old = "canary", "stable"

    def __init__(self, cluster):
        self.cluster, self.app, self.replaced = cluster, cluster.options.app, False

    def share(self, percent):
        """So much of the requests goes to the canary."""
        rules = self.cluster.get("httproute", self.app)["spec"]["rules"]
        weights = {f"{self.app}-canary": percent, f"{self.app}-stable": 100 - percent}
        for backend in (each for rule in rules for each in rule["backendRefs"]):
            backend["weight"] = weights[backend["name"]]
        self.cluster.merge("httproute", {"spec": {"rules": rules}})
        say(f"{percent} % of the requests go to the canary")

    def run(self, judge):
        stable, canary = f"{self.app}-stable", f"{self.app}-canary"
        self.cluster.set_image(canary)
        for percent in self.cluster.options.steps:
            self.cluster.scale(canary, max(1, math.ceil(self.cluster.replicas(stable) * percent / 100)))
            self.cluster.settle(canary)
            self.share(percent)
            judge.watch(self.new, self.old)
        self.replaced = True
        self.cluster.set_image(stable)
        self.cluster.settle(stable)
        self.share(0)
        self.cluster.scale(canary, 0)
        say("done: the new image is the stable one")

    def undo(self):
        if self.replaced:
            self.cluster.kubectl("rollout", "undo", f"deployment/{self.app}-stable")
            self.cluster.settle(f"{self.app}-stable")
        self.share(0)
        self.cluster.scale(f"{self.app}-canary", 0)


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=["blue-green", "canary"])
    parser.add_argument("--image", type=image, help="the new image, with its digest")
    parser.add_argument("--back", action="store_true", help="blue-green: switch to the other color, and nothing else")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--app", default="shop", help="the name that the manifests have")
    parser.add_argument("--container", default="app")
    parser.add_argument("--steps", type=steps, default=[1, 5, 25, 100], help="percentages: 1,5,25,100")
    parser.add_argument("--pause", type=duration, default=600, help="the least time of a step: 10m")
    parser.add_argument("--patience", type=duration, default=3600, help="the most: 1h")
    parser.add_argument("--requests", type=int, default=100, help="what the new pods must have had: 100")
    parser.add_argument("--errors", type=float, default=0.01, help="how many more may fail: 0.01")
    parser.add_argument("--rollout", default="5m", help="for kubectl rollout status: 5m")
    parser.add_argument("--prometheus", help="its URL; without it the pods are asked")
    options = parser.parse_args(words)
    if options.back == bool(options.image) or (options.back and options.way == "canary"):
        parser.error("--image is needed; or --back, for blue-green")
    return options


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def on_signals(what):
    for number in SIGNALS:
        signal.signal(number, what)


def interrupted(number, _):
    raise Bad(f"signal {number}")


def go_back(way):
    on_signals(signal.SIG_IGN)
    say("going back")
    try:
        way.undo()
    except Bad as bad:
        say(f"that failed, too: {bad}: a person has to look")


def main():
    options, way = parse(sys.argv[1:]), None
    on_signals(interrupted)
    try:
        cluster = Cluster(options)
        way = (BlueGreen if options.way == "blue-green" else Canary)(cluster)
        if options.back:
            way.back()
        else:
            way.run(Judge(cluster, way.label))
    except Bad as bad:
        say(bad)
        if way and not options.back:
            go_back(way)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
