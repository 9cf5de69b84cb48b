"""The real logrotate in both of its modes."""

import gzip
import os
import subprocess
import threading

import pytest

from lib import need
from lib.lines import Writer, assert_same
from lib.shipped import documents_of, wait_delivered

ROTATIONS = 6


class Rotation:
    def __init__(self, folder, words):
        self.program, self.folder, self.log = need.program("logrotate"), folder, folder / "logs" / "app.log"
        self.log.parent.mkdir(mode=0o755)
        self.conf = folder / "rotate.conf"
        self.conf.write_text("%s {\n\tsu root root\n\trotate %d\n\t%s\n}\n" % (self.log, ROTATIONS + 1, words))
        self.conf.chmod(0o644)

    def rotate(self):
        done = subprocess.run([self.program, "-f", "-s", str(self.folder / "rotated"), str(self.conf)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def follow(oxpecker, fault_server, *paths, **tail):
    server = fault_server()
    agent = oxpecker({"exit": {"within": "10m"},
                      "logs": {"batch": {"age": "50ms"}, "collect": {"tail": {"paths": list(map(str, paths)), **tail}},
                               "export": {"elasticsearch": {"url": server.url, "index": "logs"}}}})
    return server, agent


def test_renamed_files_come_once(oxpecker, fault_server, tmp_path):
    """The writer holds its file for some lines after it was renamed, and nobody waits for the agent."""
    rotation = Rotation(tmp_path, "create 0644 root root")
    writer = Writer(rotation.log)
    server, agent = follow(oxpecker, fault_server, rotation.log)
    for _ in range(ROTATIONS):
        writer.write(100)
        rotation.rotate()
        writer.write(20)
        writer.file.close()
        writer.file = open(writer.path, "ab", buffering=0)
        writer.write(30)
    wait_delivered(agent, len(writer.lines))
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


def test_copied_and_cut_files_come_once(oxpecker, fault_server, tmp_path):
    """What was read before the cut."""
    rotation = Rotation(tmp_path, "copytruncate")
    writer = Writer(rotation.log)
    server, agent = follow(oxpecker, fault_server, rotation.log)
    for _ in range(ROTATIONS):
        writer.write(100)
        wait_delivered(agent, len(writer.lines))
        rotation.rotate()
    writer.write(10)
    wait_delivered(agent, len(writer.lines))
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


COPIES = {"beside": ("copytruncate", [], {}), "dated": ("copytruncate\n\tdateext", [], {}),
          "followed": ("copytruncate", ["app.log*"], {}),
          "with the ending": ("copytruncate\n\textension .log", ["*.log"], {}),
          "compressed": ("copytruncate\n\tcompress", ["*.log", "*.gz"], {"gzip": True})}


@pytest.mark.parametrize("kind", COPIES)
def test_what_was_not_read_before_the_cut_is_read_in_the_copy(oxpecker, fault_server, tmp_path, kind):
    """Nobody waits for the agent, and copies that are followed, or compressed by then, are no files of their own."""
    words, globs, tail = COPIES[kind]
    rotation = Rotation(tmp_path, words)
    writer = Writer(rotation.log)
    paths = [rotation.log.parent / name for name in globs] or [rotation.log]
    server, agent = follow(oxpecker, fault_server, *paths, sweep="500ms", **tail)
    writer.write(10)
    wait_delivered(agent, 10)
    counts = (3000, 2000, 4000) if kind != "dated" else (3000,)
    for count in counts:
        writer.write(count)
        rotation.rotate()
        writer.write(10)
        wait_delivered(agent, len(writer.lines))
    if tail:
        agent.wait_until(lambda: settled_packed(agent) == 3, 60, "each is looked at")
    swept(agent, 3)
    assert agent.booked("received", signal="logs") == len(writer.lines)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


def swept(agent, times=2):
    """So many times the folders were looked through since."""
    before = agent.metric("oxpecker_scans_total")
    agent.wait_until(lambda: agent.metric("oxpecker_scans_total") >= before + times, 60, "a look around")


@pytest.mark.parametrize("kind", ["plain", "compressed"])
def test_a_copy_that_ends_before_what_was_read_is_not_read_again(oxpecker, fault_server, tmp_path, kind):
    """What is written after the copy was made, and read before the file is cut down, is in no copy."""
    log, packed = tmp_path / "logs" / "app.log", kind == "compressed"
    log.parent.mkdir()
    writer = Writer(log)
    server, agent = follow(oxpecker, fault_server, log.parent / "*", sweep="500ms", gzip=packed)
    writer.write(100)
    wait_delivered(agent, 100)
    copy = log.read_bytes()
    writer.write(10)
    wait_delivered(agent, 110)
    (log.parent / ("app.log.1.gz" if packed else "app.log.1")).write_bytes(gzip.compress(copy) if packed else copy)
    os.truncate(log, 0)
    writer.write(10)
    if packed:
        agent.wait_until(lambda: settled_packed(agent) == 1, 60, "it is looked at")
    swept(agent, 3)
    assert_same(list(documents_of(server).values()), writer)
    assert agent.booked("received", signal="logs") == len(writer.lines)
    agent.assert_balanced()


def test_what_was_followed_is_not_read_again_when_it_is_compressed(oxpecker, fault_server, tmp_path):
    """Compressed at once and with delay, while the agent follows, and over a restart."""
    rotation = Rotation(tmp_path, "create 0644 root root\n\tcompress")
    writer = Writer(rotation.log)
    server, agent = follow(oxpecker, fault_server, rotation.log, f"{rotation.log}.*.gz", gzip=True, sweep="500ms")
    for _ in range(3):
        writer.write(100, padding="x" * 200)
        wait_delivered(agent, len(writer.lines))
        rotation.rotate()
        writer.file.close()
        writer.file = open(writer.path, "ab", buffering=0)
    packed = sorted(path.name for path in rotation.log.parent.glob("*.gz"))
    assert packed == ["app.log.1.gz", "app.log.2.gz", "app.log.3.gz"]
    agent.wait_until(lambda: settled_packed(agent) == 3, 60, "each is looked at")
    assert agent.stop() == 0
    agent.start()
    writer.write(10)
    wait_delivered(agent, len(writer.lines))
    swept(agent)
    assert agent.metric("oxpecker_unpacked_total") == 0
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


def test_several_members_of_what_was_followed_are_not_read_again(oxpecker, fault_server, tmp_path):
    """As parallel packers and appending ones write them; with the old file, and after it is gone."""
    writer, packed = Writer(tmp_path / "app.log"), tmp_path / "app.log.1.gz"
    server, agent = follow(oxpecker, fault_server, writer.path, packed, gzip=True, sweep="500ms")
    writer.write(200, padding="x" * 100)
    wait_delivered(agent, 200)
    text = (tmp_path / "app.log").read_bytes()
    writer.rotate(1)
    writer.write(10)
    wait_delivered(agent, 210)
    packed.write_bytes(gzip.compress(text[:9000]) + gzip.compress(text[9000:]))
    os.unlink(f"{writer.path}.1")
    agent.wait_until(lambda: settled_packed(agent) == 1, 60, "it is looked at")
    swept(agent)
    assert agent.metric("oxpecker_unpacked_total") == 0
    assert_same(list(documents_of(server).values()), writer)
    assert agent.booked("received", signal="logs") == 210
    agent.assert_balanced()


def settled_packed(agent):
    return agent.metric("oxpecker_compressed_files_total")


def test_what_was_compressed_while_nobody_looked_is_read_once(oxpecker, fault_server, tmp_path):
    """A file of which a part was read goes on where it was; one that nobody knows begins at its beginning."""
    rotation = Rotation(tmp_path, "create 0644 root root\n\tcompress")
    writer = Writer(rotation.log)
    server, agent = follow(oxpecker, fault_server, rotation.log, f"{rotation.log}.*.gz", gzip=True, sweep="500ms")
    writer.write(100, padding="x" * 200)
    wait_delivered(agent, 100)
    assert agent.stop() == 0
    for count in (5000, 40):
        writer.write(count)
        rotation.rotate()
        writer.file.close()
        writer.file = open(writer.path, "ab", buffering=0)
    writer.write(10)
    agent.start()
    wait_delivered(agent, len(writer.lines))
    agent.assert_balanced()
    agent.kill9()
    agent.start()
    writer.write(10)
    wait_delivered(agent, len(writer.lines))
    swept(agent)
    assert agent.booked("received", signal="logs") == len(writer.lines)
    assert_same(list(documents_of(server).values()), writer)
    agent.assert_balanced()


def test_what_is_no_whole_gzip_is_read_as_far_as_it_is_sound(oxpecker, fault_server, tmp_path):
    whole = gzip.compress(b"".join(b'{"n":%d}\n' % n for n in range(50000)))
    (tmp_path / "cut.gz").write_bytes(whole[:len(whole) // 2])
    (tmp_path / "torn.gz").write_bytes(whole[:2000] + b"\xff" * 50 + whole[2050:])
    (tmp_path / "two.gz").write_bytes(gzip.compress(b'{"n":"a"}\n') + gzip.compress(b'{"n":"b"}'))
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b""))
    server, agent = follow(oxpecker, fault_server, tmp_path / "*.gz", gzip=True, sweep="200ms")
    agent.wait_until(lambda: settled_packed(agent) == 4, 60, "each is looked at")
    agent.wait_until(lambda: not agent.booked("held", signal="logs"), 60, "all settled")
    found = [document.get("n") for document in documents_of(server).values()]
    assert {"a", "b"} <= set(found) and 10000 < len(found) < 60000
    assert agent.metric("oxpecker_damaged_gzip_total") == 2
    assert "cut.gz" in agent.err() and "torn.gz" in agent.err()
    agent.assert_balanced()


def test_what_gzip_holds_is_no_text_either(oxpecker, fault_server, tmp_path):
    """What a plain file of it is told for, it is told for inside of gzip; a mark of UTF-8 is no part of the line."""
    lines = '{"n":1}\n{"n":2}\n'
    held = {"le": lines.encode("utf-16"), "be": b"\xfe\xff" + lines.encode("utf-16-be"), "u32": lines.encode("utf-32"),
            "twice": gzip.compress(lines.encode()), "zip": b"PK\3\4" + bytes(40), "fine": lines.encode("utf-8-sig")}
    for name, data in held.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
    server, agent = follow(oxpecker, fault_server, tmp_path / "*.gz", gzip=True, sweep="200ms")
    agent.wait_until(lambda: settled_packed(agent) == len(held), 60, "each is looked at")
    wait_delivered(agent, 2)
    assert [document["n"] for document in documents_of(server).values()] == [1, 2]
    assert agent.err().count(".gz holds text in UTF-16 or UTF-32 and is left out") == 3
    assert agent.err().count(".gz holds something compressed and is left out") == 2
    assert agent.metric("oxpecker_unpacked_total") == 1
    agent.assert_balanced()


def test_compressed_files_are_left_out_unless_asked_for(oxpecker, fault_server, tmp_path):
    (tmp_path / "old.log").write_bytes(gzip.compress(b'{"n":1}\n'))
    server, agent = follow(oxpecker, fault_server, tmp_path / "*.log")
    (tmp_path / "new.log").write_bytes(b'{"n":2}\n')
    wait_delivered(agent, 1)
    swept(agent, 1)
    assert [document["n"] for document in documents_of(server).values()] == [2]
    assert "old.log is compressed and left out" in agent.err()


@pytest.mark.parametrize("asked", [False, True])
def test_a_gzip_that_was_empty_when_it_was_found_is_no_text(oxpecker, fault_server, tmp_path, asked):
    """As gzip makes its file: there before anything is in it."""
    path, whole = tmp_path / "app.log.1.gz", gzip.compress(b"".join(b'{"n":%d}\n' % n for n in range(2000)))
    path.write_bytes(b"")
    server, agent = follow(oxpecker, fault_server, tmp_path / "app.log*", gzip=asked, sweep="300ms")
    swept(agent)
    with open(path, "ab", buffering=0) as file:
        for at in range(0, len(whole), 1000):
            file.write(whole[at:at + 1000])
            swept(agent, 1)
    if asked:
        wait_delivered(agent, 2000)
    swept(agent)
    assert agent.booked("received", signal="logs") == 2000 * asked
    assert sorted(document["n"] for document in documents_of(server).values()) == list(range(2000 * asked))
    assert ("compressed and left out" in agent.err()) != asked
    agent.assert_balanced()


def test_compressed_files_of_before_the_first_start_are_left_out_where_files_begin_at_their_end(
        oxpecker, fault_server, tmp_path):
    (tmp_path / "app.log.2.gz").write_bytes(gzip.compress(b'{"old":1}\n' * 10))
    server, agent = follow(oxpecker, fault_server, tmp_path / "app.log*", gzip=True, start="end", sweep="300ms")
    swept(agent)
    assert agent.stop() == 0
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(b'{"n":1}\n'))
    agent.start()
    wait_delivered(agent, 1)
    swept(agent)
    assert [document.get("n") for document in documents_of(server).values()] == [1]
    assert agent.metric("oxpecker_compressed_files_total") == 1


@pytest.mark.parametrize("options", [{}, {"gzip": True}])
def test_a_compressed_file_that_is_renamed_is_not_looked_for_all_the_time(oxpecker, fault_server, tmp_path, options):
    """Left out, or not at rest yet, and then of a name that is not followed."""
    path = tmp_path / "a.log"
    path.write_bytes(gzip.compress(b"x\n" * 100))
    _, agent = follow(oxpecker, fault_server, tmp_path / "*.log", sweep="1h", **options)
    agent.wait_until(lambda: agent.metric("oxpecker_scans_total") >= 1, 60, "the first look")
    before = agent.metric("oxpecker_scans_total")
    path.rename(tmp_path / "a.log.1")
    (tmp_path / "b.log").write_bytes(b'{"n":1}\n')
    wait_delivered(agent, 1)
    assert agent.metric("oxpecker_scans_total") - before < 20
    assert agent.err().count("compressed and left out") <= 2
    assert agent.stop() == 0  # far sooner than exit.within


def test_what_went_while_nobody_looked_is_told(oxpecker, fault_server, tmp_path):
    writer = Writer(tmp_path / "app.log")
    writer.write(10)
    _, agent = follow(oxpecker, fault_server, tmp_path / "*.log")
    wait_delivered(agent, 10)
    assert agent.stop() == 0
    read = os.path.getsize(writer.path)
    writer.write(5)
    os.unlink(writer.path)
    agent.start()
    agent.wait_until(lambda: agent.metric("oxpecker_vanished_files_total") == 1, 60, "the gap is told")
    assert f"{writer.path} was read up to byte {read} in an earlier run" in agent.err()


def test_what_was_there_at_the_first_start_is_not_read_whatever_is_renamed_meanwhile(oxpecker, fault_server, tmp_path):
    """A scan in whose folder names change is not believed; the next one is the first as well."""
    old = tmp_path / "old"
    old.mkdir()
    for n in range(300):
        (old / f"{n}.log").write_bytes(b'{"old":1}\n')
    (old / "q").write_bytes(b"")
    done = threading.Event()

    def rename():
        while not done.is_set():
            os.rename(old / "q", old / "r")
            os.rename(old / "r", old / "q")
    renames = threading.Thread(target=rename)
    renames.start()
    try:
        server, agent = follow(oxpecker, fault_server, old / "*.log", start="end", sweep="200ms")
        agent.wait_until(lambda: agent.metric("oxpecker_scans_total") >= 3, 60, "it has looked some times")
    finally:
        done.set()
        renames.join()
    swept(agent, 2)
    (old / "new.log").write_bytes(b'{"n":1}\n')
    wait_delivered(agent, 1)
    assert [document.get("n") for document in documents_of(server).values()] == [1]


def test_a_file_that_took_the_name_of_another_meanwhile_goes_on(oxpecker, fault_server, tmp_path):
    """While nobody looked: the one that had the name was rotated, so was the next, and then it was moved there."""
    one, two = tmp_path / "1" / "a.log", tmp_path / "2" / "b.log"
    for path in one, two:
        path.parent.mkdir()
        path.write_bytes(b"".join(b'{"of":"%s","n":%d}\n' % (path.name.encode(), n) for n in range(3)))
    server, agent = follow(oxpecker, fault_server, tmp_path / "*" / "*.log", sweep="300ms")
    wait_delivered(agent, 6)
    assert agent.stop() == 0
    one.rename(tmp_path / "1" / "a.log.2")
    one.write_bytes(b'{"of":"between","n":0}\n' * 3)
    one.rename(tmp_path / "1" / "a.log.1")
    two.rename(one)
    agent.start()
    wait_delivered(agent, 9)
    swept(agent)
    assert len(documents_of(server)) == 9
    assert agent.booked("received", signal="logs") == 9
