"""The command line: configuration errors that help, the reference, status, and the embedded store."""

import glob
import itertools
import json
import os
import pathlib
import pty
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time

import pytest
import requests

from lib import agent as agents
from lib import fault
from lib.lines import Writer, whole_lines
from lib.wait import free_port, wait_until
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
    "unknown exporter": ("logs: { export: { loki: {} } }\n", ":1:19: ",
                         'unknown exporter "loki"; available: elasticsearch, file, otlp, store'),
    "an index of strftime": ("logs: { export: { elasticsearch: { url: 'http://a:1', index: 'logs-%Y.%m.%d' } } }\n",
                             ":1:62: logs.export.elasticsearch.index: ", "logs-%{+yyyy.MM.dd}"),
    "a dated data stream": ("logs: { export: { elasticsearch: { url: 'http://a:1', data_stream: 'logs-%Y' } } }\n",
                            ":1:68: logs.export.elasticsearch.data_stream: ", "rolls over by itself"),
    "a query in a URL": ("logs: { export: { elasticsearch: 'http://a:1/?x' } }\n",
                         ":1:34: logs.export.elasticsearch: url: has a ?"),
    "options of a step": ("logs: { steps: [redact: { keys: [a], with: hash }] }\n",
                          ":1:44: logs.steps[0].redact.with: ", "hash needs a salt"),
    "lines without room": ("memory: 32MiB\nlogs: { collect: { tail: { paths: /a, line_max: 16MiB } } }\n",
                           ":2:49: logs.collect.tail.line_max: ", "lower line_max, or set memory: 256MiB"),
    "a mode": ("logs: { collect: { socket: { listen: 'unix:/a', mode: '999' } } }\n",
               ":1:55: logs.collect.socket.mode: ", "0777"),
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
                                  ":1:", "tial", "those that can be named: logs.collect.tail, receive.otlp"),
    "a door that leads nowhere": ("receive: { otlp: {}, zipkin: {} }\n"
                                  "logs: { collect: { tail: /a }, export: { file: { path: '-', from: [tail] } } }\n"
                                  "traces: { export: { file: { path: '-', from: [zipkin] } } }\n",
                                  ":1:12: receive.otlp: ",
                                  'name "otlp" in `from` of one below logs.export or traces.export'),
    "a file that leads nowhere": ("logs: { collect: { tail: /a, b: { type: tail, paths: /b } }, "
                                  "export: { file: { path: '-', from: [tail] } } }\n", ":1:30: logs.collect.b: ",
                                  'name "b" in `from` of one below logs.export, or leave'),
    "a recorder that leads nowhere": ("traces: { recorder: 1MiB, export: { file: { path: '-', from: [otlp] } } }\n",
                                      ":1:11: traces.recorder: ",
                                      'name "recorder" in `from` of one below traces.export, or leave'),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_the_configuration_is_told_with_its_place(tmp_path, kind):
    text, *wanted = FAULTS[kind]
    done = check(tmp_path, text)
    assert done.returncode == 1, done.stdout + done.stderr
    for word in wanted:
        assert word in done.stderr, done.stderr


# What people write, what they are told to use, and that written so.
GUESSES = {
    "traces.collect": ("traces: { collect: { otlp: ':4318' } }", "receive.otlp", "receive: { otlp: ':4318' }"),
    "logs.collect.otlp": ("logs: { collect: { otlp: ':4318' } }", "receive.otlp", "receive: { otlp: ':4318' }"),
    "logs.collect.elasticsearch": ("logs: { collect: { elasticsearch: ':9200' } }", "logs.collect.bulk",
                                   "logs: { collect: { bulk: ':9200' } }"),
    "logs.export.otlphttp": ("logs: { export: { otlphttp: 'http://o:4318' } }", "logs.export.otlp",
                             "logs: { export: { otlp: 'http://o:4318' } }"),
    "logs.export.otlp.url": ("logs: { export: { otlp: { url: 'http://o:4318' } } }", "endpoint",
                             "logs: { export: { otlp: { endpoint: 'http://o:4318' } } }"),
    "metrics.export.prometheus": ("metrics: { export: { prometheus: ':9464' } }", "listen", "listen: ':9464'"),
    "metrics.export.mimir": ("metrics: { export: { mimir: 'http://m:9009/api/v1/push' } }",
                             "metrics.export.remote_write",
                             "metrics: { export: { remote_write: 'http://m:9009/api/v1/push' } }"),
    "receive.otlp.endpoint": ("receive: { otlp: { endpoint: ':4318' } }", "http",
                              "receive: { otlp: { http: ':4318' } }"),
    "receive.otlp.protocols": ("receive: { otlp: { protocols: { http: {} } } }", "http", "receive: { otlp: {} }"),
    "receive.otlp.cors": ("receive: { otlp: { cors: ['https://app.example'] } }", "origins: a list of the web pages",
                          "receive: { otlp: { origins: ['https://app.example'] } }"),
    "logs.collect.bulk.cors": ("logs: { collect: { bulk: { cors: ['https://app.example'] } } }", "origins",
                               "logs: { collect: { bulk: { origins: ['https://app.example'] } } }"),
    "exporters": ("exporters: { otlp: {} }", "logs.export, traces.export or metrics.export",
                  "traces: { export: { otlp: 'http://jaeger:4318' } }"),
    "logs.export.opensearch": ("logs: { export: { opensearch: 'http://o:9200' } }", "logs.export.elasticsearch",
                               "logs: { export: { elasticsearch: 'http://o:9200' } }"),
    "logs.export.a.hosts": ("logs: { export: { a: { type: elasticsearch, url: 'http://o:9200', hosts: [a] } } }", "url",
                            "logs: { export: { a: { type: elasticsearch, url: ['http://o:9200'] } } }"),
    "traces.export.jaeger": ("traces: { export: { jaeger: 'http://jaeger:4318' } }", "traces.export.otlp",
                             "traces: { export: { otlp: 'http://jaeger:4318' } }"),
    "logs.collect.file": ("logs: { collect: { file: /var/log/a.log } }", "logs.collect.tail",
                          "logs: { collect: { tail: /var/log/a.log } }"),
    "metrics.collect.prometheus": ("metrics: { collect: { prometheus: ':9100' } }", "metrics.collect.scrape",
                                   "metrics: { collect: { scrape: ':9100' } }"),
    "health.checks.mongodb": ("health: { checks: { mongodb: 'mongodb://db:27017/' } }", "health.checks.tcp",
                              "health: { checks: { mongodb: 'tcp://db:27017' } }"),
    "health.checks.database": ("health: { checks: { database: 'db:5432' } }",
                               "health.checks.tcp: the name may stay with `type: tcp`, or if its address "
                               "begins with tcp://",
                               "health: { checks: { database: 'tcp://db:5432' } }"),
    "health.liveness": ("health: { liveness: { port: 8080 } }", "listen", "listen: ':8080'"),
}


