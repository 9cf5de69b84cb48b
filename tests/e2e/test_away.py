"""Jaeger goes away under load, is away for a while, and comes back: it has every span that the app was answered for.
Meanwhile the agent is stopped and started, or killed.

It is away while an app sends AWAY spans, 200 a second at most; OXPECKER_AWAY_SPANS=120000 makes that ten minutes."""

import contextlib
import os
import threading

import pytest
import requests

from lib.agent import HURRIED
from lib.backends import Jaeger, unique
from lib.wait import wait_until
from test_ack import killed
from test_traces import PROTOBUF, request_of

AWAY = int(os.environ.get("OXPECKER_AWAY_SPANS", 400))
EACH, PACE = 10, 0.05  # spans of a request, seconds between two
LONG = 60 + AWAY / 50


@pytest.fixture
def jaeger_that_ends(tmp_path_factory):
    with contextlib.closing(Jaeger(tmp_path_factory.mktemp("jaeger"), kept=True)) as server:
        yield server


class App(threading.Thread):
    """Sends spans that it never sends again. `answered`: those that were taken."""

    def __init__(self, agent, service):
        super().__init__(daemon=True)
        self.agent, self.service, self.answered, self.sent, self.over = agent, service, set(), 0, threading.Event()
        self.turn = threading.Lock()  # of a request
        self.start()

    def run(self):
        while not self.over.wait(PACE):
            with self.turn:
                self.request()

    def request(self):
        first = self.sent + 1
        message, self.sent = request_of(EACH, self.service, first), self.sent + EACH
        for span in message.resource_spans[0].scope_spans[0].spans:
            span.trace_id = first.to_bytes(16, "big")
        with contextlib.suppress(requests.RequestException):
            if requests.post(self.agent.otlp_url + "/v1/traces", data=message.SerializeToString(),
                             headers=PROTOBUF, timeout=60).status_code == 200:
                self.answered.update(range(first, first + EACH))

    def send(self, spans):
        """So many more are answered."""
        wanted = len(self.answered) + spans
        wait_until(lambda: len(self.answered) >= wanted, LONG, f"{wanted} spans answered")

    def end(self):
        self.over.set()
        self.join(180)
        assert not self.is_alive()


def stored(jaeger, service):
    return {int(span["spanID"], 16) for trace in jaeger.traces(service, 1_000_000) for span in trace["spans"]}


@pytest.mark.parametrize("ack, ends", [("disk", "killed"), ("memory", "asked to end"), ("memory", "killed")])
def test_jaeger_is_away_and_the_agent_ends_meanwhile(oxpecker, jaeger_that_ends, ack, ends):
    jaeger, service = jaeger_that_ends, unique("away")
    agent = oxpecker({"exit": HURRIED, "receive": {"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], "ack": ack}},
                      "traces": {"batch": {"age": "100ms"}, "export": {"otlp": {"endpoint": jaeger.otlp_http}}}})
    app = App(agent, service)
    app.send(200)
    exact = (ack, ends) == ("memory", "killed")
    with app.turn if exact else contextlib.nullcontext():  # else it may have spans whose answer is lost
        agent.wait_until(lambda: not exact or agent.booked("held") == 0, 60, "nothing held")
        jaeger.stop()
    app.send(AWAY // 2)
    agent.kill9() if ends == "killed" else agent.stop()
    agent.start()
    app.send(AWAY // 2)
    jaeger.start()
    app.send(200)
    app.end()
    agent.wait_until(lambda: agent.booked("held") == 0, LONG, "nothing held")
    wait_until(lambda: len(stored(jaeger, service)) >= agent.booked("delivered"), LONG, "all of it can be found")
    found = stored(jaeger, service)
    agent.assert_balanced()
    if exact:
        assert killed(agent) >= AWAY // 2
        assert len(found) == agent.booked("received") - killed(agent)
        assert len(app.answered - found) <= killed(agent)
    else:
        assert killed(agent) == 0 and app.answered <= found
        assert len(found) == agent.booked("received") == agent.booked("delivered")
