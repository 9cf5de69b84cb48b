"""A disk of a few MiB that a test can fill to its last byte, and disks that are slow."""

import os
import subprocess

from . import agent, need

SIZE = 16 << 20


class Disk:
    """A file system of its own; fill() leaves no byte of it."""

    def __init__(self, path, size=SIZE):
        self.path, self.filler = str(path), os.path.join(str(path), "filler")
        os.makedirs(self.path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", self.path],
                              capture_output=True, text=True)
        if done.returncode:
            need.missing(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")

    def fill(self):
        with open(self.filler, "ab", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                self.append(file, size)
        assert os.statvfs(self.path).f_bfree == 0

    @staticmethod
    def append(file, size):
        try:
            while file.write(b"x" * size) == size:
                pass
        except OSError:
            pass  # full, as far as pieces of this size go

    def make_room(self):
        os.unlink(self.filler)

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=True)


def slow(**settings):
    """The environment of an agent whose disk is that of fault/slow_disk.c: MS=100, GATE=path."""
    shim = os.path.join(os.path.dirname(agent.binary()), "tests", "libslow_disk.so")
    if not os.path.exists(shim):
        need.missing(f"{shim} is not built")
    return {"LD_PRELOAD": shim, "ASAN_OPTIONS": "detect_leaks=1:exitcode=99:verify_asan_link_order=0",
            **{"SLOW_DISK_" + name: value for name, value in settings.items()}}


class Gate:
    """While it is closed, in a `with`, nothing that an agent with this `env` commits is on disk."""

    def __init__(self, folder):
        self.path = os.path.join(str(folder), "gate")
        self.env = slow(GATE=self.path)

    def __enter__(self):
        with open(self.path, "xb"):
            return self

    def __exit__(self, *_):
        os.unlink(self.path)
