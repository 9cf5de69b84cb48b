"""A disk of a few MiB that a test can fill to its last byte."""

import os
import subprocess

from . import need

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
