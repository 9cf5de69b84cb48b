"""The app's stdout: the `pipe` collector, with writers as they are started in a pod."""

import errno
import itertools
import os
import signal
import stat
import threading
import time

import pytest

from lib import fault, need
from lib.agent import HURRIED
from lib.process import Process
from lib.shipped import documents_of, wait_delivered
from lib.wait import wait_until

NODE = """
let [total, pause] = process.argv.slice(2).map(Number), n = 0;
process.on("SIGTERM", () => { total = n; });
function some() {
    for (let i = 0; i < 50 && n < total; i++, n++)
        process.stdout.write(JSON.stringify({ n, level: "info", message: "ü line " + n }) + "\\n");
    if (n < total) setTimeout(some, pause);
    else { console.error("wrote", n); process.exit(); }
}
some();
"""


def start(oxpecker, folder, url, pipe=None, **more):
    """The agent and the path of its FIFO."""
    path = str(folder / "stdout")
    config = {"logs": {"batch": {"age": "50ms"}, "collect": {"pipe": {"path": path, **(pipe or {})}},
                       "export": {"elasticsearch": {"url": url, "timeout": "2s"}}}}
    return oxpecker({**config, **more}), path


def numbers(server):
    return sorted(document["n"] for document in documents_of(server).values())


def write(path, data):
    """As a process does that opens the FIFO, writes, and goes."""
    with open(path, "wb", buffering=0) as file:
        file.write(data)


def lines(first, count, pad=0):
    return b"".join(b'{"n":%d,"pad":"%s"}\n' % (n, b"x" * pad) for n in range(first, first + count))


class App:
    """A Node app started by a shell, with its stdout in the FIFO: `how` is > or 1<>."""

    def __init__(self, closing, folder, path, total, pause=1, how="1<>", text=NODE):
        (folder / "app.js").write_text(text)
        words = [need.program("sh"), "-c", f'exec "$0" "$1" "$2" "$3" {how} "$4"', need.program("node"),
                 str(folder / "app.js"), total, pause, path]
        self.process = closing.keep(Ending(Process("app", words, folder)))

    def enough(self):
        """It ends; the lines that it wrote."""
        self.process.signal(signal.SIGTERM)
        self.wait()
        return int(self.process.err().split()[-1])

    def wait(self):
        assert self.process.wait(180) == 0, self.process.err()


class Ending:
    """What is closed at the test's end."""

    def __init__(self, process):
        self.process = process

    def __getattr__(self, name):
        return getattr(self.process, name)

    def close(self):
        self.process.kill9()


@pytest.mark.parametrize("how", [">", "1<>"])
def test_a_node_apps_stdout(oxpecker, fault_server, closing, tmp_path, how):
    server = fault_server()
    agent, path = start(oxpecker, tmp_path, server.url)
    mode = os.stat(path).st_mode
    assert stat.S_ISFIFO(mode) and stat.S_IMODE(mode) == 0o660
    App(closing, tmp_path, path, 5000, how=how).wait()
    wait_delivered(agent, 5000)
    documents = documents_of(server).values()
    assert numbers(server) == list(range(5000))
    assert all(d["message"] == f"ü line {d['n']}" for d in documents)
    agent.assert_balanced()


def test_writers_come_and_go(oxpecker, fault_server, tmp_path):
    """No end for the reader, whoever leaves; a last line without its end is shipped when nothing more comes."""
    server = fault_server()
    agent, path = start(oxpecker, tmp_path, server.url, pipe={"flush": "100ms"})
    for number in range(20):
        write(path, lines(number, 1))
    write(path, b'no "JSON"\n\n\r\n{"n":20}')
    wait_delivered(agent, 22)
    documents = list(documents_of(server).values())
    assert {"message": 'no "JSON"'} in documents
    assert sorted(d["n"] for d in documents if "n" in d) == list(range(21))
    assert agent.metric("oxpecker_empty_lines_total") == 2
    agent.assert_balanced()


BLOCKS = """
const [total, pause] = process.argv.slice(2).map(Number);
let text = "";
for (let n = 0; n < total; n++) text += JSON.stringify({ n, level: "info", message: "line " + n }) + "\\n";
function block() {
    process.stdout.write(text.slice(0, 1000));
    if ((text = text.slice(1000))) setTimeout(block, pause);
    else console.error("wrote all");
}
block();
"""


