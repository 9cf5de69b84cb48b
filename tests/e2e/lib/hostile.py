"""Peers that mean harm: they hold what they get, say nothing, or say it for ever."""

import select
import socket
import threading
import time

LITTLE = 4096  # of a receive buffer: what does not fit there is the server's to keep
PIECE = 64 << 10
AGAIN = 0.02  # seconds between one and the next that comes again


class Peer:
    """One of a crowd: what it has still to send, and what it has heard."""

    def __init__(self, number, address, data):
        self.number, self.left, self.heard = number, memoryview(data), b""
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
        self.socket.setblocking(False)
        self.socket.connect_ex(address)

    def send(self):
        self.left = self.left[self.socket.send(self.left[:PIECE]):]

    def hear(self, most):
        """False: the server has closed."""
        got = self.socket.recv(most)
        self.heard += got
        return bool(got)


class Crowd:
    """`count` peers at `address`: each sends what says(number) returns and takes no more than `hears` bytes of an
    answer. One whose connection is closed comes again as another, soon, and so does one that was refused; `restless`
    ones also if the server has only said that it closes."""

    def __init__(self, address, count, says, hears=0, restless=False):
        self.address, self.count, self.says, self.hears = address, count, says, hears
        self.always = select.EPOLLRDHUP if restless else 0
        self.made, self.peers, self.ready, self.ending = 0, {}, select.epoll(), threading.Event()
        self.accepted, self.refused, self.came = [], 0, 0  # accepted: numbers of those who heard 200
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def served(self):
        """How many of them hold an answer."""
        return sum(len(peer.heard) >= self.hears for peer in list(self.peers.values()))

    def live(self):
        while not self.ending.is_set():
            if len(self.peers) < self.count and (self.made < self.count or time.monotonic() - self.came > AGAIN):
                self.come()
                continue
            for descriptor, what in self.ready.poll(0.05):
                self.turn(self.peers[descriptor], what)
        for peer in list(self.peers.values()):
            self.go(peer)
        self.ready.close()

    def come(self):
        peer = Peer(self.made, self.address, self.says(self.made))
        self.made, self.came = self.made + 1, time.monotonic()
        self.peers[peer.socket.fileno()] = peer
        self.ready.register(peer.socket, self.wants(peer))

    def wants(self, peer):
        """Errors and hang-ups are told in any case."""
        hears = select.EPOLLIN if len(peer.heard) < self.hears else self.always
        return (select.EPOLLOUT if peer.left else 0) | hears

    def turn(self, peer, what):
        try:
            if what & (select.EPOLLERR | select.EPOLLHUP | select.EPOLLRDHUP):
                raise ConnectionError
            if what & select.EPOLLOUT:
                peer.send()
            if what & select.EPOLLIN and not peer.hear(self.hears - len(peer.heard)):
                raise ConnectionError
            if len(peer.heard) == self.hears and b" 503 " in peer.heard:
                raise ConnectionError
            self.ready.modify(peer.socket, self.wants(peer))
        except BlockingIOError:
            pass
        except OSError:
            self.go(peer)

    def go(self, peer):
        del self.peers[peer.socket.fileno()]
        self.ready.unregister(peer.socket)
        peer.socket.close()
        self.accepted += [peer.number] if b" 200 " in peer.heard else []
        self.refused += b" 503 " in peer.heard

    def close(self):
        self.ending.set()
        self.thread.join(60)
        assert not self.thread.is_alive()
