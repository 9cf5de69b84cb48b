"""A WSGI app whose workers push their metrics before they answer; PUSH_TO says where. Beside it stands the client."""

import os

import oxpecker_push
from prometheus_client import Counter, Gauge, Histogram

hits = Counter("hits", "Requests.", ["path"])
took = Histogram("took_seconds", "How long they took.", buckets=(1, 2))
Gauge("workers_up", "One for each worker.").set(1)
flush = oxpecker_push.start(os.environ["PUSH_TO"])


def app(environ, start_response):
    hits.labels(environ["PATH_INFO"]).inc()
    took.observe(1.5)
    status = flush()
    start_response("200 OK" if status == 200 else "500 Internal Server Error", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
