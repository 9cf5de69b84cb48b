"""Waiting for conditions, the only place of the Python tests that sleeps."""

import fcntl
import random
import socket
import time

MARKS_FROM = 512  # descriptors below it stay free for tests that lower the limit
_given = {}


def wait_until(predicate, deadline=60.0, what="the condition"):
    """Polls until predicate() is true and returns what it returned; fails after `deadline` seconds, saying `what`.

    Less than 60 is for what must not take longer: a busy machine takes seconds for anything, and stops for some.
    It asks once more when the time is over, since an answer that took long tells of an earlier moment.
    Asking costs the test and the asked alike, so what takes longer is asked for less often.
    """
    begun, pause, last = time.monotonic(), 0.002, None
    while True:
        waited = time.monotonic() - begun
        last = predicate()
        if last:
            return last
        if waited > deadline:
            raise AssertionError(f"not within {deadline:g} s: {what} (last: {last!r:.300})")
        time.sleep(pause)
        pause = min(pause * 1.5, max(0.05, waited / 10), 0.25)


def free_port():
    """A TCP port of the loopback that nobody listens on, given neither before in this run nor to another that goes on.

    It lies below the kernel's range for clients: no connection can take it while its server is away, nor meet itself.
    """
    while True:
        port = random.randrange(12000, 32000)
        if can_listen(port) and reserve(port):
            return port


def reserve(port):
    """Keeps other runs on this machine from it until this one ends: only one can have the name of a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mark:
        try:
            mark.bind(f"\0oxpecker-tests-port-{port}")
        except OSError:
            return False
        _given[port] = fcntl.fcntl(mark, fcntl.F_DUPFD_CLOEXEC, MARKS_FROM)
    return True


def can_listen(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def answers(port):
    """Whether something accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
