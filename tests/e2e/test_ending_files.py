"""The end, and files that the next run will not find: what was read of them, and what was not, goes to the spool."""

import gzip
import json
import os
import shutil
import signal
import time

import pytest

from lib import fault
from lib.lines import Writer, as_written
from lib.sink import Sink
from lib.wait import wait_until

LINES, MANY, TOO_MANY = 1000, 4000, 10000
PADDING = "x" * 400


def config(folder, server, **more):
    retry = {"retry_first": "100ms", "retry_last": "100ms"}
    tail = {"paths": f"{folder}/*.log", **more.pop("tail", {})}
    return {"exit": {"within": "10m"},
            "logs": {"batch": {"age": "20ms", "bytes": "64KiB"}, "collect": {"tail": tail}, **more.pop("logs", {}),
                     "export": {"elasticsearch": {"url": server.url, **retry}}}, **more}


def remove(writer):
    os.unlink(writer.path)


def rotate_away(writer):
    """Twice, and one backup is kept: what the file had is gone with the second."""
    writer.rotate(1)
    writer.raw(b'{"n":-1}\n')
    os.unlink(writer.path + ".1")
    writer.rotate(1)


def move_out(writer):
    elsewhere = os.path.join(os.path.dirname(writer.path), "elsewhere")
    os.mkdir(elsewhere)
    os.rename(writer.path, elsewhere + "/kept")


def move_folder(writer):
    """As a volume that is unmounted."""
    folder = os.path.dirname(writer.path)
    os.rename(folder, folder + "-away")


def cut(writer):
    writer.truncate()


LOSSES = [remove, rotate_away, move_out, move_folder]


class Files:
    """An agent whose backend answers 503, and an app with a file that goes away."""

    def __init__(self, oxpecker, server, folder, **more):
        self.folder, self.server, self.sink = folder / "logs", server, Sink(server)
        self.folder.mkdir()
        server.plan(fault.status(503))
        self.writer = Writer(self.folder / "app.log")
        self.agent = oxpecker(config(self.folder, server, **more))

    def read(self, lines, **members):
        if lines:
            self.writer.write(lines, **members)
        self.agent.wait_until(lambda: self.agent.booked("held") > 0, 60, "lines wait")
        held = None
        while held != (held := self.agent.booked("held")):
            self.agent.wait_until(lambda: self.server.requests, 60, "it is tried")
            self.server.requests.clear()

    def has_read(self, lines):
        """Whether it has ended by itself, or has read so much that it would go to disk."""
        try:
            return "waiting for " in self.agent.err() and self.agent.booked("received") >= lines
        except OSError:
            return False  # it has just ended

    def end(self, status=0):
        """With a second signal, since the backend is not waited for for ever. What is lost is not waited for either."""
        process, lines = self.agent.process, len(self.writer.lines) if status == 0 else 0
        process.signal(signal.SIGTERM)
        wait_until(lambda: not process.alive() or self.has_read(lines), 60, "it leaves")
        process.signal(signal.SIGTERM)
        assert process.wait(120) == status, self.agent.err()[-2000:]
        self.agent.expected_exit = {status}
        told = "nothing was lost" if status == 0 else "records lost"
        assert told in self.agent.err().splitlines()[-1], self.agent.err()[-2000:]

    def back(self):
        self.server.plan(self.sink.behave)
        self.agent.start()

    def numbers(self):
        return sorted(d["n"] for d in list(self.sink.documents.values()) if d.get("n", -1) >= 0)

    def assert_all_once(self, again=0):
        self.agent.wait_until(lambda: len(self.numbers()) >= len(self.writer.lines), 60, "all came")
        self.agent.wait_until(lambda: self.agent.booked("held") == 0, 60, "nothing is held")
        assert self.numbers() == sorted(self.writer.lines) and self.sink.again <= again + self.agent.sent_again()
        for document in list(self.sink.documents.values()):
            if document["n"] >= 0:
                assert as_written(document) == json.loads(self.writer.lines[document["n"]])
        self.agent.wait_until(lambda: self.agent.status()["state"]["spool_bytes"] == 0, 60, "the spool is empty")
        self.agent.assert_balanced()

    def assert_nothing_is_missed(self):
        """Scanned twice: a file is missed by the scan after the first."""
        self.agent.wait_until(lambda: self.agent.metric("oxpecker_scans_total", component="logs.collect.tail") > 1)
        assert self.agent.metric("oxpecker_vanished_files_total", component="logs.collect.tail") == 0
        assert "is not there any more" not in self.agent.err()


