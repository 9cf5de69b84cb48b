"""Prometheus' own parsers: what it makes of a page, or why it refuses it."""

import base64
import json
import os
import subprocess

from . import need

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
SCHEMES = ("underscores", "dots", "values", "allow-utf-8")
ALL = [f"{kind}; escaping={scheme}"
       for kind in (TEXT, TEXT.replace("0.0.4", "1.0.0"), OPENMETRICS, PROTOBUF) for scheme in SCHEMES]


class Read:
    def __init__(self, answer):
        self.error, self.types, self.help = answer["error"], answer["types"], answer["help"]
        self.samples = {key(sample): (sample["value"], sample["timestamp"]) for sample in answer["samples"]}
        self.created = {key(sample): sample["created"] for sample in answer["samples"] if sample["created"]}
        self.exemplars = {key(sample): sample["exemplar"] for sample in answer["samples"] if sample["exemplar"]}


def key(sample):
    labels = dict(sample["labels"])
    return labels.pop("__name__"), tuple(sorted(labels.items()))


def ask(questions):
    """An answer to each."""
    asked = "".join(json.dumps(question) + "\n" for question in questions)
    program = os.path.join(need.built("prometheus_parsers"), "prometheus_parsers")
    done = subprocess.run([program], input=asked, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def read_all(pages):
    """Of pages [(Content-Type, bytes)], one Read each."""
    return [*map(Read, ask({"type": kind, "page": base64.b64encode(page).decode()} for kind, page in pages))]


def page_of_go():
    """What Prometheus' client for Go serves to whoever asks for protobuf: (Content-Type, bytes)."""
    made, = ask([{"go": "page"}])
    return made["type"], base64.b64decode(made["page"])


def push_from_go(url):
    """The same, pushed as that client pushes."""
    answer, = ask([{"push": url}])
    assert not answer["error"], answer


def read(kind, page):
    return read_all([(kind, page)])[0]


def read_writes(requests):
    """What Prometheus reads of requests of remote write, by its own messages (write.go)."""
    return ask({"type": request.headers["Content-Type"], "write": base64.b64encode(request.raw).decode()}
               for request in requests)
