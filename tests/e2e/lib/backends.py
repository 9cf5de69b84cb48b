"""The real servers, each on free ports of the loopback with its data in a folder of the test run."""

import itertools
import json
import os
import time
import uuid

import requests

from . import need
from .process import Process
from .wait import free_port

_numbers = itertools.count(1)


def unique(stem):
    """A name that no other test has given to a server, and with which none of theirs begins."""
    return f"{stem}-{uuid.uuid4().hex[:12]}"


class Backend:
    @classmethod
    def at(cls, addresses):
        """One that somebody else has started, and ends: its members that are text or numbers."""
        backend = cls.__new__(cls)
        vars(backend).update(addresses)
        return backend

    def close(self):
        self.process.signal(15)
        self.process.kill9()

    def get(self, url, **more):
        answer = requests.get(url, timeout=300, **more)
        answer.raise_for_status()
        return answer.json()

    def is_up(self, url):
        try:
            return requests.get(url, timeout=20).status_code == 200
        except requests.RequestException:
            return False


class Jaeger(Backend):
    """Jaeger with memory storage, or if `kept` with files that outlast it: start() after stop() has them again.
    `otlp_http` and `otlp_grpc` take spans, as do its older doors, `thrift_http`,
    `thrift_compact`, `thrift_binary` (ports of UDP) and `zipkin`; the methods ask its query API. With the URL of a
    Prometheus it reads span metrics there, as its own example of a configuration for that says."""

    @staticmethod
    def needed():
        return need.built("jaeger")

    def __init__(self, folder, prometheus=None, kept=False):
        home = self.needed()
        names = ("HEALTH_PORT", "QUERY_PORT", "QUERY_GRPC_PORT", "OTLP_GRPC_PORT", "OTLP_HTTP_PORT",
                 "THRIFT_HTTP_PORT", "THRIFT_COMPACT_PORT", "THRIFT_BINARY_PORT", "ZIPKIN_PORT")
        ports = {name: free_port() for name in names}
        self.otlp_http = f"http://127.0.0.1:{ports['OTLP_HTTP_PORT']}"
        self.otlp_grpc = f"127.0.0.1:{ports['OTLP_GRPC_PORT']}"
        self.thrift_http = f"http://127.0.0.1:{ports['THRIFT_HTTP_PORT']}/api/traces"
        self.thrift_compact, self.thrift_binary = ports["THRIFT_COMPACT_PORT"], ports["THRIFT_BINARY_PORT"]
        self.zipkin = f"http://127.0.0.1:{ports['ZIPKIN_PORT']}/api/v2/spans"
        self.query = f"http://127.0.0.1:{ports['QUERY_PORT']}"
        configs = ["--config", os.path.join(need.TESTS, "backends", "jaeger", "jaeger.yaml")]
        if prometheus:
            configs += ["--config", self.metrics_config(os.path.join(str(folder), "metrics.yaml"), prometheus)]
        if kept:
            configs += ["--config", self.kept_config(str(folder))]
        self.process = Process("jaeger", [home + "/jaeger", *configs], folder, ports)
        self.wait_up()

    def wait_up(self):
        self.process.wait_until(lambda: self.is_up(self.query + "/api/services"), 180, "Jaeger answers")

    def start(self):
        self.process.start()
        self.wait_up()

    def stop(self):
        """It stores what it has answered for."""
        assert self.process.stop(60) == 0, self.process.err()[-2000:]

    @staticmethod
    def kept_config(folder):
        path = os.path.join(folder, "kept.yaml")
        files = {part: os.path.join(folder, part) for part in ("keys", "values")}
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"extensions": {"jaeger_query": {"storage": {"traces": "files"}}, "jaeger_storage": {
                "backends": {"files": {"badger": {"directories": files, "ephemeral": False}}}}},
                       "exporters": {"jaeger_storage_exporter": {"trace_storage": "files"}}}, file)
        return path

    @staticmethod
    def metrics_config(path, prometheus):
        reads = {"endpoint": prometheus, "normalize_calls": True, "normalize_duration": True}
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"extensions": {"jaeger_query": {"storage": {"metrics": "prom"}},
                                      "jaeger_storage": {"metric_backends": {"prom": {"prometheus": reads}}}}}, file)
        return path

    def monitored(self, what, service, **more):
        """{operation: last value} of the Monitor tab: `what` is calls, errors or latencies."""
        times = {"endTs": int(time.time() * 1000), "lookback": 600000, "step": 1000, "ratePer": 600000}
        answer = self.get(f"{self.query}/api/metrics/{what}",
                          params={"service": service, "groupByOperation": "true", **times, **more})
        return {next(label["value"] for label in metric["labels"] if label["name"] == "operation"):
                metric["metricPoints"][-1]["gaugeValue"]["doubleValue"] for metric in answer.get("metrics", [])}

    def services(self):
        return self.get(self.query + "/api/services")["data"] or []

    def traces(self, service, limit=1500):
        answer = self.get(self.query + "/api/traces", params={"service": service, "limit": limit, "lookback": "2d"})
        return answer["data"] or []

    def trace(self, trace_id):
        return self.get(f"{self.query}/api/traces/{trace_id}")["data"][0]

    def spans(self, service, limit=1500):
        """Every span of the service, each with `attributes` as a dict and its `parent` id or None."""
        found = []
        for trace in self.traces(service, limit):
            for span in trace["spans"]:
                span["attributes"] = {tag["key"]: tag["value"] for tag in span["tags"]}
                parents = [ref["spanID"] for ref in span["references"] if ref["refType"] == "CHILD_OF"]
                span["parent"] = parents[0] if parents else None
                span["resource"] = {tag["key"]: tag["value"] for tag in trace["processes"][span["processID"]]["tags"]}
                found.append(span)
        return found


