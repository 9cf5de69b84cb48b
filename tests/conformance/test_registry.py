"""The contract of components, run over every row of agent/registry.c with the real program.

An exporter settles every item exactly once whatever its destination does, and ends cleanly in the middle of a send. A
collector does what its when_full says. A row that these tables do not know fails by its name.
"""

import json
import os
import re
import socket
import threading

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lib import fault
from lib.agent import HURRIED, run
from lib.lines import Writer, as_written
from lib.wait import free_port, wait_until
from test_traces import PROTOBUF, request_of

COUNT = 40
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
with open(os.path.join(TOP, "agent", "registry.c"), encoding="utf-8") as file:
    ROWS = set(re.findall(r"&((?:collector|exporter|check|step)_\w+)", file.read()))

# Exporters that speak HTTP: what their section is, given the server's URL. The others need no server that misbehaves;
# given a folder, their section is one that takes everything.
PEERS = {"exporter_elasticsearch": ("logs", lambda url: {"elasticsearch": {"url": url, "timeout": "60s"}}),
         "exporter_otlp": ("traces", lambda url: {"otlp": {"endpoint": url, "timeout": "60s"}}),
         "exporter_otlp_logs": ("logs", lambda url: {"otlp": {"endpoint": url, "timeout": "60s"}})}
# The same of those that series are pushed to, round by round.
PUSHED = {"exporter_remote_write": lambda url: {"remote_write": {"url": url + "/write", "timeout": "60s",
                                                                 "interval": "1s", "retry_first": "50ms"}},
          "exporter_otlp_metrics": lambda url: {"otlp": {"endpoint": url, "timeout": "60s", "interval": "1s",
                                                         "retry_first": "50ms"}}}
LOCAL = {"exporter_file": (("logs", "traces"), lambda folder: {"file": f"{folder}/out"}),
         "exporter_store": (("logs", "traces"), lambda folder: {"store": {}})}
COLLECTORS = {"collector_bulk", "collector_jaeger", "collector_otlp", "collector_pipe", "collector_push",
              "collector_scrape", "collector_socket", "collector_statsd", "collector_tail", "collector_zipkin"}
CHECKS = {"check_http": lambda web, folder: {"url": web.url},
          "check_tcp": lambda web, folder: {"address": f"tcp://127.0.0.1:{web.port}"},
          "check_unix": lambda web, folder: {"path": f"unix:{folder}/app.sock"},
          "check_exec": lambda web, folder: {"command": ["test", "-e", f"{folder}/pid"]},
          "check_file": lambda web, folder: {"path": f"{folder}/pid"},
          "check_process": lambda web, folder: {"pid": f"{folder}/pid"}}
# Checks of servers that have to be real, and of metrics: e2e/test_checks.py sees each of them say yes and no.
REAL = {"check_expression", "check_grpc", "check_mysql", "check_postgres", "check_redis"}
# Steps: their options, a line that must come through as another, and one that must come through as it is.
# None: dropped.
STEPS = {"step_add": ({"fields": {"a": "x"}}, {"n": 1}, {"n": 1, "a": "x"}, {"n": 2, "a": 3}),
         "step_drop": (["a"], {"n": 1, "a": 1}, {"n": 1}, {"n": 2, "b": {"a": 1}}),
         "step_ecs": ({"version": False}, {"n": 1, "msg": "x"}, {"n": 1, "message": "x"}, {"n": 2, "b": {"msg": 1}}),
         "step_filter": ("warn", {"n": 1, "level": "info"}, None, {"n": 2, "level": "error"}),
         "step_fold": (["n"], {"n": 1, "a": 1}, {"n": 1, "a": 1, "oxpecker.repeated": {"count": 2}}, {"n": 2, "b": 1}),
         "step_keep": (["n"], {"n": 1, "a": 1}, {"n": 1}, {"n": 2}),
         "step_limit": ({"rate": 1, "burst": 1}, {"n": 1}, None, {"n": 2}),
         "step_redact": (["a"], {"n": 1, "a": 1}, {"n": 1, "a": "***"}, {"n": 2, "b": 1}),
         "step_rename": ({"fields": {"a": "b"}}, {"n": 1, "a": 1}, {"n": 1, "b": 1}, {"n": 2, "b": 1}),
         "step_sample": ({"levels": {"info": 0}}, {"n": 1, "level": "info"}, None, {"n": 2, "level": "warn"})}

