"""Which users of the machine may connect to Unix sockets: `mode`, `group` and `uids`, of every listener alike."""

import json
import os
import stat
import subprocess
import sys

import pytest

from lib import need
from lib.agent import run

LISTED, STRANGER, GROUP = 12345, 12346, 54321
# Connects from the folder of the test, which other users could not come to by its whole path.
CLIENT = """
import os, socket, sys
peer = socket.socket(socket.AF_UNIX)
os.setgroups([])
os.setresgid(*3 * [int(sys.argv[3])])
os.setresuid(*3 * [int(sys.argv[2])])
try:
    peer.connect(sys.argv[1])
    peer.settimeout(60)
    peer.sendall(sys.stdin.read().encode())
    print("said" if not sys.argv[4] else peer.recv(12).decode() or "closed")
except PermissionError:
    print("no permission")
except (BrokenPipeError, ConnectionResetError):
    print("closed")
"""
GET = "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# Names of the files, and what is said there. The first are answered.
DOORS = {"listen": GET.format("/health/liveness"), "control": GET.format("/status"), "otlp": GET.format("/v1/traces"),
         "grpc": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", "zipkin": GET.format("/api/v2/spans"),
         "jaeger": GET.format("/api/traces"), "bulk": GET.format("/"), "push": GET.format("/metrics")}
STREAMS = {"socket": "a line\n", "statsd": "seen:1|c\n"}


@pytest.fixture
def shared(oxpecker, tmp_path):
    """An agent all of whose listeners are Unix sockets, beside its TCP port, with these options."""
    if os.geteuid() != 0:
        need.impossible("other users are played by root, and this is another user")

    def start(**access):
        def at(name):
            return f"unix:{tmp_path}/{name}.sock"
        os.chmod(tmp_path, 0o755)
        stream = {"kind": "stream", **access}
        agent = oxpecker({
            "control": at("control"), "control_access": access, "access": access,
            "receive": {"otlp": {"http": at("otlp"), "grpc": at("grpc"), **access},
                        "zipkin": {"http": at("zipkin"), **access},
                        "jaeger": {"http": at("jaeger"), "compact": [], "binary": [], **access}},
            "logs": {"collect": {"bulk": {"http": at("bulk"), **access}, "socket": {"listen": at("socket"), **stream}}},
            "metrics": {"collect": {"push": {"http": at("push"), **access},
                                    "statsd": {"listen": at("statsd"), **stream}}}},
            start=False)
        agent.control = f"{tmp_path}/control.sock"
        agent.write_config({**config_of(agent), "listen": [f"127.0.0.1:{agent.port}", at("listen")]})
        agent.start()
        return agent
    return start


def config_of(agent):
    with open(agent.config_path, encoding="utf-8") as file:
        return json.load(file)


def say(folder, name, text, user, group=STRANGER, wait="for an answer"):
    """What is answered to it, or became of it."""
    done = subprocess.run([sys.executable, "-c", CLIENT, name + ".sock", str(user), str(group), wait], cwd=folder,
                          input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(agent):
    return agent.metric("oxpecker_refused_users_total")


def test_only_listed_users_are_let_in(shared, tmp_path):
    agent = shared(mode="0666", uids=[LISTED])
    for name, text in DOORS.items():
        before = refused(agent)
        assert say(tmp_path, name, text, STRANGER) == "closed", name
        agent.wait_until(lambda count=before: refused(agent) == count + 1, 60, "it is counted")
        answer = say(tmp_path, name, text, LISTED)
        assert answer.startswith("HTTP/1.1 ") or (name == "grpc" and answer not in ("", "closed")), (name, answer)
        assert refused(agent) == before + 1
    agent.assert_balanced()
    assert f"a connection of user {STRANGER} (process " in agent.err()
    assert refused(agent) == len(DOORS)


def test_streams_take_what_listed_users_say(shared, tmp_path):
    agent = shared(mode="0666", uids=[LISTED, LISTED + 5])
    for name, text in STREAMS.items():
        before = refused(agent)
        assert say(tmp_path, name, text, STRANGER) == "closed", name
        agent.wait_until(lambda count=before: refused(agent) == count + 1, 60, "it is counted")
        assert say(tmp_path, name, text, LISTED + 5, wait="") == "said"
    agent.wait_until(lambda: agent.booked("received", signal="logs") == 1, 60, "the line is there")
    agent.wait_until(lambda: "\nseen 1" in agent.get("/metrics").text, 60, "the sample is there")
    assert agent.booked("received", signal="logs") == 1 and refused(agent) == 2


def test_a_group_may_connect(shared, tmp_path):
    agent = shared(mode="0660", group=str(GROUP))
    for name in [*DOORS, *STREAMS]:
        info = os.stat(tmp_path / f"{name}.sock")
        assert (info.st_gid, stat.S_IMODE(info.st_mode)) == (GROUP, 0o660), name
    assert say(tmp_path, "listen", DOORS["listen"], STRANGER) == "no permission"
    assert say(tmp_path, "listen", DOORS["listen"], STRANGER, GROUP) == "HTTP/1.1 200"
    assert say(tmp_path, "control", DOORS["control"], STRANGER, GROUP) == "HTTP/1.1 200"


@pytest.mark.parametrize("options, why", [
    ({"uids": ["root"]}, 'uids: "root" is not the number of a user'),
    ({"uids": list(range(33))}, "uids: 33 users, and 32 are the most"),
    ({"mode": "0999"}, 'mode: "0999" is not an octal number up to 0777')])
def test_what_is_wrong_is_told(tmp_path, options, why):
    for config in ({"control_access": options}, {"access": options}, {"receive": {"otlp": options}},
                   {"logs": {"collect": {"socket": {"listen": "unix:/x", **options}}}},
                   {"metrics": {"collect": {"statsd": {"listen": "unix:/x", "kind": "stream", **options}}}}):
        (tmp_path / "wrong.yaml").write_text(json.dumps(config))
        done = run("check", tmp_path / "wrong.yaml")
        assert done.returncode == 1 and why in done.stdout + done.stderr, (config, done)


def test_datagrams_have_no_users(tmp_path):
    for config in ({"logs": {"collect": {"socket": {"listen": "unix:/x", "kind": "datagram", "uids": [1]}}}},
                   {"metrics": {"collect": {"statsd": {"listen": "unix:/x", "uids": [1]}}}}):
        (tmp_path / "wrong.yaml").write_text(json.dumps(config))
        done = run("check", tmp_path / "wrong.yaml")
        assert done.returncode == 1 and "uids are for streams" in done.stdout + done.stderr


def test_a_group_that_is_not_there_is_an_error_at_the_start(oxpecker):
    for config in ({"control_access": {"group": "no-such-group"}}, {"access": {"group": "no-such-group"}},
                   {"receive": {"otlp": {"group": "no-such-group"}}}):
        agent = oxpecker(config, start=False)
        done = run("--config", agent.config_path)
        assert done.returncode == 1 and 'there is no group \\"no-such-group\\" here' in done.stderr + done.stdout
