"""The host apps beside which the agent runs, as their developers start them."""

import json
import os
import sys

import requests

from . import need, unix_http
from .lines import whole_lines
from .process import Process


class Host:
    """A running host app: `port` of its API, `metrics_socket`, `log_path`. `otlp` is where its spans go."""

    def __init__(self, name, argv, folder, **options):
        self.metrics_socket = options.pop("metrics_socket", None) or os.path.join(str(folder), "app-metrics.sock")
        self.log_path = options.pop("log_path", None) or os.path.join(str(folder), "app.log")
        env = {"METRICS_SOCKET": self.metrics_socket, "LOG_FILE": self.log_path, "OTEL_SERVICE_NAME": name,
               "OTEL_BSP_SCHEDULE_DELAY": 200, "OTEL_EXPORTER_OTLP_ENDPOINT": options.pop("otlp", ""),
               **options.pop("env", {})}
        rate = options.pop("traffic", 0)
        assert not options, f"unknown options {options}"
        self.name = name
        self.process = Process(name, [*argv, *(["--traffic", rate] if rate else [])], folder, env)
        self.port = self.process.wait_until(self.announced, 180, f"{name} is ready")

    def announced(self):
        """The port of its ready line; the last one, as a restart appends another."""
        lines = [line for line in whole_lines(self.process.out_path) if line.startswith("{") and '"ready"' in line]
        return json.loads(lines[-1])["port"] if lines else None

    def get(self, path, **headers):
        return requests.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=60)

    def metrics(self):
        """Its own page, as it stands on the socket."""
        return unix_http.request(self.metrics_socket, "GET", "/metrics")[2].decode()

    def log_lines(self):
        """What it has logged so far, whole lines only."""
        return [json.loads(line) for line in whole_lines(self.log_path)]

    def stop(self):
        return self.process.stop(60)

    def close(self):
        self.process.signal(15)
        self.process.kill9()


def node(folder, **options):
    """Express, prom-client, winston, the OpenTelemetry SDK."""
    home = need.built("node")
    env = {"NODE_PATH": home + "/node_modules", **options.pop("env", {})}
    argv = [need.program("node"), os.path.join(need.TESTS, "hosts", "node", "app.js")]
    return Host(options.pop("name", "shop-node"), argv, folder, env=env, **options)


def python(folder, **options):
    """prometheus_client and the OpenTelemetry SDK; `sdk=False` for the app that needs only python3."""
    if options.pop("sdk", True):
        argv = [need.built("python_sdk") + "/bin/python", os.path.join(need.TESTS, "hosts", "python_sdk", "app.py")]
    else:
        argv = [sys.executable, os.path.join(need.TESTS, "hosts", "python", "app.py")]
    return Host(options.pop("name", "worker-python"), argv, folder, **options)
