"""Logs over OTLP/HTTP: the real SDKs with their defaults, read back from a search server record by record; what is
refused, mended, and what survives a kill."""

import json
import os
import re
from datetime import datetime, timezone

import grpc
import pytest
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (ExportLogsServiceRequest,
                                                                    ExportLogsServiceResponse)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

from lib import agent as agents
from lib import need
from lib.lines import whole_lines
from lib.process import Process
from lib.sink import Sink
from lib.wait import free_port, wait_until
from test_traces import PROTOBUF, request_of

HOSTS = os.path.join(need.TESTS, "hosts", "otlp_logs")


def request_of_logs(records, first=0, service="made"):
    message = ExportLogsServiceRequest()
    resource = message.resource_logs.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", service
    scope = resource.scope_logs.add()
    for number in range(first, first + records):
        record = scope.log_records.add()
        record.time_unix_nano, record.severity_number = 1795348800000000001 + number, 9
        record.body.string_value = f"record {number}"
        attribute = record.attributes.add()
        attribute.key, attribute.value.int_value = "n", number
    return message


def post(agent, message, path="/v1/logs", **headers):
    body = message if isinstance(message, bytes) else message.SerializeToString()
    return requests.post(agent.otlp_url + path, data=body, headers={**PROTOBUF, **headers}, timeout=60)


def to_file(oxpecker, tmp_path, **otlp):
    path = tmp_path / "out.ndjson"
    agent = oxpecker({"receive": {"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], **otlp}},
                      "logs": {"batch": {"age": "20ms"}, "export": {"file": {"path": str(path)}}}})
    return agent, lambda: [json.loads(line) for line in whole_lines(path)]


def test_each_record_becomes_one_line(oxpecker, tmp_path):
    agent, lines = to_file(oxpecker, tmp_path)
    answer = post(agent, request_of_logs(3))
    assert (answer.status_code, answer.content) == (200, b"")
    wait_until(lambda: len(lines()) == 3, 60, "three lines")
    assert lines()[1] == {"@timestamp": "2026-11-22T12:00:00.000000002Z", "log.level": "info", "event.severity": 9,
                          "message": "record 1", "service.name": "made", "n": 1}
    agent.wait_until(lambda: agent.booked("delivered", signal="logs", source="receive.otlp") == 3)
    agent.assert_balanced()
    assert agent.metric("oxpecker_log_records_total", component="receive.otlp") == 3


def test_lines_have_the_names_that_the_option_says(oxpecker, tmp_path):
    agent, lines = to_file(oxpecker, tmp_path, logs="otel")
    post(agent, request_of_logs(1))
    wait_until(lines, 60, "a line")
    assert lines()[0] == {"@timestamp": "2026-11-22T12:00:00.000000001Z", "severity_number": 9,
                          "body": {"text": "record 0"}, "attributes": {"n": 0},
                          "resource": {"attributes": {"service.name": "made"}}, "scope": {"attributes": {}}}


def test_a_record_that_is_wrong_is_refused_alone(oxpecker, tmp_path):
    agent, lines = to_file(oxpecker, tmp_path)
    message = request_of_logs(3)
    message.resource_logs[0].scope_logs[0].log_records[1].trace_id = b"short"
    answer = post(agent, message)
    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert answer.status_code == 200 and partial.rejected_log_records == 1
    assert "record 2: a trace id that is not 16 bytes" in partial.error_message
    wait_until(lambda: [line["n"] for line in lines()] == [0, 2], 60, "the other two")
    assert agent.booked("rejected", signal="logs", source="receive.otlp") == 1
    agent.assert_balanced()


@pytest.mark.parametrize("body", [b"\x0a\xff", b"{}", request_of(1).SerializeToString()[:-3]])
def test_what_is_no_log_request_is_answered_400(oxpecker, tmp_path, body):
    agent, lines = to_file(oxpecker, tmp_path)
    answer = post(agent, body)
    assert answer.status_code == 400 and b"not an OTLP log request" in answer.content
    assert post(agent, b"").status_code == 200, "an empty request is fine"
    assert not lines()


def test_a_request_whose_lines_would_fill_memory_is_answered_413(oxpecker, tmp_path):
    """A large resource stands in each line."""
    agent, _ = to_file(oxpecker, tmp_path)
    message = request_of_logs(2000)
    message.resource_logs[0].resource.attributes[0].value.string_value = "x" * 20000
    answer = post(agent, message)
    assert answer.status_code == 413 and b"send less at a time" in answer.content
    assert post(agent, request_of_logs(1)).status_code == 200


def test_without_an_exporter_they_are_shown(oxpecker):
    agent = oxpecker({})
    post(agent, request_of_logs(2, service="shown"))
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 2)
    assert "record 1" in agents.run("--config", agent.config_path, "show", "logs").stdout


