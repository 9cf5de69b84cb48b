"""Hard days: little memory, garbage, one destination of two down, files cut down, ends at bad moments."""

import json
import os
import signal

from lib import fault, need
from lib.agent import HURRIED
from lib.lines import Writer, assert_same
from lib.shipped import documents_of, wait_delivered
from lib.wait import wait_until
from test_logs import config


def test_garbage_lines_of_nearly_line_max_do_not_get_stuck(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), tmp_path / "app.log"
    path.write_bytes(b"".join(os.urandom(900000).replace(b"\n", b"x") + b"\n" for _ in range(5)) + b'{"n":1}\n')
    agent = oxpecker({**config(path, server.url), "memory": "8MiB"})
    wait_delivered(agent, 6)
    assert {"n": 1} in documents_of(server).values()
    agent.assert_balanced()


def test_one_destination_down_does_not_keep_the_other_from_its_lines(oxpecker, fault_server, tmp_path):
    up, down = fault_server(), fault_server()
    down.refuse()
    settings = config(tmp_path / "app.log", up.url)
    settings["logs"]["export"]["other"] = {"type": "elasticsearch", "url": down.url}
    settings["exit"] = HURRIED
    agent, writer = oxpecker(settings), Writer(tmp_path / "app.log")
    writer.write(100)
    agent.wait_until(lambda: agent.booked("delivered", destination="logs.export.elasticsearch") == 100)
    assert agent.booked("held", destination="logs.export.other") == 100
    agent.assert_balanced()
    assert agent.stop() == 0
    down.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered", destination="logs.export.other") == 100)
    for server in (up, down):  # the one that was up gets the same ids again
        assert_same(list(documents_of(server).values()), writer)


def test_a_file_that_is_cut_down_is_begun_anew(oxpecker, fault_server, tmp_path):
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    cuts = lambda: agent.metric("oxpecker_truncations_total")  # noqa: E731
    for number in range(1, 7):
        writer.write(20 * (7 - number))
        wait_delivered(agent, len(writer.lines))
        writer.truncate()
        if number % 2:  # seen while the file is empty, or when it has another line already
            agent.wait_until(lambda: cuts() == number, 60, "the cut seen")  # noqa: B023
        writer.write(1)
        wait_delivered(agent, len(writer.lines))
        assert cuts() == number
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


def test_a_file_that_was_cut_down_meanwhile_is_told(oxpecker, fault_server, tmp_path):
    """What was cut away before it was read is not known, whether anybody was looking or not."""
    server, writer = fault_server(), Writer(tmp_path / "app.log")
    agent = oxpecker(config(tmp_path / "app.log", server.url))
    writer.write(20)
    wait_delivered(agent, 20)
    assert agent.stop() == 0
    writer.truncate()
    writer.write(100)
    agent.start()
    wait_delivered(agent, 120)
    assert agent.metric("oxpecker_truncations_total") == 1 and "was cut down" in agent.err()
    assert_same(list(documents_of(server).values()), writer)


def test_a_link_is_followed_and_its_switch_too(oxpecker, fault_server, tmp_path):
    server = fault_server()
    first, second = Writer(tmp_path / "one"), Writer(tmp_path / "two")
    os.makedirs(tmp_path / "logs")
    os.symlink(tmp_path / "one", tmp_path / "logs" / "app.log")
    settings = config(tmp_path / "logs" / "*.log", server.url)
    settings["logs"]["collect"]["tail"]["sweep"] = "200ms"
    agent = oxpecker(settings)
    first.write(10, file=1)
    wait_delivered(agent, 10)
    os.symlink(tmp_path / "two", tmp_path / "logs" / "next")
    os.rename(tmp_path / "logs" / "next", tmp_path / "logs" / "app.log")
    second.write(10, file=2)
    wait_delivered(agent, 20)
    found = sorted((d["file"], d["n"]) for d in documents_of(server).values())
    assert found == [(f, n) for f in (1, 2) for n in range(10)]


def test_an_end_right_after_the_start(oxpecker, tmp_path):
    Writer(tmp_path / "app.log").write(100)
    agent = oxpecker({"logs": {"collect": {"tail": str(tmp_path / "app.log")}}}, start=False)
    for number in range(10):
        agent.launch()
        agent.expected_exit = {0, -signal.SIGTERM}
        if number % 2:
            wait_until(lambda: "running" in agent.err(), 60, "the agent to run")
        assert agent.process.stop(120) in agent.expected_exit
    agent.start()
    agent.wait_until(lambda: agent.booked("delivered", signal="logs") == 100)
    agent.assert_balanced()


def test_asked_twice_it_ends_at_once(oxpecker, fault_server, tmp_path):
    server = fault_server()
    server.plan(fault.hang())
    agent = oxpecker({**config(tmp_path / "app.log", server.url), "exit": {"within": "10m"}})
    Writer(tmp_path / "app.log").write(10)
    server.wait_requests(1)
    agent.process.signal(signal.SIGTERM)
    wait_until(lambda: "ending" in agent.err(), 60, "the agent to say that it ends")
    agent.process.signal(signal.SIGTERM)
    wait_until(lambda: not agent.process.alive(), 60, "the end")
    assert "nothing was lost" in agent.err()


def test_interrupted_it_ends_within_seconds(oxpecker, fault_server):
    agent = oxpecker({"traces": {"export": {"otlp": {"endpoint": fault_server().url}}}})
    agent.process.signal(signal.SIGINT)
    wait_until(lambda: not agent.process.alive(), 60, "the end")


