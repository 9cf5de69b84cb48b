"""Destinations that do what they like to the one who sends to them."""

import contextlib
import socket
import struct
import threading

import pytest

from lib.agent import HURRIED
from lib.span_floods import frame, literal
from test_traces import post, request_of

HELLO = frame(4, 0, 0) + frame(4, 1, 0)
HEAD = frame(1, 4, 1, b"\x88" + literal(b"content-type", b"application/grpc"))
# Nothing of these is for a stream's answer, so libcurl reads on by itself.
EMPTY = {
    "window updates": frame(8, 0, 0, struct.pack(">I", 1)) * 500,
    "resets": frame(3, 0, 1, bytes(4)) * 500,
    "priorities": frame(2, 0, 1, bytes(5)) * 500,
    "empty data": HEAD + frame(0, 0, 1) * 500,
}


class Flood:
    """Answers each connection with these bytes, again and again, until it is closed."""

    def __init__(self, data):
        self.data, self.ended, self.connections = data, False, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                peer.settimeout(1)
                self.connections += 1
                self.threads.append(threading.Thread(target=self.flood, args=(peer,)))
                self.threads[-1].start()

    def flood(self, peer):
        with peer, contextlib.suppress(OSError):
            peer.sendall(HELLO)
            while not self.ended:
                peer.sendall(self.data)

    def close(self):
        self.ended = True
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.listener.close()


@pytest.mark.parametrize("kind", EMPTY)
def test_a_backend_that_sends_empty_frames_without_end_holds_nobody_up(oxpecker, kind):
    flood = Flood(EMPTY[kind])
    try:
        agent = oxpecker({"exit": HURRIED, "traces": {"batch": {"age": "20ms"}, "export": {"otlp": {
            "endpoint": f"http://127.0.0.1:{flood.port}", "protocol": "grpc", "retry_first": "100ms"}}}})
        assert post(agent, request_of(3).SerializeToString()).ok
        agent.wait_until(lambda: flood.connections >= 2, 60, "the second try, so the first has ended")
        for _ in range(5):
            assert agent.answers("/health/liveness")
        assert agent.booked("held", signal="traces") == 3
        agent.assert_balanced()
    finally:
        flood.close()
