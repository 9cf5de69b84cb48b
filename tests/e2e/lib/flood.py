"""Strangers at a door: processes of their own that want all of its places, or all of its time.

Run as a program it is one of them: python3 flood.py KIND PORT COUNT [FILE]
"""

import socket
import subprocess
import sys

# What each of COUNT connections says once, and stays.
STAYS = {
    "silent": b"",
    "half a head": b"GET /metrics HTTP/1.1\r\nHost: x\r\nA: b",
    "half a body": b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                   b"Content-Length: 1000\r\n\r\nabc",
    "half a bulk": b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
                   b"Content-Length: 1000\r\n\r\n{",
    "a pull that nobody reads": b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
}
# The same, and whoever was sent away comes back at once.
RECONNECTS = {
    "silent ones that reconnect": b"",
    "half heads that reconnect": b"GET /metrics HTTP/1.1\r\nHost: x\r\nA: b",
}
# One connection after the other, as fast as they can be had.
NEW = {
    "new ones": b"",
    "new half heads": b"GET /metrics HTTP/1.1\r\nHost:",
    "new endless chunk extensions": b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;"
                                    + 40000 * b"x",
    "new endless chunk sizes": b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                               + 70000 * b"0",
    "new probes": b"GET /health/liveness HTTP/1.1\r\nHost: x\r\n\r\n",
}


BULK = b"".join(b'{"create":{}}\n{"n":%d}\n' % number for number in range(8000))
NEW["new bulks"] = b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d" \
                   b"\r\n\r\n" % len(BULK) + BULK


class Flood:
    def __init__(self, kind, port, count=1):
        self.child = subprocess.Popen([sys.executable, __file__, kind, str(port), str(count)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        assert self.child.stdout.readline() == b"begun\n"

    def stop(self):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()
        self.child.stdin.close()


def connected(port, text):
    peer = socket.socket()
    if text and "nobody reads" in sys.argv[1]:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.settimeout(5)
    try:
        peer.connect(("127.0.0.1", port))
        if text:
            peer.sendall(text)
    except OSError:
        pass
    return peer


def begun():
    print("begun", flush=True)


def stay(port, count, text):
    peers = [connected(port, text) for _ in range(count)]
    begun()
    sys.stdin.read()
    del peers


def come_back(port, count, text):
    import select
    watched, peers = select.epoll(), {}

    def enter():
        peer = connected(port, text)
        peers[peer.fileno()] = peer
        watched.register(peer.fileno(), select.EPOLLIN | select.EPOLLHUP)

    for _ in range(count):
        enter()
    begun()
    while True:
        for number, _ in watched.poll():
            peers.pop(number).close()
            enter()


def come_anew(port, count, text):
    peers = [None] * count
    begun()
    while True:
        for place in range(count):
            if peers[place]:
                peers[place].close()
            peers[place] = connected(port, text)


if __name__ == "__main__":
    kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind in STAYS:
        stay(port, count, STAYS[kind])
    elif kind in RECONNECTS:
        come_back(port, count, RECONNECTS[kind])
    else:
        come_anew(port, count, NEW[kind])
