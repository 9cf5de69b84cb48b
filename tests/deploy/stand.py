"""Two apps with their sidecars, and a Prometheus that does what conf/prometheus says, every two seconds: what is drawn
on dashboards. Without a real backend, lines are refused now and then; one of three sidecars is away."""

import os
import shutil
import threading
import time

import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from lib import agent, fault, hosts, need
from lib.backends import Prometheus
from lib.wait import free_port

CONF = os.path.join(os.path.dirname(need.TESTS), "conf")
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)


class Meter(threading.Thread):
    """Sends the histogram of OpenTelemetry's conventions each second, as an SDK does: one request in twenty failed."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.ended, self.rounds = url, threading.Event(), 0

    def message(self):
        message = ExportMetricsServiceRequest()
        metrics = message.resource_metrics.add().scope_metrics.add().metrics
        metric = metrics.add(name="http.server.request.duration", unit="s")
        metric.histogram.aggregation_temporality = 2
        for status, each in (("200", 19), ("500", 1)):
            point = metric.histogram.data_points.add(count=each * self.rounds, sum=0.07 * each * self.rounds,
                                                     start_time_unix_nano=1, time_unix_nano=time.time_ns())
            point.explicit_bounds.extend(BOUNDS)
            point.bucket_counts.extend([each * self.rounds if bound == 0.1 else 0 for bound in BOUNDS] + [0])
            for key, value in (("http.route", "/jobs"), ("http.response.status_code", status)):
                attribute = point.attributes.add(key=key)
                attribute.value.string_value = value
        return message

    def run(self):
        while not self.ended.wait(1):
            self.rounds += 1
            requests.post(self.url + "/v1/metrics", data=self.message().SerializeToString(), timeout=60,
                          headers={"Content-Type": "application/x-protobuf"})

    def close(self):
        self.ended.set()
        self.join(60)


class Stand:
    """`shop` and `worker` are agents, `server` the Prometheus. `elastic` has the URL and options of an exporter, and
    `jaeger` is a URL; a stand-in takes their place if they are missing. `closing` keeps what is to be ended."""

    def __init__(self, closing, folder, elastic=None, jaeger=None, rate=20, work_ms=0):
        self.closing, self.folder, self.rate, self.work_ms = closing, str(folder), rate, work_ms
        self.refusing = closing.keep(fault.FaultServer())
        self.refusing.plan(fault.partial_bulk(every=25, code=400, kind="mapper_parsing_exception"))
        self.spans = closing.keep(fault.FaultServer())
        elastic = elastic or {"url": self.refusing.url}
        self.shop = self.sidecar("shop", elastic, jaeger)
        self.worker = self.sidecar("worker", elastic, jaeger)
        self.meter = closing.keep(Meter(self.worker.otlp_url))
        self.meter.start()
        self.server = closing.keep(Prometheus(folder, config=self.prometheus_config(), words=[
            "--web.user-assets=" + CONF]))

    def sidecar(self, name, elastic, jaeger):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        log, socket = folder + "/app.log", folder + "/app.sock"
        made = agent.Oxpecker({
            "service": {"name": name},
            "logs": {"collect": {"tail": log}, "steps": ["ecs"],
                     "export": {"elasticsearch": {"data_stream": "logs-made-default", "template": True, **elastic}}},
            "traces": {"steps": ["span_metrics"], "export": {"otlp": jaeger or self.spans.url}},
            "metrics": {"collect": {"scrape": {"target": "unix:" + socket, "timeout": "60s"}}}}, folder)
        self.closing.keep(made).start()
        self.closing.keep(hosts.python(folder, sdk=False, name=name, otlp=made.otlp_url, log_path=log,
                                       metrics_socket=socket, traffic=self.rate, env={"WORK_MS": self.work_ms}))
        return made

    def prometheus_config(self):
        """conf/prometheus with shorter times and these targets."""
        folder = os.path.join(self.folder, "conf")
        shutil.copytree(os.path.join(CONF, "prometheus"), folder)
        path = os.path.join(folder, "prometheus.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert text.count(" 15s") == 2 and text.count(" 10s") == 1
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(" 15s", " 2s").replace(" 10s", " 2s"))
        with open(os.path.join(folder, "targets", "shop.yaml"), "w", encoding="utf-8") as file:
            for job, port in (("shop", self.shop.port), ("worker", self.worker.port), ("worker", free_port())):
                file.write(f'- {{ targets: ["127.0.0.1:{port}"], labels: {{ job: {job} }} }}\n')
        return path
