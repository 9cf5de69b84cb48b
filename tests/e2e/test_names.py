"""Names, asked of a real name server. A check of each name shows whether it was found: it connects to it."""

import socket

import pytest

from lib import agent as agents, names
from lib.wait import free_port, wait_until

LONG = [".".join([letter * 60] * 3 + ["test"]) for letter in "abc"]  # two of them and a question fill a packet
RECORDS = ["host-record=four.test,127.0.0.1", "host-record=six.test,::1", "host-record=both.test,127.0.0.1,::1",
           "cname=alias.test,four.test", "cname=alias-of-alias.test,alias.test",
           *(f"host-record=many.test,127.0.{n // 250}.{n % 250 + 1}" for n in range(300)),
           f"cname={LONG[0]},{LONG[1]}", f"cname={LONG[1]},{LONG[2]}", f"host-record={LONG[2]},127.0.0.1",
           "txt-record=short.none.test,no address", "host-record=short.cluster.test,127.0.0.1",
           "host-record=_a_b.xn--mnchen-3ya.test,127.0.0.1"]


@pytest.fixture
def resolv_conf(tmp_path, monkeypatch):
    path = tmp_path / "resolv.conf"
    path.write_text("")
    monkeypatch.setenv("OXPECKER_BIN", names.with_resolv_conf(agents.binary(), path, tmp_path))
    return path


@pytest.fixture
def name_server(closing, tmp_path):
    return closing.keep(names.NameServer(tmp_path, RECORDS))


@pytest.fixture
def port():
    """On which every address of the loopback takes connections."""
    number = free_port()
    with socket.create_server(("0.0.0.0", number)), socket.create_server(("::1", number), family=socket.AF_INET6):
        yield number


def checks_of(port, *hosts):
    return {"health": {"checks": {f"c{i}": {"type": "tcp", "address": f"{host}:{port}", "interval": "300ms",
                                            "timeout": "10s"} for i, host in enumerate(hosts)}}}


def wait_found(agent, *hosts):
    """`hosts`: of each check, whether its name is to be found."""
    expected = {f"c{i}": found for i, found in enumerate(hosts)}
    wait_until(lambda: agent.get("/health/readiness").json().get("checks") == expected, 120, f"checks {expected}")


def test_names_of_every_kind_are_found(oxpecker, name_server, resolv_conf, port):
    """`long` is cut off before its first address, so it is asked for over TCP."""
    resolv_conf.write_text(f"nameserver {name_server.address}\nsearch none.test cluster.test\n"
                           "options ndots:5 timeout:9\n")
    found = ["four.test", "FOUR.test.", "six.test", "both.test", "alias-of-alias.test", "many.test", LONG[0], "short",
             "_a_b.xn--mnchen-3ya.test", "localhost"]
    agent = oxpecker(checks_of(port, *found, "nobody.test", "short.", f"{'a' * 64}.test"))
    wait_found(agent, *[True] * len(found), False, False, False)


def test_a_silent_server_and_one_that_is_not_there_are_passed_over(oxpecker, name_server, resolv_conf, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((names.free_address(), 53))
        resolv_conf.write_text(f"nameserver {silent.getsockname()[0]}\nnameserver {names.free_address()}\n"
                               f"nameserver {name_server.address}\noptions timeout:1\n")
        agent = oxpecker(checks_of(port, "four.test", "six.test", "nobody.test"))
        wait_found(agent, True, True, False)


def test_a_server_that_comes_back_and_a_changed_file_are_noticed(oxpecker, name_server, resolv_conf, port):
    resolv_conf.write_text(f"nameserver {name_server.address}\n")
    agent = oxpecker(checks_of(port, "four.test", "new.test"))
    wait_found(agent, True, False)
    name_server.close()
    wait_found(agent, False, False)
    name_server.start(["host-record=new.test,127.0.0.1"])
    wait_found(agent, False, True)
    name_server.close()
    name_server.address = names.free_address()
    name_server.start(["host-record=four.test,127.0.0.1"])
    resolv_conf.write_text(f"nameserver {name_server.address}\n")
    wait_found(agent, True, False)
