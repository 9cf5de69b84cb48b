"""The flight recorder: what sampling left out is sent when it is asked for, once and marked, and outlives a kill."""

import json
import os
import socket
import subprocess
import sys

from lib import agent as agents
from lib.wait import wait_until
from test_span_steps import REDACT, has_secret, secret_request
from test_steps import bytes_under
from test_traces import PROTOBUF, assert_spans, post, request_of, spans_at

REASON = "oxpecker.recorder.reason"
NOTHING = {"sample": {"ratio": 0}}


def config(endpoint, steps=(NOTHING,), **recorder):
    """Unless a test says otherwise, nothing is sent by itself."""
    return {"traces": {"batch": {"age": "50ms"}, "steps": list(steps), "export": {"otlp": {"endpoint": endpoint}},
                       "recorder": {"size": "1MiB", "when": [], **recorder}}}


def command(agent, *words):
    return agents.run("recorder", *words, "--config", agent.config_path, env=agent.env)


def shown(agent, *words):
    """The spans that `recorder show` prints; none while there is no file yet."""
    done = command(agent, "show", "--json", "--limit", 100000, *words)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_show_prints_the_newest_however_few_are_asked_for(oxpecker, fault_server):
    """Those that began last, the last one at the end. No more than twice as many are held in memory."""
    agent = oxpecker(config(fault_server().url, [NOTHING]))
    for first in range(1, 400, 40):
        assert post(agent, request_of(40, first=first).SerializeToString()).status_code == 200
    wait_recorded(agent, 400)
    every = shown(agent)
    assert len(every) == 400 and every == sorted(every, key=lambda span: span["start_ns"])
    for count in (0, 1, 7, 199, 399, 400):
        done = command(agent, "show", "--json", "--limit", count)
        assert [json.loads(line) for line in done.stdout.splitlines()] == every[400 - count:]
        assert (f"the newest {count} of 400" in done.stderr) == (count < 400)


def wait_recorded(agent, count):
    agent.wait_metric(count, "oxpecker_recorder_spans_total")


def dump(agent, *words):
    done = command(agent, "dump", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_dump_sends_what_sampling_left_out_once_and_marked(oxpecker, jaeger, host_python):
    """Between a real SDK and Jaeger. The other steps still apply, and the ledger has all of it."""
    steps = [NOTHING, {"add": {"fields": {"checked": "yes"}}}]
    agent = oxpecker(config(jaeger.otlp_http, steps))
    host = host_python(otlp=agent.otlp_url, name="e2e-recorder")
    for _ in range(5):
        host.get("/products/1")
    assert host.stop() == 0
    agent.wait_until(lambda: agent.booked("dropped", signal="traces") >= 5, 60, "spans that are left out")
    count = agent.booked("dropped", signal="traces")
    wait_recorded(agent, count)
    assert "e2e-recorder" not in jaeger.services()
    assert f"{count} spans go to the exporters" in dump(agent)
    spans = wait_until(lambda: (s := jaeger.spans("e2e-recorder")) and len(s) >= count and s, 60, "spans in Jaeger")
    assert "nothing to send" in dump(agent)
    agent.wait_until(lambda: agent.booked("delivered", source="traces.recorder") == count, 60, "delivered")
    agent.assert_balanced()
    assert len(jaeger.spans("e2e-recorder")) == count
    assert sorted(span["spanID"] for span in spans) == sorted(span["span_id"] for span in shown(agent))
    assert all(span["attributes"][REASON] == "command" and span["attributes"]["checked"] == "yes" for span in spans)
    said = " ".join(agents.run("status", "--config", agent.config_path, env=agent.env).stdout.split())
    assert "flight recorder: sent 0 spans at" in said and "(command: somebody asked for it)" in said
    assert agent.metric("oxpecker_recorder_dumps_total", reason="command") == 2


def test_what_was_sent_goes_again_only_if_that_is_asked_for(oxpecker, fault_server):
    server = fault_server()
    agent = oxpecker(config(server.url, steps=[]))
    assert post(agent, request_of(3).SerializeToString()).ok
    wait_until(lambda: set(spans_at(server)) == {1, 2, 3}, 60, "spans")
    wait_recorded(agent, 3)
    assert "nothing to send" in dump(agent)
    assert "3 spans" in dump(agent, "--all")
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 6, 60, "spans again")
    assert_spans(agent, server, [1, 2, 3] * 2)
    assert "sent" in command(agent, "show").stdout
    agent.assert_balanced()


def test_what_was_recorded_outlives_a_kill(oxpecker, fault_server):
    """It is shown without an agent, and sent by the next one, marked, once."""
    server = fault_server()
    agent = oxpecker(config(server.url, when=["restart"]))
    assert post(agent, request_of(5, service="flight").SerializeToString()).ok
    wait_recorded(agent, 5)
    agent.kill9()
    assert [span["name"] for span in shown(agent)] == [f"span {n}" for n in range(1, 6)]
    assert not any(span["sent"] or span["dumped"] for span in shown(agent))
    assert "flight" in command(agent, "ls").stdout
    assert command(agent, "dump").returncode == 2
    agent.start()
    wait_until(lambda: set(spans_at(server)) == {1, 2, 3, 4, 5}, 60, "the spans of the run before")
    assert b"restart" in server.taken("/v1/traces")[0].body
    agent.wait_until(lambda: agent.status()["recorder"]["last_dump"]["spans"] == 5)
    agent.wait_until(lambda: agent.status()["state"]["spool_bytes"] == 0, 60, "what was acknowledged to be forgotten")
    agent.assert_balanced()
    assert_spans(agent, server, [1, 2, 3, 4, 5])
    sent = len(spans_at(server))
    agent.kill9()
    agent.start()
    agent.wait_metric(1, "oxpecker_recorder_dumps_total", reason="restart")
    assert agent.stop() == 0
    agent.start()
    assert post(agent, request_of(1, first=9).SerializeToString()).ok
    wait_recorded(agent, 1)
    assert agent.metric("oxpecker_recorder_dumps_total", reason="restart") == 0
    assert len(spans_at(server)) == sent