# The same for spans: the attributes of one that comes through with others, and of one that stays as it is.
SPAN_STEPS = {"step_span_add": ({"fields": {"a": "x"}}, {"n": "1"}, {"n": "1", "a": "x"}, {"n": "2", "a": "3"}),
              "step_span_drop": (["a"], {"n": "1", "a": "1"}, {"n": "1"}, {"n": "2", "b": "1"}),
              "step_span_filter": ({"where": {"n": "2"}}, {"n": "1"}, None, {"n": "2"}),
              "step_span_keep": (["n"], {"n": "1", "a": "1"}, {"n": "1"}, {"n": "2"}),
              "step_span_limits": (1, {"n": "1", "a": "1"}, {"n": "1"}, {"n": "2"}),
              "step_span_sample": ({"ratio": 0, "where": {"n": "1"}}, {"n": "1"}, None, {"n": "2"}),
              "step_span_metrics": ({}, {"n": "1"}, {"n": "1"}, {"n": "2"}),
              "step_span_redact": (["a"], {"n": "1", "a": "1"}, {"n": "1", "a": "***"}, {"n": "2", "b": "1"}),
              "step_span_rename": ({"fields": {"a": "b"}}, {"n": "1", "a": "1"}, {"n": "1", "b": "1"},
                                   {"n": "2", "b": "1"})}
# The same for samples: the labels of one that comes through with others or not at all, and of one that stays.
METRIC_STEPS = {"step_metric_add": ({"fields": {"a": "x"}}, {"n": "1"}, {"n": "1", "a": "x"}, {"n": "2", "a": "3"}),
                "step_metric_drop": (["a"], {"n": "1", "a": "1"}, {"n": "1"}, {"n": "2", "b": "1"}),
                "step_metric_filter": ({"where": {"n": "2"}}, {"n": "1"}, None, {"n": "2"}),
                "step_metric_keep": (["n"], {"n": "1", "a": "1"}, {"n": "1"}, {"n": "2"}),
                "step_metric_rename": ({"fields": {"a": "b"}}, {"n": "1", "a": "1"}, {"n": "1", "b": "1"},
                                       {"n": "2", "b": "1"})}
NAMES = {f"step_{name}": name for name in ("span_limits", "span_metrics")}  # the others are called as behind step_span_

ANSWERS = {"2xx": fault.good(), "400": fault.status(400), "413": fault.status(413), "429": fault.status(429),
           "500": fault.status(500), "503": fault.status(503, retry_after=1), "garbage": fault.garbage(),
           "closed": fault.close_at_once(), "reset": fault.reset(), "mid-answer": fault.close_mid_answer(),
           "hangs": fault.hang(), "too slow": fault.slow(1.5)}


def test_every_row_is_known():
    exporters = PEERS.keys() | PUSHED.keys() | LOCAL.keys()
    checks = CHECKS.keys() | REAL
    known = exporters | COLLECTORS | checks | STEPS.keys() | SPAN_STEPS.keys() | METRIC_STEPS.keys()
    assert not ROWS - known, f"not held to the contract yet: {ROWS - known}"
    assert ROWS >= known


