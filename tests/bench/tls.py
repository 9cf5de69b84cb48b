#!/usr/bin/env python3
"""What TLS costs at a listener: CPU time per connection and per MiB, and memory per connection that is kept.

`python3 tests/bench/tls.py PROGRAM [--repeat N]`. Each figure is the median, with its spread. A connection has one
request, and a body is read and dropped (404), so what is left is HTTP and TLS. openssl makes the certificates.
"""

import argparse
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from lib.wait import free_port, wait_until  # noqa: E402

CONNECTIONS, KEPT, BODIES, MIB = 300, 100, 64, 1 << 20
KINDS = {"in the clear": None, "TLS, ECDSA P-256": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
         "TLS, RSA 2048": ["rsa:2048"]}


def cpu_ns(pid):
    """Of all its threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


def resident(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Anonymous:"))


def connect(port, context):
    peer = socket.create_connection(("127.0.0.1", port))
    return context.wrap_socket(peer) if context else peer


def ask(peer, size):
    peer.sendall(b"POST /none HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
    answer = b""
    while b"\r\n\r\nno such path" not in answer and not answer.endswith(b"\n"):
        answer += peer.recv(65536)


def measure(pid, port, context):
    def new_ones():
        for _ in range(CONNECTIONS):
            with connect(port, context) as peer:
                ask(peer, 0)
    with connect(port, context) as peer:
        ask(peer, MIB)
        began = cpu_ns(pid)
        for _ in range(BODIES):
            ask(peer, MIB)
        per_mib = (cpu_ns(pid) - began) / BODIES
    began = cpu_ns(pid)
    new_ones()
    per_connection = (cpu_ns(pid) - began) / CONNECTIONS
    before, kept = resident(pid), [connect(port, context) for _ in range(KEPT)]
    for peer in kept:
        ask(peer, 0)
    held = (resident(pid) - before) / KEPT
    for peer in kept:
        peer.close()
    return per_connection / 1000, per_mib / 1000, held / 1024


def run(program, kind, key):
    with tempfile.TemporaryDirectory() as folder:
        port, listen, door = free_port(), free_port(), {}
        if key:
            cert, private = os.path.join(folder, "cert"), os.path.join(folder, "key")
            subprocess.run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-keyout", private, "-out", cert,
                            "-subj", "/CN=bench"], check=True, capture_output=True)
            door = {"cert": cert, "key": private}
        config = os.path.join(folder, "config.yaml")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"listen": f"127.0.0.1:{listen}", "state": os.path.join(folder, "state"),
                       "receive": {"otlp": {"http": f"127.0.0.1:{port}", "grpc": [], "body_max": "2MiB", **door}}},
                      file)
        context = ssl._create_unverified_context() if key else None
        agent = subprocess.Popen([program, "--config", config], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: is_ready(listen), 60, kind)
            return measure(agent.pid, port, context)
        finally:
            agent.terminate()
            agent.wait()


def is_ready(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.sendall(b"GET /health/readiness HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return peer.recv(4096).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    print("| | µs a connection | µs a MiB | KiB a connection that is kept |\n|---|---|---|---|")
    for kind, key in KINDS.items():
        tries = [run(given.program, kind, key) for _ in range(given.repeat)]
        cells = [f"{statistics.median(column):.0f} ({min(column):.0f}–{max(column):.0f})" for column in zip(*tries)]
        print(f"| {kind} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
