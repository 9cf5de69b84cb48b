"""gzip, deflate and zstd at the doors, and gzip at /metrics: what is none of them is 400, what is too large 413,
whatever it says of itself; and what a client does not want is not sent."""

import ctypes
import gzip
import json
import os
import struct
import zlib

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from lib.wait import free_port
from test_traces import PROTOBUF, assert_spans, request_of, spans_at

MAX = 1 << 20
BODIES = {"otlp": request_of(20).SerializeToString(), "bulk": b'{"create":{}}\n{"n":1}\n' * 20}
TOO_LARGE = {"otlp": b"\x0a" * (2 * MAX), "bulk": b"\n" * (2 * MAX)}
TYPES = {"otlp": PROTOBUF["Content-Type"], "bulk": "application/x-ndjson"}


def sized(packed, size):
    """With another size in its trailer (ISIZE)."""
    return packed[:-4] + (size % (1 << 32)).to_bytes(4, "little")


HUGE = (1 << 31) - 1
NONE = {"noise": lambda p: os.urandom(100), "noise that says it is huge": lambda p: sized(b"x" * 100, HUGE),
        "a head, then noise": lambda p: sized(p[:10] + b"\xff" * 100, HUGE),
        "zlib": lambda p: sized(zlib.compress(gzip.decompress(p)) + b"\xff" * 20, HUGE),
        "not packed": lambda p: gzip.decompress(p), "nothing": lambda p: b"", "short": lambda p: p[:17],
        "cut short": lambda p: p[:-9], "cut in its trailer": lambda p: p[:-1], "cut early": lambda p: p[:30],
        "cut behind a member": lambda p: p + p[:20], "followed by zeros": lambda p: p + bytes(20),
        "followed by noise": lambda p: p + b"\xff" * 20, "says less": lambda p: sized(p, 1),
        "says nothing": lambda p: sized(p, 0), "says more": lambda p: sized(p, 5000),
        "says it is huge": lambda p: sized(p, HUGE), "another sum": lambda p: p[:-8] + b"\1\2\3\4" + p[-4:],
        "another method": lambda p: p[:2] + b"\7" + p[3:]}


