"""A container of 32 MiB whose neighbours on the volume make files, folders, links and saved positions without end: it
lives, and files elsewhere are followed as if nothing were.

It runs what is shipped: sanitizers take several times the memory, which says nothing of it."""

import gzip
import os
import sqlite3

import pytest

from lib import cgroup, need
from lib.disk import Disk
from lib.shipped import wait_delivered
from test_hostile_readers import MIB, SPARE, Watched

LIMIT, MANY = 32 * MIB, 8_000
WIDE = "x" * 230


@pytest.fixture
def container(closing, monkeypatch, tmp_path):
    """A cgroup that every agent of the test starts in."""
    program = os.environ.get("OXPECKER_RELEASE_BIN", "")
    if not os.access(program, os.X_OK):
        need.missing("OXPECKER_RELEASE_BIN names no program without sanitizers: tests/run.sh builds one")
    made = closing.keep(cgroup.MemoryCgroup(f"oxpecker-files-{os.getpid()}", LIMIT))
    monkeypatch.setenv("OXPECKER_BIN", made.wrapped(program, tmp_path))
    return closing.keep(Watched(made, LIMIT))


def following(server, *paths):
    return {"logs": {"batch": {"age": "50ms"}, "export": {"elasticsearch": {"url": server.url, "index": "a"}},
                     "collect": {"tail": {"paths": [str(path) for path in paths], "sweep": "500ms"}}}}


def write(path, number=1, mode="w"):
    with open(path, mode, encoding="ascii") as file:
        file.write('{"n":%d}\n' % number)


def flood(folder, name="{:06}" + WIDE + ".log", count=MANY):
    os.makedirs(folder, exist_ok=True)
    for number in range(count):
        os.mknod(os.path.join(folder, name.format(number)))


def deep(folder):
    """A folder whose path is nearly as long as one may be, open."""
    for _ in range(7):
        folder = folder / ("d" * 250)
    os.makedirs(folder)
    return folder, os.open(folder, os.O_RDONLY)


def wait_scans(agent, more=3):
    seen = agent.metric("oxpecker_scans_total") or 0
    agent.wait_until(lambda: agent.metric("oxpecker_scans_total") >= seen + more, 60, "it has looked around")


