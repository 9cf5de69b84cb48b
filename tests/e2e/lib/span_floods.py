"""Crowds at the doors for spans that hold what they get: gRPC, Jaeger's and Zipkin's, OTLP over HTTP."""

import json
import socket
import struct
import threading

from .hostile import Crowd

CALL = b"/opentelemetry.proto.collector.trace.v1.TraceService/Export"
EACH = 40  # of a crowd
NUMBERS = range(1, 201, 2)  # of 100 streams


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
OPENING = PREFACE + frame(4, 0, 0)
HEAD = b"\x83\x86" + literal(b":path", CALL) + literal(b":authority", b"x") \
    + literal(b"content-type", b"application/grpc") + literal(b"te", b"trailers")


def streams(flags, more=b"", data=b"", numbers=NUMBERS):
    """Heads, each with a frame of data behind it if there is some."""
    return b"".join(frame(1, flags, n, HEAD + more) + (frame(0, 0, n, data) if data else b"") for n in numbers)


# What each connection of HTTP/2 says.
GRPC = {
    "shut windows": PREFACE + frame(4, 0, 0, b"\0\4\0\0\0\0")
                    + b"".join(frame(1, 4, n, HEAD) + frame(0, 1, n, bytes(5)) for n in NUMBERS),
    "fields that never come": OPENING + frame(1, 0, 1, b"\x83\x86\x40\xff\x81\xff\x03" + bytes(10_000)),
    "bodies that never end": OPENING + streams(4, data=b"\0" + struct.pack(">I", 4_000_000) + b"x" * 9000),
    "answers that nobody reads": OPENING + streams(5, numbers=range(1, 20_001, 2)),
    "long heads": OPENING + streams(4, b"\0\1a\x7f\xa1\x1d" + b"x" * 3872),
}


def posted(path, kind, body, lacks):
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body) + lacks}\r\n\r\n".encode() + body


def zipkins(count):
    return json.dumps([{"traceId": f"{n:032x}", "id": f"{n:016x}", "name": "n", "timestamp": 1, "tags": {"a": "b"}}
                       for n in range(1, count + 1)]).encode()


def jaegers(count, logs=0):
    """A batch in binary Thrift; each span has that many logs of a byte, each of which takes more as OTLP."""
    log = b"\x0f" + struct.pack(">hbi", 11, 12, logs) + bytes(logs) if logs else b""
    spans = b"".join(b"\x0a" + struct.pack(">hq", 1, n) + b"\x0a" + struct.pack(">hq", 2, 1) + b"\x0a"
                     + struct.pack(">hq", 3, n) + b"\x0b" + struct.pack(">hi", 5, 2) + b"op" + log + b"\0"
                     for n in range(1, count + 1))
    return b"\x0c" + struct.pack(">h", 1) + b"\x0b" + struct.pack(">hi", 1, 3) + b"app\0" \
        + b"\x0f" + struct.pack(">hbi", 2, 12, count) + spans + b"\0"


def datagram():
    call = b"\x80\x01\x00\x04" + struct.pack(">i", 9) + b"emitBatch" + struct.pack(">i", 1)
    return call + b"\x0c" + struct.pack(">h", 1) + jaegers(1, 60_000) + b"\0"


class Datagrams:
    """Thousands a second, each of which becomes sixteen times as large."""

    def __init__(self, port):
        self.address, self.ending, self.words = ("127.0.0.1", port), threading.Event(), datagram()
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def live(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not self.ending.wait(0.001):
                try:
                    sender.sendto(self.words, self.address)
                except OSError:
                    pass  # its queue is full

    def close(self):
        self.ending.set()
        self.thread.join(60)


def all_of_them(grpc, otlp, jaeger, zipkin):
    """Ports of TCP. Of each two bodies one lacks its last byte, so it is neither taken nor refused."""
    bodies = {otlp: ("/v1/traces", "application/x-protobuf", b"\x0a\xff\xff\xff\x01" + b"x" * 3_000_000),
              jaeger: ("/api/traces", "application/x-thrift", jaegers(1, 1_000_000)),
              zipkin: ("/api/v2/spans", "application/json", zipkins(20_000))}
    says = [(port, [posted(*body, lacks) for lacks in (0, 1)]) for port, body in bodies.items()]
    return [Crowd(("127.0.0.1", port), EACH, lambda number, words=words: words[number % len(words)], restless=True)
            for port, words in says + [(grpc, [words]) for words in GRPC.values()]]