@pytest.mark.parametrize("path", GUESSES)
def test_a_key_that_everybody_guesses_is_answered_with_the_right_place(tmp_path, path):
    written, use, right = GUESSES[path]
    done = check(tmp_path, written + "\n")
    assert done.returncode == 1 and f"{path}: unknown" in done.stderr and f"; use {use}" in done.stderr
    done = check(tmp_path, right + "\n")
    assert done.returncode == 0, done.stderr


def test_what_a_guess_is_answered_with_is_there():
    """Every place that agent/guesses.c names is in the reference."""
    known = set(re.findall(r"^[ #-]*(\w+):", agents.run("reference").stdout, re.M)) | {"see", "oxpecker", "reference"}
    with open(os.path.join(TOP, "agent", "guesses.c"), encoding="utf-8") as file:
        rows = re.findall(r'^\t{ "([^"]+)",\s+"([^"]+)",', file.read(), re.M)
    assert len(rows) > 50
    for path, use in rows:
        for place in re.split(r", | or | and ", use):
            assert place == "--debug" or known.issuperset(place.split(".")), (path, place)


@pytest.mark.parametrize("size", ["64Mi", "65536Ki", "1Gi", "64MiB"])
def test_sizes_as_kubernetes_writes_them(tmp_path, size):
    done = check(tmp_path, f"memory: {size}\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("size, meant", [("16M", "16MiB"), ("1MB", "1MiB"), ("1G", "1GiB"), ("64mb", "64MiB")])
def test_other_sizes_are_asked_back(tmp_path, size, meant):
    done = check(tmp_path, f"store: {size}\n")
    assert done.returncode == 1 and f'"{size}" has an unknown unit; did you mean {meant}? Expected' in done.stderr


def test_what_is_no_file_of_a_configuration_is_named(tmp_path):
    done = check(tmp_path, "memory: 16MiB" + " " * (1 << 20) + "\n")
    assert done.returncode == 1 and "is larger than 1024 KiB" in done.stderr
    os.mkfifo(tmp_path / "fifo")
    done = agents.run("check", tmp_path / "fifo")
    assert done.returncode == 1 and "not a regular file" in done.stderr


def test_a_fine_configuration(tmp_path):
    done = check(tmp_path, "memory: ${SIZE:-16MiB}\nlogs: { collect: { tail: /var/log/app/*.log } }\n")
    assert done.returncode == 0, done.stderr


def test_check_and_the_start_line_say_which_file_was_read(oxpecker, tmp_path):
    done = check(tmp_path, "memory: 16MiB\n")
    assert done.stdout == f"fine: {done.args[-1]}\n"
    environment = {name: value for name, value in os.environ.items() if name != "OXPECKER_CONFIG"}
    done = subprocess.run([agents.binary(), "check"], env=environment, capture_output=True, text=True, timeout=60)
    if not os.path.exists("/etc/oxpecker/oxpecker.yaml"):
        assert done.stdout == "fine: built-in defaults\n"
    agent = oxpecker({})
    assert f", configured by {agent.config_path}, state in " in first_line(agent)


@pytest.mark.parametrize("text, such", [
    ("traces: { export: { otlp: 'jaeger:4318' } }", "http://jaeger:4318"),
    ("health: { checks: { a: { type: http, url: 'api' } } }", "https://api.example.com/health"),
    ("logs: { export: { elasticsearch: 'es:9200' } }", "http://elasticsearch:9200 or a list of them")])
def test_a_wrong_url_is_answered_with_one_for_that_option(tmp_path, text, such):
    done = check(tmp_path, text + "\n")
    assert done.returncode == 1 and f"xpected a URL such as {such}" in done.stderr


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


def reference_components():
    """(section, the component's lines without their margin, its short form or None) of each one in the reference."""
    with open(os.path.join(TOP, "conf", "oxpecker.yaml"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    way, short, found = [], None, []
    for line in lines:
        body = line.lstrip(" ")
        depth = (len(line) - len(body)) // 2
        if re.fullmatch(r"\w+:", body):
            way = way[:depth] + [body[:-1]]
        elif body.startswith("# Short: `"):
            short = body[len("# Short: `"):-2]
        elif re.fullmatch(r"#(- )?\w+:", body):
            found.append((tuple(way[:depth]), [body[1:]], short))
            short = None
        elif found and body.startswith("#  ") and not body.startswith("#    #  "):
            found[-1][1].append(body[1:])
    return found


COMPONENTS = reference_components()
# What an option cannot be without.
TOGETHER = {"password": ["user"], "cert": ["key"], "key": ["cert"], "salt": ["keys"], "with": ["keys"],
            "sampling_rate": ["sampling"], "client_ca": ["cert", "key"], "client_names": ["client_ca", "cert", "key"]}
PLACEHOLDERS = ("text", "/path", "localhost:8080", "http://localhost:8080", "[]", "{}")
NEEDS = {"redact": ["keys"], "bulk": [], "add": ["fields"], "drop": ["keys"], "sample": ["ratio"],
         "rename": ["names"]}
# What is refused with all its defaults: a default, and what is written in its place.
USED = {"span_limits": ("attributes: off", "attributes: 128"), "filter": ("min_level: trace", "min_level: info"),
        "scrape": ("tls: false", "tls: true")}


def as_file(section, lines):
    """The lines at their section, beside the collectors that `from` names."""
    words = [*section]
    text = "".join(f"{'  ' * i}{word}:\n" for i, word in enumerate(words))
    text += "".join(f"{'  ' * len(words)}{line}\n" for line in lines)
    if words == ["logs", "export"]:
        text += "  collect: { tail: /var/log/app/*.log }\n"
    return text


@pytest.mark.parametrize("section, lines, short", COMPONENTS, ids=[".".join(c[0]) + "." + c[1][0] for c in COMPONENTS])
def test_each_example_of_the_reference_is_a_real_one(tmp_path, section, lines, short):
    """Each alone, uncommented, and the short form; no word that only stands for something."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("password", "api_key", "token", "salt", "tenant"):
        (secrets / name).write_text("c2VjcmV0\n")
    mapping = tmp_path / "statsd_mapping.yml"
    mapping.write_text("mappings: []\n")
    options = [line for line in lines[1:] if not line.lstrip().startswith("# ")]
    commented = {line.lstrip(" #").split(":")[0]: line.replace("#", "", 1) for line in options if "#" in line}
    plain = [line for line in options if "#" not in line]
    name = lines[0].strip("- :")
    for option in (None, *commented):
        chosen = {*NEEDS.get(name, []), *([option] if option else []), *TOGETHER.get(option, [])}
        text = as_file(section, [lines[0], *plain, *(commented[o] for o in commented if o in chosen)])
        text = text.replace("/run/secrets", str(secrets)).replace(*USED.get(name, ("", "")))
        text = text.replace("/etc/app/statsd_mapping.yml", str(mapping))
        if option == "data_stream":
            text = text.replace("index: logs\n", "index:\n")
        done = check(tmp_path, text)
        assert done.returncode == 0, text + done.stderr
    for line in options:
        assert line.split(": ", 1)[-1] not in PLACEHOLDERS, line
    if short:
        done = check(tmp_path, as_file(section, [short]))
        assert done.returncode == 0, short + done.stderr


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


COLLISIONS = {
    "a default": ("listen: [':4318']\n",
                  "1:10: listen[0]: :4318 collides with 127.0.0.1:4318 of receive.otlp.http (its default)"),
    "two doors": ("receive: { otlp: '127.0.0.1:7001' }\nlogs: { collect: { bulk: ['127.0.0.1:7002', ':7001'] } }\n",
                  "2:45: logs.collect.bulk[1]: :7001 collides with 127.0.0.1:7001 of receive.otlp.http"),
    "one list": ("listen: ['0.0.0.0:7001', 'localhost:7001']\n",
                 "1:26: listen[1]: localhost:7001 collides with 0.0.0.0:7001 of listen"),
    "a Unix path": ("logs: { collect: { socket: 'unix:/run//a', b: { type: bulk, http: 'unix:/run/a' } } }\n",
                    "1:67: logs.collect.b.http: unix:/run/a collides with unix:/run//a of logs.collect.socket.listen"),
    "control": ("control: unix:/run/c\nlisten: [':1', 'unix:/run/./c']\n",
                "control: unix:/run/c collides with unix:/run/./c of listen"),
    "control by default": ("state: /s\nlisten: 'unix:/s/control.sock'\n", "listen: unix:/s/control.sock collides with "
                           "unix:/s/control.sock of control (its default)"),
    "datagrams": ("logs: { collect: { a: { type: socket, kind: datagram, listen: ':514' }, b: { type: socket, kind: "
                  "datagram, listen: '127.0.0.1:514' } } }\n",
                  "logs.collect.b.listen: 127.0.0.1:514 collides with :514 of logs.collect.a.listen"),
    "too many": ("listen:\n" + "".join(f"  - :{n}\n" for n in range(7001, 7018)),
                 "18:5: listen[16]: :7017 is one address too many: an option takes 16"),
    "a scrape of ourselves": ("listen: ':7001'\nmetrics: { collect: { scrape: 'localhost:7001' } }\n",
                              "2:31: metrics.collect.scrape: target: localhost:7001 is our own door, listen: "
                              "what it reads is ours already; expected an address of the app"),
    "a scrape of control": ("control: unix:/c\nmetrics: { collect: { scrape: 'unix:/c' } }\n",
                            "unix:/c is our own door, control"),
    "spans to the probes": ("listen: '127.0.0.1:80'\ntraces: { export: { otlp: 'http://127.0.0.1' } }\n",
                            "http://127.0.0.1 is our own door, listen: what it sends would come back; give one of "
                            "the two another port"),
}


@pytest.mark.parametrize("kind", COLLISIONS)
def test_addresses_that_collide_are_found_before_the_start(tmp_path, kind):
    text, said = COLLISIONS[kind]
    done = check(tmp_path, text)
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 3, done.stderr


@pytest.mark.parametrize("text", [
    "listen: [':0', ':0']", "listen: ['127.0.0.1:7001', '127.0.0.2:7001', '[::1]:7001', '0.0.0.0:7002', '[::1]:7002']",
    "listen: ':514'\nlogs: { collect: { socket: { kind: datagram, listen: ':514' } } }",
    "receive: { otlp: ':7001' }\ntraces: { export: { otlp: 'http://10.1.2.3:7001' } }",
    "receive: { otlp: '10.0.0.1:7001' }\ntraces: { export: { otlp: 'http://localhost:7001' } }",
    "logs: { collect: { socket: { kind: datagram, listen: ':9200' } }, export: { elasticsearch: "
    "'http://localhost:9200' } }"])
def test_addresses_that_do_not_collide_are_fine(tmp_path, text):
    done = check(tmp_path, text + "\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("part, name, doors", [
    ("receive", "zipkin", ["http"]), ("receive", "jaeger", ["http", "compact", "binary"]),
    ("receive", "otlp", ["http", "grpc"]), ("logs", "bulk", ["http"])])
def test_a_door_without_an_address_is_refused(tmp_path, part, name, doors):
    """One of several may be closed."""
    for open_door in [None, *(doors if len(doors) > 1 else [])]:
        lists = ", ".join(f"{door}: [{'127.0.0.1:7001' if door == open_door else ''}]" for door in doors)
        text = f"{{ {name}: {{ {lists} }} }}"
        done = check(tmp_path, f"receive: {text}\n" if part == "receive" else f"logs: {{ collect: {text} }}\n")
        where = f"receive.{name}" if part == "receive" else f"logs.collect.{name}"
        assert done.returncode == (open_door is None), done.stderr
        assert (f": {where}: it listens nowhere" in done.stderr) == (open_door is None), done.stderr


@pytest.mark.parametrize("otlp, http, grpc", [
    ("{}", "127.0.0.1:4318", "127.0.0.1:4317"), ("{ ack: disk }", "127.0.0.1:4318", "127.0.0.1:4317"),
    ("':7001'", ":7001", None), ("{ http: ':7001' }", ":7001", None),
    ("{ grpc: ':7002' }", "127.0.0.1:4318", ":7002"), ("{ http: ':7001', grpc: ':7002' }", ":7001", ":7002")])
def test_who_names_a_port_for_spans_opens_no_other(tmp_path, otlp, http, grpc):
    path = tmp_path / "oxpecker.yaml"
    path.write_text(f"receive: {{ otlp: {otlp} }}\n")
    said = agents.run("check", "--effective", path).stdout
    assert re.search(r"^ *http: \[(.*)\]$", said, re.M).group(1).strip('"') == http
    assert re.search(r"^ *grpc: \[(.*)\]$", said, re.M).group(1).strip('"') == (grpc or "")


def first_line(agent):
    return next(line for line in whole_lines(agent.process.err_path) if "is running, pid" in line)


def test_the_start_line_names_every_address_and_what_is_exposed(oxpecker, tmp_path):
    ports = [free_port() for _ in range(3)]
    agent = oxpecker({"logs": {"collect": {"bulk": f":{ports[0]}", "socket": [f"127.0.0.1:{ports[1]}",
                                                                              f"unix:{tmp_path}/s"],
                                           "udp": {"type": "socket", "kind": "datagram",
                                                   "listen": f"0.0.0.0:{ports[2]}"}}}})
    listens, exposed = re.search(r"; listens on (.*); exposed beyond this \w+: (.*)\"}", first_line(agent)).groups()
    assert set(listens.split(", ")) == {
        f"127.0.0.1:{agent.port} (listen)", f"unix:{agent.control} (control)",
        f"127.0.0.1:{agent.otlp_port} (receive.otlp.http)",
        f":{ports[0]} (logs.collect.bulk.http)", f"127.0.0.1:{ports[1]} (logs.collect.socket.listen)",
        f"unix:{tmp_path}/s (logs.collect.socket.listen)", f"0.0.0.0:{ports[2]} (logs.collect.udp.listen)"}
    assert exposed == f":{ports[0]} (logs.collect.bulk.http), 0.0.0.0:{ports[2]} (logs.collect.udp.listen)"
    assert "exposed beyond this" in first_line(quiet := oxpecker({})) and first_line(quiet).endswith(': nothing"}')


def test_metrics_and_probes_are_for_this_machine_alone_unless_in_a_container(tmp_path):
    """base/container.h says what tells; the files are tried in tests/unit/base/container_test.c."""
    def listen(**env):
        environment = {**os.environ, **env}
        if not env:
            environment.pop("KUBERNETES_SERVICE_HOST", None)
        done = subprocess.run([agents.binary(), "check", "--effective", "--set", "memory=16MiB"], env=environment,
                              capture_output=True, text=True, check=True, timeout=60)
        return re.search(r"^listen: \[(.*)\]$", done.stdout, re.M).group(1)
    contained = os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv")
    assert listen() == ('":9464"' if contained else '127.0.0.1:9464')
    assert listen(KUBERNETES_SERVICE_HOST="10.96.0.1") == '":9464"'


@pytest.mark.parametrize("option", ["listen", "control", "receive.otlp.http", "logs.collect.bulk.http"])
def test_a_taken_address_says_who_has_it_and_what_moves_ours(oxpecker, tmp_path, option):
    port, path = free_port(), f"{tmp_path}/taken.sock"
    other = socket.socket(socket.AF_UNIX) if option == "control" else socket.socket()
    other.bind(path if option == "control" else ("127.0.0.1", port))
    other.listen()
    taken = f"unix:{path}" if option == "control" else f"127.0.0.1:{port}"
    extra = ["--set", "logs.collect.bulk.http=127.0.0.1:0"] if option.startswith("logs") else []
    agent = oxpecker({}, words=[*extra, "--set", f"{option}={taken}"], start=False).launch()
    agent.expected_exit = {1}
    assert agent.process.wait(60) == 1
    with open("/proc/self/comm", encoding="utf-8") as file:
        name = file.read().strip()
    said = f"taken by process {os.getpid()} ({name}); set `{option}` to another address"
    assert f"cannot listen on {taken}: {said}" in agent.err()
    other.close()


def test_what_is_in_the_way_of_an_address_is_told(oxpecker, tmp_path):
    (tmp_path / "file").write_text("")
    for address, why in ((f"unix:{tmp_path}/no/such.sock", "its folder does not exist"),
                         (f"unix:{tmp_path}/file", "a file that is not a socket is in its place"),
                         ("192.0.2.1:7001", "this machine has no such address")):
        agent = oxpecker({"listen": [address]}, start=False).launch()
        agent.expected_exit = {1}
        assert agent.process.wait(60) == 1 and f"cannot listen on {address}: {why}" in agent.err()
    first = oxpecker({})
    agent = oxpecker({"listen": [f"127.0.0.1:{first.port}"]}, start=False).launch()
    agent.expected_exit = {1}
    assert agent.process.wait(60) == 1 and f"process {first.pid} (oxpecker), another agent" in agent.err()
    agent = oxpecker(f"state: {tmp_path}/{'x' * 120}\nlisten: 127.0.0.1:${{PORT}}\nreceive:\n  otlp: 127.0.0.1:0\n",
                     start=False).launch()
    agent.expected_exit = {1}
    assert agent.process.wait(60) == 1 and "longer than the 107 bytes" in agent.err() and "`control`" in agent.err()


NOBODY = 1001


def as_nobody(words, **env):
    """The program, by a user without a home."""
    return subprocess.Popen([agents.binary(), *map(str, words)], env={"PATH": os.environ["PATH"], "HOME": "/", **env},
                            user=NOBODY, group=NOBODY, extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


@pytest.fixture
def nobodys():
    """A folder of that user's own, in a place that all may pass. Skips where another user cannot run the program."""
    try:
        child = as_nobody(["--version"])
        child.communicate(timeout=60)
    except (PermissionError, FileNotFoundError):
        pytest.skip("another user cannot run the program here")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="oxp-nobody-"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def test_without_a_usable_folder_for_state_is_said_what_to_set(nobodys):
    child = as_nobody(["--set", "state=/proc/nowhere"])
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1
    for word in ("state.path: cannot use /proc/nowhere", "--set state=/FOLDER", "$STATE_DIRECTORY", "user 1001"):
        assert word in err, err


def test_a_user_without_a_home_finds_a_volume_in_a_container(nobodys):
    """A root file system that is read-only, one volume: state and the control socket are on it, and it is said."""
    env = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "TMPDIR": str(nobodys)}
    child = as_nobody(["--set", "listen=127.0.0.1:0", "--set", "receive.otlp=127.0.0.1:0"], **env)

    def answers():
        asking = as_nobody(["status"], **env)
        asking.communicate(timeout=60)
        return asking.returncode == 0

    try:
        wait_until(answers, 60, "the control socket of the default state")
        assert (nobodys / "oxpecker" / "state.db").exists() and (nobodys / "oxpecker" / "control.sock").exists()
    finally:
        child.terminate()
        _, err = child.communicate(timeout=60)
    assert child.returncode == 0 and f"state is in {nobodys}/oxpecker because no better folder" in err, err


COMMANDS = ["run", "check", "reference", "status", "health", "show", "parked", "recorder", "state"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_is_about_that_command(command):
    done = agents.run(command, "--help")
    assert done.returncode == 0 and done.stdout.startswith("oxpecker ") and command in done.stdout.splitlines()[0]
    assert agents.run("--help", command).stdout == agents.run(command, "-h").stdout == done.stdout
    assert not [other for other in COMMANDS[1:] if other != command and f"oxpecker {other}" in done.stdout]


def test_help_fits_a_terminal_and_names_every_option():
    texts = [agents.run("--help").stdout, *(agents.run(command, "--help").stdout for command in COMMANDS)]
    assert all(len(line) <= 80 for text in texts for line in text.splitlines())
    sources = [os.path.join(TOP, "agent", "main.c"), *glob.glob(os.path.join(TOP, "agent", "cli", "*.c"))]
    options = []
    for source in sources:
        with open(source, encoding="utf-8") as file:
            options += re.findall(r'\.name = "(--\w+)"', file.read())
    assert len(options) > 15 and all(any(option in text for text in texts) for option in options)


def test_an_option_of_another_command_is_refused(tmp_path):
    for words, why in ((("status", "--limit", "3"), "--limit is not an option of status; it belongs to: show"),
                       (("--all", "show", "logs"), "--all is not an option of show; it belongs to: parked"),
                       (("--schema",), "--schema is not an option of run; it belongs to: reference")):
        done = agents.run(*words)
        assert done.returncode == 2 and why in done.stderr and done.stdout == ""


def test_a_word_that_is_not_known_is_named_with_what_is_near():
    for words, why in ((("chek",), 'unknown command "chek"; did you mean check? See oxpecker --help'),
                       (("--sett",), 'unknown option "--sett"; did you mean --set? See oxpecker --help'),
                       (("xyzzy",), 'unknown command "xyzzy"; see oxpecker --help'),
                       (("show", "foo"), "show: expected logs, traces or metrics; see oxpecker show --help")):
        done = agents.run(*words)
        assert done.returncode == 2 and f"oxpecker: {why}\n" == done.stderr and done.stdout == ""


def test_a_word_too_many_is_refused():
    for words in (("status", "now"), ("check", "a.yaml", "b.yaml"), ("run", "x"), ("show", "logs", "traces")):
        done = agents.run(*words)
        assert done.returncode == 2 and f'"{words[-1]}" is one word too many for {words[0]}' in done.stderr, done.stderr


def test_nobody_at_a_unix_socket_is_told_by_its_name(tmp_path):
    """libcurl has "localhost port 80" for it."""
    dead = tmp_path / "dead.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(dead))
    listening.close()
    path = tmp_path / "oxpecker.yaml"
    for at, why in ((tmp_path / "none.sock", "no such socket"), (dead, "nothing listens on it")):
        path.write_text(f"control: unix:{at}\nstate: {tmp_path}/nothing\n")
        for command in (("status",), ("parked", "ls"), ("parked", "drop", "--all")):
            done = agents.run(*command, "--config", path)
            assert done.returncode == 2 and f"no agent at unix:{at} ({why})" in done.stderr, done.stderr


def test_set_wins_over_the_file(oxpecker, tmp_path):
    agent = oxpecker({"memory": "8MiB"}, words=["--set", "memory=nonsense"], start=False)
    agent.launch()
    agent.expected_exit = {1}
    agent.process.child.wait(60)
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


@pytest.mark.parametrize("words", [
    ["--set=logs.export.elasticsearch.password=hunter2"], ["--sett=a.password=hunter2"], ["a.password=hunter2"],
    ["--set", "logs.export.elasticsearch.password=", "hunter2"], ["status", "--set", "a.b=x", "y", "hunter2"],
])
def test_a_slip_in_the_command_line_does_not_show_a_secret(words):
    done = agents.run(*words)
    assert done.returncode == 2 and "see oxpecker --help" in done.stderr, done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_a_secret_that_is_named_in_the_command_line_is_taken(tmp_path):
    (tmp_path / "key").write_text("hunter2\n")
    done = agents.run("check", "--effective", "--set", "logs.export.elasticsearch.url=http://h:1", "--set",
                      "logs.export.elasticsearch.user=${WHO}", "--set",
                      "logs.export.elasticsearch.password=${file:%s}" % (tmp_path / "key"), env={"WHO": "app"})
    assert done.returncode == 0 and "user: app" in done.stdout and "hunter2" not in done.stdout + done.stderr


def test_status_for_people_and_as_json(oxpecker):
    agent = oxpecker({})
    assert requests.post(agent.otlp_url + "/v1/traces", data=request_of(3).SerializeToString(), headers=PROTOBUF,
                         timeout=60).status_code == 200
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
    said = agents.run("status", "--config", agent.config_path).stdout.splitlines()
    row = said.index("logs.collect.tail → logs.export.file")
    assert said[row + 1].split() == ["3", "0", "0", "0", "3", "0", "0"] and said[row + 2] == "  dropped: 3 step"


def test_status_fits_a_terminal(oxpecker, tmp_path, fault_server):
    """Long names, long reasons, every table; colours on a terminal alone."""
    long, page = "n" * 63, fault_server(unix=str(tmp_path / "app.sock"))
    page.plan(fault.ok(b"# TYPE demo counter\ndemo 4\ndemo 4\nmore 5\n", "text/plain; version=0.0.4"))
    Writer(tmp_path / "app.log").write(3)
    agent = oxpecker({
        "logs": {"collect": {"tail": f"{tmp_path}/app.log", long: {"type": "tail", "paths": [f"{tmp_path}/app.log"]}},
                 "steps": [{"filter": "fatal"}],
                 "export": {long: {"type": "elasticsearch", "url": "http://127.0.0.1:1"}, "file": f"{tmp_path}/out"}},
        "metrics": {"collect": {"scrape": f"unix:{tmp_path}/app.sock",
                                long: {"type": "scrape", "target": "127.0.0.1:1"}}},
        "health": {"checks": {"db": {"type": "unix", "path": f"{tmp_path}/nobody", "interval": "50ms"}}}})
    agent.get("/metrics")
    agent.wait_until(lambda: agent.booked("dropped", signal="logs") == 12)
    agent.wait_until(lambda: agent.status()["checks"][0]["why"])
    words = [agents.binary(), "status", "--config", agent.config_path]
    plain = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert all(len(line) <= 80 for line in plain.splitlines()), plain
    assert "\x1b" not in plain and long in plain and "health.checks.db" in plain and "dropped: 3 step" in plain
    shown = on_terminal(words)
    assert "\x1b[1m" in shown and re.sub(r"\x1b\[\d+m", "", shown).splitlines()[1:3] == plain.splitlines()[1:3]
    assert "\x1b" not in on_terminal(words, NO_COLOR="1")


def on_terminal(words, **env):
    """What the program writes to a terminal."""
    ours, its = pty.openpty()
    child = subprocess.Popen(words, stdin=its, stdout=its, stderr=its, env={**os.environ, **env})
    os.close(its)
    text = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # nobody has the other end any more
            break
        text += piece
    os.close(ours)
    child.wait(60)
    return text.decode().replace("\r\n", "\n")


def test_status_says_of_metrics_what_people_look_for(oxpecker, tmp_path, fault_server):
    page = fault_server(unix=str(tmp_path / "app.sock"))
    page.plan(lambda handler, request: handler.answer(
        200, b"# TYPE demo counter\ndemo 4\nmore 5\noxpecker_x 1\n" if request.path == "/metrics" else b"}\n",
        "text/plain; version=0.0.4", {}))
    agent = oxpecker({"metrics": {"collect": {
        "scrape": {"target": f"unix:{tmp_path}/app.sock", "timeout": "60s"},
        "other": {"type": "scrape", "target": f"unix:{tmp_path}/none.sock"},
        "garbage": {"type": "scrape", "target": f"unix:{tmp_path}/app.sock", "path": "/no"}}},
        "store": {"snapshot": "off"}})

    def rows():
        return {row["name"].split(".")[-1]: row for row in agent.status()["sources"] if "target" in row}

    first = rows()["scrape"]
    assert first["up"] is None and first["seconds_since_scrape"] is None and first["series"] == 0
    said = agents.run("status", "--config", agent.config_path).stdout
    assert re.search(r"^metrics.collect.scrape +0 +never +not yet$", said, re.M)
    agent.get("/metrics")
    good, bad = rows()["scrape"], rows()["other"]
    assert good["up"] is True and good["series"] == 2 and good["error"] == ""
    assert good["seconds_since_good_scrape"] < 600
    assert bad["up"] is False and bad["error"] == "no such socket" and bad["seconds_since_good_scrape"] is None
    said = agents.run("status", "--config", agent.config_path).stdout
    assert re.search(r"^metrics.collect.scrape +2 +\d+ s ago +up$", said, re.M), said
    assert re.search(r"^metrics.collect.other +0 +\d+ s ago +down$", said, re.M), said
    ranked = {row["family"]: (row["series"], row["dropped"], row["reason"]) for row in agent.status()["families"]}
    assert ranked == {"demo": (1, 0, ""), "more": (1, 0, ""), "oxpecker_x": (0, 1, "reserved")}
    assert re.search(r"^demo +1 +0$", said, re.M) and re.search(r"^oxpecker_x +0 +1 +reserved$", said, re.M), said
    in_a_row = "".join(said.split())  # a path may be cut wherever its line ends
    assert "none.sock:nosuchsocket" in in_a_row and "metrics.collect.scrape →" not in said


def test_what_others_wrote_does_nothing_to_a_terminal(oxpecker, tmp_path, fault_server):
    """Records of the app, and a reason of a server, by show, status and parked, for people and as JSON."""
    evil, server = "\x1b[2J\x07 \x7f \u009b1m", fault_server()

    def refuse(handler, request):
        items = [{"create": {"status": 400, "error": {"type": "x", "reason": evil}}} for _ in request.documents()]
        handler.answer(200, json.dumps({"errors": True, "items": items}).encode(), "application/json", {})

    server.plan(refuse)
    lines = [json.dumps({"message": evil}, ensure_ascii=False), evil]
    (tmp_path / "app.log").write_text("\n".join(lines) + "\n")
    export = {"store": {}, "elasticsearch": {"url": server.url}}
    agent = oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": {"tail": f"{tmp_path}/app.log"}, "export": export}})
    agent.wait_until(lambda: agent.booked("delivered") == 2 and agent.booked("parked") == 2)
    for words in (("show", "logs"), ("status",), ("parked", "ls"), ("parked", "show", "1"), ("parked", "show", "2")):
        for form in ((), ("--json",)):
            shown = on_terminal([agents.binary(), *words, *form, "--config", agent.config_path], NO_COLOR="1")
            assert "1m" in shown and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown), (words, form, shown)


def test_status_without_an_agent_says_what_to_do(tmp_path):
    path = tmp_path / "oxpecker.yaml"
    path.write_text(f"control: unix:{tmp_path}/none.sock\n")
    done = agents.run("status", "--config", path)
    assert done.returncode == 2 and "none.sock" in done.stderr and "running" in done.stderr


def test_the_embedded_store_keeps_what_has_no_exporter(oxpecker, tmp_path, fault_server):
    app = fault_server(unix=str(tmp_path / "app.sock"))
    app.plan(fault.ok(b"# TYPE demo counter\ndemo 4\n", "text/plain; version=0.0.4"))
    writer = Writer(tmp_path / "app.log")
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {"tail": str(tmp_path / "app.log")}},
                      "traces": {"batch": {"age": "50ms"}}, "store": {"snapshot": "200ms"},
                      "metrics": {"collect": {"scrape": f"unix:{tmp_path}/app.sock"}}})
    writer.write(20)
    requests.post(agent.otlp_url + "/v1/traces", data=request_of(4).SerializeToString(), headers=PROTOBUF, timeout=60)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 20)
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 4)
    agent.assert_balanced()
    show = lambda what, *more: agents.run("show", what, *more, "--config", agent.config_path)  # noqa: E731
    assert "line 19 ü" in show("logs").stdout
    assert "span 4" in show("traces").stdout and "made" in show("traces").stdout
    agent.wait_until(lambda: "demo" in show("metrics").stdout, 60, "a snapshot of the metrics")
    lines = [json.loads(line) for line in show("logs", "--json").stdout.splitlines()]
    assert len(lines) == 20
    with sqlite3.connect(f"file:{agent.folder}/state/store.db?mode=ro", uri=True) as database:
        assert database.execute("select count(*) from logs").fetchone() == (20,)
        assert database.execute("select count(*) from spans").fetchone() == (4,)


