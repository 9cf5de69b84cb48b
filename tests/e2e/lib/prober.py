"""Asks for a path again and again, each time over a new connection, in a process of its own: what the test beside it
does with its threads is nobody's delay. Used as a class by tests; run as a program it is what the class starts."""

import json
import select
import socket
import subprocess
import sys
import time

PAUSE = 0.02


class Prober:
    """Probes from now on until ended(): the seconds that each took, less those in which the agent or the prober was
    ready to run and the machine ran others; None for one that was not answered 200."""

    def __init__(self, agent, path="/health/liveness"):
        self.child = subprocess.Popen([sys.executable, "-B", __file__, str(agent.port), str(agent.pid), path],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ended(self):
        told, _ = self.child.communicate("end\n", timeout=90)
        return json.loads(told)

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


def probe(port, pid, request):
    before, began = kept_waiting(pid) + kept_waiting("self"), time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), 60) as peer:
            peer.settimeout(60)
            peer.sendall(request)
            fine = peer.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        fine = False
    took = time.monotonic() - began
    return max(0, took - (kept_waiting(pid) + kept_waiting("self") - before)) if fine else None


def main(port, pid, path):
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    seconds = []
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        seconds.append(probe(port, pid, request))
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