def test_a_file_is_looked_for_among_any_number_of_names(oxpecker, container, fault_server, tmp_path):
    folder = tmp_path / "logs"
    flood(folder, "{:06}" + "x" * 240, 80_000)
    write(folder / "app.log")
    agent = oxpecker(following(fault_server(), folder / "app.log"))
    wait_delivered(agent, 1)
    write(folder / "app.log", 2, "a")
    os.rename(folder / "app.log", folder / "elsewhere")
    write(folder / "app.log", 3)
    wait_delivered(agent, 3)
    container.assert_held(LIMIT // 2)


def test_names_as_rotation_makes_them(oxpecker, container, fault_server, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    write(folder / "app.log")
    agent = oxpecker(following(fault_server(), folder / "app.log"))
    wait_delivered(agent, 1)
    flood(folder, "app.log.{:06}" + WIDE, 4 * MANY)
    os.rename(folder / "app.log", folder / "app.log.1")
    write(folder / "app.log", 2)
    wait_delivered(agent, 2)
    wait_scans(agent)
    container.assert_held()


def test_folders_with_long_names(oxpecker, container, fault_server, tmp_path):
    _, at = deep(tmp_path / "logs")
    for number in range(MANY):
        os.mkdir(f"{number:06}{WIDE}", dir_fd=at)
    os.close(at)
    write(tmp_path / "app.log")
    agent = oxpecker(following(fault_server(), tmp_path / "logs/**/*.log", tmp_path / "app.log"))
    wait_delivered(agent, 1)
    wait_scans(agent)
    container.assert_held()


def test_links_into_folders_with_long_names(oxpecker, container, fault_server, tmp_path):
    far, at = deep(tmp_path / "far")
    (tmp_path / "logs").mkdir()
    for number in range(MANY):
        os.mkdir(f"{number:06}{WIDE}", dir_fd=at)
        os.mknod(f"{number:06}{WIDE}/f", dir_fd=at)
        os.symlink(f"{far}/{number:06}{WIDE}/f", tmp_path / f"logs/{number}.log")
    os.close(at)
    write(tmp_path / "app.log")
    agent = oxpecker(following(fault_server(), tmp_path / "logs/*.log", tmp_path / "app.log"))
    wait_delivered(agent, 1)
    wait_scans(agent)
    container.assert_held()


@pytest.mark.parametrize("paths", [["a/*.log", "q*/*.log"], ["*/*.log"], ["**/*.log"]], ids=str)
def test_nobody_crowds_out_files_in_other_folders(oxpecker, container, fault_server, tmp_path, paths):
    """Wherever a stands among them."""
    flood(tmp_path / "logs/a")
    for number in range(30):
        (tmp_path / f"logs/q{number}").mkdir()
        write(f"{tmp_path}/logs/q{number}/{WIDE}.log", number)
    agent = oxpecker(following(fault_server(), *(tmp_path / "logs" / path for path in paths)))
    wait_delivered(agent, 30)
    agent.wait_until(lambda: "too many files" in agent.err())
    container.assert_held()


def test_nobody_crowds_out_what_is_followed(oxpecker, container, fault_server, tmp_path):
    """The files of b take more than half of what there is room for."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for number in range(3000):
        write(f"{tmp_path}/b/{number:06}{WIDE}.log", number)
    agent = oxpecker(following(fault_server(), tmp_path / "a/*.log", tmp_path / "b/*.log"))
    wait_delivered(agent, 3000)
    flood(tmp_path / "a")
    agent.wait_until(lambda: "too many files" in agent.err())
    wait_scans(agent)
    for number in range(3000):
        write(f"{tmp_path}/b/{number:06}{WIDE}.log", number, "a")
    wait_delivered(agent, 6000)
    assert not agent.metric("oxpecker_rotations_total")
    container.assert_held()


def test_many_names_of_one_file_take_no_room(oxpecker, container, fault_server, tmp_path):
    (tmp_path / "a").mkdir()
    write(tmp_path / "a/app.log")
    for number in range(MANY):
        os.link(tmp_path / "a/app.log", f"{tmp_path}/a/{number:06}{WIDE}.log")
    write(f"{tmp_path}/{'y' * 240}.log", 2)
    agent = oxpecker(following(fault_server(), tmp_path / "a/*.log", tmp_path / "*.log"))
    wait_delivered(agent, 2)
    wait_scans(agent)
    assert "too many files" not in agent.err()
    container.assert_held()


def test_a_file_that_unpacks_to_all_memory(oxpecker, container, fault_server, closing, tmp_path):
    """200 KiB become 100 MB, where `state` is on a tmpfs and so in memory. What is not read is there and is told,
    and does not keep out what comes after it."""
    for name in ("bomb.gz", "bomb2.gz"):
        (tmp_path / name).write_bytes(gzip.compress((b'{"m":"%s"}\n' % (b"x" * 990)) * 100_000))
    (tmp_path / "small.gz").write_bytes(gzip.compress(b'{"n":1}\n'))
    write(tmp_path / "app.log", 2)
    disk = closing.keep(Disk(tmp_path / "disk", 8 * LIMIT))
    config = following(fault_server(), tmp_path / "*.gz", tmp_path / "*.log")
    config["logs"]["collect"]["tail"]["gzip"] = True
    agent = oxpecker({**config, "state": {"path": disk.path + "/state", "max": "16MiB"}})
    wait_delivered(agent, 2)
    agent.wait_until(lambda: "cannot unpack" in agent.err())
    assert "bomb.gz: No space left" in agent.err() and container.group.used < LIMIT
    container.assert_held()


def test_positions_that_others_saved(oxpecker, container, fault_server, tmp_path):
    """In state.db, more of them than files can be followed."""
    server = fault_server()
    write(tmp_path / "app.log")
    agent = oxpecker(following(server, tmp_path / "*.log"))
    wait_delivered(agent, 1)
    agent.stop()
    with sqlite3.connect(f"{agent.folder}/state/state.db") as db:
        db.execute("WITH RECURSIVE r(n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM r LIMIT 200000)"
                   " INSERT INTO positions (collector, generation, dev, inode, birth_ns, head_hash, head_size, offset,"
                   " path) SELECT 'logs.collect.tail', n, 1, n, n, n, 5, n, ? || n || '.log' FROM r",
                   (f"{tmp_path}/{WIDE}",))
    db.close()
    agent.start()
    write(tmp_path / "app.log", 2, "a")
    agent.wait_until(lambda: len(server.taken()) >= 2, 60, "the new line")
    assert "too many saved positions" in agent.err()
    container.assert_held()
