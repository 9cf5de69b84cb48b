"""The command line: configuration errors that help, the reference, status, and the embedded store."""

import json
import os
import sqlite3
import subprocess

import pytest
import requests

from lib import agent as agents
from lib import fault
from lib.lines import Writer
from test_traces import PROTOBUF, request_of

TOP = os.path.join(os.path.dirname(__file__), "..", "..")


def check(tmp_path, text, env=None):
    path = tmp_path / "oxpecker.yaml"
    path.write_text(text)
    return agents.run("check", path, env=env)


FAULTS = {
    "unknown key": ("logs:\n  export:\n    elasticsearch: { url: 'http://a:1', indxe: b }\n", ":3:", "indxe",
                    "index"),
    "unknown section": ("metric: {}\n", ":1:1:", "metric", "metrics"),
    "unknown type": ("traces:\n  export:\n    jager: { endpoint: 'http://a:1' }\n", ":3:", "jager", "otlp"),
    "wrong type": ("memory: lots\n", ":1:9:", "memory", "32MiB"),
    "wrong duration": ("exit: { within: 25 }\n", ":1:", "exit.within", "5s"),
    "a name to listen on": ("logs: { collect: { bulk: 'app.example:9200' } }\n", ":1:", "app.example", "IP address"),
    "missing": ("logs: { export: { elasticsearch: { index: a } } }\n", ":1:", "url"),
    "nothing in a list": ("logs: { collect: { tail: [] } }\n", ":1:", "empty list", "texts"),
    "missing secret file": ("logs: { export: { elasticsearch: { url: 'http://a', password: '${file:/no/x}' } } }\n",
                            ":1:", "/no/x"),
    "unset variable": ("memory: ${NOT_SET_ANYWHERE}\n", ":1:", "NOT_SET_ANYWHERE"),
    "broken YAML": ("logs: [\n", ":", "oxpecker.yaml"),
    "no collector of that name": ("logs: { collect: { tail: /a }, export: { file: { path: '-', from: [tial] } } }\n",
                                  ":1:", "tial", "those of logs.collect are meant: tail"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_the_configuration_is_told_with_its_place(tmp_path, kind):
    text, *wanted = FAULTS[kind]
    done = check(tmp_path, text)
    assert done.returncode == 1, done.stdout + done.stderr
    for word in wanted:
        assert word in done.stderr, done.stderr


def test_a_fine_configuration(tmp_path):
    done = check(tmp_path, "memory: ${SIZE:-16MiB}\nlogs: { collect: { tail: /var/log/app/*.log } }\n")
    assert done.returncode == 0, done.stderr


def test_secrets_are_never_shown(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("hunter2hunter2\n")
    text = "logs: { export: { elasticsearch: { url: 'http://a:1', user: app, password: '${file:%s}' } } }\n"
    done = check(tmp_path, text % secret)
    assert done.returncode == 0 and "hunter2" not in done.stdout + done.stderr


def test_the_printed_reference_is_the_file_in_conf():
    done = agents.run("reference")
    assert done.returncode == 0
    with open(os.path.join(TOP, "conf", "oxpecker.yaml"), encoding="utf-8") as file:
        assert done.stdout == file.read(), "oxpecker reference > conf/oxpecker.yaml"


def test_the_file_in_conf_is_fine_as_it_stands():
    done = agents.run("check", os.path.join(TOP, "conf", "oxpecker.yaml"))
    assert done.returncode == 0, done.stderr


def test_the_configuration_in_the_readme_is_fine(tmp_path):
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        example = file.read().split("```yaml\n")[1].split("```")[0]
    done = check(tmp_path, example)
    assert done.returncode == 0, done.stderr


def test_the_json_schema_is_json():
    schema = json.loads(agents.run("reference", "--schema").stdout)
    assert schema["type"] == "object" and "logs" in schema["properties"]


def test_help_and_version_and_unknown_words():
    assert "oxpecker check" in agents.run("--help").stdout
    assert agents.run("--version").stdout.startswith("oxpecker ")
    done = agents.run("stauts")
    assert done.returncode == 2 and "status" in done.stderr
    done = agents.run("--confg", "x")
    assert done.returncode == 2 and "--config" in done.stderr


def test_set_wins_over_the_file(oxpecker, tmp_path):
    agent = oxpecker({"memory": "8MiB"}, words=["--set", "memory=nonsense"], start=False)
    agent.launch()
    agent.expected_exit = {1}
    agent.process.child.wait(20)
    assert "--set" in agent.err() and "memory" in agent.err()


SECRETS = {"option": "logs.export.elasticsearch={url: 'http://h:1', user: u, password: hunter2}",
           "URL": "logs.export.elasticsearch.url=http://u:hunter2@h:1",
           "check": "health.checks.database=http://u:hunter2@h:1/",
           "salt": "logs.steps=[{redact: {keys: [a], salt: hunter2}}]",
           "that does not parse": "logs.export.elasticsearch.password=[hunter2"}


@pytest.mark.parametrize("what", SECRETS)
@pytest.mark.parametrize("command", ["check", "run", "status"])
def test_a_secret_in_the_command_line_is_refused_with_the_way_to_do_it(what, command, tmp_path):
    """Every process can read it there; what is printed goes into logs, too."""
    done = agents.run(command, "--set", f"state.path={tmp_path}", "--set", SECRETS[what])
    assert done.returncode == 1 and "hunter2" not in done.stdout + done.stderr
    assert "${file:/path}" in done.stderr or what == "that does not parse"


def test_a_secret_that_is_named_in_the_command_line_is_taken(tmp_path):
    (tmp_path / "key").write_text("hunter2\n")
    done = agents.run("check", "--effective", "--set", "logs.export.elasticsearch.url=http://h:1", "--set",
                      "logs.export.elasticsearch.user=${WHO}", "--set",
                      "logs.export.elasticsearch.password=${file:%s}" % (tmp_path / "key"), env={"WHO": "app"})
    assert done.returncode == 0 and "user: app" in done.stdout and "hunter2" not in done.stdout + done.stderr


def test_status_for_people_and_as_json(oxpecker):
    agent = oxpecker({})
    assert requests.post(agent.otlp_url + "/v1/traces", data=request_of(3).SerializeToString(), headers=PROTOBUF,
                         timeout=5).status_code == 200
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 3)
    done = agents.run("status", "--config", agent.config_path)
    assert done.returncode == 0 and "RECEIVED" in done.stdout and "receive.otlp" in done.stdout
    said = json.loads(agents.run("status", "--json", "--config", agent.config_path).stdout)
    assert said["ledger"] and said["sources"] == [{"name": "receive.otlp"}]
    done = agents.run("health", "--config", agent.config_path)
    assert done.returncode == 0 and '"ready"' in done.stdout


def test_status_says_why_records_were_dropped(oxpecker, tmp_path):
    writer = Writer(tmp_path / "app.log")
    writer.write(3)
    agent = oxpecker({"logs": {"collect": {"tail": f"{tmp_path}/app.log"}, "export": {"file": f"{tmp_path}/out"},
                               "steps": [{"filter": "fatal"}]}})
    agent.wait_until(lambda: agent.booked("dropped", signal="logs") == 3)
    said = [line.split() for line in agents.run("status", "--config", agent.config_path).stdout.splitlines()]
    assert ["SOURCE", "DESTINATION", "DROPPED", "WHY"] in said
    assert ["logs.collect.tail", "logs.export.file", "3", "step"] in said


def test_status_without_an_agent_says_what_to_do(tmp_path):
    path = tmp_path / "oxpecker.yaml"
    path.write_text(f"control: unix:{tmp_path}/none.sock\n")
    done = agents.run("status", "--config", path)
    assert done.returncode == 2 and "none.sock" in done.stderr and "running" in done.stderr


def test_the_embedded_store_keeps_what_has_no_exporter(oxpecker, tmp_path, fault_server):
    app = fault_server(unix=str(tmp_path / "app.sock"))
    from lib import fault
    app.plan(fault.ok(b"# TYPE demo counter\ndemo 4\n", "text/plain; version=0.0.4"))
    writer = Writer(tmp_path / "app.log")
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {"tail": str(tmp_path / "app.log")}},
                      "traces": {"batch": {"age": "50ms"}}, "store": {"snapshot": "200ms"},
                      "metrics": {"collect": {"scrape": f"unix:{tmp_path}/app.sock"}}})
    writer.write(20)
    requests.post(agent.otlp_url + "/v1/traces", data=request_of(4).SerializeToString(), headers=PROTOBUF, timeout=5)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 20)
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 4)
    agent.assert_balanced()
    show = lambda what, *more: agents.run("show", what, *more, "--config", agent.config_path)  # noqa: E731
    assert "line 19 ü" in show("logs").stdout
    assert "span 4" in show("traces").stdout and "made" in show("traces").stdout
    agent.wait_until(lambda: "demo" in show("metrics").stdout, 20, "a snapshot of the metrics")
    lines = [json.loads(line) for line in show("logs", "--json").stdout.splitlines()]
    assert len(lines) == 20
    with sqlite3.connect(f"file:{agent.folder}/state/store.db?mode=ro", uri=True) as database:
        assert database.execute("select count(*) from logs").fetchone() == (20,)
        assert database.execute("select count(*) from spans").fetchone() == (4,)