@pytest.mark.parametrize("lose", LOSSES + [cut])
def test_lines_that_nobody_took_outlive_their_file(oxpecker, fault_server, tmp_path, lose):
    files = Files(oxpecker, fault_server(), tmp_path)
    files.read(LINES)
    lose(files.writer)
    files.end()
    files.back()
    files.assert_all_once()
    assert files.agent.booked("received") == files.agent.booked("delivered") >= LINES
    assert files.agent.booked("dropped") == 0
    files.assert_nothing_is_missed()


@pytest.mark.parametrize("lose", LOSSES)
def test_what_was_not_read_of_a_file_outlives_it(oxpecker, fault_server, tmp_path, lose):
    """More than the pipeline takes while nobody takes anything."""
    files = Files(oxpecker, fault_server(), tmp_path)
    files.read(MANY, padding=PADDING)
    assert files.agent.booked("received") < MANY
    lose(files.writer)
    files.end()
    files.back()
    files.assert_all_once()
    assert files.agent.booked("dropped") == 0
    files.assert_nothing_is_missed()


def test_a_file_that_is_found_again_is_read_on_behind_that(oxpecker, fault_server, tmp_path):
    """A volume that comes back: what went to disk does not come again, and what was written since does."""
    files = Files(oxpecker, fault_server(), tmp_path)
    files.read(MANY, padding=PADDING)
    move_folder(files.writer)
    files.end()
    os.rename(f"{files.folder}-away", files.folder)
    files.writer.write(10)
    files.back()
    files.assert_all_once()
    assert files.agent.booked("received") == MANY + 10


def test_the_last_line_of_a_removed_file_is_a_line(oxpecker, fault_server, tmp_path):
    """Without its end, and with a backend that takes everything."""
    files = Files(oxpecker, fault_server(), tmp_path)
    files.server.plan(files.sink.behave)
    files.writer.write(1)
    files.agent.wait_until(lambda: files.numbers() == [0], 60, "the first line")
    files.writer.raw(b'{"n":1}')
    files.writer.lines[1] = '{"n":1}'
    remove(files.writer)
    files.end()
    assert files.numbers() == [0, 1]
    files.back()
    files.assert_nothing_is_missed()


def test_what_is_held_of_a_removed_file_goes_with_it(oxpecker, fault_server, tmp_path):
    """Lines whose message may go on, and pieces of a line that the runtime split; nobody takes them."""
    files = Files(oxpecker, fault_server(), tmp_path, tail={"multiline_start": "BEGIN"})
    (files.folder / "pod.log").write_text("2026-11-29T12:00:00Z stdout P a split line\n")
    files.writer.raw(b"BEGIN one\npart of one\nBEGIN two\npart of two\nand its last")
    files.agent.wait_until(lambda: files.agent.metric("oxpecker_files", component="logs.collect.tail") == 2, 60, "2")
    remove(files.writer)
    os.unlink(files.folder / "pod.log")
    files.end()
    files.back()
    files.agent.wait_until(lambda: files.agent.booked("held") == 0, 60, "all came")
    told = sorted(document["message"] for document in files.sink.documents.values())
    assert told == ["BEGIN one\npart of one", "BEGIN two\npart of two", "a split line", "and its last"]
    files.agent.assert_balanced()


def test_an_archive_that_is_removed_while_it_is_unpacked(oxpecker, fault_server, tmp_path):
    """Its text is a file of ours without a name: nobody else has it."""
    files = Files(oxpecker, fault_server(), tmp_path, tail={"paths": f"{tmp_path}/logs/*.gz", "gzip": True})
    files.writer.write(MANY, padding=PADDING)
    with open(files.writer.path, "rb") as plain, gzip.open(files.writer.path + ".gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    os.utime(files.writer.path + ".gz", (0, 0))
    files.read(0)
    os.unlink(files.writer.path + ".gz")
    files.end()
    files.back()
    files.assert_all_once()


def test_a_file_that_is_removed_while_the_process_ends(oxpecker, fault_server, tmp_path):
    """Two seconds after SIGTERM; and what its writer adds until the last moment."""
    files = Files(oxpecker, fault_server(), tmp_path)
    files.read(LINES)
    files.agent.process.signal(signal.SIGTERM)
    files.agent.wait_until(lambda: "waiting for " in files.agent.err(), 60, "it leaves")
    remove(files.writer)
    files.writer.write(5)
    files.end()
    files.back()
    files.assert_all_once()


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 2.0])
def test_a_kill_while_a_removed_file_goes_to_disk(oxpecker, fault_server, tmp_path, seconds):
    """From two seconds after SIGTERM on, whenever it comes."""
    files = Files(oxpecker, fault_server(), tmp_path)
    files.read(MANY, padding=PADDING)
    remove(files.writer)
    files.agent.process.signal(signal.SIGTERM)
    files.agent.wait_until(lambda: files.agent.booked("received") == MANY, 60, "all is on disk")
    until = time.monotonic() + seconds
    files.agent.wait_until(lambda: time.monotonic() >= until, 10, "a while")
    files.agent.kill9()
    files.back()
    files.assert_all_once()
    assert files.agent.booked("dropped") == 0


