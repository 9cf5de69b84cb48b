"""What an app can plant on a volume that it shares with the agent: links that lead elsewhere are not followed."""

import json
import os
import subprocess
import threading
import time

import pytest

from lib import need
from lib.agent import binary
from lib.lines import whole_lines
from lib.shipped import documents_of, wait_delivered
from test_logs import config

SECRET = '{"secret":"in the agent\'s own files"}\n'


@pytest.fixture
def shared(tmp_path):
    """The volume: others than root and us may write to it. Beside it what they must not get."""
    folder, own = tmp_path / "shared", tmp_path / "own"
    folder.mkdir()
    folder.chmod(0o777)
    own.mkdir()
    (own / "key").write_text(SECRET)
    (own / "key.log").write_text(SECRET)
    return folder


def settings(shared, server, *globs, **options):
    made = config("", server.url)
    made["logs"]["collect"]["tail"].update({"paths": [str(shared / g) for g in globs], "sweep": "200ms", **options})
    return made


def sweep_again(agent, times=3):
    before = agent.metric("oxpecker_scans_total")
    agent.wait_until(lambda: agent.metric("oxpecker_scans_total") >= before + times)


def troubles(agent):
    return {os.path.basename(t["file"]): t["why"] for s in agent.status()["sources"] for t in s.get("troubles", [])}


def assert_nothing_told(server):
    assert all("secret" not in json.dumps(d) and "PATH=" not in json.dumps(d) for d in documents_of(server).values())


def plant_all(shared):
    """The names that are to be refused, each leading to a file of its own."""
    own = shared.parent / "own"
    for name in ("a", "b", "c", "d"):
        (own / name).write_text(SECRET)
    os.symlink(own / "a", shared / "absolute.log")
    os.symlink("../own/b", shared / "relative.log")
    os.symlink("twice", shared / "twice.log")
    os.symlink("../own/c", shared / "twice")
    os.symlink("/proc/self/environ", shared / "environ.log")
    os.symlink(own, shared / "folder")  # key.log is below it
    planted = {"absolute.log", "relative.log", "twice.log", "environ.log", "key.log"}
    if os.geteuid() == 0:  # who is not root makes no second name of what is not his
        os.link(own / "d", shared / "hard.log")
        planted.add("hard.log")
    os.mkfifo(shared / "fifo.log")
    os.symlink("/dev/zero", shared / "zero.log")
    return planted


def test_links_that_lead_out_are_refused_counted_and_told_once(oxpecker, fault_server, shared):
    server, planted = fault_server(), plant_all(shared)
    (shared / "app.log").write_text('{"n":1}\n')
    agent = oxpecker(settings(shared, server, "*.log", "*/*.log"))
    wait_delivered(agent, 1)
    agent.wait_until(lambda: troubles(agent).keys() == planted)
    sweep_again(agent)
    assert agent.metric("oxpecker_refused_links_total") == len(planted)
    assert all("links" in why and "expected" in why for why in troubles(agent).values())
    assert all(agent.err().count(f"/{name}: ") == 1 for name in planted)
    wait_delivered(agent, 1)
    assert_nothing_told(server)
    agent.assert_balanced()


@pytest.mark.parametrize("links", ["folder", "any"])
def test_the_option_says_where_links_may_lead(oxpecker, fault_server, shared, links):
    server, own = fault_server(), shared.parent / "own"
    os.symlink(own / "key", shared / "app.log")
    os.symlink("/proc/self/environ", shared / "environ.log")
    agent = oxpecker(settings(shared, server, "app.log", "env*.log" if links == "folder" else "none",
                              links=[str(own) if links == "folder" else "any"]))
    wait_delivered(agent, 1)
    assert "secret" in json.dumps(list(documents_of(server).values()))
    assert (agent.metric("oxpecker_refused_links_total") or 0) == (links == "folder")


def test_links_within_the_folder_are_followed_as_kubernetes_makes_them(oxpecker, fault_server, shared):
    server = fault_server()
    (shared / "..1").mkdir()
    (shared / "..1" / "app.log").write_text('{"n":1}\n')
    os.symlink("..1", shared / "..data")
    os.symlink("..data/app.log", shared / "app.log")
    agent = oxpecker(settings(shared, server, "*.log"))
    wait_delivered(agent, 1)
    (shared / "..2").mkdir()
    (shared / "..2" / "app.log").write_text('{"n":2}\n')
    os.symlink("..2", shared / "..new")
    os.rename(shared / "..new", shared / "..data")
    wait_delivered(agent, 2)
    assert troubles(agent) == {}