def test_an_app_that_fills_blocks_is_waited_for(oxpecker, fault_server, closing, tmp_path):
    """As stdout of C, Ruby or Perl does: half a line goes on with the next block, however late. What stands without an
    end when the app is gone is shipped as it is."""
    server = fault_server()
    agent, path = start(oxpecker, tmp_path, server.url, pipe={"flush": "20ms"})
    app = App(closing, tmp_path, path, 200, pause=200, text=BLOCKS)
    app.wait()
    wait_delivered(agent, 200)
    assert numbers(server) == list(range(200))
    write(path, b"half")
    wait_delivered(agent, 201)
    assert {"message": "half"} in documents_of(server).values()
    agent.assert_balanced()


def test_a_line_in_pieces_and_a_line_too_long(oxpecker, fault_server, tmp_path):
    server = fault_server()
    agent, path = start(oxpecker, tmp_path, server.url, pipe={"line_max": "64KiB", "flush": "60s"})
    with open(path, "wb", buffering=0) as file:
        for piece in (b'{"n":', b"0", b',"a":"', b"y" * 50000, b'"}\n{"n":1}\n'):
            file.write(piece)
            agent.wait_until(lambda: not unread(path), 60, "it is read")
        file.write(b"z" * 300000 + b"\n" + b'{"n":2}\n')
        wait_delivered(agent, 4)
    documents = list(documents_of(server).values())
    assert [d for d in documents if d.get("n") == 0] == [{"n": 0, "a": "y" * 50000}]
    cut = [d for d in documents if "oxpecker.truncated" in d]
    assert cut == [{"message": "z" * 65536, "oxpecker.truncated": True}]
    assert agent.metric("oxpecker_cut_bytes_total") == 300000 - 65536
    agent.assert_balanced()


def unread(path):
    """Bytes in the FIFO that nobody has read."""
    import array
    import fcntl
    import termios
    fd, count = os.open(path, os.O_RDWR | os.O_NONBLOCK), array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    os.close(fd)
    return count[0]


@pytest.mark.parametrize("what", ["file", "folder", "taken", "mode"])
def test_what_is_no_fifo_of_ours_is_refused(oxpecker, fault_server, tmp_path, what):
    path, options = tmp_path / "stdout", {}
    if what == "file":
        path.write_text("precious")
    elif what == "folder":
        path.mkdir()
    elif what == "taken":
        start(oxpecker, tmp_path, fault_server().url)
    else:
        options = {"mode": "rw"}
    other = tmp_path / "other"
    other.mkdir()
    agent = oxpecker({"logs": {"collect": {"pipe": {"path": str(path), **options}}}}, start=False)
    agent.launch()
    assert agent.process.wait(60) == 1
    agent.expected_exit = {1}
    wanted = ["mode: ", "octal"] if what == "mode" else ["cannot read", str(path)]
    assert all(part in agent.err() for part in wanted)
    assert what != "file" or (path.read_text() == "precious" and "mkfifo first" in agent.err())


def test_an_app_outlives_restarts_of_the_agent(oxpecker, fault_server, closing, tmp_path):
    """The app has the FIFO open both ways: the kernel keeps what it writes while no agent is there."""
    server = fault_server()
    agent, path = start(oxpecker, tmp_path, server.url, exit=HURRIED)
    app = App(closing, tmp_path, path, 10**9, pause=10)
    for number in range(1, 3):
        agent.wait_until(lambda: len(documents_of(server)) > 1000 * number, 60, "some are there")  # noqa: B023
        assert agent.stop() == 0
        assert app.process.alive()
        agent.start()
    written = app.enough()
    wait_delivered(agent, written)
    assert numbers(server) == list(range(written))
    agent.assert_balanced()


