"""Metrics: scraped from real client libraries over Unix sockets, shown on /metrics, read by Prometheus."""

import gzip
import os
import select
import socket
import subprocess
import threading
import time

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from lib import fault, need, parsers
from lib.cpu import Waits
from lib.wait import wait_until


def config(socket, **options):
    """The app has a minute for its page, unless a test says less."""
    return {"metrics": {"collect": {"app": {"type": "scrape", "target": "unix:" + str(socket), "timeout": "60s",
                                            **options}}}}


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def samples(text, own=False):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families(text).values() for s in f.samples
            if own or not s.name.startswith("oxpecker_")}


def promtool(page, source=""):
    """No complaint about the page but those about the app's own one."""
    said = [set(subprocess.run([need.prometheus("promtool"), "check", "metrics"], input=text, text=True,
                               capture_output=True).stderr.splitlines()) for text in (page, source)]
    assert not said[0] - said[1], said[0] - said[1]


STABLE = ("http_requests_total", "http_request_duration_seconds")


def stable(text):
    return {key: value for key, value in samples(text).items() if key[0].startswith(STABLE)}


def test_prom_client_over_a_unix_socket(oxpecker, host_node):
    host = host_node()
    agent = oxpecker(config(host.metrics_socket))
    for number in range(7):
        host.get(f"/products/{number % 2}")
    before = host.metrics()
    page = agent.get("/metrics")
    assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert stable(page.text) == stable(host.metrics()) and len(stable(page.text)) >= 8
    lasting = lambda text: {key[0] for key in samples(text)  # noqa: E731
                            if not key[0].startswith("nodejs_active")}  # those come and go by themselves
    assert lasting(before) <= lasting(page.text) <= lasting(host.metrics())
    assert agent.metric("oxpecker_target_up", target="app") == 1
    promtool(page.text, host.metrics())
    agent.assert_balanced()


def test_prometheus_client_over_a_unix_socket(oxpecker, host_python):
    host = host_python()
    agent = oxpecker(config(host.metrics_socket))
    for _ in range(3):
        host.get("/products/1")
    page = agent.get("/metrics").text
    shown = {key: value for key, value in stable(page).items() if not key[0].endswith("_created")}
    assert shown and shown == {k: v for k, v in stable(host.metrics()).items() if not k[0].endswith("_created")}
    promtool(page)
    strict = openmetrics_families(agent.get("/metrics", headers={"Accept": parsers.OPENMETRICS}).text)
    named = {s.name for family in strict for s in family.samples if family.name.startswith("http_request")}
    assert {"http_requests_total", "http_requests_created", "http_request_duration_seconds_created"} <= named


def test_prometheus_shows_the_series(oxpecker, host_node, prometheus):
    host = host_node()
    agent = oxpecker(config(host.metrics_socket))
    server = prometheus([f"127.0.0.1:{agent.port}"])
    for _ in range(4):
        host.get("/products")
    wanted = 'http_requests_total{method="GET",route="/products",status="200"}'
    of = lambda: [server.value(name) for name in (wanted, "oxpecker_target_up", "up")]  # noqa: E731
    wait_until(lambda: of() == [4, 1, 1], 60, "the series in Prometheus")  # a scrape that takes a second has failed
    bucket = 'http_request_duration_seconds_bucket{route="/products",le="0.1"}'
    wait_until(lambda: server.value(bucket) is not None, 60, "its buckets")


def test_gzip_when_asked(oxpecker, host_python):
    agent = oxpecker(config(host_python(sdk=False).metrics_socket))
    plain = agent.get("/metrics", headers={"Accept-Encoding": "identity"})
    packed = agent.get("/metrics", headers={"Accept-Encoding": "gzip"}, stream=True)
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert stable(gzip.decompress(packed.raw.read()).decode()) == stable(plain.text)


WANTED = {"text/plain;version=0.0.4": b"# TYPE demo_total counter\ndemo_total 3\n",
          "text/plain;version=1.0.0": b"# TYPE demo_total counter\ndemo_total 3\n",
          "application/openmetrics-text;version=1.0.0": b"# TYPE demo counter\ndemo_total 3\n",
          "*/*": b"# TYPE demo_total counter\ndemo_total 3\n"}


def test_one_scrape_serves_concurrent_pulls(oxpecker, fault_server, tmp_path):
    """Of those too that want other formats."""
    server = fault_server(unix=str(tmp_path / "app.sock"))
    all_asked = threading.Event()
    answer = fault.ok(b"# TYPE demo_total counter\ndemo_total 3\n", "text/plain; version=0.0.4")
    server.plan(lambda handler, request: all_asked.wait(60) and answer(handler, request))
    agent = oxpecker({**config(tmp_path / "app.sock"), "store": {"snapshot": "off"}})
    wanted = list(WANTED) * 2
    before, peers = len(server.taken("/metrics")), [socket.create_connection(("127.0.0.1", agent.port), 60)
                                                    for _ in wanted]
    for peer, kind in zip(peers, wanted):
        peer.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {kind}\r\nConnection: close\r\n\r\n".encode())
    wait_until(lambda: all(is_read(peer) for peer in peers), 60, "all have asked")
    all_asked.set()
    for peer, kind in zip(peers, wanted):
        head, _, page = peer.makefile("rb").read().partition(b"\r\n\r\n")
        sent = kind.replace(";", "; ") if kind != "*/*" else "text/plain; version=0.0.4"
        assert f"Content-Type: {sent}; charset=utf-8; escaping=underscores\r\n".encode() in head, kind
        assert WANTED[kind] in page, kind
        assert page.endswith(b"\n# EOF\n") == ("openmetrics" in kind)
        peer.close()
    assert len(server.taken("/metrics")) - before <= 2


