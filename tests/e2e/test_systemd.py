"""What a service manager is told over $NOTIFY_SOCKET: that the agent is ready, alive and ending; credentials; and that
the unit allows what the agent does."""

import contextlib
import os
import re
import subprocess

import pytest

from lib import agent as agents
from lib import need
from lib.authority import Authority
from lib.databases import MariaDB, Postgres, Redis
from lib.services import Manager
from lib.wait import free_port, wait_until

UNIT = os.path.join(need.TESTS, os.pardir, "conf", "systemd", "oxpecker.service.in")


@pytest.fixture
def manager(tmp_path):
    one = Manager(str(tmp_path / "notify"))
    yield one
    one.close()


def test_it_says_that_it_is_ready_alive_and_ending(oxpecker, manager):
    agent = oxpecker({"exit": {"within": "20s"}}, env=manager.variables(WATCHDOG_USEC=40000))
    wait_until(lambda: manager.hears("WATCHDOG=1") >= 5, what="signs of life")
    assert manager.heard[0] == "READY=1" and manager.heard.count("READY=1") == 1
    assert "STOPPING=1" not in manager.heard
    agent.stop()
    manager.close()
    assert manager.hears("STOPPING=1") == 1
    asked = [line for line in manager.heard if line.startswith("EXTEND_TIMEOUT_USEC=")]
    assert asked == ["EXTEND_TIMEOUT_USEC=25000000"]  # exit.within, and five seconds


def test_an_abstract_name_is_understood(oxpecker):
    manager = Manager(f"@oxpecker-test-{os.getpid()}")
    with contextlib.closing(manager):
        agent = oxpecker({}, env=manager.variables())
        wait_until(lambda: manager.hears("READY=1"), what="READY=1")
        agent.stop()
    assert manager.hears("STOPPING=1") == 1


def test_another_process_is_meant(oxpecker, manager):
    """A wrapper that systemd watches passes its environment on."""
    agent = oxpecker({}, env=manager.variables(WATCHDOG_USEC=2000, WATCHDOG_PID=os.getpid()))
    for _ in range(20):
        assert agent.answers("/health/liveness")
    agent.stop()
    manager.close()
    assert manager.hears("READY=1") == 1 and "WATCHDOG=1" not in manager.heard


