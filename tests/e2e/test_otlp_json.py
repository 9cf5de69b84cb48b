"""OTLP in JSON on the port of protobuf: the answer is in JSON, too; the real Node SDK with its defaults."""

import base64
import gzip
import json
import os

import pytest
import requests
from google.protobuf.json_format import MessageToDict

from lib import need
from lib.wait import wait_until
from test_otlp_logs import HOSTS, assert_documents, request_of_logs, run_host, to_file
from test_traces import assert_spans, config, request_of, spans_at

JSON = {"Content-Type": "application/json"}


def as_otlp(message):
    """As SDKs write it: ids in hex, enums as numbers."""
    made = MessageToDict(message, use_integers_for_enums=True)

    def hex_ids(value):
        if isinstance(value, list):
            for item in value:
                hex_ids(item)
        if isinstance(value, dict):
            for name, item in value.items():
                if name in ("traceId", "spanId", "parentSpanId"):
                    value[name] = base64.b64decode(item).hex()
                hex_ids(item)
    hex_ids(made)
    return made


def post(agent, path, body, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(agent.otlp_url + path, data=body, headers={**JSON, **headers}, timeout=60)


@pytest.mark.parametrize("spans", [1, 20, 2000], ids=["small", "mended on the loop", "in the lane"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_spans_in_json_go_out_as_protobuf(oxpecker, fault_server, spans, coding):
    server = fault_server()
    agent = oxpecker(config(server.url))
    body = json.dumps(as_otlp(request_of(spans))).encode()
    answer = post(agent, "/v1/traces", gzip.compress(body) if coding == "gzip" else body,
                  **{"Content-Encoding": coding})
    assert (answer.status_code, answer.json(), answer.headers["Content-Type"]) == (200, {}, "application/json")
    wait_until(lambda: list(dict.fromkeys(spans_at(server))) == list(range(1, spans + 1)), 60, "all spans, in order")
    assert_spans(agent, server, range(1, spans + 1))


def test_a_partial_success_and_an_error_are_json(oxpecker, fault_server):
    agent = oxpecker(config(fault_server().url))
    body = as_otlp(request_of(3))
    body["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["traceId"] = "not hex"
    answer = post(agent, "/v1/traces", body, **{"Content-Type": "application/json; charset=utf-8"})
    partial = answer.json()["partialSuccess"]
    assert answer.status_code == 200 and partial["rejectedSpans"] == "1"
    assert "span 2" in partial["errorMessage"]
    answer = post(agent, "/v1/traces", b'{"resourceSpans": [')
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json()["code"] == 3 and "not JSON at byte 19" in answer.json()["message"]
    answer = post(agent, "/v1/traces", b"{}", **{"Content-Type": "text/plain"})
    assert answer.status_code == 415 and b"application/x-protobuf or application/json" in answer.content


def test_logs_in_json_become_lines(oxpecker, tmp_path):
    agent, lines = to_file(oxpecker, tmp_path)
    answer = post(agent, "/v1/logs", as_otlp(request_of_logs(3000)))
    assert (answer.status_code, answer.json()) == (200, {})
    wait_until(lambda: [line["n"] for line in lines()] == list(range(3000)), 60, "all lines")
    body = as_otlp(request_of_logs(2))
    body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["spanId"] = "12"
    assert post(agent, "/v1/logs", body).json()["partialSuccess"]["rejectedLogRecords"] == "1"
    agent.assert_balanced()


@pytest.mark.parametrize("encoding", ["http", "proto"], ids=["JSON", "protobuf"])
def test_the_node_sdk_reaches_jaeger_and_the_index(oxpecker, jaeger, opensearch, tmp_path, encoding):
    """The exporters of Node for JSON and for protobuf, each with its defaults."""
    index, service = opensearch.index(), "node-" + encoding
    agent = oxpecker({**config(jaeger.otlp_http), "logs": {"batch": {"age": "100ms"}, "export": {
        "elasticsearch": {"url": opensearch.url, "index": index}}}})
    argv = [need.program("node"), os.path.join(HOSTS, "node.js")]
    expected = run_host(tmp_path, argv, agent, NODE_PATH=need.built("node") + "/node_modules", ENCODING=encoding,
                        OTEL_SERVICE_NAME=service)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == len(expected), 60, "all delivered")
    assert_documents(list(opensearch.documents(index).values()), expected, service)
    wait_until(lambda: jaeger.spans(service), 60, "the span in Jaeger")
    span, = jaeger.spans(service)
    assert (span["traceID"], span["spanID"]) == (expected[-1]["trace.id"], expected[-1]["span.id"])
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    assert (tags["text"], tags["half"], tags["span.kind"]) == ("grün", 0.5, "server")
    assert tags["otel.status_description"] == "broken" and len(span["logs"]) == 1
    agent.assert_balanced()
