"""Probes: what they answer, and that they answer whatever else goes on."""

import datetime
import json
import os
import socket
import stat
import time

import pytest

from lib import agent as agents, fault
from lib.cpu import Waits
from lib.lines import Writer
from lib.wait import free_port, wait_until


def test_liveness_and_readiness_without_checks(oxpecker):
    agent = oxpecker({})
    for path in ("/health/liveness", "/health"):
        answer = agent.get(path)
        assert answer.status_code == 200 and answer.json()["status"] == "ok"
        assert abs(answer.json()["timestamp"] - time.time() * 1000) < 60000
        assert answer.headers["Content-Type"] == "application/json"
    for path in ("/health/readiness", "/ready"):
        answer = agent.get(path)
        assert answer.status_code == 200 and answer.json() == {"status": "ready", "checks": {}}


def readiness(agent):
    answer = agent.get("/health/readiness")
    return answer.status_code, answer.json()


def test_checks_of_every_kind_follow_what_they_look_at(oxpecker, fault_server, tmp_path):
    web, at_socket = fault_server(), fault_server(unix=str(tmp_path / "app.sock"))
    checks = {"web": {"url": web.url + "/health", "interval": "100ms"},
              "port": {"type": "tcp", "address": f"127.0.0.1:{web.port}", "interval": "100ms"},
              "app": {"type": "unix", "path": f"{tmp_path}/app.sock", "interval": "100ms"}}
    checks["web"]["type"] = "http"
    agent = oxpecker({"health": {"checks": checks}})
    fine = (200, {"status": "ready", "checks": {"web": True, "port": True, "app": True}})
    wait_until(lambda: readiness(agent) == fine, 60, "all checks fine")
    at_socket.refuse()
    not_ready = lambda **checks: (503, {"status": "not ready", "checks": checks})  # noqa: E731
    wait_until(lambda: readiness(agent) == not_ready(web=True, port=True, app=False))
    at_socket.listen()
    web.plan(fault.status(500))
    wait_until(lambda: readiness(agent) == not_ready(web=False, port=True, app=True))
    web.refuse()
    wait_until(lambda: readiness(agent)[1]["checks"] == {"web": False, "port": False, "app": True})
    web.plan(fault.good())
    web.listen()
    wait_until(lambda: readiness(agent) == fine, 60, "all checks fine again")
    assert agent.get("/health/liveness").status_code == 200


def test_the_scheme_names_the_kind(oxpecker, fault_server, tmp_path):
    web, at_socket = fault_server(), fault_server(unix=str(tmp_path / "a.sock"))
    checks = {"a": web.url, "b": f"tcp://127.0.0.1:{web.port}", "c": f"unix:{tmp_path}/a.sock"}
    agent = oxpecker({"health": {"checks": checks}})
    wait_until(lambda: readiness(agent) == (200, {"status": "ready", "checks": {"a": True, "b": True, "c": True}}))
    at_socket.close()


def test_a_check_that_hangs_is_a_no_in_time_and_probes_do_not_wait(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.hang())
    check = {"type": "http", "url": server.url, "timeout": "8s", "interval": "200ms"}
    agent = oxpecker({"health": {"checks": {"slow": check}}})
    waits, began = Waits(agent.pid, os.getpid()), time.monotonic()
    assert readiness(agent) == (503, {"status": "not ready", "checks": {"slow": False}})
    assert time.monotonic() - began < 8 + waits.seconds()
    wait_until(lambda: agent.status()["checks"][0]["why"] == "no answer in time", 60, "the reason")


def probe(agent, path):
    answer = agent.get(path)
    return answer.status_code, answer.json()


def test_a_check_below_its_threshold_says_why_and_is_fine(oxpecker, fault_server):
    server = fault_server()
    check = {"type": "http", "url": server.url, "interval": "1s", "failure_threshold": 1000}
    agent = oxpecker({"health": {"checks": {"web": check}}})
    wait_until(lambda: readiness(agent) == (200, {"status": "ready", "checks": {"web": True}}), 60, "it to be fine")
    server.plan(fault.status(500))
    wait_until(lambda: probe(agent, "/ready?verbose")[1]["details"]["web"]["why"] == "HTTP 500", 60, "the reason")
    status, said = probe(agent, "/health/readiness?verbose")
    assert (status, said["status"], said["checks"]) == (200, "ready", {"web": True})
    details = said["details"]["web"]
    assert details["type"] == "http" and 0 < details["latency_seconds"] < 60
    last = datetime.datetime.fromisoformat(details["last_success"].replace("Z", "+00:00")).timestamp()
    assert abs(last - time.time()) < 300
    assert last == pytest.approx(agent.metric("oxpecker_check_last_success_timestamp_seconds", check="web"), abs=0.002)
    assert agent.metric("oxpecker_check_up", check="web") == 1
    assert agent.metric("oxpecker_check_latency_seconds", check="web") > 0
    assert agent.metric("oxpecker_checks_total", check="web", result="failure") >= 1
    assert agent.metric("oxpecker_checks_total", check="web", result="success") >= 1


