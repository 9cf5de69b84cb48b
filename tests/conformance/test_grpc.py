"""The contract of an exporter, once more for `otlp` over gRPC: a peer of HTTP/2 has other ways to misbehave."""

import pytest

from lib import grpc_fault as fault
from lib.agent import run
from test_registry import COUNT, POISON, SOON, feed, feed_poison, impatient, settled, start

ANSWERS = {"OK in gzip": fault.good(packed=True), "behind a head": fault.failing(14, only_trailers=False),
           "RetryInfo": fault.failing(8, "slow down", retry_after=1), "quota": fault.failing(8, "quota"),
           "a page": fault.http(200), "stream reset": fault.reset_stream(), "GOAWAY": fault.goes_away(),
           "HTTP/1.1": fault.garbage(), "closed": fault.close_at_once(), "mid-answer": fault.cut_short(),
           "hangs": fault.hang()}


def export_to(server, **more):
    return {"otlp": {"endpoint": server.url, "protocol": "grpc", "timeout": "60s", **more}}


@pytest.mark.parametrize("answer", ANSWERS)
def test_each_item_settles_once(oxpecker, grpc_fault_server, tmp_path, answer):
    server = grpc_fault_server()
    server.plan(ANSWERS[answer], then=fault.good())
    agent = start(oxpecker, tmp_path, "traces", impatient(export_to(server), answer))
    feed(agent, tmp_path, "traces")
    agent.wait_until(lambda: settled(agent, "traces"), 60, "every item settled")
    agent.assert_balanced()
    assert (agent.booked("parked", signal="traces") > 0) == (answer == "quota")


POISONS = {"hangs": fault.hang(), "stream reset": fault.reset_stream(), "DATA_LOSS": fault.failing(15, "what is it")}


@pytest.mark.parametrize("poison", POISONS)
def test_what_is_never_taken_is_found(oxpecker, grpc_fault_server, tmp_path, poison):
    server, (count, at) = grpc_fault_server(), (3, 1) if poison == "hangs" else (40, 17)
    server.plan(fault.poisoned(POISON.encode(), POISONS[poison]))
    agent = start(oxpecker, tmp_path, "traces", impatient(export_to(server, **SOON), poison),
                  traces={"batch": {"age": "300ms"}})
    feed_poison(agent, tmp_path, "traces", count, lambda n: n == at)
    agent.wait_until(lambda: agent.booked("parked", signal="traces") == 1, 60, "the poisoned one is parked")
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == count - 1, 60, "the others")
    listed = run("parked", "ls", "--json", "--config", agent.config_path, env=agent.env).stdout
    assert "failed again when tried alone, while " in listed
    agent.assert_balanced()


def test_it_ends_in_the_middle_of_a_send(oxpecker, grpc_fault_server, tmp_path):
    server = grpc_fault_server()
    server.plan(fault.hang())
    agent = start(oxpecker, tmp_path, "traces", export_to(server))
    feed(agent, tmp_path, "traces")
    server.wait_requests(1)
    assert agent.stop() == 0
    server.plan(fault.good())
    server.refuse()
    server.listen()
    agent.start()
    agent.wait_until(lambda: settled(agent, "traces"), 60, "every item settled by the next start")
    assert agent.booked("delivered", signal="traces") == COUNT
    agent.assert_balanced()