def test_while_the_backend_is_away_the_app_waits_once_and_the_loss_is_counted(oxpecker, fault_server, closing,
                                                                              tmp_path):
    """Nobody knows the writer's count but the writer: what came, what was delivered and what was lost add up to it."""
    server, total = fault_server(), 40000
    server.refuse()
    agent, path = start(oxpecker, tmp_path, server.url, pipe={"patience": "500ms", "buffer": "64KiB"}, memory="2MiB")
    longest, file = 0.0, open(path, "wb", buffering=0)
    for first in range(0, total, 100):
        data, began = lines(first, 100, 200), time.monotonic()
        file.write(data)
        longest = max(longest, time.monotonic() - began)
    agent.wait_until(lambda: agent.booked("received", signal="logs") == total, 60, "all are booked")
    lost = agent.booked("dropped", signal="logs")
    assert 0 < lost < total and 0.3 < longest
    assert agent.ledger(signal="logs")[0]["dropped"]["full"]["records"] == lost
    assert agent.metric("oxpecker_lost_lines_total") == lost and agent.metric("oxpecker_waits_total") == 1
    agent.assert_balanced()
    server.listen()
    wait_delivered(agent, total - lost)
    assert len(set(numbers(server))) == total - lost
    sizes = [len(line) for line in lines(0, total, 200).split(b"\n") if line]
    assert agent.booked("received", "bytes", signal="logs") == sum(sizes)
    file.write(lines(total, 1))
    wait_delivered(agent, total - lost + 1)
    agent.assert_balanced()
    file.close()
    assert agent.stop() == 1 and f"ended: {lost} records lost" in agent.err()
    agent.expected_exit = {1}
    agent.start()
    assert agent.stop() == 0 and agent.err().rstrip().endswith('"ended: nothing was lost"}')


def test_room_within_the_patience_loses_nothing(oxpecker, fault_server, tmp_path):
    server, total = fault_server(), 20000
    server.refuse()
    agent, path = start(oxpecker, tmp_path, server.url, pipe={"patience": "60s"}, memory="2MiB")
    writer = threading.Thread(target=write, args=(path, lines(0, total, 300)), daemon=True)
    writer.start()
    agent.wait_metric(1, "oxpecker_waits_total")
    assert writer.is_alive() and agent.booked("received", signal="logs") < total
    server.listen()
    writer.join(60)
    wait_delivered(agent, total)
    assert numbers(server) == list(range(total)) and agent.booked("dropped", signal="logs") == 0
    agent.assert_balanced()


def test_what_was_read_survives_an_end_while_the_server_is_away(oxpecker, fault_server, tmp_path):
    """Twice, so that the second run does not use the places of the first again: those were one document."""
    server = fault_server()
    server.refuse()
    agent, path = start(oxpecker, tmp_path, server.url, exit=HURRIED)
    for first in (0, 500):
        write(path, lines(first, 500))
        agent.wait_until(lambda: agent.booked("received", signal="logs") == first + 500, 60, "read")  # noqa: B023
        assert agent.stop() == 0
        agent.start()
    server.listen()
    wait_delivered(agent, 1000)
    write(path, lines(1000, 500))
    wait_delivered(agent, 1500)
    assert numbers(server) == list(range(1500))
    agent.assert_balanced()


def write_what_fits(fd, first):
    """Lines from that number on, until the FIFO is full; the number behind the last."""
    for number in itertools.count(first):
        try:
            os.write(fd, lines(number, 1, 300))
        except BlockingIOError:
            return number


def test_what_has_no_room_at_the_end_stays_in_the_fifo_of_an_app(oxpecker, fault_server, tmp_path):
    """The kernel keeps it as long as the app has the FIFO open: the next run reads it."""
    server, written = fault_server(), 0
    server.refuse()
    agent, path = start(oxpecker, tmp_path, server.url, pipe={"patience": "60s"}, memory="2MiB", exit=HURRIED)
    app = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    while not agent.metric("oxpecker_waits_total"):
        written = write_what_fits(app, written)
    written = write_what_fits(app, written)
    left = unread(path)
    assert agent.stop() == 1 and left > 200000
    agent.expected_exit = {0}
    lost = int(agent.err().rpartition("ended: ")[2].split()[0])
    assert lost * 300 < left / 2
    server.listen()
    agent.start()
    agent.wait_until(lambda: agent.booked("received", signal="logs") == written and not unread(path), 60, "all of it")
    wait_delivered(agent, written - lost)
    assert len(set(numbers(server))) == written - lost
    agent.assert_balanced()
    os.close(app)


def test_last_words_are_read_to_their_end(oxpecker, fault_server, tmp_path):
    """At SIGTERM the app may have something to say: it is listened to until it leaves."""
    server = fault_server()
    agent, path = start(oxpecker, tmp_path, server.url)
    with open(path, "wb", buffering=0) as file:
        file.write(lines(0, 10))
        wait_delivered(agent, 10)
        agent.process.signal(15)
        file.write(lines(10, 10))
        agent.process.wait_until(lambda: len(documents_of(server)) == 20, 60, "last words")
    assert agent.process.wait(60) == 0
    assert numbers(server) == list(range(20))


