"""How soon probes are answered, each over a new connection, less what the machine and not the agent took.

Prober asks for a path again and again in a process of its own: what the test beside it does with its threads is
nobody's delay. Run as a program, this file is what the class starts.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib.cpu import ticker  # noqa: E402

PAUSE = 0.02
# A flood fills the queue of connections (BACKLOG of agent/http/listen.c) in about that many seconds, if nobody lets
# them in.
QUEUE_FILLS = 0.02
# Who comes then is let in at the kernel's next try, which is this many seconds later at the least.
NEXT_TRY = 0.9


class Prober:
    """Probes from now on until ended(): the seconds that each took, less those in which the agent or the prober was
    ready to run and the machine ran others; None for one that was not answered 200."""

    def __init__(self, agent, path="/health/liveness"):
        self.child = subprocess.Popen([sys.executable, "-B", __file__, str(agent.port), str(agent.pid), path],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ended(self):
        told, _ = self.child.communicate("end\n", timeout=300)
        figures = json.loads(told)
        if "OXPECKER_FIGURES" in os.environ:  # bench/probes.py wants them, too
            with open(os.environ["OXPECKER_FIGURES"], "a", encoding="utf-8") as file:
                print(json.dumps({"test": os.environ["PYTEST_CURRENT_TEST"], **figures}), file=file)
        return figures["seconds"]

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.communicate()


def kept_waiting(pid):
    """Seconds that the main thread was ready to run and did not."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except OSError:
        return 0  # a kernel that does not count it


class Clock:
    """Times what peers of a process get: the seconds less those in which it or we were ready to run and the machine ran
    others, or stood still, and without the kernel's pause where the queue was full since the process had been kept from
    emptying it."""

    def __init__(self, pid):
        self.pid, self.waited_at_last, self.ticker = pid, kept_waiting(pid), ticker(0.005, 0.03)

    def now(self):
        return time.monotonic() - kept_waiting(self.pid) - kept_waiting("self") - self.ticker.lost

    def took(self, connect, ask):
        """(seconds, what ask() made of the connection that connect() made)"""
        began, asked = self.now(), time.monotonic()
        with connect() as peer:
            tried_again = time.monotonic() - asked > NEXT_TRY
            connected = self.now()
            answer = ask(peer)
        ended, waited = self.now(), kept_waiting(self.pid)
        starved = waited - self.waited_at_last > QUEUE_FILLS
        seconds = ended - (connected if tried_again and starved else began)
        self.waited_at_last = waited
        return max(0, seconds), answer


def probe(clock, port, request):
    def ask(peer):
        peer.settimeout(60)
        peer.sendall(request)
        return peer.recv(64).startswith(b"HTTP/1.1 200 ")

    try:
        seconds, fine = clock.took(lambda: socket.create_connection(("127.0.0.1", port), 60), ask)
    except OSError:
        return None
    return seconds if fine else None


def main(port, pid, path):
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    seconds, wall, clock = [], [], Clock(pid)
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        began = time.monotonic()
        seconds.append(probe(clock, port, request))
        wall.append(time.monotonic() - began)
    print(json.dumps({"seconds": seconds, "wall": wall}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