@pytest.mark.parametrize("name", ["/nowhere/notify", "relative", "@", "/" + "x" * 200])
def test_a_manager_that_cannot_be_told_stops_nothing(oxpecker, name):
    agent = oxpecker({}, env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": 2000})
    agent.wait_until(lambda: "cannot tell the service manager" in agent.err(), what="a warning")
    for _ in range(5):
        assert agent.answers("/health/liveness")
    agent.stop()
    assert agent.err().count("cannot tell the service manager") == 1


def test_a_credential_is_named_without_its_folder(tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "environment").write_text("staging\n")
    config = tmp_path / "oxpecker.yaml"
    config.write_text('service: { environment: "${file:environment}" }\n')
    done = agents.run("check", config, env={"CREDENTIALS_DIRECTORY": folder})
    assert (done.returncode, done.stderr) == (0, "")
    done = agents.run("check", config)
    assert done.returncode == 1 and '"environment" is not there' in done.stderr


def settings(name):
    """What the unit says of one setting, in the order written."""
    with open(UNIT, encoding="utf-8") as file:
        return re.findall(rf"^{name}=(.*)$", file.read(), re.M)


def calls_of(group, seen=None):
    """The system calls of a group, such as @system-service, as this machine's systemd knows it."""
    calls, seen = set(), seen if seen is not None else set()
    if group in seen:
        return calls
    seen.add(group)
    listed = subprocess.run([need.program("systemd-analyze"), "syscall-filter", group], capture_output=True, text=True,
                            check=True).stdout
    for word in re.findall(r"^\s+([@\w][\w-]*)", listed, re.M):
        calls |= calls_of(word, seen) if word[0] == "@" else {word}
    return calls


def allowed_calls():
    allowed = set()
    for value in settings("SystemCallFilter"):
        groups = value.lstrip("~").split()
        calls = set().union(*(calls_of(group) if group[0] == "@" else {group} for group in groups))
        allowed = allowed - calls if value[0] == "~" else allowed | calls
    return allowed


def checks(closing, folder):
    """{name: options}: one of each kind that looks in a process of its own, and one over HTTP."""
    authority, servers = Authority(folder), {}
    cert, key = authority.signed("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    for kind in (Postgres, MariaDB, Redis):
        (folder / kind.name).mkdir()
        servers[kind.name] = closing.keep(kind(folder / kind.name, cert, key))
    query = f"/postgres?sslmode=verify-full&sslrootcert={authority.cert}"
    return {"name": {"url": "http://localhost:1/"}, "postgres": {"url": servers["postgres"].url(rest=query)},
            "mariadb": {"url": servers["mariadb"].url(), "tls": True, "ca": authority.cert},
            "redis": {"url": servers["redis"].tls_url(), "ca": authority.cert},
            "command": {"type": "exec", "command": ["true"]}, "file": {"type": "file", "path": authority.cert},
            "process": {"type": "process", "pid": str(os.getpid())}}


def test_the_unit_allows_every_system_call_that_is_made(oxpecker, closing, tmp_path, monkeypatch):
    """Files, doors of each kind, names, checks, /metrics, the state, the end. Sanitizers make calls of their own."""
    strace, trace, allowed = need.program("strace"), tmp_path / "trace", allowed_calls()
    assert "read" in allowed and "mount" not in allowed and "setpriority" not in allowed
    program = os.environ.get("OXPECKER_RELEASE_BIN", "")
    if not os.access(program, os.X_OK):
        need.missing("OXPECKER_RELEASE_BIN names no program without sanitizers: tests/run.sh builds one")
    monkeypatch.setenv("OXPECKER_BIN", program)
    looked = checks(closing, tmp_path)
    (tmp_path / "app.log").write_text('{"message":"one"}\n' * 1000)
    collect = {"tail": str(tmp_path / "*.log"), "pipe": str(tmp_path / "pipe"),
               "socket": {"listen": f"unix:{tmp_path}/log.sock"}}
    agent = oxpecker({"logs": {"collect": collect}, "exit": {"within": "2s"},
                      "traces": {"recorder": "1MiB", "export": {"otlp": "http://localhost:1"}},
                      "metrics": {"collect": {"statsd": {"listen": f"127.0.0.1:{free_port()}"}},
                                  "export": {"remote_write": "http://localhost:1/"}},
                      "health": {"checks": {name: {**each, "timeout": "1m"} for name, each in looked.items()}}},
                     start=False)
    agent.launch(strace, "-D", "-f", "-o", trace, "-e", "signal=none")
    agent.process.wait_until(lambda: agent.answers("/health/liveness"), 60, "liveness")
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 1000, what="lines in the store")
    assert agent.metrics()
    fine = lambda: agent.get("/health/readiness").json()["checks"]  # noqa: E731
    wait_until(lambda: [name for name, yes in fine().items() if not yes] == ["name"], 120, "all others to be fine")
    agent.expected_exit = {0, 1}
    agent.stop()
    ended = rf"^{agent.pid} +\+\+\+ exited"
    wait_until(lambda: re.search(ended, trace.read_text(), re.M), what="the end of the trace")
    made = set(re.findall(r"^\d+\s+(\w+)\(", trace.read_text(), re.M))
    assert {"epoll_wait", "fdatasync", "inotify_add_watch", "bind", "setpgid", "wait4"} <= made
    if os.geteuid() == 0:
        made.discard("fchown")  # SQLite gives its files to the owner of the first, and only as root
    assert not made - allowed, sorted(made - allowed)
