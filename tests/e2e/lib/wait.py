"""Waiting for conditions, the only place of the Python tests that sleeps."""

import random
import socket
import time

_given = set()


def wait_until(predicate, deadline=10.0, what="the condition"):
    """Polls until predicate() is true and returns what it returned; fails after `deadline` seconds, saying `what`."""
    end, pause, last = time.monotonic() + deadline, 0.002, None
    while True:
        last = predicate()
        if last:
            return last
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what} (last: {last!r:.300})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def free_port():
    """A TCP port of the loopback that nobody listens on, not given before in this run.

    It lies below the kernel's range for clients: no connection can take it while its server is away, nor meet itself.
    """
    while True:
        port = random.randrange(12000, 32000)
        if port not in _given and can_listen(port):
            _given.add(port)
            return port


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
