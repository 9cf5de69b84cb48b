"""Checks of every kind: real databases and gRPC servers, answers over HTTP, files, processes and commands."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import grpc
import pytest
import requests
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from lib import agent as agents, fault, need
from lib.authority import Authority
from lib.databases import PASSWORD, MariaDB, Postgres, Redis
from lib.process import Process
from lib.wait import answers, free_port, wait_until

SOON = {"interval": "100ms", "timeout": "1m"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def databases(tmp_path_factory, authority):
    """{name: server}"""
    cert, key = authority.signed("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    started = {}
    try:
        for kind in (Postgres, MariaDB, Redis):
            started[kind.name] = kind(tmp_path_factory.mktemp(kind.name), cert, key)
        yield started
    finally:
        for each in started.values():
            each.close()


def details(agent):
    return agent.get("/health/readiness?verbose").json()["details"]


def fine(agent):
    return {name for name, is_fine in agent.get("/health/readiness").json()["checks"].items() if is_fine}


def why(agent, name):
    """Why the last look failed; it is waited for."""
    found = []
    looked = lambda: found.append(details(agent)[name]["why"]) or found[-1] not in (  # noqa: E731
        "", "has not been made yet")
    wait_until(looked, 120, f"{name} to fail")
    return found[-1]


def wait_for_why(agent, name, word):
    wait_until(lambda: word in details(agent)[name]["why"], 120, f"{name} to say {word}")


def logins(databases, **more):
    return {name: {"url": server.url(), **SOON, **more} for name, server in databases.items()}


def test_databases_are_fine_while_one_can_log_in(oxpecker, databases):
    """Frozen, thawed, stopped and back."""
    agent = oxpecker({"health": {"checks": logins(databases, timeout="5s")}})
    wait_until(lambda: fine(agent) == set(databases), 120, "all to be fine")
    for server in databases.values():
        server.freeze()
    wait_until(lambda: not fine(agent), 120, "all that are frozen not to be fine")
    assert {each["why"] for each in details(agent).values()} == {"no answer in time"}
    for server in databases.values():
        server.thaw()
    wait_until(lambda: fine(agent) == set(databases), 120, "all to be fine again")
    for server in databases.values():
        server.stop()
    wait_until(lambda: not fine(agent), 120, "all that are gone not to be fine")
    for name, word in {"postgres": "refused", "redis": "refused", "mariadb": "connect to"}.items():
        wait_for_why(agent, name, word)
    for server in databases.values():
        server.start()
    wait_until(lambda: fine(agent) == set(databases), 120, "all to be back")


def test_a_wrong_password_is_a_no_with_its_reason_and_is_not_told(oxpecker, databases):
    wrong = "not-what-it-is"
    checks = {name: {"url": server.url(wrong), **SOON} for name, server in databases.items()}
    agent = oxpecker({"health": {"checks": checks}})
    assert "password authentication failed" in why(agent, "postgres")
    assert "Access denied" in why(agent, "mariadb")
    assert "WRONGPASS" in why(agent, "redis")
    assert wrong not in str(agent.status()) + str(details(agent)) + agent.err()
    shown = agents.run("check", "--effective", agent.config_path, env=agent.env)
    assert shown.returncode == 0 and wrong not in shown.stdout


def test_certificates_of_a_home_are_not_taken(oxpecker, databases, monkeypatch, tmp_path):
    """libpq fails at one that it cannot read."""
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "postgresql.crt").write_text("none")
    monkeypatch.setenv("HOME", str(tmp_path))
    url = databases["postgres"].url(quote(PASSWORD, safe=""), rest="/postgres?sslmode=require")
    agent = oxpecker({"health": {"checks": {"it": {"url": url, **SOON}}}})
    wait_until(lambda: fine(agent) == {"it"}, 120, "it to be fine")


def test_postgres_at_a_host_that_the_query_names(oxpecker, databases):
    url = databases["postgres"].url(rest="/postgres?host=127.0.0.1").replace("@127.0.0.1", "@nowhere.invalid")
    agent = oxpecker({"health": {"checks": {"it": {"url": url, **SOON}}}})
    wait_until(lambda: fine(agent) == {"it"}, 120, "it to be fine")


def over_tls(databases, ca):
    query = f"/postgres?sslmode=verify-full&sslrootcert={ca}"
    return {"postgres": {"url": databases["postgres"].url(rest=query), **SOON},
            "mariadb": {"url": databases["mariadb"].url(), "tls": True, "ca": ca, **SOON},
            "redis": {"url": databases["redis"].tls_url(), "ca": ca, **SOON}}


def test_over_tls_to_servers_that_are_who_they_say(oxpecker, databases, authority):
    agent = oxpecker({"health": {"checks": over_tls(databases, authority.cert)}})
    wait_until(lambda: fine(agent) == set(databases), 120, "all to be fine")


def test_over_tls_a_stranger_is_not_logged_in_to(oxpecker, databases, tmp_path):
    agent = oxpecker({"health": {"checks": over_tls(databases, Authority(tmp_path, "other").cert)}})
    for name in databases:
        reason = why(agent, name).lower()
        assert "certificate" in reason or "tls" in reason or "ssl" in reason, (name, reason)


@contextlib.contextmanager
def peers(meet):
    """The port of a server that meets each peer like that, one after the other."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                peer.settimeout(60)
                meet(peer)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def postgres_message(kind, payload):
    return kind + struct.pack(">I", 4 + len(payload)) + payload