class OpenSearch(Backend):
    """One OpenSearch node. The files of a run share it (servers.py), so each test takes index names from index().

    `settings`, {"thread_pool.write.queue_size": 1}, are those of a node that a test has for itself.
    """

    name, has_data_streams = "opensearch", True
    java_words, modules = (), "-"

    @classmethod
    def needed(cls):
        """Its folder and its Java."""
        home = need.built(cls.name)
        return home, cls.java(home)

    def __init__(self, folder, settings=None):
        home, java = self.needed()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        argv = [java, *self.java_words, "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", "-cp", f"{home}/classes:{home}/lib/*", "Main",
                os.path.join(str(folder), self.name), port, free_port(), self.modules,
                *(f"{name}={value}" for name, value in (settings or {}).items())]
        self.process = Process(self.name, argv, folder)
        self.process.wait_until(lambda: "READY" in self.process.out(), 600, f"{self.name} is ready")

    @staticmethod
    def java(home):
        return need.program("java")

    def index(self, stem="logs"):
        return unique(stem)

    def request(self, method, path, body=None, headers=None):
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        headers = headers or {"Content-Type": "application/json"}
        return requests.request(method, f"{self.url}/{path}", data=data, headers=headers, timeout=300)

    def create_index(self, name, mappings, dynamic=True):
        """`mappings` as {"field": {"type": "long"}}; a document that does not fit is refused with 400.

        Without `dynamic` the other fields are kept and cannot be searched, which costs the server half of the work.
        """
        answer = self.request("PUT", name, {"mappings": {"dynamic": dynamic, "properties": mappings}})
        answer.raise_for_status()

    def create_data_stream(self, name):
        template = {"index_patterns": [name + "*"], "data_stream": {}, "priority": 500}
        self.request("PUT", "_index_template/" + name, template).raise_for_status()
        self.request("PUT", "_data_stream/" + name).raise_for_status()

    def count(self, index):
        """Documents that can be found by now; 0 while the index does not exist."""
        if self.request("POST", f"{index}/_refresh").status_code == 404:
            return 0
        return self.get(f"{self.url}/{index}/_count")["count"]

    def documents(self, index):
        """{id: source} of all documents."""
        self.request("POST", f"{index}/_refresh")
        page = self.request("POST", f"{index}/_search?scroll=1m", {"size": 5000, "sort": ["_doc"]}).json()
        found = {}
        while page["hits"]["hits"]:
            found.update((hit["_id"], hit["_source"]) for hit in page["hits"]["hits"])
            page = self.request("POST", "_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]}).json()
        return found

    def set_read_only(self, index, blocked):
        """While blocked, writing is refused with 403."""
        self.request("PUT", f"{index}/_settings", {"index.blocks.write": blocked}).raise_for_status()


class OpenSearch3(OpenSearch):
    """OpenSearch 3 without its language analyzers, for some of which the small Java has no data."""

    name = "opensearch3"
    modules = ",".join(f"org.opensearch.{plugin}ModulePlugin"
                       for plugin in ("transport.Netty4", "index.mapper.MapperExtras", "painless.Painless"))

    @staticmethod
    def java(home):
        return home + "/java"


class Elasticsearch(OpenSearch):
    """Elasticsearch 7.10 as far as it is open source, which data streams were not."""

    name, has_data_streams = "elasticsearch", False
    java_words = ("-Djava.security.manager=allow",
                  *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "io", "net", "util")))