# What each row refuses when it is created, and a word that its error must have: {} is the test's folder.
REFUSED = {"exporter_elasticsearch": ({"logs": {"export": {"elasticsearch": {"url": "nonsense://x"}}}}, "url"),
           "exporter_otlp": ({"traces": {"export": {"otlp": {"endpoint": "nonsense://x"}}}}, "endpoint"),
           "exporter_otlp_logs": ({"logs": {"export": {"otlp": {"endpoint": "http://x/v1/traces"}}}}, "/v1/logs"),
           "exporter_otlp_metrics": ({"metrics": {"export": {"otlp": {"endpoint": "http://x/v1/logs"}}}},
                                     "/v1/metrics"),
           "exporter_remote_write": ({"metrics": {"export": {"remote_write": {"url": "http://x"}}}}, "/api/v1/write"),
           "exporter_file": ({"logs": {"export": {"file": "{}/missing/out"}}}, "missing/out"),
           "exporter_store": ({"logs": {"export": {"store": {"nonsense": 1}}}}, "nonsense"),
           "collector_bulk": ({"logs": {"collect": {"bulk": {"http": ["nonsense"]}}}}, "nonsense"),
           "collector_tail": ({"logs": {"collect": {"tail": {"paths": ["{}/a"], "line_max": "3"}}}}, "line_max"),
           "collector_jaeger": ({"receive": {"jaeger": {"compact": "unix:{}/s"}}}, "no address of UDP"),
           "collector_zipkin": ({"receive": {"zipkin": {"http": ["nonsense"]}}}, "nonsense"),
           "collector_otlp": ({"receive": {"otlp": {"http": ["nonsense"]}}}, "nonsense"),
           "collector_pipe": ({"logs": {"collect": {"pipe": {"path": "{}/fifo", "mode": "rw"}}}}, "octal"),
           "collector_push": ({"metrics": {"collect": {"push": {"http": ["nonsense"]}}}}, "nonsense"),
           "collector_scrape": ({"metrics": {"collect": {"scrape": {"target": "ftp://x"}}}}, "target"),
           "collector_socket": ({"logs": {"collect": {"socket": {"listen": "unix:{}/s", "mode": "rw"}}}}, "octal"),
           "collector_statsd": ({"metrics": {"collect": {"statsd": {"listen": "unix:{}/s", "mode": "rw"}}}}, "octal"),
           "check_http": ({"health": {"checks": {"it": {"type": "http", "url": "http://"}}}}, "it"),
           "check_tcp": ({"health": {"checks": {"it": {"type": "tcp", "address": "nowhere"}}}}, "it"),
           "check_unix": ({"health": {"checks": {"it": {"type": "unix", "path": ""}}}}, "it"),
           "check_exec": ({"health": {"checks": {"it": {"type": "exec", "command": [""]}}}}, "names no program"),
           "check_expression": ({"health": {"checks": {"it": {"type": "expression", "expression": "a"}}}},
                                "comparison"),
           "check_file": ({"health": {"checks": {"it": {"type": "file", "path": "/x", "max_age": "x"}}}}, "max_age"),
           "check_grpc": ({"health": {"checks": {"it": {"url": "grpc://x", "service": "x" * 256}}}}, "service"),
           "check_mysql": ({"health": {"checks": {"it": {"type": "mysql", "url": "http://x"}}}}, "mysql"),
           "check_postgres": ({"health": {"checks": {"it": {"type": "postgres", "url": "http://x"}}}}, "postgres"),
           "check_process": ({"health": {"checks": {"it": {"type": "process", "pid": "-1"}}}}, "pid"),
           "check_redis": ({"health": {"checks": {"it": {"type": "redis", "url": "http://x"}}}}, "redis"),
           "step_add": ({"logs": {"steps": [{"add": {"fields": ["x"]}}]}}, "fields"),
           "step_drop": ({"logs": {"steps": ["drop"]}}, "keys"),
           "step_ecs": ({"logs": {"steps": [{"ecs": {"version": "8"}}]}}, "version"),
           "step_filter": ({"logs": {"steps": [{"filter": "loud"}]}}, "warn"),
           "step_fold": ({"logs": {"steps": [{"fold": {"ignore": [""]}}]}}, "keys"),
           "step_keep": ({"logs": {"steps": [{"keep": {"key": "x"}}]}}, "keys"),
           "step_limit": ({"logs": {"steps": [{"limit": 0}]}}, "limit"),
           "step_redact": ({"logs": {"steps": ["redact"]}}, "keys"),
           "step_rename": ({"logs": {"steps": ["rename"]}}, "fields"),
           "step_sample": ({"logs": {"steps": [{"sample": {"levels": {"loud": 1}}}]}}, "levels"),
           "step_metric_add": ({"metrics": {"steps": ["add"]}}, "fields"),
           "step_metric_drop": ({"metrics": {"steps": ["drop"]}}, "where"),
           "step_metric_filter": ({"metrics": {"steps": ["filter"]}}, "where"),
           "step_metric_keep": ({"metrics": {"steps": ["keep"]}}, "keys"),
           "step_metric_rename": ({"metrics": {"steps": ["rename"]}}, "names"),
           "step_span_add": ({"traces": {"steps": [{"add": {"fields": {"resource.": "x"}}}]}}, "fields"),
           "step_span_drop": ({"traces": {"steps": ["drop"]}}, "where"),
           "step_span_filter": ({"traces": {"steps": [{"filter": {"where": {"status": "bad"}}}]}}, "unset"),
           "step_span_keep": ({"traces": {"steps": ["keep"]}}, "keys"),
           "step_span_limits": ({"traces": {"steps": ["span_limits"]}}, "value_length"),
           "step_span_sample": ({"traces": {"steps": [{"sample": "half"}]}}, "ratio"),
           "step_span_metrics": ({"traces": {"steps": [{"span_metrics": {"buckets": ["5ms", "1ms"]}}]}}, "above"),
           "step_span_redact": ({"traces": {"steps": ["redact"]}}, "keys"),
           "step_span_rename": ({"traces": {"steps": [{"rename": {"fields": {"a": "resource.a"}}}]}}, "resource")}


def start(oxpecker, tmp_path, signal, export, **more):
    config = {"exit": HURRIED, signal: {"batch": {"age": "50ms"}}, **more}
    config[signal]["export"] = export
    if signal == "logs":
        config["logs"]["collect"] = {"tail": str(tmp_path / "app.log")}
    return oxpecker(config)


