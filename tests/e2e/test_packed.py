"""gzip at the doors and at /metrics: what is none is 400, what is too large 413, whatever its last bytes say; and what
a client does not want is not sent."""

import gzip
import os
import zlib

import pytest
import requests

from lib.wait import free_port
from test_traces import PROTOBUF, request_of

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
        return requests.post(urls[door], data=body, headers=headers, timeout=20)

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