def test_what_is_redacted_is_not_in_the_ring(oxpecker, fault_server):
    """Whether it was sampled or not: one of two requests is."""
    steps = [{"sample": {"ratio": 0, "where": {"resource.service.name": "made"}}}, REDACT]
    agent = oxpecker(config(fault_server().url, steps))
    assert post(agent, secret_request(1)).ok
    assert post(agent, secret_request(3).replace(b"made", b"kept")).ok
    wait_recorded(agent, 4)
    assert [span["sent"] for span in shown(agent)] == [False, False, True, True]
    assert not has_secret(bytes_under(agent.folder))
    assert agent.stop() == 0


def test_without_a_recorder_commands_say_so(oxpecker, fault_server):
    agent = oxpecker({"traces": {"export": {"otlp": {"endpoint": fault_server().url}}}})
    asked, looked = command(agent, "dump"), command(agent, "show")
    assert asked.returncode == 1 and "set traces.recorder" in asked.stderr
    assert looked.returncode == 1 and "traces.recorder" in looked.stderr
    assert command(agent, "dump", "--json").returncode == 2
    assert agent.status()["recorder"] == {"on": False}


def errors_of(count, first=1):
    message = request_of(count, first=first)
    for span in message.resource_spans[0].scope_spans[0].spans:
        span.status.code = 2
    return message.SerializeToString()


def test_an_error_burst_sends_what_came_before_it(oxpecker, fault_server):
    """Once in `rest`, however many errors there are."""
    server = fault_server()
    agent = oxpecker(config(server.url, when=["errors"], errors=10, within="20s", rest="1h"))
    assert post(agent, request_of(4).SerializeToString()).ok
    assert post(agent, errors_of(9, first=5)).ok
    wait_recorded(agent, 13)
    assert agent.metric("oxpecker_recorder_dumps_total", reason="errors") == 0
    assert post(agent, errors_of(1, first=14)).ok
    wait_until(lambda: set(spans_at(server)) == set(range(1, 15)), 60, "all that came before")
    agent.wait_until(lambda: "10 spans with errors" in agent.status()["recorder"]["last_dump"]["why"])
    assert post(agent, errors_of(30, first=20)).ok
    agent.wait_metric(1, "oxpecker_recorder_skipped_dumps_total")
    assert agent.metric("oxpecker_recorder_dumps_total", reason="errors") == 1
    agent.assert_balanced()


def test_the_app_crashes(oxpecker, fault_server, tmp_path):
    """Its process is killed; one that ends as it should is no crash (unit/recorder/watch_test.c has all the ways)."""
    server, pid_file = fault_server(), tmp_path / "app.pid"
    agent = oxpecker(config(server.url, when=["crash"], process=str(pid_file)))
    assert post(agent, request_of(3).SerializeToString()).ok
    wait_recorded(agent, 3)
    app = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    pid_file.write_text(f"{app.pid}\n")
    agent.wait_until(lambda: is_watched(agent, app), 60, "it is watched")
    app.kill()
    app.wait(60)
    wait_until(lambda: set(spans_at(server)) == {1, 2, 3}, 60, "the last seconds")
    assert b"crash" in server.taken("/v1/traces")[0].body
    agent.wait_until(lambda: agent.status()["recorder"]["last_dump"]["reason"] == "crash")
    app.stdin.close()
    agent.assert_balanced()


def is_watched(agent, app):
    """Whether the agent has a descriptor of that process."""
    for name in os.listdir(f"/proc/{agent.pid}/fdinfo"):
        try:
            with open(f"/proc/{agent.pid}/fdinfo/{name}", encoding="ascii") as file:
                if f"\nPid:\t{app.pid}\n" in file.read():
                    return True
        except OSError:
            continue
    return False


def test_an_app_that_dies_in_the_middle_of_a_request(oxpecker, fault_server):
    """One that goes between two requests may have closed its connection, which is no crash."""
    server = fault_server()
    agent = oxpecker(config(server.url, when=["crash"]))
    body = request_of(3).SerializeToString()
    head = f"POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: {PROTOBUF['Content-Type']}\r\n"
    with socket.create_connection(("127.0.0.1", agent.otlp_port), timeout=60) as app:
        app.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert app.recv(4096).startswith(b"HTTP/1.1 200")
    wait_recorded(agent, 3)
    assert agent.metric("oxpecker_recorder_dumps_total", reason="crash") == 0
    with socket.create_connection(("127.0.0.1", agent.otlp_port), timeout=60) as app:
        app.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:20])
    wait_until(lambda: set(spans_at(server)) == {1, 2, 3}, 60, "the last seconds")
    agent.wait_until(lambda: "in the middle" in agent.status()["recorder"]["last_dump"]["why"])
    agent.assert_balanced()