def impatient(export, kind):
    """With a second for an answer if this kind of answer is to be too late: others may take long on a busy machine."""
    return {name: {**options, "timeout": "1s"} if kind in ("hangs", "too slow") else options
            for name, options in export.items()}


def feed(agent, tmp_path, signal, count=COUNT):
    if signal == "logs":
        Writer(tmp_path / "app.log").write(count)
    else:
        for first in range(1, count + 1, 10):
            body = request_of(10, first=first).SerializeToString()
            assert requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).ok


def settled(agent, signal, count=COUNT):
    ended = sum(agent.booked(term, signal=signal) for term in ("delivered", "parked", "rejected"))
    return ended == agent.booked("received", signal=signal) == count and not agent.booked("held", signal=signal)


def ends(agent):
    """Launches what cannot start; its standard error."""
    agent.launch()
    agent.expected_exit = {1}
    wait_until(lambda: not agent.process.alive(), 60, "the end")
    assert agent.process.child.returncode == 1
    agent.check_output()
    return agent.err()


@pytest.mark.parametrize("row", sorted(ROWS))
def test_bad_options_end_the_start_with_an_error(oxpecker, tmp_path, row):
    assert row in REFUSED, f"not held to the contract yet: {row}"
    config, word = REFUSED[row]
    agent = oxpecker(json.loads(json.dumps(config).replace("{}", str(tmp_path))), start=False)
    assert word in ends(agent)


def test_components_that_never_started_are_stopped_and_freed(oxpecker, fault_server, tmp_path):
    """The door's address is taken: what was created before and after it goes without having run."""
    server = fault_server()
    export = PEERS["exporter_elasticsearch"][1](server.url)
    config = {"logs": {"collect": {"tail": str(tmp_path / "a.log")}, "export": export},
              "metrics": {"collect": {"scrape": server.url}}, "traces": {"export": {"file": str(tmp_path / "spans")}},
              "receive": {"otlp": {"http": [f"127.0.0.1:{server.port}"]}},
              "health": {"checks": {"it": server.url}}}
    assert str(server.port) in ends(oxpecker(config, start=False))


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("row", sorted(PEERS))
def test_an_exporter_settles_each_item_once(oxpecker, fault_server, tmp_path, row, answer):
    signal, export = PEERS[row]
    server = fault_server()
    server.plan(ANSWERS[answer], then=fault.good())
    agent = start(oxpecker, tmp_path, signal, impatient(export(server.url), answer))
    feed(agent, tmp_path, signal)
    agent.wait_until(lambda: settled(agent, signal), 60, "every item settled")
    agent.assert_balanced()


def all_settled(agent):
    """Of what was pushed so far, of which there is some."""
    ended = sum(agent.booked(term, source="series") for term in ("delivered", "rejected"))
    return agent.booked("delivered", source="series") and ended == agent.booked("received", source="series")


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("row", sorted(PUSHED))
def test_an_exporter_of_metrics_settles_each_sample_once(oxpecker, fault_server, row, answer):
    server = fault_server()
    server.plan(ANSWERS[answer], then=fault.good())
    agent = oxpecker({"exit": HURRIED, "metrics": {"export": impatient(PUSHED[row](server.url), answer)}})
    server.wait_requests(2, "/", 60)
    agent.wait_until(lambda: all_settled(agent), 60, "every sample settled")
    agent.assert_balanced()
    agent.expected_exit = {0, 1}  # 1: some were refused


@pytest.mark.parametrize("row", sorted(PUSHED))
def test_an_exporter_of_metrics_ends_in_the_middle_of_a_send(oxpecker, fault_server, row):
    server = fault_server()
    server.plan(fault.hang())
    export = {name: {**options, "timeout": "60s"} for name, options in PUSHED[row](server.url).items()}
    agent = oxpecker({"exit": HURRIED, "metrics": {"export": export}})
    server.wait_requests(1, "/", 60)
    assert agent.stop() == 0
    server.plan(fault.good())
    server.refuse()
    server.listen()
    agent.start()
    agent.wait_until(lambda: all_settled(agent), 60, "every sample settled by the next start")
    assert agent.booked("dropped", source="series") == agent.booked("rejected", source="series") == 0
    agent.assert_balanced()


# What one item may do to each request that it is in, without a word about why.
POISONS = {"hangs": fault.hang(), "reset": fault.reset(), "closed": fault.close_at_once(),
           "mid-answer": fault.close_mid_answer(), "a gateway's 502": fault.status(502),
           "a gateway's 504": fault.status(504)}
POISON, SOON = "the poisoned one", {"retry_first": "10ms", "retry_last": "50ms"}


