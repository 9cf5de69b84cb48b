"""Pushes the metrics of this process to oxpecker, every five seconds over one connection. In each worker, after the fork:

    flush = oxpecker_push.start("unix:/run/app/push.sock")

flush() pushes at once, as is done at exit. One page at a time: an older one must not come last."""

import atexit
import http.client
import os
import socket
import threading
import time

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest


class Connection(http.client.HTTPConnection):
    def connect(self):
        if not self.address.startswith("unix:"):
            return super().connect()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.address[5:])


def start(address="127.0.0.1:9091", every=5, registry=REGISTRY):
    connection, lock = Connection("oxpecker" if address.startswith("unix:") else address), threading.Lock()
    connection.address, connection.timeout = address, 10
    headers = {"Content-Type": CONTENT_TYPE_LATEST,
               "X-Oxpecker-Worker": f"{socket.gethostname()}.{os.getpid()}.{time.time_ns()}"}

    def post(page):
        try:
            connection.request("POST", "/push", page, headers)
            response = connection.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            connection.close()  # the next one connects again
            return 0

    def flush():
        with lock:
            page = generate_latest(registry)
            return post(page) or post(page)

    def run():
        while True:
            time.sleep(every)
            flush()

    threading.Thread(target=run, daemon=True).start()
    atexit.register(flush)
    return flush