def test_logs_that_no_exporter_takes_are_not_taken(oxpecker, tmp_path):
    """An exporter that names its collectors: the SDK is told, and spans go on."""
    (tmp_path / "a.log").write_text("")
    agent = oxpecker({"logs": {"collect": {"tail": str(tmp_path / "a.log")},
                               "export": {"file": {"path": str(tmp_path / "out"), "from": ["tail"]}}}})
    assert post(agent, request_of_logs(1)).status_code == 404
    assert post(agent, request_of(1), "/v1/traces").status_code == 200


def test_records_that_were_answered_are_there_once_after_a_kill(oxpecker, fault_server):
    """The backend is away; the answer says that they are on disk; the ids make the second try no second document."""
    server = fault_server()
    sink = Sink(server)
    agent = oxpecker({"receive": {"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], "ack": "disk"}},
                      "logs": {"batch": {"age": "20ms"}, "export": {"elasticsearch": {
                          "url": server.url, "gzip": False, "retry_first": "20ms"}}}})
    server.refuse()
    for first in range(0, 2000, 500):
        assert post(agent, request_of_logs(500, first)).status_code == 200
    agent.kill9()
    server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("held") == 0, 60, "nothing held")
    assert sorted(document["n"] for document in sink.documents.values()) == list(range(2000))
    agent.assert_balanced()


def test_records_over_grpc_become_the_same_lines(oxpecker, tmp_path):
    port, message = free_port(), request_of_logs(3)
    agent, lines = to_file(oxpecker, tmp_path, grpc=[f"127.0.0.1:{port}"])
    message.resource_logs[0].scope_logs[0].log_records[1].span_id = b"short"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = LogsServiceStub(channel).Export(message, timeout=60)
    assert answer.partial_success.rejected_log_records == 1
    wait_until(lambda: [line["n"] for line in lines()] == [0, 2], 60, "the other two")
    assert lines()[1]["message"] == "record 2" and lines()[1]["service.name"] == "made"
    agent.assert_balanced()


# The real SDKs.

def nanoseconds(text):
    """RFC 3339 in UTC, to the last digit."""
    whole, fraction = re.fullmatch(r"(.*?)(?:\.(\d+))?Z", text).groups()
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp())
    return seconds * 10**9 + int((fraction or "").ljust(9, "0"))


def run_host(folder, argv, agent, **env):
    """What it says it logged."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": agent.otlp_url, "OTEL_SERVICE_NAME": "sdk", **env}
    host = Process("logs", argv, folder, env)
    assert host.wait(180) == 0, host.out()
    return [json.loads(line) for line in host.out().splitlines() if line.startswith("{")]


def assert_documents(found, expected, service="sdk"):
    by_key = {json.dumps(d.get("message", d.get("body"))): d for d in found}
    assert len(by_key) == len(found) == len(expected)
    for record in expected:
        document = by_key[json.dumps(record.get("message", record.get("body")))]
        time = record.pop("time", None)
        assert time is None or nanoseconds(document["@timestamp"]) == int(time)
        assert {name: document.get(name) for name in record} == record
        assert document["service.name"] == service and document["telemetry.sdk.language"]


def test_the_python_sdk_reaches_the_index(oxpecker, opensearch, tmp_path):
    index = opensearch.index()
    agent = oxpecker({"logs": {"batch": {"age": "100ms"}, "export": {
        "elasticsearch": {"url": opensearch.url, "index": index}}}})
    argv = [need.built("python_sdk") + "/bin/python", os.path.join(HOSTS, "python_logs.py")]
    expected = run_host(tmp_path, argv, agent)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == len(expected), 60, "all delivered")
    assert_documents(list(opensearch.documents(index).values()), expected)