def feed_poison(agent, tmp_path, signal, count, is_poison):
    """`count` items, some of which are not like the others."""
    if signal == "logs":
        writer = Writer(tmp_path / "app.log")
        writer.raw(b"".join(b'{"n":%d,"message":"%s"}\n' % (n, POISON.encode() if is_poison(n) else b"fine")
                            for n in range(count)))
        return
    for n in range(count):
        body = request_of(1, first=n + 1, service=POISON if is_poison(n) else "fine").SerializeToString()
        assert requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).ok


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("row", sorted(PEERS))
def test_an_exporter_finds_what_is_never_answered(oxpecker, fault_server, tmp_path, row, poison):
    """Nothing else is in the world to compare with; what is parked says why."""
    signal, export = PEERS[row]
    server, (count, at) = fault_server(), (3, 1) if poison == "hangs" else (40, 17)
    server.plan(fault.poisoned(POISON.encode(), POISONS[poison]))
    export = {name: {**options, **SOON} for name, options in impatient(export(server.url), poison).items()}
    agent = start(oxpecker, tmp_path, signal, export, **{signal: {"batch": {"age": "300ms"}}})
    feed_poison(agent, tmp_path, signal, count, lambda n: n == at)
    agent.wait_until(lambda: agent.booked("delivered", signal=signal) == count - 1, 60, "the others")
    agent.wait_until(lambda: agent.booked("parked", signal=signal) == 1, 60, "the poisoned one is parked")
    assert not agent.booked("held", signal=signal)
    listed = run("parked", "ls", "--json", "--config", agent.config_path, env=agent.env).stdout
    assert "failed again when tried alone, while " in listed
    agent.assert_balanced()


@pytest.mark.parametrize("poison", [p for p in POISONS if p != "hangs"])
@pytest.mark.parametrize("row", sorted(PEERS))
def test_an_exporter_finds_the_few_that_are_answered(oxpecker, fault_server, tmp_path, row, poison):
    signal, export = PEERS[row]
    server, count, every = fault_server(), 20, 10
    server.plan(fault.poisoned(POISON.encode(), POISONS[poison]))
    export = {name: {**options, **SOON} for name, options in export(server.url).items()}
    agent = start(oxpecker, tmp_path, signal, export, **{signal: {"batch": {"age": "300ms"}}})
    feed_poison(agent, tmp_path, signal, count, lambda n: n % every != every - 1)
    agent.wait_until(lambda: settled(agent, signal, count), 60, "all settle")
    assert agent.booked("delivered", signal=signal) == count // every
    assert agent.booked("parked", signal=signal) == count - count // every
    agent.assert_balanced()


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("row", sorted(PEERS))
def test_an_exporter_asks_with_nothing_whether_it_is_answered(oxpecker, fault_server, tmp_path, row, poison):
    """There is one item in the world, and it gets no answer, while an empty request does."""
    signal, export = PEERS[row]
    server = fault_server()
    server.plan(fault.poisoned(POISON.encode(), POISONS[poison]))
    export = {name: {**options, **SOON} for name, options in impatient(export(server.url), poison).items()}
    agent = start(oxpecker, tmp_path, signal, export, **{signal: {"batch": {"age": "50ms"}}})
    feed_poison(agent, tmp_path, signal, 1, lambda n: True)
    agent.wait_until(lambda: agent.booked("parked", signal=signal) == 1, 60, "it is parked")
    listed = run("parked", "ls", "--json", "--config", agent.config_path, env=agent.env).stdout
    assert "failed again when tried alone, while empty requests were answered" in listed
    agent.assert_balanced()


@pytest.mark.parametrize("answer", ["closed", "reset", "mid-answer"])
@pytest.mark.parametrize("row", sorted(PEERS))
def test_an_exporter_waits_where_nothing_is_answered(oxpecker, fault_server, tmp_path, row, answer):
    signal, export = PEERS[row]
    server = fault_server()
    server.plan(ANSWERS[answer])
    export = {name: {**options, **SOON} for name, options in export(server.url).items()}
    agent = start(oxpecker, tmp_path, signal, export)
    feed(agent, tmp_path, signal)
    server.wait_requests(40, "/")
    assert agent.booked("held", signal=signal) == COUNT
    assert agent.booked("parked", signal=signal) == 0
    server.plan(fault.good())
    agent.wait_until(lambda: agent.booked("delivered", signal=signal) == COUNT, 60, "all of it")
    agent.assert_balanced()