def test_a_link_that_is_switched_brings_no_neighbours_of_where_it_led(oxpecker, fault_server, shared):
    """What stands beside the target of a link is taken for its rotated files."""
    server, own = fault_server(), shared.parent / "own"
    os.symlink(own / "key", shared / "app.log")
    agent = oxpecker(settings(shared, server, "*.log"))
    agent.wait_until(lambda: troubles(agent).keys() == {"app.log"})
    (own / "other").write_text(SECRET)
    for name in ("key.1", "other.1"):
        (own / name).write_text(SECRET)
    os.symlink(own / "other", shared / "next")
    os.rename(shared / "next", shared / "app.log")
    sweep_again(agent, 5)
    assert agent.booked("received", signal="logs") == 0 if agent.ledger(signal="logs") else True
    assert_nothing_told(server)


def exchange(shared, stop):
    """Until told to stop: the name is a file's, a link's, and that of a link to a folder in turns."""
    own, number = shared.parent / "own", 0
    while not stop.is_set():
        number += 1
        for make in (lambda path: path.write_text('{"n":%d}\n' % number),  # noqa: B023
                     lambda path: os.symlink(own / "key.log", path)):
            make(shared / "next")
            os.rename(shared / "next", shared / "app.log")
        os.symlink(own, shared / "next")
        os.rename(shared / "next", shared / "sub")
        os.unlink(shared / "sub")
        (shared / "sub").mkdir()
        (shared / "sub" / "key.log").write_text('{"n":%d}\n' % number)
        os.unlink(shared / "sub" / "key.log")
        (shared / "sub").rmdir()


def test_exchanging_file_and_link_all_the_time_gets_nothing(oxpecker, fault_server, shared):
    server, stop = fault_server(), threading.Event()
    attacker = threading.Thread(target=exchange, args=(shared, stop))
    attacker.start()
    try:
        agent = oxpecker(settings(shared, server, "*.log", "*/*.log", sweep="100ms"))
        of = lambda name: agent.metric(f"oxpecker_{name}_total") or 0  # noqa: E731
        # a link is refused when it is open and has been asked for
        agent.wait_until(lambda: of("scans") >= 40 and of("refused_links") > 0, 120, "forty scans, a link among them")
        assert attacker.is_alive()
    finally:
        stop.set()
        attacker.join()
    (shared / "fine.log").write_text('{"n":0}\n')
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") > 0)
    sweep_again(agent)
    assert_nothing_told(server)


def test_what_a_neighbour_causes_does_not_fill_the_log(oxpecker, fault_server, shared):
    """Each of these files is worth a warning, and has a name that would be another line, or another's."""
    server, own, count = fault_server(), shared.parent / "own", 300
    for number in range(count):
        (own / str(number)).write_text(SECRET)
        os.symlink(own / str(number), shared / f'{number}\n{{"level":"error"}}\x9b2J.log')
    (shared / "app.log").write_text('{"n":1}\n')
    began, agent = time.monotonic(), oxpecker(settings(shared, server, "*.log"))
    wait_delivered(agent, 1)
    agent.wait_until(lambda: agent.metric("oxpecker_refused_links_total") == count)

    def refusals():
        lines = [json.loads(line) for line in whole_lines(agent.process.err_path)]
        return lines, [line["message"] for line in lines if "cannot open" in line["message"]]

    def accounted_for():
        """Each of them, be it only in the number of those that were held back."""
        return sum(int(said.split()[0]) if "more messages like this were held back" in said else 1
                   for said in refusals()[1])

    agent.wait_until(lambda: accounted_for() == count, 60, "all are told or counted")
    lines, refused = refusals()
    assert all(set(line) == {"timestamp", "level", "component", "message"} for line in lines)
    assert 20 <= len(refused) <= 30 + (time.monotonic() - began) / 3  # one more may be told each three seconds
    assert not any("\x9b" in line["message"] for line in lines)


