"""Checks that log in to real databases, and those of files, processes and commands."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from lib import agent as agents
from lib.authority import Authority
from lib.databases import PASSWORD, MariaDB, Postgres, Redis
from lib.wait import wait_until

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
    looked = lambda: details(agent)[name]["why"] not in ("", "has not been made yet")  # noqa: E731
    wait_until(looked, 120, f"{name} to fail")
    return details(agent)[name]["why"]


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
    wait_until(lambda: all(each["why"] not in ("", "no answer in time") for each in details(agent).values()))
    assert "refused" in why(agent, "postgres") and "refused" in why(agent, "redis")
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


def test_what_a_server_quotes_of_the_password_is_not_told(oxpecker):
    """A redis that says what it was told."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                peer.recv(4096)
                peer.sendall(f"-ERR what is {PASSWORD} \x1b[31m?\r\n".encode())

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        url = f"redis://:{PASSWORD}@127.0.0.1:{server.getsockname()[1]}"
        agent = oxpecker({"health": {"checks": {"redis": {"url": url, **SOON}}}})
        assert why(agent, "redis") == "AUTH: ERR what is ***  [31m?"
        assert PASSWORD not in agent.err() + str(agent.status())
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


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