def test_the_apps_own_probe_follows_the_app_and_readiness_what_it_needs(oxpecker, fault_server, tmp_path):
    web, app = fault_server(), fault_server(unix=str(tmp_path / "app.sock"))
    app_check = {"path": f"unix:{tmp_path}/app.sock", "interval": "100ms", "probes": ["app"]}
    agent = oxpecker({"health": {"checks": {"web": {"url": web.url, "interval": "100ms"}, "app": app_check}}})
    wait_until(lambda: probe(agent, "/health/app") == (200, {"status": "ok", "checks": {"app": True}}), 60, "the app")
    wait_until(lambda: readiness(agent) == (200, {"status": "ready", "checks": {"web": True}}), 60, "the other")
    app.refuse()
    wait_until(lambda: probe(agent, "/health/app") == (503, {"status": "not ok", "checks": {"app": False}}))
    assert readiness(agent)[0] == 200
    app.listen()
    web.refuse()
    wait_until(lambda: readiness(agent) == (503, {"status": "not ready", "checks": {"web": False}}))
    wait_until(lambda: probe(agent, "/health/app")[0] == 200, 60, "the app to be back")


def test_the_start_is_over_when_each_check_has_looked_whatever_it_saw(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.hang())
    agent = oxpecker({"health": {"checks": {"web": {"url": server.url, "timeout": "10m"}}}})
    server.wait_requests(1, "/")
    assert probe(agent, "/health/startup") == (503, {"status": "starting", "checks": {"web": False}})
    server.refuse()
    started = (200, {"status": "started", "checks": {"web": True}})
    wait_until(lambda: probe(agent, "/health/startup") == started, 60, "the start to be over")
    assert readiness(agent) == (503, {"status": "not ready", "checks": {"web": False}})


def told(status, then):
    """The head of an answer, then what `then` sends."""
    def behave(handler, request):
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 %d x\r\nContent-Type: text/html\r\n\r\n" % status)
        while then == "endless" and not handler.server.owner.ended.is_set():
            handler.wfile.write(b"x" * 10000)
        if then == "silence":
            handler.server.owner.ended.wait()

    return behave


BODIES = {"large": (fault.ok(b"x" * (3 << 20), "text/html"), ""), "endless": (told(200, "endless"), ""),
          "silent": (told(200, "silence"), ""), "cut off": (fault.close_mid_answer(), ""),
          "a redirect's": (told(302, "endless"), ""), "an error's": (told(500, "endless"), "HTTP 500"),
          "an error's that does not come": (told(404, "silence"), "HTTP 404")}


@pytest.mark.parametrize("kind", BODIES)
def test_the_head_of_an_answer_decides_whatever_its_body_is(oxpecker, fault_server, kind):
    server, (behave, why) = fault_server(), BODIES[kind]
    server.plan(behave)
    check = {"type": "http", "url": server.url, "timeout": "10s", "interval": "100ms"}
    agent = oxpecker({"health": {"checks": {"it": check}}})
    server.wait_requests(4, "/")
    it = agent.status()["checks"][0]
    assert (it["fine"], it["why"]) == (not why, why)


def test_a_check_with_a_short_answer_keeps_its_connection(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.ok(b'{"status":"ok"}', "application/json"))
    oxpecker({"health": {"checks": {"it": {"type": "http", "url": server.url, "interval": "100ms",
                                         "timeout": "60s"}}}})
    server.wait_requests(5, "/")
    assert len(server.connections) == 1


def delivery(agent):
    """Status, and the destinations by name."""
    answer = agent.get("/health/delivery")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["status"] == ("ok" if answer.status_code == 200 else "not delivering")
    return answer.status_code, {each["name"]: each for each in answer.json()["destinations"]}


def gauge(agent, name, of):
    return agent.metric("oxpecker_destination_" + name, destination=of)


def two_destinations(path, logs, spans, within):
    export = {"elasticsearch": {"url": logs.url, "retry_last": "200ms"}}
    return {"health": {"delivery": within}, "logs": {"collect": {"tail": str(path)}, "export": export},
            "traces": {"export": {"otlp": {"endpoint": spans.url}}}}


