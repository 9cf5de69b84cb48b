"""A disk whose fsync takes 100 ms, or a second (slow_disk.c): probes are answered at once from the start on, new files
are found, and what rotation took is told."""

import os
import signal
import time

import pytest
import requests

from lib import disk as disks
from lib.cpu import Waits
from lib.lines import Writer
from lib.prober import Prober
from lib.sink import Sink
from lib.wait import wait_until

ON_MAIN = "slow disk: the main thread waits for it"
SPEEDS = pytest.mark.parametrize("ms", [100, 1000])
PROMPT = 0.1


@pytest.fixture
def slow(oxpecker, fault_server, tmp_path):
    """An agent on a slow disk that reads the logs of tmp_path, with the sink that they go to."""
    def begin(ms, sweep="10s"):
        server = fault_server()
        logs = {"batch": {"age": "20ms"}, "collect": {"tail": {"paths": [f"{tmp_path}/*.log"], "sweep": sweep}},
                "export": {"elasticsearch": {"url": server.url, "gzip": False}}}
        agent = oxpecker({"logs": logs}, env=disks.slow(MS=ms), start=False)
        agent.launch()
        return agent, Sink(server)
    return begin


def is_alive(agent):
    try:
        return agent.get("/health/liveness", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def wait_alive(agent):
    agent.process.wait_until(lambda: is_alive(agent), 60, "alive")
    assert agent.get("/health/liveness").json()["status"] in ("starting", "ok")


def wait_ready(agent, ms):
    agent.process.wait_until(lambda: agent.answers("/health/readiness"), 20 + 30 * ms / 1000, "ready")


def assert_prompt(prober):
    seconds = prober.ended()
    assert seconds and None not in seconds, f"{seconds.count(None)} of {len(seconds)} were not answered 200"
    assert max(seconds) < PROMPT, f"the slowest took {max(seconds):.3f} s"


@pytest.mark.alone
@SPEEDS
def test_a_life_on_a_slow_disk(slow, tmp_path, ms):
    """Alive from the start on; new files are found and rotated ones read; a probe never waits."""
    agent, sink = slow(ms)
    wait_alive(agent)
    prober = Prober(agent)
    assert agent.get("/health/readiness").json()["status"] in ("starting", "ready")
    wait_ready(agent, ms)
    new_files_are_found(agent, sink, tmp_path, ms)
    rotation_loses_no_line(agent, sink, tmp_path)
    assert_prompt(prober)
    assert ON_MAIN not in agent.err()
    agent.kill9()  # its end is another test's


def new_files_are_found(agent, sink, tmp_path, ms):
    """Before a file's first line is sent, its number is on disk; a commit of others may be under way."""
    for number in range(3):
        writer, waits = Writer(tmp_path / f"new-{number}.log"), Waits(agent.pid, os.getpid())
        began = time.monotonic()
        writer.write(1, file=number)
        wait_until(lambda: number in {d.get("file") for d in list(sink.documents.values())}, 60, "its first line")
        assert time.monotonic() - began < 1 + 2 * ms / 1000 + waits.seconds()


def rotation_loses_no_line(agent, sink, tmp_path):
    """Each second, with three backups: what is not read within three seconds is gone for whoever does not hold it."""
    writer, waits = Writer(tmp_path / "app.log"), Waits(agent.pid, os.getpid())
    for second in range(1, 7):
        until = time.monotonic() + 1
        while time.monotonic() < until:
            writer.write(1)
            wait_until(lambda began=time.monotonic(): time.monotonic() > began + 0.02, 5, "20 ms over")
        rotate(writer)
    wait_until(lambda: len(rotated(sink)) == len(writer.lines) or number_of(agent, "vanished_files_total"), 60,
               "each line there, or told as gone")
    kept = waits.seconds() < 1  # where the machine stops for seconds, three rotations may come before a look
    assert rotated(sink) == sorted(writer.lines) or not kept and number_of(agent, "vanished_files_total")


def rotated(sink):
    return sorted(d["n"] for d in list(sink.documents.values()) if "file" not in d)


def test_a_removed_file_is_closed_beside_the_loop(slow, tmp_path):
    """The last descriptor of a file that was removed frees its blocks."""
    agent, sink = slow(100, sweep="100ms")
    wait_ready(agent, 100)
    writer = Writer(tmp_path / "app.log")
    writer.write(100)
    wait_until(lambda: len(sink.documents) == 100, 60, "its lines")
    os.unlink(writer.path)
    wait_until(lambda: number_of(agent, "files") == 0, 60, "it closed")
    assert ON_MAIN not in agent.err()


def test_the_end_waits_for_the_disk(slow, tmp_path):
    """As long as `exit.within` lets it: positions are saved, and no line comes again."""
    agent, sink = slow(1000)
    wait_ready(agent, 1000)
    writer = Writer(tmp_path / "app.log")
    writer.write(10)
    wait_until(lambda: len(sink.documents) == len(writer.lines), 60, "its lines")
    again = agent.sent_again()
    assert agent.stop() == 0 and "could not be saved" not in agent.err()
    agent.start(deadline=60)
    writer.write(1)
    wait_until(lambda: len(sink.documents) == len(writer.lines), 60, "the line written after the start")
    assert sink.again <= again + agent.sent_again()


def number_of(agent, name):
    return agent.metric(f"oxpecker_{name}", component="logs.collect.tail") or 0


def rotate(writer, keep=3):
    """As logrotate does: app.log becomes app.log.1, that becomes app.log.2, and the oldest is removed."""
    for number in range(keep, 0, -1):
        before = writer.path if number == 1 else f"{writer.path}.{number - 1}"
        if os.path.exists(before):
            os.rename(before, f"{writer.path}.{number}")
    writer.file.close()
    writer.file = open(writer.path, "ab", buffering=0)


def test_a_signal_that_comes_during_the_start_ends_it(slow):
    """As the first process of a container it would not hear of it otherwise, and end with SIGKILL."""
    agent, _ = slow(1000)
    wait_alive(agent)
    assert agent.get("/health/liveness").json()["status"] == "starting"
    agent.process.signal(signal.SIGTERM)
    assert agent.process.wait(60) == 0, agent.err()[-2000:]
    assert "nothing was lost" in agent.err()