LOGGED_IN = postgres_message(b"R", bytes(4)) + postgres_message(b"Z", b"I")
ONE_COLUMN = postgres_message(b"T", b"\0\1a\0" + struct.pack(">IhIhih", 0, 0, 25, -1, -1, 0))
ROW = postgres_message(b"D", struct.pack(">hI", 1, 60000) + b"x" * 60000)
HOARDS = {"a message without end": ([b"E" + b"\x7f" * 4], b"x" * 60000),  # answers, and what then comes
          "rows without end": ([LOGGED_IN, ONE_COLUMN], ROW)}


@pytest.mark.parametrize("hoard", HOARDS)
def test_a_database_that_answers_without_end_does_not_take_the_containers_memory(oxpecker, container, hoard):
    """libpq keeps all that it is sent. Where one process of a container runs out of memory, Kubernetes ends all."""
    group, (answers_first, more), met = container(32 << 20), HOARDS[hoard], []

    def meet(peer):
        met.append(peer)
        for answer in answers_first:
            peer.recv(1000)
            peer.sendall(answer)
        while True:
            peer.sendall(more)

    with peers(meet) as port:
        agent = oxpecker({"health": {"checks": {"it": {"url": f"postgresql://u:p@127.0.0.1:{port}/d?sslmode=disable",
                                                       "interval": "100ms", "timeout": "2s"}}}})
        wait_until(lambda: len(met) > 3 or group.kills, 120, "it to be asked again and again")
        assert group.kills == 0 and not fine(agent)


def test_what_a_server_quotes_of_the_password_is_not_told(oxpecker):
    """A redis that says what it was told."""
    def meet(peer):
        peer.recv(4096)
        peer.sendall(f"-ERR what is {PASSWORD} \x1b[31m?\r\n".encode())

    with peers(meet) as port:
        url = f"redis://:{PASSWORD}@127.0.0.1:{port}"
        agent = oxpecker({"health": {"checks": {"redis": {"url": url, **SOON}}}})
        assert why(agent, "redis") == "AUTH: ERR what is ***  [31m?"
        assert PASSWORD not in agent.err() + str(agent.status())


