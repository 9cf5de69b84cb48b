"""What StatsD and deltas over OTLP add up to goes on in the next run: after SIGKILL nothing on /metrics falls."""

import socket

import requests

from lib.wait import wait_until
from test_otlp_metrics import DELTA, request_of_sum
from test_traces import PROTOBUF

LIVES = 5
LINES = b"hits:1|c\nlevel:+1|g\ntook:3|h"


class Senders:
    """An app that outlives the agent, and what the sums should be, each of which only grows: hits, level, took's count,
    one of its buckets, and made."""

    def __init__(self, agent, path):
        self.agent, self.path, self.points, self.sums = agent, path, 0, [0] * 5

    def send(self, count):
        """Each point is answered for."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            for _ in range(count):
                peer.sendto(LINES, self.path)
        for _ in range(count):
            message = request_of_sum(1, "made", DELTA)
            point = message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
            point.start_time_unix_nano, point.time_unix_nano = self.points + 1, self.points + 2
            answer = requests.post(self.agent.otlp_url + "/v1/metrics", message.SerializeToString(), timeout=60,
                                   headers=PROTOBUF)
            assert answer.status_code == 200, answer.text
            self.points += 1
        self.sums = [value + count for value in self.sums]

    def shown(self):
        page = self.agent.metrics()
        of = lambda name, **labels: next((value for (found, pairs), value in page.items()  # noqa: E731
                                          if found == name and labels.items() <= dict(pairs).items()), 0)
        return [of("hits_total"), of("level"), of("took_count"), of("took_bucket", le="5"),
                of("made_total", job="app")]


def are_in_order(*sums):
    return all(list(values) == sorted(values) for values in zip(*sums))


def test_no_sum_falls_when_the_agent_is_killed(oxpecker, tmp_path):
    path = f"{tmp_path}/dsd.sock"
    agent = oxpecker({"metrics": {"collect": {"statsd": {"listen": f"unix:{path}"}}}})
    senders, before = Senders(agent, path), [0] * 5
    for _ in range(LIVES):
        senders.send(10)
        shown = senders.shown()
        assert are_in_order(before, shown, senders.sums)
        senders.send(10)  # nobody has seen these
        agent.kill9()
        agent.start()
        before = senders.shown()
        assert are_in_order(shown, before, senders.sums)
        assert before[4] == senders.points  # it was answered for
        senders.sums = before  # lines that were lost with the process nobody had been told of
    senders.send(10)
    wait_until(lambda: senders.shown() == senders.sums, 60, "the next ones are added")
    assert agent.stop() == 0
    agent.start()
    assert senders.shown() == senders.sums
    assert agent.metric("oxpecker_saved_sums", component="metrics.collect.statsd") == 3
    assert agent.metric("oxpecker_saved_sums_damaged_total") == 0
    assert "goes on with 3 sums of the last run" in agent.err()
    agent.assert_balanced()
