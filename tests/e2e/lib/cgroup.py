"""A memory cgroup of a test's own, of version 1 or 2: what a container's memory limit is."""

import os

from . import need
from .wait import wait_until

ROOTS = (("/sys/fs/cgroup/memory", {"limit": "memory.limit_in_bytes", "used": "memory.usage_in_bytes",
                                    "peak": "memory.max_usage_in_bytes", "events": "memory.oom_control",
                                    "swap": "memory.memsw.limit_in_bytes", "anonymous": "rss"}),
         ("/sys/fs/cgroup", {"limit": "memory.max", "used": "memory.current", "peak": "memory.peak",
                             "events": "memory.events", "swap": "memory.swap.max", "anonymous": "anon"}))


class MemoryCgroup:
    """No more than `limit` bytes for whoever join() lets in, and no swap."""

    def __init__(self, name, limit):
        self.path, self.files = self.made(name)
        try:
            self.write(self.files["limit"], limit)
        except OSError as failure:
            self.close()
            need.missing(f"no memory cgroup can be made here: {failure}")
        self.no_swap(limit)

    @staticmethod
    def made(name):
        root, files = next((root for root in ROOTS if os.path.exists(f"{root[0]}/cgroup.procs")), (None, None))
        if not root:
            need.missing("no memory cgroups are mounted here")
        try:
            os.mkdir(f"{root}/{name}")
        except OSError as failure:
            need.missing(f"no memory cgroup can be made here: {failure}")
        return f"{root}/{name}", files

    def no_swap(self, limit):
        """Where the kernel counts swap at all."""
        if os.path.exists(f"{self.path}/{self.files['swap']}"):
            self.write(self.files["swap"], limit if "memsw" in self.files["swap"] else 0)

    def write(self, name, value):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def read(self, name):
        with open(f"{self.path}/{name}", encoding="ascii") as file:
            return file.read()

    def pairs(self, name):
        return {key: int(value) for key, value in (line.split() for line in self.read(name).splitlines())}

    def wrapped(self, program, folder):
        """A script that is the program, in this cgroup from its first instruction."""
        script = os.path.join(str(folder), "in-cgroup.sh")
        with open(script, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\necho $$ >"{self.path}/cgroup.procs"\nexec "{program}" "$@"\n')
        os.chmod(script, 0o755)
        return script

    @property
    def used(self):
        return int(self.read(self.files["used"]))

    @property
    def anonymous(self):
        """What cannot be dropped and read again."""
        return self.pairs("memory.stat")[self.files["anonymous"]]

    @property
    def kills(self):
        return self.pairs(self.files["events"])["oom_kill"]

    def members(self):
        return self.read("cgroup.procs").split()

    def close(self):
        wait_until(lambda: not self.members(), 60, "the cgroup is empty")
        os.rmdir(self.path)