def test_what_is_delivered_after_all_does_not_come_again(oxpecker, fault_server, tmp_path):
    """The backend is back before the process has ended."""
    files = Files(oxpecker, fault_server(), tmp_path)
    files.read(LINES)
    remove(files.writer)
    files.agent.process.signal(signal.SIGTERM)
    files.agent.wait_until(lambda: files.agent.status()["state"]["spool_bytes"] > 0, 60, "it is on disk")
    files.server.plan(files.sink.behave)
    assert files.agent.process.wait(120) == 0, files.agent.err()[-2000:]
    assert files.numbers() == list(range(LINES))
    files.back()
    files.assert_all_once()


def test_what_finds_no_room_is_named_and_counted(oxpecker, fault_server, tmp_path):
    """16 MiB of lines, and a state that may have as much for everything."""
    state = {"path": str(tmp_path / "state"), "max": "16MiB"}
    files = Files(oxpecker, fault_server(), tmp_path, state=state)
    files.read(TOO_MANY, padding=4 * PADDING)
    remove(files.writer)
    files.end(status=1)
    assert f"{files.writer.path}: the next run will not find this file, and " in files.agent.err()
    files.back()
    files.agent.wait_until(lambda: files.agent.booked("held") == 0, 60, "what found room came")
    came = files.numbers()
    assert 0 < len(came) < TOO_MANY and len(set(came)) == len(came)
    row, = files.agent.ledger(source="logs.collect.tail")
    assert row["dropped"]["exit"]["records"] == TOO_MANY - len(came) and row["delivered"]["records"] == len(came)
    files.agent.assert_balanced()


def test_files_of_any_size_do_not_hold_the_end_up(oxpecker, fault_server, tmp_path):
    """A neighbour's: mostly holes, which cost it nothing. There is no room on disk for the lines that they have."""
    state = {"path": str(tmp_path / "state"), "max": "16MiB"}
    files = Files(oxpecker, fault_server(), tmp_path, state=state)
    paths = [files.folder / f"{number}.log" for number in range(200)]
    for path in paths:
        path.write_bytes(b'{"n":1}\n' * 20_000)
        os.truncate(path, 1 << 30)
    files.agent.wait_until(lambda: files.agent.metric("oxpecker_files") == len(paths) + 1, 60, "all are followed")
    for path in paths:
        os.unlink(path)
    files.end(status=1)  # reading all of them would take far longer than that waits


def test_steps_come_before_the_disk(oxpecker, fault_server, tmp_path):
    """Nothing that is to be redacted stands in the state, of what was read and of what was not."""
    steps = [{"redact": {"detect": ["email"]}}]
    files = Files(oxpecker, fault_server(), tmp_path, logs={"steps": steps})
    files.read(MANY, mail="jane.roe@example.org", padding=PADDING)
    remove(files.writer)
    files.end()
    for path, _, names in os.walk(tmp_path / "state"):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                assert b"jane.roe" not in file.read()
    files.back()
    files.agent.wait_until(lambda: len(files.numbers()) == MANY, 60, "all came")
    assert all("jane" not in document["mail"] for document in files.sink.documents.values())


def test_a_second_signal_cuts_nothing_off(oxpecker, fault_server, tmp_path):
    files = Files(oxpecker, fault_server(), tmp_path)
    files.read(MANY, padding=PADDING)
    remove(files.writer)
    files.agent.process.signal(signal.SIGTERM)
    files.agent.wait_until(lambda: "ending: " in files.agent.err(), 60, "the end begins")
    files.agent.process.signal(signal.SIGTERM)
    assert files.agent.process.wait(120) == 0, files.agent.err()[-2000:]
    files.back()
    files.assert_all_once()
