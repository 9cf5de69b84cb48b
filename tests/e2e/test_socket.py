"""Log lines on sockets: loggers as they are, frames of every kind, and peers that mean no good."""

import json
import logging
import logging.handlers
import os
import resource
import socket
import stat
import subprocess
import threading

import pytest

from lib import need
from lib.agent import HURRIED
from lib.shipped import documents_of, wait_delivered
from lib.wait import free_port


def start(oxpecker, url, collector, **more):
    config = {"logs": {"batch": {"age": "50ms"}, "collect": {"socket": collector},
                       "export": {"elasticsearch": {"url": url, "timeout": "2s"}}}}
    return oxpecker({**config, **more})


def documents(server):
    return list(documents_of(server).values())


def connected(address, kind=socket.SOCK_STREAM):
    """A socket to a path or a port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    made = socket.socket(family, kind)
    made.settimeout(30)
    made.connect(address if isinstance(address, str) else ("127.0.0.1", address))
    return made


@pytest.fixture(params=["unix", "inet"])
def place(request, tmp_path):
    """(what the agent listens on, where a client connects)"""
    if request.param == "unix":
        return f"unix:{tmp_path}/log.sock", f"{tmp_path}/log.sock"
    port = free_port()
    return f"127.0.0.1:{port}", port


def test_lines_of_many_connections(oxpecker, fault_server, place):
    server = fault_server()
    agent = start(oxpecker, server.url, place[0])
    peers = [connected(place[1]) for _ in range(40)]
    for first in range(0, 50):
        for number, peer in enumerate(peers):
            line = json.dumps({"n": first * 40 + number, "pad": "x" * 200}).encode() + b"\n"
            peer.sendall(line[:30])
            peer.sendall(line[30:])
    for number, peer in enumerate(peers):
        peer.sendall(b'{"n":%d}' % (2000 + number))  # the end of the connection is that of the line
        peer.close()
    wait_delivered(agent, 2040)
    assert sorted(d["n"] for d in documents(server)) == list(range(2040))
    agent.wait_until(lambda: agent.metric("oxpecker_connections", component="logs.collect.socket") == 0, 60, "gone")
    agent.assert_balanced()


def test_pythons_syslog_handler(oxpecker, fault_server, place):
    """One datagram a record, with a priority, without a time, with a zero at its end."""
    server = fault_server()
    agent = start(oxpecker, server.url, {"listen": place[0], "kind": "datagram"})
    address = place[1] if isinstance(place[1], str) else ("127.0.0.1", place[1])
    handler = logging.handlers.SysLogHandler(address, facility="local3")
    handler.setFormatter(logging.Formatter("%(name)s[%(process)d]: %(message)s"))
    logger = logging.Logger("shop", logging.DEBUG)
    logger.addHandler(handler)
    for number in range(500):
        logger.warning("line %d ü\nand one more", number)
        if number % 50 == 0:
            agent.wait_metric(number + 1, "oxpecker_datagrams_total")
    handler.setFormatter(logging.Formatter("@cee: %(message)s"))
    logger.error(json.dumps({"n": 1}))
    wait_delivered(agent, 501)
    found = documents(server)
    assert {d.get("message") for d in found} == {f"line {n} ü\nand one more" for n in range(500)} | {None}
    assert all(d["oxpecker.syslog.severity.name"] == "warning" and d["oxpecker.syslog.appname"] == "shop"
               and d["oxpecker.syslog.procid"] == str(os.getpid()) for d in found[:500])
    assert found[500]["n"] == 1 and found[500]["oxpecker.syslog.severity.name"] == "error"
    assert found[500]["oxpecker.syslog.facility.name"] == "local3"
    agent.assert_balanced()
    handler.close()


def test_pythons_syslog_handler_on_a_stream(oxpecker, fault_server, place):
    """A zero stands behind each record, and no line's end; glibc's syslog() does the same."""
    server = fault_server()
    agent = start(oxpecker, server.url, {"listen": place[0], "flush": "1h"})
    address = place[1] if isinstance(place[1], str) else ("127.0.0.1", place[1])
    handler = logging.handlers.SysLogHandler(address, socktype=socket.SOCK_STREAM)
    logger = logging.Logger("shop", logging.DEBUG)
    logger.addHandler(handler)
    for number in range(500):
        logger.warning("line %d ü\nand one more", number)
    wait_delivered(agent, 500)
    assert [d["message"] for d in documents(server)] == [f"line {n} ü\nand one more" for n in range(500)]
    agent.assert_balanced()
    handler.close()


@pytest.mark.parametrize("words", [["--rfc5424"], ["--rfc3164"], []], ids=["5424", "3164", "default"])
def test_logger(oxpecker, fault_server, tmp_path, words):
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "kind": "datagram"})
    subprocess.run([need.program("logger"), "-u", path, "--socket-errors=on", "-p", "daemon.err", "-t", "app", *words,
                    "hello: world"], check=True, timeout=60)
    wait_delivered(agent, 1)
    document, = documents(server)
    assert document["message"] == "hello: world" and document["oxpecker.syslog.appname"] == "app"
    assert document["oxpecker.syslog.severity.name"] == "error"
    assert document["oxpecker.syslog.facility.name"] == "daemon"
    assert document["@timestamp"].startswith("20")


def test_the_severity_of_a_syslog_message_is_its_level(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = oxpecker({"logs": {"batch": {"age": "50ms"}, "collect": {"socket": {"listen": "unix:" + path}},
                               "steps": [{"filter": "warn"}, "ecs"], "export": {"elasticsearch": {"url": server.url}}}})
    with connected(path) as peer:
        peer.sendall(b"".join(b"<%d>1 - - app - - - %d\n" % (8 + severity, severity) for severity in range(8)))
    wait_delivered(agent, 5)
    assert [(d["message"], d["log.level"]) for d in documents(server)] == [
        ("0", "emergency"), ("1", "alert"), ("2", "critical"), ("3", "error"), ("4", "warning")]
    assert all(int(d["message"]) == d["log.syslog.severity.code"] for d in documents(server))


@pytest.mark.parametrize("framing", ["auto", "octets"])
def test_octet_counting(oxpecker, fault_server, tmp_path, framing):
    """A message of several lines is one record; whole again however it is cut on its way."""
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "framing": framing})
    texts = [f"<14>1 2026-11-23T04:45:06Z host app {n} - - line {n}\nsecond ü" for n in range(300)]
    data = b"".join(b"%d %s" % (len(text.encode()), text.encode()) for text in texts)
    with connected(path) as peer:
        for at in range(0, len(data), 97):
            peer.sendall(data[at:at + 97])
        wait_delivered(agent, 300)
    assert [d["message"] for d in documents(server)] == [f"line {n}\nsecond ü" for n in range(300)]
    agent.assert_balanced()


def test_what_is_no_frame_is_a_line_and_what_is_too_long_is_cut(oxpecker, fault_server, tmp_path):
    """Of a peer that counts octets. What was begun and never ended is shipped as far as it came."""
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "line_max": "1KiB"})
    bad, large, half, page = (connected(path) for _ in range(4))
    bad.sendall(b"5 <14>a7 nonsense\n5 <14>f\n5 <14>g\r\n")
    large.sendall(b"5 <14>b2000 <14>" + b"x" * 1996 + b"5 <14>h")
    half.sendall(b"5 <14>c9 <14>d")
    half.close()
    page.sendall(b"404 <html>\nnot found\n")
    wait_delivered(agent, 11)
    found = {d["message"]: "oxpecker.truncated" in d for d in documents(server)}
    assert found == {"a": False, "7 nonsense": False, "f": False, "g": False, "b": False,
                     "<14>" + "x" * 1020: True, "h": False, "c": False, "<14>d": True,
                     "404 <html>": False, "not found": False}
    assert agent.metric("oxpecker_unframed_messages_total") == 1
    assert agent.metric("oxpecker_cut_bytes_total") == 2000 - 1024
    assert "counts octets" in agent.err()
    agent.assert_balanced()


def test_hostile_peers_hold_neither_memory_nor_others_up(oxpecker, fault_server, tmp_path):
    """Forty lines without an end: beyond what they may hold together they are cut, while another goes on."""
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "line_max": "1MiB"})
    peers = [connected(path) for _ in range(40)]
    for peer in peers:
        peer.sendall(b"y" * 500000)
    with connected(path) as good:
        good.sendall(b"".join(b'{"n":%d}\n' % n for n in range(1000)))
        agent.wait_until(lambda: sum("n" in d for d in documents(server)) == 1000, 60, "the good one's lines")
    for peer in peers:
        peer.sendall(b"\n")
        peer.close()
    wait_delivered(agent, 1040)
    cut = [d for d in documents(server) if "oxpecker.truncated" in d]
    whole = [d for d in documents(server) if d.get("message") == "y" * 500000]
    assert len(cut) + len(whole) == 40 and len(cut) >= 20 and whole
    assert agent.metric("oxpecker_cut_lines_total") == len(cut)
    agent.assert_balanced()


def test_connections_are_bounded(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "connections": 2})
    peers = [connected(path) for _ in range(4)]
    for number, peer in enumerate(peers):
        peer.sendall(b'{"n":%d}\n' % number)
    wait_delivered(agent, 2)
    assert agent.metric("oxpecker_connections", component="logs.collect.socket") == 2
    assert agent.metric("oxpecker_connections_full_total") == 1 and "further ones wait" in agent.err()
    for peer in peers[:2]:
        peer.close()
    wait_delivered(agent, 4)
    assert sorted(d["n"] for d in documents(server)) == [0, 1, 2, 3]


def test_whoever_never_says_a_word_gives_its_place_up(oxpecker, fault_server, tmp_path):
    """But whoever has said something keeps it, however long it is idle."""
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "connections": 3})
    talker = connected(path)
    talker.sendall(b'{"n":0}\n')
    wait_delivered(agent, 1)
    silent, peers = [connected(path) for _ in range(2)], []
    for number in (1, 2, 3):
        peers.append(connected(path))
        peers[-1].sendall(b'{"n":%d}\n' % number)
    wait_delivered(agent, 3)
    assert all(peer.recv(1) == b"" for peer in silent)
    talker.sendall(b'{"n":4}\n')
    wait_delivered(agent, 4)
    assert sorted(d["n"] for d in documents(server)) == [0, 1, 2, 4]
    assert agent.metric("oxpecker_connections_evicted_total", component="logs.collect.socket") == 2
    talker.close()
    wait_delivered(agent, 5)
    agent.assert_balanced()


@pytest.mark.parametrize("hard", [None, 64])
def test_descriptors_are_no_ceiling_unless_they_have_to_be(oxpecker, fault_server, tmp_path, hard):
    """The soft limit is raised. Where that does not help connections wait, and it is said."""
    server, path = fault_server(), f"{tmp_path}/log.sock"
    config = {"logs": {"collect": {"socket": {"listen": "unix:" + path, "connections": 100}},
                       "export": {"elasticsearch": server.url}}}
    agent = oxpecker(config, start=False)
    agent.launch("sh", "-c", 'ulimit -S -n 64; exec "$@"', "sh")
    if hard:
        resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (hard, hard))
    agent.wait_until(lambda: os.path.exists(path) and agent.answers("/health/liveness"), 60, "the agent")
    peers = [connected(path) for _ in range(100)]
    for number, peer in enumerate(peers):
        peer.sendall(b'{"n":%d}\n' % number)
    if hard:
        agent.wait_until(lambda: "no more connections can be accepted" in agent.err(), 60, "a word of it")
        for _ in range(20):  # both have a descriptor of their own for that
            assert agent.answers("/health/liveness") and agent.status()["ledger"]
        for peer in peers:
            peer.close()
    wait_delivered(agent, 100)
    assert sorted(d["n"] for d in documents(server)) == list(range(100))
    agent.assert_balanced()


def test_lines_in_datagrams_and_one_that_is_too_long(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "kind": "datagram", "line_max": "4KiB"})
    with connected(path, socket.SOCK_DGRAM) as peer:
        for data in (b'{"n":1}\n{"n":2}\n', b"text\r\n", b"", b"\n", b"z" * 10000, b'{"n":3}',
                     b'{"n":4}\n{"n":5}\n' + b"y" * 5000):
            peer.send(data)
    wait_delivered(agent, 8)
    found = documents(server)
    assert [d["n"] for d in found if "n" in d] == [1, 2, 3, 4, 5] and {"message": "text"} in found
    assert {"message": "z" * 4096, "oxpecker.truncated": True} in found
    assert {"message": "y" * (4096 - 16), "oxpecker.truncated": True} in found
    assert agent.metric("oxpecker_cut_bytes_total") == 10000 - 4096 + 5016 - 4096
    agent.assert_balanced()


def test_what_the_kernel_throws_away_is_counted(oxpecker, fault_server):
    """UDP while the agent stands still: its buffer overflows, and every datagram is in the books."""
    server, port = fault_server(), free_port()
    agent = start(oxpecker, server.url, {"listen": f"127.0.0.1:{port}", "kind": "datagram", "buffer": "16KiB"})
    with connected(port, socket.SOCK_DGRAM) as peer:
        agent.process.signal(19)
        for number in range(2000):
            peer.send(b'{"n":%d}' % number)
        agent.process.signal(18)
        agent.wait_until(lambda: agent.booked("delivered") > 0 and not agent.booked("held"), 60, "what was kept")
        peer.send(b'{"n":2000}')
        agent.wait_until(lambda: agent.booked("received", signal="logs") == 2001, 60, "all are booked")
    lost = agent.metric("oxpecker_kernel_lost_datagrams_total")
    assert 0 < lost < 2000 and agent.booked("dropped", signal="logs") == lost
    wait_delivered(agent, 2001 - lost)
    agent.assert_balanced()
    agent.expected_exit = {1}


@pytest.mark.parametrize("kind", ["stream", "datagram"])
def test_a_dead_socket_is_replaced_and_a_live_one_refused(oxpecker, fault_server, tmp_path, kind):
    path = f"{tmp_path}/log.sock"
    options = {"listen": "unix:" + path, "kind": kind}
    kinds = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM}
    dead = socket.socket(socket.AF_UNIX, kinds[kind])
    dead.bind(path)
    dead.close()
    first = start(oxpecker, fault_server().url, {**options, "mode": "0600"})
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    for other in kinds:
        second = oxpecker({"logs": {"collect": {"socket": {**options, "kind": other}}}}, start=False)
        second.launch()
        assert second.process.wait(60) == 1
        second.expected_exit = {1}
        assert f"cannot listen on unix:{path}: taken by" in second.err()
    with connected(path, kinds[kind]) as peer:
        peer.send(b"still here\n")
        wait_delivered(first, 1)
    assert first.stop() == 0 and not os.path.exists(path)


@pytest.mark.parametrize("kind", ["stream", "datagram"])
def test_while_the_backend_is_away_the_loss_is_counted(oxpecker, fault_server, tmp_path, kind):
    server, path, total = fault_server(), f"{tmp_path}/log.sock", 30000
    server.refuse()
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "kind": kind, "patience": "300ms"}, memory="2MiB")
    peer = connected(path, socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM)
    for number in range(total):
        peer.send(b'{"n":%d,"pad":"%s"}\n' % (number, b"x" * 200))
    agent.wait_until(lambda: agent.booked("received", signal="logs") == total, 60, "all are booked")
    lost = agent.booked("dropped", signal="logs")
    assert 0 < lost < total and agent.metric("oxpecker_waits_total") >= 1
    agent.assert_balanced()
    server.listen()
    wait_delivered(agent, total - lost)
    peer.send(b'{"n":%d}\n' % total)
    wait_delivered(agent, total - lost + 1)
    agent.assert_balanced()
    peer.close()
    agent.expected_exit = {1}


def test_what_was_taken_survives_an_end_and_last_words_are_heard(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), f"{tmp_path}/log.sock"
    server.refuse()
    agent = start(oxpecker, server.url, "unix:" + path, exit=HURRIED)
    with connected(path) as peer:
        peer.sendall(b"".join(b'{"n":%d}\n' % n for n in range(500)))
        agent.wait_until(lambda: agent.booked("received", signal="logs") == 500, 60, "read")
        agent.process.signal(15)
        peer.sendall(b'{"n":500}')
    agent.wait_until(lambda: agent.booked("received", signal="logs") == 501, 60, "the last words")
    assert agent.stop() == 0
    server.listen()
    agent.start()
    wait_delivered(agent, 501)
    assert sorted(d["n"] for d in documents(server)) == list(range(501))
    agent.assert_balanced()


def test_who_waits_to_be_let_in_is_heard_at_the_end(oxpecker, fault_server, tmp_path):
    """It has connected and written, as far as it knows: that is no less than what others have said."""
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "connections": 1})
    peers = [connected(path) for _ in range(20)]
    for number, peer in enumerate(peers):
        peer.sendall(b'{"n":%d}\n' % number)
    wait_delivered(agent, 1)
    assert agent.stop() == 0
    agent.start()
    wait_delivered(agent, 20)
    assert sorted(d["n"] for d in documents(server)) == list(range(20))
    agent.assert_balanced()


def test_sixty_four_writers_flat_out(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "patience": "60s"})

    def ship(first):
        with connected(path) as peer:
            peer.sendall(b"".join(b'<14>app[1]: {"n":%d,"pad":"%s"}\n' % (n, b"x" * 300)
                                  for n in range(first, first + 500)))

    writers = [threading.Thread(target=ship, args=(500 * n,), daemon=True) for n in range(64)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    wait_delivered(agent, 32000)
    assert sorted(d["n"] for d in documents(server)) == list(range(32000))
    agent.assert_balanced()


@pytest.mark.parametrize("text", [b"100 <13>half a frame", b"half a line"])
def test_what_has_no_end_does_not_hold_up_the_end(oxpecker, fault_server, tmp_path, text):
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path}, exit={"within": "10m"})
    with connected(path) as peer:
        peer.sendall(text)
        agent.wait_until(lambda: agent.metric("oxpecker_connections") == 1, 60, "its connection")
        assert agent.stop() == 0  # sooner than exit.within
    document, = documents(server)
    assert document["message"].endswith(text.decode().partition(">")[2] or "half a line")
    assert "nothing was lost" in agent.err()


def test_many_large_datagrams_hold_up_nobody(oxpecker, fault_server, tmp_path):
    """Bytes that have to be escaped, sixteen of them read at a time: none is lost, and the loop turns between them."""
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "kind": "datagram"}, memory="64MiB")
    with connected(path, socket.SOCK_DGRAM) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        before = agent.metric("oxpecker_loop_slice_seconds_count")
        for _ in range(64):
            peer.send(b"<13>" + b'\x01\xff"' * 30000)
    wait_delivered(agent, 64)
    assert agent.metric("oxpecker_loop_slice_seconds_count") - before >= 64
    agent.assert_balanced()


@pytest.mark.parametrize("kind", ["stream", "datagram"])
def test_a_socket_file_that_was_removed_is_made_anew(oxpecker, fault_server, tmp_path, kind):
    server, path = fault_server(), f"{tmp_path}/log.sock"
    sort = socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "kind": kind})
    with connected(path, sort) as old:
        old.sendall(b'{"n":1}\n')
        wait_delivered(agent, 1)
        os.unlink(path)
        agent.wait_until(lambda: os.path.exists(path), 60, "a new file")
        with connected(path, sort) as fresh:
            fresh.sendall(b'{"n":2}\n')
        if kind == "stream":
            old.sendall(b'{"n":3}\n')
        wait_delivered(agent, 3 if kind == "stream" else 2)
    assert "created it again" in agent.err()
    agent.assert_balanced()


def test_a_trace_is_one_message_whoever_else_writes(oxpecker, fault_server, tmp_path):
    server, path = fault_server(), f"{tmp_path}/log.sock"
    agent = start(oxpecker, server.url, {"listen": "unix:" + path, "multiline": ["python"], "flush": "200ms"})
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\nValueError: x'
    with connected(path) as one, connected(path) as other:
        for line in trace.split("\n"):
            one.sendall(line.encode() + b"\n")
            other.sendall(b'{"n":1}\n')
        wait_delivered(agent, 5)
    assert [d["message"] for d in documents(server) if "message" in d] == [trace]
    agent.assert_balanced()