def stored(oxpecker, tmp_path):
    """An agent whose log lines and spans go into the store at once."""
    return oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": {"tail": {"paths": [f"{tmp_path}/app.log"],
                                                                             "origin": False}}},
                     "traces": {"batch": {"age": "20ms"}}})


def test_show_asks_for_some(oxpecker, tmp_path):
    lines = [{"time": "2026-11-23T04:45:06.5Z", "level": "error", "msg": "late", "service": "api", "trace_id": "abc1"},
             {"time": "2026-11-23T04:40:00Z", "level": "info", "msg": "early", "service": "worker"},
             {"time": int(time.time() * 1000), "level": 20, "msg": "now"}]
    (tmp_path / "app.log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    agent = stored(oxpecker, tmp_path)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 3)

    def messages(*words):
        done = agents.run("show", "logs", *words, "--json", "--config", agent.config_path)
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["msg"] for line in done.stdout.splitlines()]

    assert agents.run("show", "logs", "--config", agent.config_path).stdout.startswith(
        "2026-11-23T04:40:00.000Z info  early service=\"worker\"\n2026-11-23T04:45:06.500Z error late ")
    assert messages() == ["early", "late", "now"] and messages("--limit", "1") == ["now"]
    assert messages("--since", "10m") == ["now"] == messages("--level", "debug", "--since", "1h")
    assert messages("--since", "2026-11-23T04:45:06Z") == ["late", "now"] and messages("--since",
                                                                                       "2026-11-23") == messages()
    assert messages("--level", "warn") == ["late"] == messages("--service", "api") == messages("--trace", "ABC")
    assert messages("--grep", "worker") == ["early"] and messages("--grep", "nowhere") == []


