"""The fixtures of tests/e2e and tests/fault. A conftest.py there imports them all.

Those named like a program are factories or running backends; each ends what it started, by its pid, last first.
"""

import contextlib
import os

import pytest

from . import agent, backends, cgroup, disk as disks, fault, grpc_fault, hosts, need, servers


SKIPPED = 77


class Closing:
    """Keeps what a test started and closes it in reverse order; the first failure to end well is the test's."""

    def __init__(self):
        self.things = []

    def keep(self, thing):
        self.things.append(thing)
        return thing

    def close(self):
        failures = []
        for thing in reversed(self.things):
            try:
                thing.close()
            except AssertionError as failure:
                failures.append(failure)
        if failures:
            raise failures[0]


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures how soon something comes, when all other tests are done")


def pytest_sessionfinish(session, exitstatus):
    """ctest calls a file skipped, not passed, if something was missing for one of its tests (SKIP_RETURN_CODE)."""
    if exitstatus == 0 and need.missed:
        session.exitstatus = SKIPPED


@pytest.fixture
def closing():
    kept = Closing()
    yield kept
    kept.close()


@pytest.fixture
def oxpecker(closing, tmp_path_factory):
    """oxpecker(config, env={}, words=[], start=True, ready=None) → a running agent.Oxpecker."""
    def make(config, start=True, **options):
        made = closing.keep(agent.Oxpecker(config, tmp_path_factory.mktemp("oxpecker"), **options))
        return made.start() if start else made

    return make


@pytest.fixture
def fault_server(closing):
    """fault_server(unix=None, tls=None) → a fault.FaultServer."""
    return lambda **options: closing.keep(fault.FaultServer(**options))


@pytest.fixture
def grpc_fault_server(closing):
    """grpc_fault_server(tls=None) → a grpc_fault.GrpcFaultServer."""
    return lambda **options: closing.keep(grpc_fault.GrpcFaultServer(**options))


@pytest.fixture
def host_node(closing, tmp_path_factory):
    """host_node(otlp=URL, traffic=N, metrics_socket=…, log_path=…, name=…, env={}) → a running hosts.Host."""
    return lambda **options: closing.keep(hosts.node(tmp_path_factory.mktemp("node"), **options))


@pytest.fixture
def host_python(closing, tmp_path_factory):
    """As host_node; `sdk=False` takes the app that needs only python3."""
    return lambda **options: closing.keep(hosts.python(tmp_path_factory.mktemp("python"), **options))


@pytest.fixture
def prometheus(closing, tmp_path_factory):
    """prometheus([targets], interval="1s") → a running backends.Prometheus."""
    return lambda *words, **options: closing.keep(
        backends.Prometheus(tmp_path_factory.mktemp("prometheus"), *words, **options))


@pytest.fixture
def prometheus3(closing, tmp_path_factory):
    """The same of a backends.Prometheus3, which receives, too."""
    return lambda *words, **options: closing.keep(
        backends.Prometheus3(tmp_path_factory.mktemp("prometheus3"), *words, **options))


@pytest.fixture
def victoriametrics(closing, tmp_path_factory):
    """A running backends.VictoriaMetrics."""
    return closing.keep(backends.VictoriaMetrics(tmp_path_factory.mktemp("victoriametrics")))


@pytest.fixture
def statsd_exporter(closing, tmp_path_factory):
    """statsd_exporter(mapping) → a running backends.StatsdExporter."""
    return lambda mapping: closing.keep(backends.StatsdExporter(tmp_path_factory.mktemp("statsd_exporter"), mapping))


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory):
    """The file's own backends.Jaeger: it starts in half a second."""
    with contextlib.closing(backends.Jaeger(tmp_path_factory.mktemp("jaeger"))) as server:
        yield server


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory):
    """A running backends.OpenSearch that other files may share."""
    with servers.running(backends.OpenSearch, tmp_path_factory) as server:
        yield server


def each_backend(*kinds, name):
    """A session fixture of that name that is each of them in turn, shared with other files."""
    def running(request, tmp_path_factory):
        with servers.running(request.param, tmp_path_factory) as server:
            yield server

    return pytest.fixture(running, scope="session", name=name, params=kinds, ids=lambda kind: kind.name)


@pytest.fixture
def container(closing, monkeypatch, tmp_path):
    """container(bytes) → a cgroup.MemoryCgroup that every agent of the test starts in, as it is shipped: sanitizers
    take several times the memory, which says nothing of it."""
    def make(limit):
        program = os.environ.get("OXPECKER_RELEASE_BIN", "")
        if not os.access(program, os.X_OK):
            need.missing("OXPECKER_RELEASE_BIN names no program without sanitizers: tests/run.sh builds one")
        made = closing.keep(cgroup.MemoryCgroup(f"oxpecker-test-{os.getpid()}", limit))
        monkeypatch.setenv("OXPECKER_BIN", made.wrapped(program, tmp_path))
        return made

    return make


@pytest.fixture
def disk(tmp_path):
    """A file system of its own."""
    made = disks.Disk(tmp_path / "disk")
    yield made
    made.close()
