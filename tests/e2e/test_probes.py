"""Probes: what they answer, and that they answer whatever else goes on."""

import json
import os
import socket
import stat
import time

from lib import fault
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
    wait_until(lambda: readiness(agent) == fine, 10, "all checks fine")
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
    wait_until(lambda: readiness(agent) == fine, 10, "all checks fine again")
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
    check = {"type": "http", "url": server.url, "timeout": "300ms", "interval": "200ms"}
    agent = oxpecker({"health": {"checks": {"slow": check}}})
    began = time.monotonic()
    assert readiness(agent) == (503, {"status": "not ready", "checks": {"slow": False}})
    assert time.monotonic() - began < 0.25
    wait_until(lambda: agent.status()["checks"][0]["why"] == "no answer in time", 10, "the reason")


def test_unknown_paths_and_methods(oxpecker):
    agent = oxpecker({})
    assert agent.get("/nothing").status_code == 404
    with socket.create_connection(("127.0.0.1", agent.port)) as peer:
        peer.sendall(b"DELETE /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 405 " in peer.makefile("rb").readline()


def test_a_port_that_is_taken_is_a_clear_error(oxpecker):
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        agent = oxpecker({"listen": [f"127.0.0.1:{port}"]}, start=False)
        agent.launch()
        agent.expected_exit = {1}
        wait_until(lambda: not agent.process.alive(), 10, "the agent to end")
        assert str(port) in agent.err() and "in use" in agent.err()


def test_the_status_on_the_control_socket(oxpecker):
    agent = oxpecker({})
    assert stat.S_IMODE(os.stat(agent.control).st_mode) == 0o600
    status = agent.status()
    assert status["pid"] == agent.pid and status["version"]
    json.dumps(status)