def test_a_peer_that_answers_and_goes_is_heard(oxpecker):
    """As a Redis that has too many clients, whatever was sent to it by then."""
    said = "-ERR max number of clients reached"
    met, told = [], set()

    def meet(peer):
        met.append(peer)
        peer.sendall(said.encode() + b"\r\n")

    with peers(meet) as port:
        agent = oxpecker({"health": {"checks": {"redis": {"url": f"redis://:hunter2@127.0.0.1:{port}", **SOON}}}})
        told.add(why(agent, "redis"))
        wait_until(lambda: told.add(why(agent, "redis")) or len(met) > 20, 120, "20 looks")
    assert told == {"AUTH: " + said[1:]}


def test_a_server_that_greets_otherwise_is_no_redis(oxpecker):
    with peers(lambda peer: (peer.sendall(b"+OK POP3 server ready\r\n"), peer.recv(1000))) as port:
        agent = oxpecker({"health": {"checks": {"redis": {"url": f"redis://127.0.0.1:{port}", **SOON}}}})
        assert why(agent, "redis") == "PING: the answer is not that of a Redis"


def test_no_part_of_a_password_that_is_not_escaped_is_told(oxpecker):
    """libpq takes such a URL apart in another way, and quotes what it takes for a host or a port."""
    urls = {"slash": "app:s3cr/et@", "at": "app:hun@ter@", "percent": "app:hunt%zz@"}
    checks = {name: {"url": f"postgresql://{login}127.0.0.1:{free_port()}/db", **SOON} for name, login in urls.items()}
    agent = oxpecker({"health": {"checks": checks}})
    for name in urls:
        assert "refused" in why(agent, name)
    told = agent.err() + str(agent.status()) + str(details(agent))
    assert not any(part in told for part in ("s3cr", "hun@", "ter@", "zz"))


@pytest.mark.parametrize("url,word", [("postgresql://app:hunter2?@localhost/db", "%40"),
                                      ("mysql://app@localhost/db?ssl-mode=REQUIRED", "`tls`"),
                                      ("redis://localhost/0?ssl_ca_certs=x", "`ca`")])
def test_a_url_that_would_be_read_in_another_way_is_refused(oxpecker, url, word):
    agent = oxpecker({"health": {"checks": {"it": url}}}, start=False)
    agent.launch()
    agent.expected_exit = {1}
    wait_until(lambda: not agent.process.alive(), 60, "the end")
    assert word in agent.err() and "hunter2" not in agent.err()


def mysql_packet(number, payload):
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def test_a_mysql_that_asks_for_the_password_as_it_is_gets_none(oxpecker):
    """The greeting of a server that knows PLUGIN_AUTH, and then: change to mysql_clear_password."""
    heard = []
    greeting = (b"\x0a5.7.0\0" + bytes(4) + b"x" * 8 + b"\0" + (0x8209).to_bytes(2, "little") + b"\x21\x02\0"
                + (0x8).to_bytes(2, "little") + b"\x15" + bytes(10) + b"y" * 12 + b"\0mysql_native_password\0")

    def meet(peer):
        peer.sendall(mysql_packet(0, greeting))
        peer.recv(4096)
        peer.sendall(mysql_packet(2, b"\xfemysql_clear_password\0"))
        heard.append(peer.recv(4096))

    with peers(meet) as port:
        agent = oxpecker({"health": {"checks": {"it": {"url": f"mysql://app:hunter2@127.0.0.1:{port}/db", **SOON}}}})
        assert "does not protect the password" in why(agent, "it")
    assert heard and not any(b"hunter2" in each for each in heard)


def test_a_helper_whose_parent_has_ended_looks_at_nothing(tmp_path):
    """It may have ended before the kernel was told to end the helper with it."""
    for parent in (1, os.getpid()):
        task = f"touch\0{tmp_path}/{parent}\0".encode()
        subprocess.run(["oxpecker-look", "exec", str(parent)], executable=agents.binary(), input=task, timeout=60,
                       check=parent != 1, capture_output=True)
    assert os.listdir(tmp_path) == [str(os.getpid())]


def shell(script):
    """As it has to stand in a configuration."""
    return ["sh", "-c", script.replace("$", "$$")]


