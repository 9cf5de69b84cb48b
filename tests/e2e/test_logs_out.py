"""Log lines out over OTLP, read with the official classes of the protocol."""

import json

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from lib import fault, grpc_fault

LINES = [{"@timestamp": "2026-11-23T04:45:06.123456789Z", "log.level": "error", "message": "broke", "n": 1,
          "trace_id": "0123456789abcdef0123456789abcdef", "span_id": "0123456789abcdef", "http": {"status": 500}},
         {"time": "2026-11-23T04:45:07Z", "level": "info", "msg": "fine", "n": 2, "tags": ["a", 1.5, None, True]}]


def value_of(value):
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return {pair.key: value_of(pair.value) for pair in value.kvlist_value.values}
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


def attributes_of(message):
    return {pair.key: value_of(pair.value) for pair in message.attributes}


def records_at(server):
    return [record for request in server.taken()
            for resource in ExportLogsServiceRequest.FromString(request.body).resource_logs
            for scope in resource.scope_logs for record in scope.log_records]


def start(oxpecker, tmp_path, server, lines, service=None, **options):
    (tmp_path / "app.log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return oxpecker({"service": service or {"name": "api"},
                     "logs": {"batch": {"age": "50ms"},
                              "collect": {"tail": {"paths": [str(tmp_path / "app.log")], "origin": False}},
                              "export": {"otlp": {"endpoint": server.url, "retry_first": "10ms", **options}}}})


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_lines_are_records(oxpecker, fault_server, grpc_fault_server, tmp_path, protocol, packed):
    server = grpc_fault_server() if protocol == "grpc" else fault_server()
    agent = start(oxpecker, tmp_path, server, LINES, {"name": "api", "environment": "test"}, protocol=protocol,
                  gzip=packed)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 2, 60, "both delivered")
    request = server.taken()[0]
    assert request.path == ("/opentelemetry.proto.collector.logs.v1.LogsService/Export" if protocol == "grpc"
                            else "/v1/logs")
    resource = attributes_of(ExportLogsServiceRequest.FromString(request.body).resource_logs[0].resource)
    assert resource["service.name"] == "api" and resource["deployment.environment.name"] == "test"
    assert len(records_at(server)) <= 2 + agent.sent_again()
    first, second = (next(record for record in records_at(server) if attributes_of(record)["n"] == n) for n in (1, 2))
    assert first.time_unix_nano == 1795409106123456789 and first.observed_time_unix_nano > first.time_unix_nano
    assert (first.severity_number, first.severity_text, value_of(first.body)) == (17, "error", "broke")
    assert first.trace_id.hex() == LINES[0]["trace_id"] and first.span_id.hex() == LINES[0]["span_id"]
    assert attributes_of(first) == {"n": 1, "http": {"status": 500}}
    assert (second.severity_number, value_of(second.body)) == (9, "fine")
    assert attributes_of(second) == {"n": 2, "tags": ["a", 1.5, None, True]}
    agent.assert_balanced()


def test_a_record_that_is_refused_is_found(oxpecker, grpc_fault_server, tmp_path):
    """By a message limit that only the large one is over."""
    server, large = grpc_fault_server(), {"message": "x" * 50000}
    limit = grpc_fault.failing(8, "grpc: received message larger than max (50100 vs. 40000)")
    server.plan(lambda peer, request: (limit if len(request.body) > 40000 else grpc_fault.good())(peer, request))
    agent = start(oxpecker, tmp_path, server, [{"n": n} for n in range(20)] + [large] +
                  [{"n": n} for n in range(20, 40)], protocol="grpc")
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 40, 60, "the others")
    agent.wait_until(lambda: agent.booked("parked", signal="logs") == 1, 60, "the large one")
    agent.assert_balanced()


def test_what_is_large_goes_in_several_requests(oxpecker, grpc_fault_server, tmp_path):
    """Members of few bytes are larger in OTLP than in JSON."""
    server = grpc_fault_server()
    lines = [{**{f"k{i}": i for i in range(20)}, "n": n} for n in range(25000)]
    (tmp_path / "app.log").write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    agent = oxpecker({"memory": "64MiB",
                      "logs": {"batch": {"age": "3s", "bytes": "16MiB", "records": 100000},
                               "collect": {"tail": str(tmp_path / "app.log")},
                               "export": {"otlp": {"endpoint": server.url, "protocol": "grpc"}}}})
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 25000, 60, "all of it")
    assert max(len(request.body) for request in server.taken()) < 4 << 20
    assert sum(len(request.body) for request in server.taken()) > 4 << 20
    agent.assert_balanced()


def test_partial_success_is_counted(oxpecker, fault_server, tmp_path):
    server = fault_server()
    server.plan(fault.ok(b'{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"one was odd"}}',
                         "application/json"))
    agent = start(oxpecker, tmp_path, server, LINES)
    agent.expected_exit = {1}  # of a run that has lost some
    agent.wait_until(lambda: agent.booked("rejected", signal="logs") == 1, 60, "one refused")
    assert agent.booked("delivered", signal="logs") == 1 and "refused 1 log records: one was odd" in agent.err()
    agent.assert_balanced()