@pytest.mark.parametrize("words, why", [
    (("logs", "--since", "yesterday"), "--since takes"), (("logs", "--level", "loud"), "--level takes"),
    (("traces", "--level", "error"), "--level applies to logs"),
    (("metrics", "--service", "a"), "apply to logs and traces"),
    (("logs", "--limit", "few"), "--limit takes"), (("cats",), "expected logs, traces or metrics"),
    ((), "expected logs, traces or metrics")])
def test_show_says_which_words_it_takes(tmp_path, words, why):
    done = agents.run("show", *words, "--set", f"state={tmp_path}")
    assert done.returncode == 2 and why in done.stderr and "oxpecker show --help" in done.stderr


class Following:
    """`show … --follow`, and what it has written so far."""

    def __init__(self, agent, tmp_path, *words):
        self.path = tmp_path / f"{words[0]}.out"
        with open(self.path, "wb") as out:
            self.child = subprocess.Popen([agents.binary(), "show", *words, "--follow", "--config", agent.config_path],
                                          stdout=out)

    def wait_for(self, *texts):
        wait_until(lambda: all(text in self.shown() for text in texts), 60, f"{texts} are shown")
        assert self.child.poll() is None
        return self.shown()

    def shown(self):
        return "".join(line + "\n" for line in whole_lines(self.path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(60)


def test_show_follows_what_comes(oxpecker, tmp_path, fault_server):
    page = fault_server(unix=str(tmp_path / "app.sock"))
    page.plan(fault.ok(b"# TYPE demo counter\ndemo 4\n", "text/plain; version=0.0.4"))
    agent = oxpecker({"logs": {"batch": {"age": "20ms"}, "collect": {"tail": str(tmp_path / "app.log")}},
                      "traces": {"batch": {"age": "20ms"}}, "store": {"snapshot": "200ms"},
                      "metrics": {"collect": {"scrape": f"unix:{tmp_path}/app.sock"}}})
    writer = Writer(tmp_path / "app.log")
    writer.write(3)

    def spans(service, first):
        body = request_of(2, service=service, first=first).SerializeToString()
        assert requests.post(agent.otlp_url + "/v1/traces", data=body, headers=PROTOBUF, timeout=60).status_code == 200

    spans("first", 1)
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 3)
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 2)
    with Following(agent, tmp_path, "logs", "--limit", "2") as logs, \
            Following(agent, tmp_path, "traces", "--limit", "0") as traces, \
            Following(agent, tmp_path, "metrics", "--grep", "demo") as metrics:
        logs.wait_for("line 1 ", "line 2 ")
        metrics.wait_for("demo")
        writer.write(2)
        shown = logs.wait_for("line 3 ", "line 4 ")
        assert "line 0 " not in shown and shown.count("line 2 ") == 1
        writer.write(2500)  # more than one look takes
        shown = logs.wait_for("line 2504 ")
        assert len(shown.splitlines()) == 2504
        numbers = itertools.count(3, 2)

        def second_is_shown():
            """It shows what comes once it has begun to look, which nothing else tells."""
            spans("second", next(numbers))
            return "second" in traces.shown()

        wait_until(second_is_shown, 60, "spans are shown")
        shown = [line for line in traces.shown().splitlines() if "span " in line]
        assert not any("first" in line for line in shown) and len(set(shown)) == len(shown)
        wait_until(lambda: len(whole_lines(metrics.path)) >= 3, 60, "three snapshots")
        times = [line.split()[0] for line in whole_lines(metrics.path)]
        assert len(set(times)) == len(times)