@pytest.mark.parametrize("row", sorted(PEERS))
def test_an_exporter_ends_in_the_middle_of_a_send(oxpecker, fault_server, tmp_path, row):
    signal, export = PEERS[row]
    server = fault_server()
    server.plan(fault.hang())
    agent = start(oxpecker, tmp_path, signal, {k: {**v, "timeout": "60s"} for k, v in export(server.url).items()})
    feed(agent, tmp_path, signal)
    server.wait_requests(1, "/")
    assert agent.stop() == 0
    server.plan(fault.good())
    server.refuse()
    server.listen()
    agent.start()
    agent.wait_until(lambda: settled(agent, signal), 60, "every item settled by the next start")
    agent.assert_balanced()


@pytest.mark.parametrize("row,signal", [(row, signal) for row in sorted(LOCAL) for signal in LOCAL[row][0]])
def test_a_local_exporter_settles_each_item_once(oxpecker, tmp_path, row, signal):
    agent = start(oxpecker, tmp_path, signal, LOCAL[row][1](tmp_path))
    feed(agent, tmp_path, signal)
    agent.wait_until(lambda: settled(agent, signal), 60, "every item settled")
    assert agent.booked("delivered", signal=signal) == COUNT
    agent.assert_balanced()


def test_a_file_that_cannot_be_written_is_tried_again(oxpecker, tmp_path):
    """/dev/full takes nothing: nothing is delivered, nothing is lost."""
    agent = start(oxpecker, tmp_path, "logs", {"file": "/dev/full"})
    feed(agent, tmp_path, "logs")
    agent.wait_until(lambda: agent.status()["destinations"][0]["retries"] > 1, 60, "two tries")
    assert agent.booked("held", signal="logs") == COUNT
    agent.assert_balanced()


