"""The agent under test: started on free ports with everything it writes in a folder of the test."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time

import requests
from prometheus_client.parser import text_string_to_metric_families

from . import unix_http
from .process import Process
from .wait import free_port, wait_until

# `exit` of an agent whose stop() and close() do not wait for a destination that is away: they signal again each second,
# which ends it at once. A short exit.within does that too, but the disk has no more time then than it says, and disks
# stall for seconds.
HURRIED = {"within": "5m"}
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "UndefinedBehaviorSanitizer")
TERMS = ("delivered", "parked", "rejected", "dropped", "merged", "held")


def binary():
    path = os.environ.get("OXPECKER_BIN", "")
    assert path and os.access(path, os.X_OK), "OXPECKER_BIN does not name the agent's program"
    return path


def run(*words, env=None, deadline=120):
    """Runs the program to its end, as a person on a terminal does: `run("check", FILE)`."""
    return subprocess.run([binary(), *map(str, words)], capture_output=True, text=True, timeout=deadline,
                          stdin=subprocess.DEVNULL, env={**os.environ, **{k: str(v) for k, v in (env or {}).items()}})


def start(*words, env=None):
    """The same, not waited for."""
    return subprocess.Popen([binary(), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            stdin=subprocess.DEVNULL, env={**os.environ, **{k: str(v) for k, v in (env or {}).items()}})


def patiently(ask):
    """`listen` and `control` close a connection that says nothing for five seconds, and cut off who takes more than one
    to read a page that is in the way of the next. A test may stand still for as long, and asks again then."""
    while True:
        began = time.monotonic()
        try:
            return ask()
        except (requests.Timeout, TimeoutError):
            raise
        except (OSError, http.client.HTTPException):
            if time.monotonic() - began < 1:
                raise


class Oxpecker:
    """A running agent.

    `config` is a dict, or a text of YAML in which ${PORT}, ${OTLP_PORT} and ${DIR} stand for what the harness chose.
    In a dict, `listen`, `control`, `state` and `receive` are filled in unless they are given. `expected_exit` is what
    the last end has to be; kill9() sets it. Unless `ready` is another path, it is waited for until it has looked at its
    files, since it cannot know of what happens to them before.
    """

    def __init__(self, config, folder, env=None, words=(), ready=None):
        self.folder, self.port, self.otlp_port = str(folder), free_port(), free_port()
        self.control = os.path.join(self.folder, "control.sock")
        self.config_path = os.path.join(self.folder, "oxpecker.yaml")
        self.ready_path, self.expected_exit, self.process = ready or ready_path(config), {0}, None
        self.one_status, self.seen_status, self.hurried = False, None, False
        self.words = [str(word) for word in words]
        self.env = {"PORT": self.port, "OTLP_PORT": self.otlp_port, "DIR": self.folder,
                    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:exitcode=99",
                    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1", **(env or {})}
        self.write_config(config)

    def filled_in(self, config):
        return {"listen": [f"127.0.0.1:{self.port}"], "control": "unix:" + self.control,
                "state": {"path": os.path.join(self.folder, "state")},
                "receive": {"otlp": {"http": [f"127.0.0.1:{self.otlp_port}"]}}, **config}

    def write_config(self, config):
        self.hurried = isinstance(config, dict) and config.get("exit") == HURRIED
        text = config if isinstance(config, str) else json.dumps(self.filled_in(config), indent=1)
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    def launch(self, *under):
        """Starts the program, by the command `under` if there is one, and returns at once."""
        argv = [*under, binary(), "--config", self.config_path, *self.words]
        self.expected_exit = {0}
        self.process = Process("oxpecker", argv, self.folder, self.env)
        return self

    def start(self, deadline=60):
        self.launch()
        self.process.wait_until(lambda: self.answers(self.ready_path), deadline, self.ready_path)
        return self

    def answers(self, path):
        """Whether it answers 200 when it is asked once. How soon is measured elsewhere (prober.py)."""
        try:
            status, text = self.ask(path)
            return status == 200 and '"starting"' not in text
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, path, timeout=60):
        """Status and body, without what `requests` does for each request: tests ask again and again."""
        return patiently(lambda: self.ask_once(path, timeout))

    def ask_once(self, path, timeout):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def otlp_url(self):
        return f"http://127.0.0.1:{self.otlp_port}"

    @property
    def pid(self):
        return self.process.pid

    def get(self, path, timeout=60, **more):
        return patiently(lambda: requests.get(self.url + path, timeout=timeout, **more))

    def status(self):
        """The full status, from the control socket."""
        if self.seen_status:
            return self.seen_status
        code, _, body = patiently(lambda: unix_http.request(self.control, "GET", "/status"))
        assert code == 200, body
        status = json.loads(body)
        self.seen_status = status if self.one_status else None
        return status

    def metrics(self):
        """Every sample on /metrics: {(name, ((label, value), …)): value}, labels sorted."""
        return samples_of(self.page())

    def page(self):
        status, text = self.ask("/metrics")
        assert status == 200, text
        return text

    def metric(self, name, **labels):
        """The sum of the samples of that name whose labels include these; None when there is none.

        Tests wait for it: the rest of the page, most of what there is to parse, is left out.
        """
        lines = [line for line in self.page().split("\n") if line.startswith((name + "{", name + " "))]
        found = [value for (_, pairs), value in samples_of("\n".join(lines)).items()
                 if labels.items() <= dict(pairs).items()]
        return sum(found) if found else None

    def scouts(self):
        """Records that went out a second time beside a send that had no answer for a second, which is no fault."""
        return sum(destination["scouts"] for destination in self.status()["destinations"])

    def sent_again(self):
        """Lines, and requests of spans, that went out again in this run: as scouts, behind them, after failures.

        At least once is what is promised. So where a test counts what a server was sent, this is how much more it may
        be: nothing, unless the machine was so busy that the server did not answer within a second.
        """
        return sum(destination["resent"] for destination in self.status()["destinations"])

    def ledger(self, **wanted):
        """The ledger's rows, of this `signal`, `source` or `destination`."""
        return [row for row in self.status()["ledger"] if wanted.items() <= row.items()]

    def booked(self, term, unit="records", **wanted):
        """A term of the ledger, summed over the rows: booked("delivered", signal="logs")."""
        return sum(amount(row, term, unit) for row in self.ledger(**wanted))

    def assert_balanced(self):
        """Every row of the ledger adds up; reckoned here, not read off."""
        rows = self.ledger()
        assert rows, "the ledger is empty"
        for row in rows:
            assert row_balances(row), row

    def err(self):
        return self.process.err()

    def stop(self, deadline=120):
        """SIGTERM; its exit status."""
        status = self.leave(deadline)
        self.check_output()
        return status

    def leave(self, deadline):
        began = time.monotonic()
        while self.hurried and self.process.alive() and time.monotonic() - began < deadline:
            self.process.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.child.wait(1)
        return self.process.stop(deadline)

    def kill9(self):
        self.expected_exit = {-signal.SIGKILL}
        return self.process.kill9()

    def check_output(self):
        err = self.process.err()
        found = [line for line in err.splitlines() if any(word in line for word in SANITIZERS)]
        assert not found, "a sanitizer spoke:\n" + err[-6000:]

    def close(self):
        """What every test ends with: a clean end, the expected status, a silent sanitizer."""
        if self.process is None:
            return
        status = self.leave(120) if self.process.alive() else self.process.child.returncode
        self.check_output()
        assert status in self.expected_exit, f"exit status {status}, not {self.expected_exit}:\n{self.err()[-3000:]}"

    def wait_until(self, predicate, deadline=60, what="the condition"):
        """As Process.wait_until(). Each time, all that `predicate` asks about the status is of one moment."""
        def at_one_moment():
            self.one_status = True
            try:
                return predicate()
            finally:
                self.one_status, self.seen_status = False, None

        return self.process.wait_until(at_one_moment, deadline, what)

    def wait_metric(self, wanted, name, deadline=60, **labels):
        """Until metric(name, …) reaches `wanted`."""
        reached = lambda: (self.metric(name, **labels) or 0) >= wanted  # noqa: E731
        return wait_until(reached, deadline, f"{name} {labels} >= {wanted}")


def ready_path(config):
    """Readiness, unless checks of the test's own have a say in it."""
    tails = isinstance(config, dict) and "collect" in config.get("logs", {}) and "health" not in config
    return "/health/readiness" if tails else "/health/liveness"


def samples_of(page):
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(page) for sample in family.samples}


def amount(row, term, unit):
    """Of one term; `dropped` is split by reason."""
    value = row.get(term, {})
    return sum(part[unit] for part in value.values()) if term == "dropped" else value.get(unit, 0)


def row_balances(row):
    """received = delivered + parked + rejected + dropped{reason} + merged + held, in records and in bytes."""
    return all(amount(row, "received", unit) == sum(amount(row, term, unit) for term in TERMS)
               for unit in ("records", "bytes"))