def test_delivery_tells_which_destination_does_not_take_what_it_is_given(oxpecker, fault_server, tmp_path):
    """Absent, and overloaded: 503 with the reason after a while; liveness and readiness have no part in it."""
    logs, spans, name = fault_server(), fault_server(), "logs.export.elasticsearch"
    writer = Writer(tmp_path / "app.log")
    agent = oxpecker(two_destinations(tmp_path / "app.log", logs, spans, "1s"))
    code, found = delivery(agent)
    assert code == 200 and sorted(found) == [name, "traces.export.otlp"]
    assert found[name] == {"name": name, "delivery": "fine", "seconds_since_acknowledged": None, "queued_records": 0,
                           "queued_bytes": 0, "error": ""}
    assert gauge(agent, "last_delivery_timestamp_seconds", name) == 0
    writer.write(10)
    wait_until(lambda: delivery(agent)[1][name]["seconds_since_acknowledged"] is not None, 60, "they are taken")
    assert abs(gauge(agent, "last_delivery_timestamp_seconds", name) - time.time()) < 30
    assert "s ago" in status_lines(agent, name)
    for plan, reason in ((logs.refuse, "onnect"), (lambda: logs.plan(fault.status(503)), "503")):
        plan()
        writer.write(10)
        wait_until(lambda: delivery(agent)[0] == 503, 60, "it is told")
        found = delivery(agent)[1]
        assert found["traces.export.otlp"]["delivery"] == "fine"
        assert found[name]["delivery"] == "stalled" and reason in found[name]["error"], found
        assert found[name]["queued_records"] == 10 and found[name]["queued_bytes"] > 0
        assert found[name]["seconds_since_acknowledged"] > 1
        assert gauge(agent, "up", name) == 0 and gauge(agent, "up", "traces.export.otlp") == 1
        assert gauge(agent, "queued_records", name) == 10
        assert [d["delivery"] for d in agent.status()["destinations"]] == ["stalled", "fine"]
        assert "stalled" in status_lines(agent, name) and "10 / " in status_lines(agent, name)
        assert agent.get("/health/liveness").status_code == 200 and readiness(agent)[0] == 200
        logs.refuse()
        logs.plan(fault.good())
        logs.listen()
        wait_until(lambda: delivery(agent)[0] == 200, 60, "it takes them again")
        wait_until(lambda: delivery(agent)[1][name]["queued_records"] == 0, 60, "nothing waits")
    assert delivery(agent)[1][name]["error"] == "" and gauge(agent, "up", name) == 1


def status_lines(agent, name):
    text = agents.run("status", "--config", agent.config_path, env=agent.env).stdout
    return [line for line in text.splitlines() if line.startswith(name + " ")][0]


def test_delivery_is_no_while_all_is_refused_for_good_and_quotes_no_record(oxpecker, fault_server, tmp_path):
    logs, writer, name = fault_server(), Writer(tmp_path / "app.log"), "logs.export.elasticsearch"

    def refuse(handler, request):
        error = {"type": "document_parsing_exception", "reason": "failed to parse: 'hunter2'"}
        items = [{"create": {"status": 400, "error": error}} for _ in request.documents()]
        handler.answer(200, json.dumps({"errors": True, "items": items}).encode(), "application/json", {})

    logs.plan(refuse)
    settings = two_destinations(tmp_path / "app.log", logs, fault_server(), "500ms")
    settings["logs"]["batch"] = {"age": "20ms"}
    agent = oxpecker(settings)

    def answer_to_one_more():
        writer.write(1)
        return delivery(agent)[0] == 503

    wait_until(answer_to_one_more, 60, "it is told")
    found = delivery(agent)[1][name]
    assert found["delivery"] == "refusing" and "refused" in found["error"] and "hunter2" not in str(found)
    assert "hunter2" in agent.status()["destinations"][0]["error"]
    logs.plan(fault.good())
    writer.write(1)
    wait_until(lambda: delivery(agent)[0] == 200, 60, "one is taken")
    agent.assert_balanced()


def test_unknown_paths_and_methods(oxpecker):
    agent = oxpecker({})
    assert agent.get("/nothing").status_code == 404
    with socket.create_connection(("127.0.0.1", agent.port)) as peer:
        peer.sendall(b"DELETE /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 405 " in peer.makefile("rb").readline()


def test_a_port_that_is_taken_is_a_clear_error(oxpecker):
    port = free_port()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # others may have had it a minute ago
        taken.bind(("127.0.0.1", port))
        taken.listen()
        agent = oxpecker({"listen": [f"127.0.0.1:{port}"]}, start=False)
        agent.launch()
        agent.expected_exit = {1}
        wait_until(lambda: not agent.process.alive(), 60, "the agent to end")
        assert str(port) in agent.err() and f"taken by process {os.getpid()} " in agent.err()


def test_the_status_on_the_control_socket(oxpecker):
    agent = oxpecker({})
    assert stat.S_IMODE(os.stat(agent.control).st_mode) == 0o600
    status = agent.status()
    assert status["pid"] == agent.pid and status["version"]
    json.dumps(status)