def test_a_kill_says_how_much_it_lost(oxpecker, fault_server, tmp_path):
    server = fault_server()
    server.refuse()
    agent, path = start(oxpecker, tmp_path, server.url)
    keeper = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    write(path, lines(0, 700))
    agent.wait_until(lambda: agent.booked("received", signal="logs") == 700, 60, "read")
    agent.kill9()
    write(path, lines(700, 300))
    server.listen()
    agent.start()
    wait_delivered(agent, 300)
    row = agent.ledger(signal="logs")[0]
    assert row["received"]["records"] == 1000 and row["dropped"]["killed"]["records"] == 700
    assert numbers(server) == list(range(700, 1000))
    agent.assert_balanced()
    os.close(keeper)


def test_who_writes_line_by_line_at_the_end_loses_none(oxpecker, fault_server, tmp_path):
    """An app that opens the FIFO for each line, while a slow server holds up the end: every line it could write is
    there."""
    server = fault_server()
    agent, path = start(oxpecker, tmp_path, server.url, exit={"within": "10s"})
    write(path, lines(0, 1))
    wait_delivered(agent, 1)
    server.plan(fault.slow(1.5), then=fault.good())
    write(path, lines(1, 1))
    written = [0, 1]
    agent.process.signal(15)

    def nobody_reads():
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            return error.errno == errno.ENXIO
        try:
            os.write(fd, lines(len(written), 1))
            written.append(len(written))
            return False
        except BrokenPipeError:
            return True
        finally:
            os.close(fd)

    wait_until(nobody_reads, 60, "the end of reading")
    assert agent.process.wait(60) == 0
    assert len(written) > 2 and "nothing was lost" in agent.err()
    agent.start()
    agent.wait_until(lambda: numbers(server) == written, 60, "what went to the spool")


def test_the_spool_comes_though_others_take_the_room(oxpecker, fault_server, tmp_path):
    """More than fits in memory, while an app writes all the time: the last row in memory is gone before the next."""
    server, written = fault_server(), 0
    server.refuse()
    agent, path = start(oxpecker, tmp_path, server.url, pipe={"patience": "60s"}, memory="2MiB", exit=HURRIED)
    app = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    while not agent.metric("oxpecker_waits_total"):
        written = write_what_fits(app, written)
    assert agent.stop() == 1
    agent.expected_exit = {0}
    lost = int(agent.err().rpartition("ended: ")[2].split()[0])
    server.plan(fault.slow(0.05))
    server.listen()
    writer = threading.Thread(target=write, args=(path, lines(written, 15000, 300)), daemon=True)
    writer.start()
    agent.start()
    writer.join(60)
    wait_delivered(agent, written + 15000 - lost)
    assert len(set(numbers(server))) == written + 15000 - lost
    agent.assert_balanced()
    os.close(app)


@pytest.mark.parametrize("remade", [True, False])
def test_a_fifo_that_was_removed_is_made_and_read_anew(oxpecker, fault_server, tmp_path, remade):
    server = fault_server()
    agent, path = start(oxpecker, tmp_path, server.url)
    with open(path, "wb", buffering=0) as old:
        old.write(lines(0, 1))
        os.unlink(path)
        if remade:
            os.mkfifo(path)
        agent.wait_until(lambda: "is a new FIFO now" in agent.err(), 60, "the new one")
        old.write(lines(1, 1))
        write(path, lines(2, 1))
        wait_delivered(agent, 3)
    write(path, lines(3, 1))
    wait_delivered(agent, 4)
    assert numbers(server) == [0, 1, 2, 3]
    agent.assert_balanced()


def test_a_trace_on_stdout_is_one_message(oxpecker, fault_server, tmp_path):
    server = fault_server()
    agent, path = start(oxpecker, tmp_path, server.url, {"multiline": ["java"], "flush": "200ms"})
    trace = "java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: y\n\t... 2 more"
    with open(path, "wb", buffering=0) as file:
        file.write(lines(0, 1))
        for line in trace.split("\n"):
            file.write(line.encode() + b"\n")
        file.write(lines(1, 1))
        wait_delivered(agent, 3)
        file.write(trace.encode() + b"\n")
        wait_delivered(agent, 4)
    assert [d["message"] for d in documents_of(server).values() if "message" in d] == [trace] * 2
    agent.assert_balanced()