def test_show_ends_when_nobody_reads_it_any_more(oxpecker, tmp_path):
    agent = oxpecker({})
    child = subprocess.Popen([agents.binary(), "show", "logs", "--follow", "--config", agent.config_path],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    child.stdout.close()
    child.wait(60)


def test_errors_of_spans_are_seen(oxpecker, tmp_path):
    agent = stored(oxpecker, tmp_path)
    request = request_of(1)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.status.code, span.status.message = 2, "no database\x1b[2J"
    event = span.events.add(name="exception")
    for key, value in (("exception.type", "ConnectionError"), ("exception.message", "refused\nat line 7")):
        event.attributes.add(key=key).value.string_value = value
    assert requests.post(agent.otlp_url + "/v1/traces", data=request.SerializeToString(), headers=PROTOBUF,
                         timeout=60).status_code == 200
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 1)
    shown = agents.run("show", "traces", "--config", agent.config_path).stdout.splitlines()
    assert shown[0].endswith(" (error)") and shown[1:] == ["    error: no database?[2J",
                                                           "    exception: ConnectionError: refused"]


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
    requests.post(agent.otlp_url + "/v1/traces", data=request_of(2).SerializeToString(), headers=PROTOBUF, timeout=60)
    agent.wait_until(lambda: agent.booked("delivered") == 102)
    assert out.read_text().splitlines() == list(writer.lines.values())
    spans = json.loads((tmp_path / "out.jsonl.spans").read_text())["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [span["name"] for span in spans] == ["span 1", "span 2"]


def test_a_second_agent_on_the_same_state_is_refused(oxpecker, tmp_path):
    first = oxpecker({"state": {"path": str(tmp_path / "state")}})
    second = oxpecker({"state": {"path": str(tmp_path / "state")}}, start=False)
    second.launch()
    second.expected_exit = {1}
    second.process.child.wait(60)
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
    assert all(json.loads(line)["level"] for line in whole_lines(agent.process.err_path))
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
        assert f"what answers at 127.0.0.1:{server.port} is not an agent: HTTP {code}" in done.stderr
    for words in (("ls",), ("show", "1"), ("drop", "1"), ("replay", "--all")):
        done = agents.run("parked", *words, "--config", tmp_path / "c.yaml")
        assert done.returncode != 0 and f"127.0.0.1:{server.port}" in done.stderr, done.stdout + done.stderr
        assert "is not an agent" in done.stderr if code == 200 else "HTTP 404: no" in done.stderr


def test_what_answers_health_does_nothing_to_a_terminal(fault_server, tmp_path):
    server = fault_server()
    server.plan(fault.ok("a\x1b[2J\u202eb\n".encode(), "text/plain"))
    (tmp_path / "c.yaml").write_text(f"control: 127.0.0.1:{server.port}\nstate: {tmp_path}/state\n")
    done = agents.run("health", "--config", tmp_path / "c.yaml")
    assert done.returncode == 0 and done.stdout == "a?[2J?b?\n", repr(done.stdout)


ENDLESS = {"after": 5, "until": 9, "more": True, "records": [], "replayed": 2**63 - 1, "waiting": -2**63, "error": ""}
HUGE = {"pid": 1, "ledger": [{"signal": "logs", "source": "a", "destination": "b", "balance": 0,
                              "dropped": {reason: {"records": 2**63 - 1} for reason in ("full", "step", "ceiling")}}]}


@pytest.mark.parametrize("words", [("ls",), ("replay", "--all"), ("drop", "1")])
def test_a_list_of_something_else_that_does_not_go_on_ends(fault_server, tmp_path, words):
    """And numbers that overflow when they are added up do nothing."""
    server = fault_server()
    server.plan(fault.ok(json.dumps(ENDLESS).encode()))
    (tmp_path / "c.yaml").write_text(f"control: 127.0.0.1:{server.port}\nstate: {tmp_path}/state\n")
    done = agents.run("parked", *words, "--config", tmp_path / "c.yaml")
    assert done.returncode == 1 and "has no end" in done.stderr and len(server.requests) == 2, done.stderr


def test_numbers_of_something_else_are_added_up_to_what_there_is(fault_server, tmp_path):
    server = fault_server()
    server.plan(fault.ok(json.dumps(HUGE).encode()))
    (tmp_path / "c.yaml").write_text(f"control: 127.0.0.1:{server.port}\nstate: {tmp_path}/state\n")
    done = agents.run("status", "--config", tmp_path / "c.yaml")
    assert done.returncode == 0 and str(2**63 - 1) in done.stdout and not done.stderr, done.stderr


def test_a_full_queue_of_the_control_socket_is_waited_for(tmp_path):
    """The kernel refuses at once who comes to a Unix socket then; there may be a place a moment later."""
    at, path = tmp_path / "control.sock", tmp_path / "oxpecker.yaml"
    path.write_text(f"control: unix:{at}\nstate: {{path: {tmp_path}/state}}\n")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as first:
        listening.bind(str(at))
        listening.listen(0)
        listening.settimeout(60)
        first.connect(str(at))
        asking = subprocess.Popen([agents.binary(), "health", "--config", path], stdout=subprocess.PIPE, text=True)
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                asking.wait(0.5)
            listening.accept()[0].close()
            peer = listening.accept()[0]
            with peer:
                assert peer.recv(10000).startswith(b"GET /")
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                assert asking.communicate(timeout=60)[0] == "{}\n" and asking.returncode == 0
        finally:
            asking.kill()
            asking.wait()