def is_read(peer):
    """Whether the other end of a connection over TCP has read what was sent to it."""
    us, them = ("{:02X}{:02X}{:02X}{:02X}:{:04X}".format(*reversed(list(map(int, host.split(".")))), port)
                for host, port in (peer.getsockname(), peer.getpeername()))
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file]
    return any(row[1:3] == [them, us] and row[4].endswith(":00000000") for row in rows)


def heads(page):
    return [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")]


@pytest.mark.parametrize("kind", [kind for kind in WANTED if kind != "*/*"])
def test_families_are_sorted_and_a_reader_names_those_it_wants(oxpecker, fault_server, tmp_path, kind):
    """As client libraries do. HEAD is answered as GET, without the page."""
    server = fault_server(unix=str(tmp_path / "app.sock"))
    server.plan(fault.ok(b"z 1\np 2\n# TYPE demo_total counter\ndemo_total 3\na 4\nz{x=\"1\"} 5\n", "text/plain"))
    agent = oxpecker(config(tmp_path / "app.sock", timeout="60s"))
    accept = {"Accept": kind}
    page = agent.get("/metrics", headers=accept)
    names = heads(agent.get("/metrics").text)
    assert names == sorted(names) and len(set(names)) == len(names) > 30
    assert {"a", "demo_total", "oxpecker_ledger_records", "p", "z"} <= set(names)
    assert [name.removesuffix("_total") for name in names] == [n.removesuffix("_total") for n in heads(page.text)]
    some = agent.get("/metrics?name[]=z&name%5B%5D=oxpecker_target_up&name[]=demo_total&name[]=no", headers=accept)
    assert [name.removesuffix("_total") for name in heads(some.text)] == ["demo", "oxpecker_target_up", "z"]
    assert some.headers["Content-Type"] == page.headers["Content-Type"]
    none = agent.get("/metrics?name[]=", headers=accept)
    assert none.text == ("# EOF\n" if "openmetrics" in kind else "")
    for query, got in (("", page), ("?name[]=z", agent.get("/metrics?name[]=z", headers=accept))):
        head = requests.head(f"http://127.0.0.1:{agent.port}/metrics{query}", headers=accept, timeout=60)
        assert head.status_code == 200 and not head.content
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert (int(head.headers["Content-Length"]) < 200) == bool(query)


def reader_that_takes_nothing(port):
    """It has the beginning of its page."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.settimeout(60)
    peer.connect(("127.0.0.1", port))
    peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert peer.recv(12) == b"HTTP/1.1 200"
    return peer


def is_cut_off(peer):
    look = select.poll()
    look.register(peer, select.POLLRDHUP)
    return bool(look.poll(0))


@pytest.mark.parametrize("snapshot", ["1h", "100ms"])
def test_pages_that_are_held_are_an_eighth_of_memory(oxpecker, fault_server, tmp_path, snapshot):
    """Those too that the embedded store has had. Each is 600 KB, of 8 MiB."""
    server = fault_server(unix=str(tmp_path / "app.sock"))
    page = "".join(f'demo{{n="{n:0188}"}} 1\n' for n in range(3000)).encode()
    server.plan(fault.slow(0.3, fault.ok(page, "text/plain; version=0.0.4")))
    agent = oxpecker({**config(tmp_path / "app.sock"), "memory": "8MiB", "store": {"snapshot": snapshot}})
    readers = [reader_that_takes_nothing(agent.port) for _ in range(5)]
    agent.wait_until(lambda: agent.metrics() and is_cut_off(readers[0]), 60, "the oldest reader is cut off")
    for reader in readers:
        reader.close()


def test_within_the_time_prometheus_leaves(oxpecker, fault_server, tmp_path):
    server = fault_server(unix=str(tmp_path / "app.sock"))
    server.plan(fault.hang())
    agent = oxpecker(config(tmp_path / "app.sock"))
    waits, began = Waits(agent.pid, os.getpid()), time.monotonic()
    page = agent.get("/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "5"})
    assert time.monotonic() - began < 5 + waits.seconds() and "oxpecker_target_up" in page.text
    assert samples(page.text, own=True)[("oxpecker_target_up", (("target", "app"),))] == 0


def test_app_down_and_up_again(oxpecker, fault_server, tmp_path):
    server = fault_server(unix=str(tmp_path / "app.sock"))
    server.plan(fault.ok(b"# TYPE demo gauge\ndemo 1\n", "text/plain; version=0.0.4"))
    agent = oxpecker(config(tmp_path / "app.sock"))
    assert agent.metric("demo") == 1 and agent.metric("oxpecker_target_up", target="app") == 1
    server.refuse()
    page = agent.metrics()
    assert ("demo", ()) not in page and page[("oxpecker_target_up", (("target", "app"),))] == 0
    server.listen()
    assert agent.metric("demo") == 1


def answer_loosely(server, answer, count):
    for _ in range(count):
        peer = server.accept()[0]
        with peer, peer.makefile("rb") as asked:
            while asked.readline() not in (b"\r\n", b""):
                pass
            peer.sendall(answer)


def test_a_target_need_not_speak_http_to_the_letter(oxpecker):
    """As what a shell script serves: lines end with a line feed alone. Its first answer is asked for twice."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = b"HTTP/1.0 200 OK\nContent-Type: text/plain\n\n# TYPE demo gauge\ndemo 7\n"
        thread = threading.Thread(target=answer_loosely, args=(server, answer, 4), daemon=True)
        thread.start()
        agent = oxpecker({"metrics": {"collect": {"app": {"type": "scrape", "timeout": "60s",
                                                          "target": f"127.0.0.1:{server.getsockname()[1]}"}}}})
        assert [agent.metric("demo") for _ in range(3)] == [7, 7, 7]
        thread.join(60)
        assert not thread.is_alive()


BAD = {
    "a coding that is not read": fault.coded(fault.ok(b"other 1\n", "text/plain; version=0.0.4"), "zstd"),
    "a bomb": fault.coded(fault.ok(b"#" + b" " * (60 << 20) + b"\n", "text/plain; version=0.0.4")),
    "no exposition text": fault.ok(b"<html>hello</html>", "text/html"),
    "half a page": fault.ok(b"demo 1\ndemo{a=\"", "text/plain; version=0.0.4"),
    "a bad value": fault.ok(b"other 1\ndemo one\n", "text/plain; version=0.0.4"),
    "binary": fault.ok(b"\x00\xff\xfe" * 100, "text/plain; version=0.0.4"),
    "endless": fault.endless(),
    "stalls": fault.stall(),
    "garbage": fault.garbage(),
    "closes mid-answer": fault.close_mid_answer(sent=b"demo 1\n"),
    "500": fault.status(500),
}


def test_a_page_is_read_in_its_coding(oxpecker, fault_server, tmp_path):
    server = fault_server(unix=str(tmp_path / "app.sock"))
    server.plan(fault.coded(fault.ok(b"# TYPE demo gauge\ndemo 1\n", "text/plain; version=0.0.4")))
    assert oxpecker(config(tmp_path / "app.sock")).metric("demo") == 1


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_is_refused_whole(oxpecker, fault_server, tmp_path, kind):
    server = fault_server(unix=str(tmp_path / "app.sock"))
    server.plan(fault.ok(b"demo 1\n", "text/plain; version=0.0.4"))
    agent = oxpecker(config(tmp_path / "app.sock", **({"timeout": "2s"} if kind in ("endless", "stalls") else {})))
    agent.wait_until(lambda: agent.metric("demo") == 1, 60, "a page")
    server.plan(BAD[kind])
    page = agent.metrics()
    assert page[("oxpecker_target_up", (("target", "app"),))] == 0
    assert not [key for key in page if key[0] in ("demo", "other", "some_metric")]
    server.plan(fault.ok(b"demo 2\n", "text/plain; version=0.0.4"))
    agent.wait_until(lambda: agent.metric("demo") == 2, 60, "another page")
    agent.assert_balanced()


def test_two_targets_on_one_page(oxpecker, fault_server, tmp_path):
    one, two = (fault_server(unix=str(tmp_path / name)) for name in ("one.sock", "two.sock"))
    one.plan(fault.ok(b"# TYPE same gauge\nsame 1\n# TYPE clash gauge\nclash 1\n", "text/plain; version=0.0.4"))
    two.plan(fault.ok(b"# TYPE same gauge\nsame 2\n# TYPE clash counter\nclash 2\n", "text/plain; version=0.0.4"))
    agent = oxpecker({"metrics": {"collect": {
        "one": {"type": "scrape", "target": f"unix:{tmp_path}/one.sock", "timeout": "60s", "labels": {"part": "one"}},
        "two": {"type": "scrape", "target": f"unix:{tmp_path}/two.sock", "timeout": "60s",
                "labels": {"part": "two"}}}}})
    page = agent.get("/metrics").text
    assert samples(page)[("same", (("part", "one"),))] == 1 and samples(page)[("same", (("part", "two"),))] == 2
    assert len([key for key in samples(page) if key[0].startswith("clash")]) == 1
    assert agent.booked("dropped", signal="metrics") >= 1
    agent.assert_balanced()