def test_a_command(oxpecker, tmp_path):
    flag = tmp_path / "flag"
    checks = {"it": {"type": "exec", "command": ["test", "-e", str(flag)], **SOON},
              "says": {"type": "exec", "command": shell("echo; echo '  not $((1+1)) today'; exit 3"), **SOON},
              "killed": {"type": "exec", "command": shell("kill -9 $$"), **SOON},
              "absent": {"type": "exec", "command": [str(tmp_path / "nothing")], **SOON},
              "talks": {"type": "exec", "command": ["yes"], **SOON}}
    agent = oxpecker({"health": {"checks": checks}})
    assert why(agent, "it") == "exit status 1"
    assert why(agent, "says") == "exit status 3: not $((1+1)) today"
    assert why(agent, "killed") == "killed by signal 9"
    assert "No such file" in why(agent, "absent")
    assert why(agent, "talks") == "it printed more than 64 KiB"
    flag.touch()
    wait_until(lambda: fine(agent) == {"it"}, 60, "the command to be fine")


def exists(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def numbers(path):
    return [int(word) for word in path.read_text().split()] if path.exists() else []


@pytest.mark.parametrize("end", ["timeout", "stop", "kill"])
def test_a_command_ends_with_all_that_it_began(oxpecker, tmp_path, end):
    """When its time is up, and when the agent ends; if that is killed, the command itself."""
    pids = tmp_path / "pids"
    script = f"sleep 1000 & echo $! $$ >> {pids}; wait"
    timeout = "3s" if end == "timeout" else "10m"
    agent = oxpecker({"health": {"checks": {"it": {"type": "exec", "command": shell(script), "timeout": timeout,
                                                   "interval": "10m"}}}})
    wait_until(lambda: len(numbers(pids)) == 2, 60, "the command to run")
    slept, began = numbers(pids)
    if end == "timeout":
        assert why(agent, "it") == "no answer in time"
    elif end == "stop":
        agent.stop()
    else:
        agent.kill9()
    try:
        wait_until(lambda: not exists(began), 60, "the command to end")
        wait_until(lambda: end == "kill" or not exists(slept), 60, "what it began to end")
    finally:
        if exists(slept):
            os.kill(slept, signal.SIGKILL)


def test_a_file_that_is_there_and_fresh(oxpecker, tmp_path):
    here, fresh = tmp_path / "here", tmp_path / "fresh"
    checks = {"here": {"type": "file", "path": str(here), **SOON},
              "fresh": {"type": "file", "path": str(fresh), "max_age": "10m", **SOON}}
    agent = oxpecker({"health": {"checks": checks}})
    assert why(agent, "here") == why(agent, "fresh") == "No such file or directory"
    here.touch()
    fresh.touch()
    wait_until(lambda: fine(agent) == {"here", "fresh"}, 60, "both to be fine")
    for path in here, fresh:
        os.utime(path, (time.time() - 3600,) * 2)
    wait_until(lambda: fine(agent) == {"here"}, 60, "the old one not to be fresh")
    assert why(agent, "fresh").startswith("last written to 36")
    os.utime(fresh, (time.time() + 7200,) * 2)
    wait_for_why(agent, "fresh", "from now")
    assert fine(agent) == {"here"}


def test_a_process_that_lives(oxpecker, tmp_path):
    pidfile = tmp_path / "app.pid"
    with subprocess.Popen(["sleep", "1000"]) as app:
        pidfile.write_text(f"{app.pid}\n")
        checks = {"number": {"type": "process", "pid": str(app.pid), **SOON},
                  "file": {"type": "process", "pid": str(pidfile), **SOON}}
        agent = oxpecker({"health": {"checks": checks}})
        wait_until(lambda: fine(agent) == {"number", "file"}, 60, "it to be alive")
        app.kill()
        wait_until(lambda: not fine(agent), 60, "it not to be alive, though nobody waited for it")
        assert why(agent, "number") == why(agent, "file") == f"process {app.pid} has ended"
    wait_until(lambda: why(agent, "file") == f"there is no process {app.pid}", 60, "it to be gone")
    pidfile.write_text("none\n")
    wait_until(lambda: why(agent, "file") == f"{pidfile} does not begin with a number", 60, "the file to be wrong")


def test_an_answer_over_http_with_its_status_and_body(oxpecker, fault_server):
    server = fault_server()
    server.plan(fault.ok(b'{"status": "UP", "padding": "\xff"}', "application/json"))
    up = {"url": server.url, "body": '"status": *"UP"', **SOON}
    checks = {"up": up, "down": {**up, "body": "DOWN"}, "odd": {"url": server.url, "status": ["204", "5xx"], **SOON}}
    agent = oxpecker({"health": {"checks": checks}})
    wait_until(lambda: fine(agent) == {"up"}, 60, "the one that is up")
    assert why(agent, "down") == "the body is not what it should be" and why(agent, "odd") == "HTTP 200"
    server.plan(fault.status(503))
    wait_until(lambda: fine(agent) == {"odd"}, 60, "the one that wants 503")
    assert why(agent, "up") == "HTTP 503"


def test_a_body_that_does_not_end_is_looked_at_as_far_as_it_counts(oxpecker, fault_server):
    def behave(handler, request):
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 x\r\nContent-Type: text/html\r\n\r\nready" + b"x" * 70000 + b"late")
        while not handler.server.owner.ended.is_set():
            handler.wfile.write(b"x" * 10000)

    server = fault_server()
    server.plan(behave)
    checks = {name: {"url": server.url, "body": name, **SOON} for name in ("ready", "late")}
    agent = oxpecker({"health": {"checks": checks}})
    wait_until(lambda: fine(agent) == {"ready"}, 60, "what stands at the beginning to be found")
    assert why(agent, "late") == "the body is not what it should be"


def test_over_https_to_a_server_that_is_who_it_says(oxpecker, authority, fault_server, tmp_path):
    server = fault_server(tls=authority.server("web"))
    other = Authority(tmp_path, "other").cert
    checks = {"right": {"url": server.url, "ca": authority.cert, **SOON},
              "any": {"url": server.url, "verify": False, **SOON},
              "wrong": {"url": server.url, "ca": other, **SOON}, "system": {"url": server.url, **SOON}}
    agent = oxpecker({"health": {"checks": checks}})
    wait_until(lambda: fine(agent) == {"right", "any"}, 60, "the ones that trust it")
    assert "certificate" in why(agent, "wrong") and "certificate" in why(agent, "system")


def test_an_authority_that_is_renewed_is_trusted(oxpecker, authority, fault_server, tmp_path):
    """Without a restart; while the file is missing, the one before is."""
    ca, asked = str(tmp_path / "ca.pem"), fault_server(tls=authority.server("web"))
    shutil.copy(Authority(tmp_path, "other").cert, ca)
    agent = oxpecker({"health": {"checks": {"it": {"url": asked.url, "ca": ca, **SOON}}}})
    assert "certificate" in why(agent, "it")
    shutil.copy(authority.cert, ca + ".new")
    os.replace(ca + ".new", ca)
    wait_until(lambda: fine(agent) == {"it"}, 120, "the new one to be trusted")
    os.remove(ca)
    wait_until(lambda: "stays in use" in agent.err(), 60, "it to be missed")
    assert fine(agent) == {"it"}


@pytest.fixture
def grpc_server():
    """(the health service, its port)"""
    server = grpc.server(ThreadPoolExecutor(4))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, port
    server.stop(None).wait(60)


def test_a_grpc_server_that_is_serving(oxpecker, grpc_server):
    servicer, port = grpc_server
    states, long = health_pb2.HealthCheckResponse, "shop." + "x" * 200
    at = f"grpc://127.0.0.1:{port}"
    checks = {"server": {"url": at, **SOON}, "shop": {"url": at, "service": "shop.Payments", **SOON},
              "long": {"url": at, "service": long, **SOON}, "unknown": {"url": at, "service": "nobody", **SOON}}
    for name in ("shop.Payments", long):
        servicer.set(name, states.SERVING)
    agent = oxpecker({"health": {"checks": checks}})
    wait_until(lambda: fine(agent) == {"server", "shop", "long"}, 60, "those that are there")
    assert why(agent, "unknown").startswith("NOT_FOUND")
    servicer.set("shop.Payments", states.NOT_SERVING)
    wait_until(lambda: fine(agent) == {"server", "long"}, 60, "the one that does not serve")
    assert why(agent, "shop") == "NOT_SERVING"


def test_a_server_that_has_no_health_service(oxpecker, fault_server):
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        agent = oxpecker({"health": {"checks": {"it": {"url": f"grpc://127.0.0.1:{port}", **SOON},
                                                "web": {"url": fault_server().url.replace("http", "grpc"), **SOON}}}})
        assert why(agent, "it").startswith("UNIMPLEMENTED")
        assert why(agent, "web") and not fine(agent)
    finally:
        server.stop(None).wait(60)


EXPRESS = """
const express = require("express");
const app = express();
const checks = { database: true, redis: false, externalAPI: true };
app.get("/ready", (request, response) => {
  const fine = Object.values(checks).every(Boolean);
  response.status(fine ? 200 : 503).json({ status: fine ? "ready" : "not ready", checks });
});
app.listen(Number(process.env.PORT), "127.0.0.1");
"""


def test_readiness_has_the_shape_of_an_express_apps_own(oxpecker, databases, tmp_path):
    """The same checks, the same answer, byte by byte."""
    folder, port = need.built("node"), free_port()
    (tmp_path / "app.js").write_text(EXPRESS)
    app = Process("express", [need.program("node"), tmp_path / "app.js"], tmp_path,
                  {"PORT": port, "NODE_PATH": os.path.join(folder, "node_modules")})
    try:
        app.wait_until(lambda: answers(port), 60, "Express to listen")
        checks = {"database": {"url": databases["postgres"].url(), **SOON},
                  "redis": {"url": databases["redis"].url("not-what-it-is"), **SOON},
                  "externalAPI": {"url": f"http://127.0.0.1:{port}/ready", "status": "503", **SOON}}
        agent = oxpecker({"health": {"checks": checks}})
        wait_until(lambda: fine(agent) == {"database", "externalAPI"}, 60, "the checks to have looked")
        own, ours = requests.get(f"http://127.0.0.1:{port}/ready", timeout=60), agent.get("/health/readiness")
        assert (own.status_code, own.content) == (ours.status_code, ours.content)
    finally:
        app.stop()


def test_conditions_follow_the_metrics_of_the_app(oxpecker, fault_server):
    """A gauge, and a part of what was counted lately; before there is any, and when the target is gone."""
    app, seen = fault_server(), {"lag": None, "errors": 0, "all": 0}
    conditions = {"lag": "max(lag) < 0.2", "none_yet": "max(lag) < 0.2",
                  "errors": 'sum(rate(answers_total{code=~"5.."}[10s])) / sum(rate(answers_total[10s])) < 0.5'}
    checks = {name: {"type": "expression", "expression": text, **SOON} for name, text in conditions.items()}
    checks["none_yet"]["no_data"] = "failed"

    def tick(errors, lag):
        """The app goes on, and /metrics says so."""
        seen.update(all=seen["all"] + 10, errors=seen["errors"] + errors, lag=lag)
        app.plan(fault.ok((
            f'answers_total{{code="200"}} {seen["all"]}\nanswers_total{{code="500"}} {seen["errors"]}\n'
            + (f"lag {lag}\n" if lag is not None else "")).encode(), "text/plain; version=0.0.4"))

    def follows(errors, lag, expected):
        wait_until(lambda: tick(errors, lag) or fine(agent) == expected, 120, f"{expected} to be fine")

    tick(0, None)
    agent = oxpecker({"metrics": {"collect": {"scrape": app.url.removeprefix("http://")}},
                      "health": {"checks": checks}})
    follows(0, None, {"lag", "errors"})
    assert "nothing to compare" in why(agent, "none_yet")
    follows(0, 0.1, set(checks))
    follows(0, 0.3, {"errors"})
    assert why(agent, "lag") == "it is 0.3"
    follows(30, 0.1, {"lag", "none_yet"})
    assert why(agent, "errors").startswith("it is 0.")
    app.plan(fault.status(500))
    wait_until(lambda: fine(agent) == {"lag", "errors"}, 120, "a target that is gone to be nothing to compare")


def test_what_is_no_condition_is_refused(tmp_path):
    """Where it stands, what is wrong, and at which character of it."""
    path = tmp_path / "oxpecker.yaml"
    path.write_text("health: { checks: { lag: { type: expression, expression: rate(lag) < 1 } } }\n")
    found = agents.run("check", path)
    assert found.returncode == 1
    assert "health.checks.lag.expression: at character 6: expected a range" in found.stdout + found.stderr


def test_probes_are_answered_over_grpc(oxpecker, tmp_path):
    """By a real client, by name, and by another agent's check. What is malformed ends its call alone."""
    port = free_port()
    agent = oxpecker({"health": {"grpc": f"127.0.0.1:{port}", "checks": {
        "file": {"type": "file", "path": str(tmp_path / "ready"), **SOON},
        "app": {"type": "file", "path": str(tmp_path / "app"), "probes": ["app"], **SOON}}}})
    serving, not_serving = (health_pb2.HealthCheckResponse.ServingStatus.Value(name)
                            for name in ("SERVING", "NOT_SERVING"))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = health_pb2_grpc.HealthStub(channel)

        def says(service):
            return client.Check(health_pb2.HealthCheckRequest(service=service), timeout=60, wait_for_ready=True).status

        wait_until(lambda: says("startup") == serving, 120, "the start to be over")
        assert [says(name) for name in ("", "liveness", "delivery")] == [serving] * 3
        assert [says(name) for name in ("readiness", "app")] == [not_serving] * 2
        (tmp_path / "ready").touch()
        wait_until(lambda: says("readiness") == serving, 120, "readiness")
        (tmp_path / "app").touch()
        wait_until(lambda: says("app") == serving, 120, "the app")
        with pytest.raises(grpc.RpcError) as refused:
            says("nobody")
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND and "readiness" in refused.value.details()
        with pytest.raises(grpc.RpcError) as refused:
            list(client.Watch(health_pb2.HealthCheckRequest(), timeout=60))
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        everything = call(channel, "List", b"")
        assert everything.count(b"\x12\x02\x08\x01") == 6 and b"\n\x08liveness" in everything
        for message, code in ((b"\xff", "INVALID_ARGUMENT"), (b"\x0a\x04a", "INVALID_ARGUMENT"),
                              (b"\x0a\xff\x0f" + b"x" * 2047, "RESOURCE_EXHAUSTED"),
                              (b"\x0a\x04\xff\xfe\x00\x01", "NOT_FOUND")):
            with pytest.raises(grpc.RpcError) as refused:
                call(channel, "Check", message)
            assert refused.value.code().name == code
        assert says("") == serving
    other = oxpecker({"health": {"checks": {
        "beside": {"url": f"grpc://127.0.0.1:{port}", "service": "readiness", **SOON}}}})
    wait_until(lambda: fine(other) == {"beside"}, 120, "the agent to be fine for another one")
    (tmp_path / "ready").unlink()
    wait_until(lambda: not fine(other), 120, "it not to be")


def call(channel, method, message):
    """The bytes of the answer to these bytes."""
    return channel.unary_unary(f"/grpc.health.v1.Health/{method}")(message, timeout=60)