def test_a_file_written_anew_and_longer_behind_the_same_beginning_is_read_from_there(oxpecker, fault_server, tmp_path):
    """copytruncate with a program whose files all begin with the same 300 bytes, while the agent does not look."""
    server, path = fault_server(), tmp_path / "app.log"
    banner = b'{"banner":"' + b"h" * 300 + b'"}\n'
    path.write_bytes(banner + b"".join(b'{"of":1,"n":%d}\n' % n for n in range(10)))
    agent = oxpecker(config(path, server.url))
    wait_delivered(agent, 11)
    os.kill(agent.process.pid, signal.SIGSTOP)
    path.write_bytes(banner + b"".join(b'{"of":2,"n":%d}\n' % n for n in range(30)))
    os.kill(agent.process.pid, signal.SIGCONT)
    wait_delivered(agent, 11 + 31)
    assert sorted(d["n"] for d in documents_of(server).values() if d.get("of") == 2) == list(range(30))
    assert agent.metric("oxpecker_truncations_total") == 1
    agent.assert_balanced()


FILES, ROTATED = 10_000, 9_500  # together fewer than the open files that a process may have


def longest_slice(agent):
    """The bucket of the longest one, to be told when something else fails."""
    slices = {float(dict(labels)["le"]): value for (name, labels), value in agent.metrics().items()
              if name == "oxpecker_loop_slice_seconds_bucket"}
    return f"the longest slice: at most {min(le for le, n in slices.items() if n == max(slices.values()))} s"


def test_ten_thousand_files_rotated_at_once(oxpecker, fault_server, tmp_path):
    """All but a few, and written to under both names: each line once, whichever file it is of."""
    need.descriptors(20_000)
    server, folder = fault_server(), tmp_path / "logs"
    folder.mkdir()
    names = [folder / f"{number}.log" for number in range(FILES)]

    def write(path, *lines):
        with open(path, "ab") as file:
            file.write(b"".join(b'{"of":"%s","n":%d}\n' % (path.name.split(".")[0].encode(), n) for n in lines))

    for path in names:
        write(path, 0, 1)
    agent = oxpecker(config(folder / "*.log", server.url))
    try:
        wait_delivered(agent, 2 * FILES)
        for path in names[:ROTATED]:
            path.rename(f"{path}.1")
        for number, path in enumerate(names):
            write(path, 3, 4)
            write(path.with_suffix(".log.1") if number < ROTATED else path, 2)
        wait_delivered(agent, 5 * FILES)
        for path in names:
            write(path, 5)
        wait_delivered(agent, 6 * FILES)
    except AssertionError as failure:
        raise AssertionError(f"{failure}; {longest_slice(agent)}") from None
    found = sorted((int(d["of"]), d["n"]) for d in documents_of(server).values())
    assert found == [(number, n) for number in range(FILES) for n in range(6)], longest_slice(agent)
    assert agent.metric("oxpecker_rotations_total") == ROTATED, longest_slice(agent)
    assert agent.booked("received", signal="logs") == 6 * FILES, longest_slice(agent)
    agent.assert_balanced()


def test_two_tails_on_one_state_leave_each_others_positions_alone(oxpecker, fault_server, tmp_path):
    """Over ends, kills, and a run without one of them: nothing is read twice after an end, nothing doubled or lost."""
    server = fault_server()
    names = ("one", "two")
    for name in names:
        (tmp_path / name).mkdir()
    writers = {name: Writer(tmp_path / name / "app.log") for name in names}

    def settings(*which):
        made = config("", server.url)
        made["logs"]["collect"] = {name: {"type": "tail", "paths": [f"{tmp_path}/{name}/*.log"]} for name in which}
        return made

    def assert_each_once(of):
        for name in of:
            source = {"source": f"logs.collect.{name}"}
            agent.wait_until(lambda: agent.booked("delivered", **source) == len(writers[name].lines), 60, "it follows")
            assert agent.booked("received", **source) == len(writers[name].lines)
        agent.assert_balanced()

    agent = oxpecker(settings(*names))
    for number in range(9):
        for name in names:
            writers[name].write(50, of=name)
            if number % 3 == 1:
                writers[name].rotate(number)
                writers[name].write(7, of=name)
        which = names if number % 3 != 2 else names[:1]
        if number % 3 == 1:
            agent.kill9()
        else:
            assert_each_once(which)
            assert agent.stop() == 0
        agent.write_config(settings(*names if number % 3 != 1 else names[:1]))
        agent.start()
    assert_each_once(names)
    found = sorted((d["of"], d["n"]) for d in documents_of(server).values())
    assert found == sorted((name, n) for name in names for n in writers[name].lines)


def test_folders_of_any_depth_and_alternatives(oxpecker, fault_server, tmp_path):
    """Also folders that come later, and renames within them; what is left out is left out at any depth."""
    server = fault_server()
    settings = config(tmp_path / "**" / "{app,web}.log", server.url)
    settings["logs"]["collect"]["tail"]["exclude"] = [f"{tmp_path}/**/skipped/*"]
    (tmp_path / "a" / "skipped").mkdir(parents=True)
    for place in ("app.log", "a/web.log", "a/skipped/app.log", "a/other.log"):
        (tmp_path / place).write_text(json.dumps({"at": place}) + "\n")
    agent = oxpecker(settings)
    wait_delivered(agent, 2)
    (tmp_path / "b" / "c" / "d").mkdir(parents=True)
    (tmp_path / "b" / "c" / "d" / "app.log").write_text('{"at":"deep"}\n')
    wait_delivered(agent, 3)
    os.rename(tmp_path / "b" / "c" / "d" / "app.log", tmp_path / "b" / "c" / "d" / "app.log.1")
    (tmp_path / "b" / "c" / "d" / "app.log").write_text('{"at":"deeper"}\n')
    wait_delivered(agent, 4)
    assert {d["at"] for d in documents_of(server).values()} == {"app.log", "a/web.log", "deep", "deeper"}
    agent.assert_balanced()
