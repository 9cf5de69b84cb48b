"""Asks for a path again and again, each time over a new connection, in a process of its own: what the test beside it
does with its threads is nobody's delay. Used as a class by tests; run as a program it is what the class starts."""

import json
import socket
import subprocess
import sys
import time

PAUSE = 0.02


class Prober:
    """Probes from now on until ended(): the seconds that each took; None for one that was not answered 200."""

    def __init__(self, port, path="/health/liveness"):
        self.child = subprocess.Popen([sys.executable, "-B", __file__, str(port), path], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def ended(self):
        told, _ = self.child.communicate("end\n", timeout=30)
        return json.loads(told)

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.communicate()


def probe(port, request):
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.settimeout(5)
            peer.sendall(request)
            fine = peer.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        fine = False
    return time.monotonic() - began if fine else None


def main(port, path):
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    seconds = []
    sys.stdin = open(sys.stdin.fileno(), buffering=1)
    import select
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        seconds.append(probe(port, request))
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