def test_show_says_why_there_is_nothing(oxpecker, tmp_path):
    agent = oxpecker({"logs": {"collect": {"tail": f"{tmp_path}/*.log"}, "export": {"file": f"{tmp_path}/out"}}})
    for what in ("logs", "traces"):
        done = agents.run("show", what, "--config", agent.config_path)
        assert done.returncode == 0 and done.stdout == "" and f"no {what} in the store" in done.stderr


def test_the_file_exporter_writes_lines(oxpecker, tmp_path):
    writer, out = Writer(tmp_path / "app.log"), tmp_path / "out.jsonl"
    writer.write(100)
    tail = {"paths": [str(tmp_path / "app.log")], "origin": False}
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {"tail": tail}, "export": {"file": str(out)}},
                      "traces": {"batch": {"age": "50ms"}, "export": {"file": {"path": str(out) + ".spans"}}}})
    requests.post(agent.otlp_url + "/v1/traces", data=request_of(2).SerializeToString(), headers=PROTOBUF, timeout=5)
    agent.wait_until(lambda: agent.booked("delivered") == 102)
    assert out.read_text().splitlines() == list(writer.lines.values())
    spans = json.loads((tmp_path / "out.jsonl.spans").read_text())["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [span["name"] for span in spans] == ["span 1", "span 2"]


def test_a_second_agent_on_the_same_state_is_refused(oxpecker, tmp_path):
    first = oxpecker({"state": {"path": str(tmp_path / "state")}})
    second = oxpecker({"state": {"path": str(tmp_path / "state")}}, start=False)
    second.launch()
    second.expected_exit = {1}
    second.process.child.wait(20)
    assert str(first.pid) in second.err() and "state" in second.err()


def test_an_exporter_that_points_at_our_own_door_is_an_error(tmp_path):
    done = check(tmp_path, "receive: { otlp: { http: ['127.0.0.1:4318'] } }\n"
                           "traces: { export: { otlp: 'http://localhost:4318' } }\n")
    assert done.returncode == 1 and "own door" in done.stderr


@pytest.mark.parametrize("bulk, url", [
    ("127.0.0.1:9200", '"http://127.0.0.1:9200"'), ("127.0.0.1:9200", '"http://localhost:9200/"'),
    (":9201", '"http://[::1]:9201"'),
    ("127.0.0.1:9200", '["http://elasticsearch:9200", "http://app:s3cret@localhost:9200"]')])
def test_neither_is_the_bulk_door_a_destination(tmp_path, bulk, url):
    """Both are at home at that address, and each line would go round for ever."""
    done = check(tmp_path, f"logs: {{ collect: {{ bulk: '{bulk}' }}, export: {{ elasticsearch: {url} }} }}\n")
    assert done.returncode == 1 and "our own door, logs.collect.bulk" in done.stderr and "s3cret" not in done.stderr


def test_without_a_terminal_the_log_is_json(oxpecker):
    agent = oxpecker({})
    assert all(json.loads(line)["level"] for line in agent.err().splitlines() if line.startswith("{"))
    assert subprocess.run([agents.binary(), "--version"], check=True, capture_output=True).stdout


@pytest.mark.parametrize("body, kind, code", [(b"<html>Log in</html>", "text/html", 200), (b"no", "text/plain", 404),
                                              (b'{"status":"ok"}', "application/json", 200),
                                              (b"[]", "application/json", 200), (b"", None, 200)])
def test_the_status_of_something_else_is_none(fault_server, tmp_path, body, kind, code):
    """Another program has the address of the control socket."""
    server = fault_server()
    server.plan(fault.ok(body, kind, code=code))
    (tmp_path / "c.yaml").write_text(f"control: 127.0.0.1:{server.port}\nstate: {tmp_path}/state\n")
    for more in ((), ("--json",)):
        done = agents.run("status", "--config", tmp_path / "c.yaml", *more)
        assert done.returncode == 2 and not done.stdout, done.stdout + done.stderr
        assert f"what answers at 127.0.0.1:{server.port} is no agent: HTTP {code}" in done.stderr
    for words in (("ls",), ("show", "1"), ("drop", "1"), ("replay", "--all")):
        done = agents.run("parked", *words, "--config", tmp_path / "c.yaml")
        assert done.returncode != 0 and f"127.0.0.1:{server.port}" in done.stderr, done.stdout + done.stderr
        assert "is no agent" in done.stderr if code == 200 else "HTTP 404: no" in done.stderr


def test_what_answers_health_does_nothing_to_a_terminal(fault_server, tmp_path):
    server = fault_server()
    server.plan(fault.ok("a\x1b[2Jb\n".encode(), "text/plain"))
    (tmp_path / "c.yaml").write_text(f"control: 127.0.0.1:{server.port}\nstate: {tmp_path}/state\n")
    done = agents.run("health", "--config", tmp_path / "c.yaml")
    assert done.returncode == 0 and done.stdout == "a [2Jb\n\n", repr(done.stdout)
