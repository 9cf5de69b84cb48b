"""Probes are answered within a second while all three pipelines run and everything else hangs: names, backends, the
disk, databases; and while there are no descriptors left."""

import contextlib
import socket
import time

import pytest
import requests
from lib import agent as agents, disk, fault, names
from lib.flood import Flood
from lib.lines import Writer
from lib.prober import Prober
from lib.wait import free_port, wait_until
from test_traces import post, request_of

pytestmark = pytest.mark.alone
PROMPT = 1
SOON = {"interval": "100ms", "timeout": "500ms"}
PATHS = ("/health/liveness", "/health/startup", "/health/readiness?verbose", "/health/app")


@pytest.fixture
def silent_names(tmp_path, monkeypatch):
    """A name server that says nothing, for the agent alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        address = names.free_address()
        server.bind((address, 53))
        path = tmp_path / "resolv.conf"
        path.write_text(f"nameserver {address}\n")
        monkeypatch.setenv("OXPECKER_BIN", names.with_resolv_conf(agents.binary(), path, tmp_path))
        yield


@pytest.fixture
def silent():
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server:
        yield server.getsockname()[1]


def all_three(tmp_path, logs, spans):
    return {"logs": {"batch": {"age": "20ms"}, "collect": {"tail": f"{tmp_path}/*.log"},
                     "export": {"elasticsearch": {"url": logs}}},
            "traces": {"export": {"otlp": {"endpoint": spans}}}, "exit": agents.HURRIED}


def work(agent, writer, rounds=30):
    """Lines, spans and pages; how many pages came."""
    pages = 0
    for number in range(rounds):
        writer.write(50)
        with contextlib.suppress(requests.RequestException):
            post(agent, request_of(100, first=1 + 100 * number).SerializeToString())
        pages += agent.get("/metrics").status_code == 200
    return pages


def assert_prompt(prober):
    seconds = prober.ended()
    assert seconds and None not in seconds, f"{seconds.count(None)} of {len(seconds)} were not answered 200"
    assert max(seconds) < PROMPT, f"the slowest took {max(seconds):.3f} s"


def failed(agent, number, *checks):
    looks = [agent.metric("oxpecker_checks_total", check=name, result="failure") for name in checks]
    return min(looks) >= number


def test_while_all_three_run(oxpecker, fault_server, tmp_path):
    agent = oxpecker(all_three(tmp_path, fault_server().url, fault_server().url))
    prober, writer = Prober(agent), Writer(tmp_path / "app.log")
    assert work(agent, writer, rounds=100) == 100
    assert_prompt(prober)


def test_while_strangers_hold_connections(oxpecker, fault_server, tmp_path):
    """Half of a head each, and a new one for each that is closed."""
    agent = oxpecker(all_three(tmp_path, fault_server().url, fault_server().url))
    flood = Flood("half heads that reconnect", agent.port, 500)
    try:
        prober = Prober(agent)
        assert work(agent, Writer(tmp_path / "app.log")) == 30
        assert_prompt(prober)
    finally:
        flood.stop()


def test_while_names_backends_and_databases_hang(oxpecker, silent_names, silent, tmp_path):
    at = f"127.0.0.1:{silent}"
    checks = {"web": "http://web.test/", "port": "tcp://port.test:1", "database": "postgresql://u:p@database.test/x",
              "redis": f"redis://{at}", "mysql": f"mysql://u:p@{at}/x", "rpc": f"grpc://{at}", "slow": f"http://{at}/"}
    checks = {name: {"url" if name != "port" else "address": url, **SOON} for name, url in checks.items()}
    config = {**all_three(tmp_path, "http://logs.test:9200", f"http://{at}"), "health": {"checks": checks}}
    agent = oxpecker(config)
    prober = Prober(agent)
    assert work(agent, Writer(tmp_path / "app.log")) == 30
    wait_until(lambda: failed(agent, 3, *checks), 120, "each check to have failed three times")
    for path in PATHS:
        assert agent.get(path).status_code in (200, 503)
    assert_prompt(prober)


def test_while_the_disk_takes_a_second_for_each_sync(oxpecker, fault_server, tmp_path):
    port = free_port()
    config = {**all_three(tmp_path, fault_server().url, fault_server().url),
              "receive": {"otlp": {"http": [f"127.0.0.1:{port}"], "ack": "disk"}},
              "health": {"checks": {"it": {"type": "exec", "command": ["true"], "interval": "100ms"}}}}
    agent = oxpecker(config, env=disk.slow(MS=1000), start=False)
    agent.otlp_port = port
    agent.start(120)
    prober = Prober(agent)
    assert work(agent, Writer(tmp_path / "app.log"), rounds=4) == 4
    wait_until(lambda: agent.metric("oxpecker_checks_total", check="it", result="success") >= 2, 120, "the check")
    assert_prompt(prober)
    agent.kill9()


def test_while_there_are_no_descriptors(oxpecker, fault_server, tmp_path):
    """Strangers hold all of them. Checks that need one fail, say so, and are fine again when they are back. The last
    descriptor of `listen` is for one peer at a time, and here that is the prober."""
    checks = {"it": {"type": "exec", "command": ["true"], **SOON, "timeout": "1m"}}
    config = {**all_three(tmp_path, fault_server().url, fault_server().url), "health": {"checks": checks}}
    agent = oxpecker(config, start=False)
    agent.launch("prlimit", "--nofile=100:100")
    ready = lambda: agent.get("/health/readiness").status_code == 200  # noqa: E731
    agent.process.wait_until(lambda: agent.answers("/health/liveness") and ready(), 60, "ready")
    writer = Writer(tmp_path / "app.log")
    flood = Flood("silent", agent.otlp_port, 200)
    try:
        wait_until(lambda: failed(agent, 1, "it"), 60, "the check to find none")
        prober, began = Prober(agent), time.monotonic()
        writer.write(1000)
        told = lambda: "Too many open files" in agent.status()["checks"][0]["why"]  # noqa: E731
        wait_until(lambda: told() and time.monotonic() > began + 3, 60, "the check to say why for three seconds")
        assert_prompt(prober)
    finally:
        flood.stop()
    wait_until(ready, 60, "the check to be fine again")