def bare(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def zstd(body):
    """Python has no module for it before 3.14."""
    pack, room = ctypes.CDLL("libzstd.so.1").ZSTD_compress, ctypes.create_string_buffer(len(body) + 1000)
    pack.restype, size = ctypes.c_size_t, ctypes.c_size_t
    pack.argtypes = [ctypes.c_char_p, size, ctypes.c_char_p, size, ctypes.c_int]
    packed = pack(room, len(room), body, len(body), 3)
    return room.raw[:packed]


# How it is named, how it is packed, and whether two of them, one behind the other, are one body.
PACKINGS = {"gzip": ("gzip", gzip.compress, True), "zlib": ("deflate", zlib.compress, False),
            "bare deflate": ("deflate", bare, False), "zstd": ("zstd", zstd, True)}


def thrift(spans):
    """jaeger.thrift's Batch of one process."""
    def text(number, value):
        return struct.pack(">bhi", 11, number, len(value)) + value

    def integer(number, value):
        return struct.pack(">bhq", 10, number, value)

    listed = b"".join(integer(1, n) + integer(2, n) + integer(3, n) + integer(4, 0) + text(5, b"made") +
                      struct.pack(">bhi", 8, 7, 1) + integer(8, 1_700_000_000_000_000) + integer(9, 5) + b"\0"
                      for n in range(1, spans + 1))
    process = struct.pack(">bh", 12, 1) + text(1, b"shop") + b"\0"
    return process + struct.pack(">bhbi", 15, 2, 12, spans) + listed + b"\0"


def zipkin(spans):
    return json.dumps([{"traceId": f"{n:032x}", "id": f"{n:016x}", "name": "made", "timestamp": 1_700_000_000_000_000,
                        "duration": 5, "localEndpoint": {"serviceName": "shop"}} for n in range(1, spans + 1)]).encode()


@pytest.fixture
def every_door(oxpecker, fault_server):
    bulk, jaeger, zipkin_port, server = free_port(), free_port(), free_port(), fault_server()
    most = {"body_max": "1MiB"}
    agent = oxpecker({"logs": {"collect": {"bulk": {"http": f"127.0.0.1:{bulk}", **most}},
                               "export": {"elasticsearch": {"url": server.url}}},
                      "traces": {"export": {"otlp": {"endpoint": server.url}}},
                      "receive": {"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], **most},
                                  "jaeger": {"http": f"127.0.0.1:{jaeger}", **most},
                                  "zipkin": {"http": f"127.0.0.1:{zipkin_port}", **most}}})
    doors = {"otlp": (agent.otlp_url + "/v1/traces", TYPES["otlp"], BODIES["otlp"]),
             "bulk": (f"http://127.0.0.1:{bulk}/_bulk", TYPES["bulk"], BODIES["bulk"]),
             "jaeger": (f"http://127.0.0.1:{jaeger}/api/traces", "application/x-thrift", thrift(20)),
             "zipkin": (f"http://127.0.0.1:{zipkin_port}/api/v2/spans", "application/json", zipkin(20))}
    return agent, doors


def test_every_door_takes_each_packing_and_nothing_else_under_its_name(every_door):
    agent, doors = every_door
    bombs = {way: [pack(bytes(10 << 20)), pack(bytes((1 << 20) + 1))] for way, (_, pack, _) in PACKINGS.items()}
    for door, (url, kind, body) in doors.items():
        for way, (name, pack, members) in PACKINGS.items():
            def post(packed):
                headers = {"Content-Type": kind, "Content-Encoding": name}
                return requests.post(url, data=packed, headers=headers, timeout=60)

            packed, at = pack(body), len(body) // 2
            for wrong in (b"", bytes(100), body, packed[:-1], packed[:len(packed) // 2], packed + b"\0",
                          packed + packed[:9]):
                answer = post(wrong)
                assert answer.status_code == 400 and f"not {name}".encode() in answer.content, (door, way, wrong[:40])
            for bomb in bombs[way]:
                answer = post(bomb)
                assert answer.status_code == 413 and b"when inflated" in answer.content, (door, way)
            answer = post(packed)
            assert answer.status_code in (200, 202), (door, way, answer.content)
            answer = post(pack(body[:at]) + pack(body[at:]))
            assert answer.status_code in ((200, 202) if members else (400,)), (door, way, answer.content)
    sent = 20 * (len(PACKINGS) + sum(members for _, _, members in PACKINGS.values()))
    assert agent.booked("received", signal="logs") == sent
    assert agent.booked("received", signal="traces") == 3 * sent
    agent.wait_until(lambda: not sum(row["held"]["bytes"] for row in agent.ledger()))


@pytest.mark.parametrize("packing", [Compression.Gzip, Compression.Deflate])
def test_what_the_python_sdk_packs_arrives(oxpecker, fault_server, packing):
    server = fault_server()
    agent = oxpecker({"traces": {"export": {"otlp": {"endpoint": server.url}}}})
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(
        OTLPSpanExporter(endpoint=agent.otlp_url + "/v1/traces", compression=packing)))
    for _ in range(100):
        provider.get_tracer("e2e").start_span("made").end()
    provider.shutdown()
    agent.wait_until(lambda: agent.booked("delivered", signal="traces") == 100)
    assert len(set(spans_at(server))) == 100
    assert_spans(agent, server, set(spans_at(server)))


@pytest.fixture
def doors(oxpecker, fault_server):
    bulk, server = free_port(), fault_server()
    agent = oxpecker({"logs": {"collect": {"bulk": {"http": f"127.0.0.1:{bulk}", "body_max": "1MiB"}},
                               "export": {"elasticsearch": {"url": server.url}}},
                      "traces": {"export": {"otlp": {"endpoint": server.url}}},
                      "receive": {"otlp": {"http": ["127.0.0.1:${OTLP_PORT}"], "body_max": "1MiB"}}})
    urls = {"otlp": agent.otlp_url + "/v1/traces", "bulk": f"http://127.0.0.1:{bulk}/_bulk"}

    def post(door, body):
        headers = {"Content-Type": TYPES[door], "Content-Encoding": "gzip"}
        return requests.post(urls[door], data=body, headers=headers, timeout=60)

    post.agent = agent
    return post


@pytest.mark.parametrize("door", BODIES)
def test_what_is_no_gzip_is_400_whatever_size_it_says(doors, door):
    packed = gzip.compress(BODIES[door])
    for kind, change in NONE.items():
        answer = doors(door, change(packed))
        said = (kind, answer.status_code, answer.content)
        assert answer.status_code == 400 and b"is not gzip" in answer.content, said
    signal = "traces" if door == "otlp" else "logs"
    assert doors.agent.booked("received", signal=signal) == 0
    assert doors(door, packed).status_code == 200
    assert doors.agent.booked("received", signal=signal) == 20


@pytest.mark.parametrize("door", BODIES)
def test_what_is_larger_than_allowed_is_413_whatever_size_it_says(doors, door):
    large, half = gzip.compress(TOO_LARGE[door]), gzip.compress(TOO_LARGE[door][:MAX // 2 + 1])
    bomb, just = gzip.compress(bytes(100 << 20)), gzip.compress(TOO_LARGE[door][:MAX + 1])
    for packed in (just, large, sized(large, 0), sized(large, 100), sized(large, HUGE), half + half, bomb,
                   sized(bomb, 100)):
        answer = doors(door, packed)
        assert answer.status_code == 413 and b"body_max when inflated" in answer.content
    exact = doors(door, gzip.compress(TOO_LARGE[door][:MAX]))
    assert exact.status_code == 400 and b"gzip" not in exact.content and b"body_max" not in exact.content
    assert doors(door, gzip.compress(BODIES[door])).status_code == 200
    doors.agent.wait_until(lambda: not sum(row["held"]["bytes"] for row in doors.agent.ledger()))


@pytest.mark.parametrize("door", BODIES)
def test_several_members_are_one_body(doors, door):
    body = BODIES[door]
    at = len(body) // 2
    packed = gzip.compress(body[:at]) + gzip.compress(b"") + gzip.compress(body[at:])
    assert doors(door, packed).status_code == 200
    assert doors.agent.booked("received", signal="traces" if door == "otlp" else "logs") == 20


@pytest.mark.parametrize("wanted, packed", [("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False),
                                            ("gzip; q=0.000, *", False), ("*, gzip;q=0", False), ("identity", False),
                                            ("x-gzipped", False), ("identity, gzip;q=0.1", False), (None, False)])
def test_metrics_are_packed_for_those_who_want_that(oxpecker, wanted, packed):
    agent = oxpecker({})
    answer = agent.get("/metrics", headers={"Accept-Encoding": wanted})
    assert (answer.headers.get("Content-Encoding") == "gzip") == packed
    assert "oxpecker_" in answer.text and answer.headers["Vary"] == "Accept, Accept-Encoding"