def test_a_pipe_that_nobody_reads_holds_up_nothing(oxpecker, tmp_path):
    """The lane waits in the write; probes answer, the end comes in time, the next start ships what was not taken."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    agent = start(oxpecker, tmp_path, "logs", {"file": str(tmp_path / "pipe")}, exit={"within": "3s"})
    Writer(tmp_path / "app.log").write(COUNT, padding="x" * 10000)
    agent.wait_until(lambda: agent.status()["destinations"][0]["retries"] > 0, 60, "a try that was given up")
    assert agent.get("/health/liveness", timeout=60).status_code == 200
    agent.assert_balanced()
    assert agent.stop() == 0
    agent.start()
    drain = threading.Thread(target=lambda: [None for _ in open(reader, "rb", closefd=True)], daemon=True)
    os.set_blocking(reader, True)
    drain.start()
    agent.wait_until(lambda: not agent.booked("held", signal="logs"), 60, "all written")
    agent.assert_balanced()


def test_tail_pauses_when_full_and_goes_on(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    server.refuse()
    writer.write(20000, padding="x" * 300)
    agent = start(oxpecker, tmp_path, "logs", PEERS["exporter_elasticsearch"][1](server.url), memory="2MiB")
    agent.wait_until(lambda: agent.booked("held", "bytes", signal="logs") > 1 << 19, 60, "memory filled")
    held = agent.booked("held", signal="logs")
    assert 0 < held < 20000
    server.listen()
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 20000, 60, "all delivered")
    agent.assert_balanced()


def test_otlp_refuses_when_full_and_takes_again(oxpecker, fault_server, tmp_path):
    server = fault_server()
    server.refuse()
    agent = start(oxpecker, tmp_path, "traces", PEERS["exporter_otlp"][1](server.url), memory="2MiB")
    post = lambda first: requests.post(agent.otlp_url + "/v1/traces", headers=PROTOBUF, timeout=60,  # noqa: E731
                                       data=request_of(500, first=first).SerializeToString())
    answers = [post(1 + 500 * number) for number in range(150)]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers if answer.status_code == 503)
    server.listen()
    agent.wait_until(lambda: not agent.booked("held", signal="traces"), 60, "room again")
    assert post(1000000).status_code == 200
    agent.assert_balanced()


def test_bulk_refuses_when_full_and_takes_again(oxpecker, fault_server, tmp_path):
    server, port = fault_server(), free_port()
    server.refuse()
    export = PEERS["exporter_elasticsearch"][1](server.url)
    agent = oxpecker({"logs": {"collect": {"bulk": f"127.0.0.1:{port}"}, "export": export}, "memory": "2MiB"})
    body = '{"create":{}}\n{"message":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}\n' * 500
    post = lambda: requests.post(f"http://127.0.0.1:{port}/_bulk", data=body, timeout=60)  # noqa: E731
    answers = [post() for _ in range(150)]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers if answer.status_code == 503)
    taken = 500 * sum(answer.ok for answer in answers)
    server.listen()
    agent.wait_until(lambda: not agent.booked("held", signal="logs"), 60, "room again")
    assert post().ok
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == taken + 500, 60, "all delivered")
    agent.assert_balanced()


def test_pipe_waits_when_full_then_loses_and_counts(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), str(tmp_path / "fifo")
    server.refuse()
    agent = oxpecker({"logs": {"collect": {"pipe": {"path": path, "patience": "200ms"}},
                               "export": PEERS["exporter_elasticsearch"][1](server.url)}, "memory": "2MiB"})
    with open(path, "wb", buffering=0) as file:
        for n in range(200):
            file.write(b"".join(b'{"n":%d,"x":"%s"}\n' % (n * 100 + i, b"x" * 300) for i in range(100)))
        agent.wait_until(lambda: agent.booked("received", signal="logs") == 20000, 60, "all booked")
    lost = agent.booked("dropped", signal="logs")
    assert 0 < lost < 20000 and agent.metric("oxpecker_waits_total") >= 1
    server.listen()
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 20000 - lost, 60, "the others delivered")
    agent.assert_balanced()
    agent.expected_exit = {1}  # of a run that has lost some
    assert agent.stop() == 1 and f"ended: {lost} records lost" in agent.err()


@pytest.mark.parametrize("kind", ["stream", "datagram"])
def test_socket_waits_when_full_then_loses_and_counts(oxpecker, fault_server, tmp_path, kind):
    server, path = fault_server(), str(tmp_path / "log.sock")
    server.refuse()
    agent = oxpecker({"logs": {"collect": {"socket": {"listen": "unix:" + path, "kind": kind, "patience": "200ms"}},
                               "export": PEERS["exporter_elasticsearch"][1](server.url)}, "memory": "2MiB"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM) as peer:
        peer.connect(path)
        for n in range(2000):
            peer.send(b"".join(b'{"n":%d,"x":"%s"}\n' % (n * 10 + i, b"x" * 300) for i in range(10)))
        agent.wait_until(lambda: agent.booked("received", signal="logs") == 20000, 60, "all booked")
    lost = agent.booked("dropped", signal="logs")
    assert 0 < lost < 20000 and agent.metric("oxpecker_waits_total") >= 1
    server.listen()
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 20000 - lost, 60, "the others delivered")
    agent.assert_balanced()
    agent.expected_exit = {1}  # of a run that has lost some
    assert agent.stop() == 1 and f"ended: {lost} records lost" in agent.err()


def test_scrape_keeps_within_its_ceilings(oxpecker, fault_server, tmp_path):
    """Metrics are merged, not queued: what is over a ceiling is dropped and counted."""
    server = fault_server(unix=str(tmp_path / "app.sock"))
    page = "".join(f'many{{n="{n}"}} 1\n' for n in range(60000)).encode()
    server.plan(fault.ok(page, "text/plain; version=0.0.4"))
    agent = oxpecker({"metrics": {"collect": {"scrape": {"target": f"unix:{tmp_path}/app.sock", "timeout": "60s"}}}})
    agent.get("/metrics", timeout=120)
    assert agent.booked("dropped", signal="metrics") > 0
    assert agent.booked("received", signal="metrics") % 60000 == 0
    agent.assert_balanced()


def test_push_refuses_when_full_and_takes_again(oxpecker):
    """Pages are kept within `memory`: a group that goes makes room."""
    port = free_port()
    agent = oxpecker({"metrics": {"collect": {"push": f"127.0.0.1:{port}"}}, "memory": "2MiB"})
    page = "".join(f'many{{n="{n}"}} 1\n' for n in range(2000))
    put = lambda n: requests.put(f"http://127.0.0.1:{port}/metrics/job/{n}", data=page, timeout=60)  # noqa: E731
    answers = [put(n) for n in range(100)]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers if answer.status_code == 503)
    for n, answer in enumerate(answers):
        assert requests.delete(f"http://127.0.0.1:{port}/metrics/job/{n}", timeout=60).status_code == 202
    agent.wait_until(lambda: put(1).ok, 60, "room again")
    agent.assert_balanced()


@pytest.mark.parametrize("row", sorted(CHECKS))
def test_a_check_says_yes_and_no(oxpecker, fault_server, tmp_path, row):
    web, at_socket = fault_server(), fault_server(unix=str(tmp_path / "app.sock"))
    pid, away = tmp_path / "pid", tmp_path / "away"
    pid.write_text(f"{os.getpid()}\n")
    check = {"type": row.split("_")[1], "interval": "100ms", "timeout": "1m", **CHECKS[row](web, tmp_path)}
    agent = oxpecker({"health": {"checks": {"it": check}}})
    fine = lambda: agent.get("/ready").json()["checks"]["it"]  # noqa: E731
    agent.wait_until(fine, 60, "a yes")
    web.refuse(), at_socket.refuse(), pid.rename(away)
    agent.wait_until(lambda: not fine(), 60, "a no")
    web.listen(), at_socket.listen(), away.rename(pid)
    agent.wait_until(fine, 60, "a yes again")


def spans_with(*attributes):
    """A request with one span for each."""
    message = request_of(len(attributes))
    for span, pairs in zip(message.resource_spans[0].scope_spans[0].spans, attributes):
        for key, value in pairs.items():
            attribute = span.attributes.add()
            attribute.key, attribute.value.string_value = key, value
    return message.SerializeToString()


def attributes_at(server):
    """Of each span as it came, also if it came more than once."""
    return [{pair.key: pair.value.string_value for pair in span.attributes}
            for request in server.taken("/v1/traces")
            for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
            for scope in resource.scope_spans for span in scope.spans]


def assert_sent(agent, found, wanted):
    """In that order, and more only where the agent has sent some again."""
    assert found == wanted or agent.sent_again() and all(one in wanted for one in found) and all(
        one in found for one in wanted), found


@pytest.mark.parametrize("row", sorted(SPAN_STEPS))
def test_a_step_of_spans_settles_each_span_once(oxpecker, fault_server, row):
    """Edited, left alone or dropped, in a request with others and in one of its own: every span is booked."""
    options, before, after, same = SPAN_STEPS[row]
    server = fault_server()
    agent = oxpecker({"traces": {"batch": {"age": "50ms"}, "steps": [{NAMES.get(row, row[10:]): options}],
                                 "export": PEERS["exporter_otlp"][1](server.url)}})
    for body in (spans_with(before, same), spans_with(before)):
        assert requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).ok
    agent.wait_until(lambda: agent.booked("received", signal="traces") == 3
                     and not agent.booked("held", signal="traces"), 60, "all booked")
    agent.assert_balanced()
    wanted = [after, same, after] if after else [same]
    assert_sent(agent, attributes_at(server), wanted)
    assert agent.booked("dropped", signal="traces") == 3 - len(wanted)


@pytest.mark.parametrize("row", sorted(METRIC_STEPS))
def test_a_step_of_metrics_settles_each_sample_once(oxpecker, fault_server, tmp_path, row):
    """Edited, left alone or dropped: every sample is booked."""
    options, before, after, same = METRIC_STEPS[row]
    lines = ["one{%s} 1\n" % ",".join(f'{name}="{value}"' for name, value in labels.items())
             for labels in (before, same)]
    server = fault_server(unix=str(tmp_path / "app.sock"))
    server.plan(fault.ok("".join(lines).encode(), "text/plain; version=0.0.4"))
    agent = oxpecker({"metrics": {"steps": [{row[12:]: options}], "collect": {"app": {
        "type": "scrape", "target": f"unix:{tmp_path}/app.sock", "timeout": "60s"}}}})
    shown = [dict(labels) for (name, labels) in agent.metrics() if name == "one"]
    assert sorted(map(str, shown)) == sorted(str(dict(sorted(labels.items()))) for labels in (after, same) if labels)
    agent.assert_balanced()


def documents(server):
    return sorted((as_written(document) for request in server.taken("_bulk") for _, document in request.documents()),
                  key=lambda document: document["n"])


@pytest.mark.parametrize("row", sorted(STEPS))
def test_a_step_settles_each_record_once(oxpecker, fault_server, tmp_path, row):
    """Edited, left alone or dropped: every record is booked, and the position is behind all of them."""
    options, before, after, same = STEPS[row]
    server, path = fault_server(), tmp_path / "app.log"
    order = {"step_limit": (same, before), "step_fold": (before, before, same)}.get(row, (before, same))
    path.write_text("".join(json.dumps(line) + "\n" for line in order))
    config = {"logs": {"batch": {"age": "50ms"}, "collect": {"tail": str(path)}, "steps": [{row[5:]: options}],
                       "export": PEERS["exporter_elasticsearch"][1](server.url)}}
    agent = oxpecker(config)
    agent.wait_until(lambda: agent.booked("received") == len(order) and not agent.booked("held"), 60, "all booked")
    agent.assert_balanced()
    assert_sent(agent, documents(server), [line for line in (after, same) if line])
    assert agent.booked("dropped") == (after is None) and agent.booked("merged") == len(order) - 2
    assert agent.stop() == 0
    agent.start()
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps({**same, "n": 3}) + "\n")
    agent.wait_until(lambda: agent.booked("received") == len(order) + 1 and not agent.booked("held"), 60,
                     "the new one alone")
    agent.assert_balanced()
