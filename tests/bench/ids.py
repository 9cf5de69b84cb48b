#!/usr/bin/env python3
"""What document ids cost: the same lines with and without them, on the wire (gzip, the sink) and in real servers, as the
time that they spend indexing and as the size of the index after a merge into one segment.

usage: ids.py PROGRAM [--lines N] [--repeat N]
"""

import argparse
import os
import shutil
import tempfile

from run import Agent, Sink, programs
from lib.backends import Elasticsearch, OpenSearch, OpenSearch3
from lib.cpu import cpu_seconds
from lib.wait import wait_until

PATIENCE = 600


class Bench:
    def __init__(self, options):
        self.options, self.home = options, programs()
        self.folder = tempfile.mkdtemp(prefix="oxpecker-ids-")

    def close(self):
        shutil.rmtree(self.folder)

    def ship(self, url, index, ids):
        """All lines, into that index."""
        watched = tempfile.mkdtemp(prefix="logs-", dir=self.folder)
        os.system(f"{self.home}/gen lines -out {watched}/app.log -count {self.options.lines} >/dev/null")
        agent = Agent(self.options.oxpecker, {"receive": {}, "logs": {
            "collect": {"tail": watched + "/*.log"},
            "export": {"elasticsearch": {"url": url, "index": index, "gzip": True, "ids": ids}}}})
        wait_until(lambda: agent.booked("delivered") == self.options.lines, PATIENCE, "all is delivered")
        agent.close()

    def wire(self, ids):
        sink = Sink(self.home, self.folder)
        self.ship(f"http://127.0.0.1:{sink.bulk}", "logs", ids)
        spent = sink.ask(sink.bulk, "GET", "/stats")["WireBytes"] / self.options.lines
        sink.process.kill9()
        return spent

    def server(self, server, ids):
        """CPU-seconds of the server and its own count of indexing, per million, and bytes a document once merged."""
        index, before = server.index(), cpu_seconds(server.process.pid)
        self.ship(server.url, index, ids)
        spent = cpu_seconds(server.process.pid) - before
        assert server.count(index) == self.options.lines
        indexing = server.get(f"{server.url}/{index}/_stats/indexing")["_all"]["primaries"]["indexing"]
        server.request("POST", f"{index}/_forcemerge?max_num_segments=1&flush=true").raise_for_status()
        store = server.get(f"{server.url}/{index}/_stats/store")["_all"]["primaries"]["store"]["size_in_bytes"]
        server.request("DELETE", index)
        millions = self.options.lines / 1e6
        return spent / millions, indexing["index_time_in_millis"] / 1000 / millions, store / self.options.lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("oxpecker")
    parser.add_argument("--lines", type=int, default=200000)
    parser.add_argument("--repeat", type=int, default=3)
    bench = Bench(parser.parse_args())
    for ids in (True, False):
        print(f"wire, ids {ids!s:5}: {bench.wire(ids):.1f} bytes a line", flush=True)
    for kind in (OpenSearch, OpenSearch3, Elasticsearch):
        server = kind(tempfile.mkdtemp(dir=bench.folder))
        bench.server(server, True)  # until the server is warm
        for _ in range(bench.options.repeat):
            for ids in (True, False):
                cpu, indexing, size = bench.server(server, ids)
                print(f"{kind.name}, ids {ids!s:5}: {cpu:.0f} CPU-s, {indexing:.0f} s of indexing per million, "
                      f"{size:.0f} bytes a document", flush=True)
        server.close()
    bench.close()


if __name__ == "__main__":
    main()