class StatsdExporter(Backend):
    """Prometheus' own statsd_exporter, which takes lines over TCP, and is asked for its page."""

    def __init__(self, folder, mapping):
        port, self.port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        path = os.path.join(str(folder), "mapping.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(mapping)
        argv = [os.path.join(need.built("statsd_exporter"), "statsd_exporter"), "--statsd.listen-udp=",
                f"--statsd.listen-tcp=127.0.0.1:{self.port}", f"--web.listen-address=127.0.0.1:{port}",
                "--statsd.mapping-config=" + path, "--log.level=error"]
        self.process = Process("statsd_exporter", argv, folder)
        self.process.wait_until(lambda: self.is_up(self.url + "/-/ready"), 60, "statsd_exporter is ready")

    def page(self, **headers):
        return self.answer(**headers).text

    def answer(self, **headers):
        return requests.get(self.url + "/metrics", headers=headers, timeout=60)


class Prometheus(Backend):
    """Debian's Prometheus, which scrapes the given host:port targets every second. They need not listen yet. Or one
    that does what the file `config` says."""

    features, job, more, log = ("exemplar-storage",), {}, {}, "warn"

    @staticmethod
    def program():
        return need.prometheus("prometheus")

    def __init__(self, folder, targets=(), interval="1s", words=(), config=None):
        port, made = free_port(), os.path.join(str(folder), f"prometheus-{next(_numbers)}.yml")
        self.url = f"http://127.0.0.1:{port}"
        job = {"job_name": "oxpecker", "static_configs": [{"targets": list(targets)}], **self.job}
        times = {"scrape_interval": interval, "scrape_timeout": interval}
        with open(made, "w", encoding="utf-8") as file:
            json.dump({"global": times, "scrape_configs": [job], **self.more}, file)
        argv = [self.program(), f"--config.file={config or made}", f"--web.listen-address=127.0.0.1:{port}",
                f"--storage.tsdb.path={made}.data", "--log.level=" + self.log,
                "--enable-feature=" + ",".join(self.features), *words]
        self.process = Process("prometheus", argv, folder)
        self.process.wait_until(lambda: self.is_up(self.url + "/-/ready"), 60, "Prometheus is ready")

    def query(self, expression):
        """[(labels, value)] of an instant query."""
        answer = self.get(self.url + "/api/v1/query", params={"query": expression})
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]

    def value(self, expression):
        """The value of the only series that the expression selects, or None."""
        rows = self.query(expression)
        return rows[0][1] if len(rows) == 1 else None

    def exemplars(self, selector):
        """[(labels of the series, exemplar)] of the last hour."""
        now = time.time()
        answer = self.get(self.url + "/api/v1/query_exemplars",
                          params={"query": selector, "start": now - 3600, "end": now + 60})
        return [(row["seriesLabels"], exemplar) for row in answer["data"] for exemplar in row["exemplars"]]

    def targets(self):
        return self.get(self.url + "/api/v1/targets")["data"]["activeTargets"]

    def latest(self, selector):
        """{labels, as a sorted tuple: value, or for a native histogram all of it} of an instant query."""
        rows = self.get(self.url + "/api/v1/query", params={"query": selector})["data"]["result"]
        return {tuple(sorted(row["metric"].items())): row.get("value", row.get("histogram"))[1] for row in rows}

    def samples(self, selector):
        """[(seconds since 1970, value)] of the only series that the selector has, of the last hour."""
        rows = self.get(self.url + "/api/v1/query", params={"query": selector + "[1h]"})["data"]["result"]
        assert len(rows) <= 1, rows
        return [(at, float(value)) for at, value in rows[0]["values"]] if rows else []


class Prometheus3(Prometheus):
    """Prometheus 3 with all that it can take: native histograms, names in UTF-8, times of creation as samples of zero,
    and by remote write and OTLP, too."""

    features = ("exemplar-storage", "created-timestamp-zero-ingestion")
    job = {"scrape_native_histograms": True, "always_scrape_classic_histograms": True,
           "scrape_protocols": ["PrometheusProto", "OpenMetricsText1.0.0"]}
    more = {"otlp": {"translation_strategy": "NoUTF8EscapingWithSuffixes"}}

    @staticmethod
    def program():
        return os.path.join(need.built("prometheus3"), "prometheus")

    def __init__(self, folder, targets=(), words=(), **options):
        receive = ["--web.enable-remote-write-receiver", "--web.enable-otlp-receiver"]
        super().__init__(folder, targets, words=[*receive, *words], **options)


class VictoriaMetrics(Prometheus):
    """Takes remote write and OTLP, and answers as Prometheus does. What came last can be asked for at once."""

    def __init__(self, folder):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        argv = [os.path.join(need.built("victoriametrics"), "victoria-metrics"), f"-httpListenAddr=127.0.0.1:{port}",
                f"-storageDataPath={folder}/victoria", "-search.latencyOffset=0s", "-search.disableCache",
                "-opentelemetry.usePrometheusNaming", "-loggerLevel=ERROR"]
        self.process = Process("victoriametrics", argv, folder)
        self.process.wait_until(lambda: self.is_up(self.url + "/health"), 60, "VictoriaMetrics is ready")
