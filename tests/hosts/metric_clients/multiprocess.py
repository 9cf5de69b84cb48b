"""Three workers of a server that forks, counted twice: in the files of prometheus_client's multiprocess mode
(PROMETHEUS_MULTIPROC_DIR), which this process shows, and pushed to PUSH_TO. Prints its port and their process ids."""

import os
import signal
import sys

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

import oxpecker_push


def work(number, done):
    """Each of them something else, and everything is pushed before it says so."""
    hits = Counter("hits_total", "Hits", ["path"])
    took = Histogram("took_seconds", "Time", buckets=[0.1, 1])
    busy = Gauge("busy", "Requests under way", multiprocess_mode="livesum")
    flush = oxpecker_push.start(os.environ["PUSH_TO"])
    for turn in range(10 * (number + 1)):
        hits.labels("/a" if turn % 3 else "/b").inc()
        took.observe(0.03 * turn)
    busy.set(number + 1)
    assert flush() == 200
    os.write(done, b".")
    signal.pause()


def fork(number, done):
    pid = os.fork()
    if pid == 0:
        work(number, done)
    return pid


ready, done = os.pipe()
pids = [fork(number, done) for number in range(3)]
for _ in pids:
    os.read(ready, 1)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
registry = CollectorRegistry()
MultiProcessCollector(registry)
server, _ = start_http_server(0, "127.0.0.1", registry)
print(server.server_port, *pids)
sys.stdout.flush()
signal.pause()