IN_CONTAINER = """#!/bin/sh
exec unshare --mount --pid --fork --mount-proc --kill-child sh -c '
	mount -t tmpfs volume {shared} && mkdir {shared}/sub && ln -s {own}/key {shared}/app.log &&
	ln -s {own} {shared}/sub/folder && echo {line} > {shared}/fine.log && exec {binary} "$@"' agent "$@"
"""


def contain(monkeypatch, tmp_path, shared):
    """The agent runs in a container of its own, with a volume that another container's root has been at: root owns
    the links, as ours does."""
    if subprocess.run(["unshare", "-mpf", "true"], capture_output=True).returncode != 0:
        need.missing("no container can be made here")
    script = tmp_path / "contained.sh"
    own, line = shared.parent / "own", '{\\"n\\":1}'
    script.write_text(IN_CONTAINER.format(shared=shared, own=own, binary=binary(), line=line))
    script.chmod(0o755)
    monkeypatch.setenv("OXPECKER_BIN", str(script))


def test_root_of_another_container_is_not_ours(oxpecker, fault_server, shared, tmp_path, monkeypatch):
    server = fault_server()
    shared.chmod(0o755)
    contain(monkeypatch, tmp_path, shared)
    agent = oxpecker(settings(shared, server, "fine.log", "app.log", "sub/folder/*.log"))
    wait_delivered(agent, 1)
    agent.wait_until(lambda: troubles(agent).keys() == {"app.log", "key.log"})
    sweep_again(agent)
    wait_delivered(agent, 1)
    assert_nothing_told(server)
    agent.kill9()


def test_state_is_not_put_where_the_root_of_another_container_says(oxpecker, shared, tmp_path, monkeypatch):
    contain(monkeypatch, tmp_path, shared)
    ends(oxpecker, {"state": {"path": str(shared / "sub" / "folder" / "state")}}, "state.path", "link", "expected")
    assert sorted(os.listdir(shared.parent / "own")) == ["key", "key.log"]


def ends(oxpecker, made, *wanted):
    agent = oxpecker(made, start=False)
    agent.launch()
    assert agent.process.wait(60) == 1
    agent.expected_exit = {1}
    assert all(part in agent.err() for part in wanted), agent.err()


@pytest.mark.parametrize("what", ["state", "lock", "state.db", "ledger", "control.sock"])
def test_state_is_not_written_through_a_link(oxpecker, shared, what):
    state, victim = shared / "state", shared.parent / "own" / "key"
    if what == "state":
        os.symlink(victim.parent, state)
    else:
        state.mkdir()
        os.symlink(victim, state / what)
    before = sorted(os.listdir(victim.parent))
    ends(oxpecker, {"state": {"path": str(state)}, "control": f"unix:{state}/control.sock"}, str(state), "link",
         "expected")
    assert victim.read_text() == SECRET and sorted(os.listdir(victim.parent)) == before


@pytest.mark.parametrize("hard", [False, True])
def test_the_file_exporter_writes_to_nobody_elses_file(oxpecker, shared, hard):
    victim, path = shared.parent / "own" / "key", shared / "out.log"
    (os.link if hard else os.symlink)(victim, path)
    ends(oxpecker, {"logs": {"collect": {"tail": str(shared / "*.txt")}, "export": {"file": str(path)}}}, str(path),
         "expected")
    assert victim.read_text() == SECRET


def test_the_file_exporter_takes_the_links_of_the_system(oxpecker, shared, tmp_path):
    (tmp_path / "app.log").write_text('{"n":1}\n')
    agent = oxpecker({"logs": {"batch": {"age": "100ms"}, "collect": {"tail": str(tmp_path / "app.log")},
                               "export": {"file": "/dev/stdout"}}})
    wait_delivered(agent, 1)
    assert '"n":1' in agent.process.out()


@pytest.mark.parametrize("hard", [False, True])
def test_a_pipe_is_read_through_no_link(oxpecker, shared, hard):
    victim, path = shared.parent / "own" / "fifo", shared / "stdout"
    os.mkfifo(victim, 0o600)
    (os.link if hard else os.symlink)(victim, path)
    ends(oxpecker, {"logs": {"collect": {"pipe": str(path)}}}, str(path), "link", "expected")
    assert victim.stat().st_mode & 0o777 == 0o600
