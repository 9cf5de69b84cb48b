"""Containers of podman, in a store of the test's own above the images that build.sh made. Where none can run, the test
is skipped, by name."""

import os
import shutil
import subprocess
import tempfile

from . import need

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "oxpecker-tests")
BARE, BUILD = "localhost/oxpecker-tests/bare", "localhost/oxpecker-tests/build"
STORAGE = """[storage]
driver = "overlay"
graphroot = "{here}/root"
runroot = "{here}/run"
[storage.options]
additionalimagestores = ["{images}/store"]
"""


def can_be_apart():
    """Whether a process can have what a container needs; nothing that is installed changes that."""
    return subprocess.run(["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "true"],
                          capture_output=True).returncode == 0


def images_built():
    """Building them needs containers, too. Where these could run, it failed for a reason that can be mended."""
    script = os.path.join(need.TESTS, "backends", "build.sh")
    done = subprocess.run(["sh", script, "--path", "containers"], capture_output=True, text=True)
    if done.returncode:
        said = need.missing if can_be_apart() else need.impossible
        said("there are no images of Debian: see what tests/backends/build.sh containers says")
    return done.stdout.strip()


class Podman:
    def __init__(self):
        need.program("podman")
        need.program("runc")
        if os.geteuid() != 0:
            need.impossible("containers are run by root here, and this is another user")
        images = images_built()
        self.here, self.names = tempfile.mkdtemp(prefix="oxp-"), []  # podman wants it short
        with open(os.path.join(self.here, "storage.conf"), "w", encoding="utf-8") as file:
            file.write(STORAGE.format(here=self.here, images=images))
        self.env = {**os.environ, "CONTAINERS_STORAGE_CONF": os.path.join(self.here, "storage.conf"),
                    "CONTAINERS_CONF": os.path.join(need.TESTS, "deploy", "containers.conf")}
        tried = self.run("run", "--rm", "--network=host", BARE, "true", fine=False)
        if tried.returncode:
            need.impossible("containers cannot run here: " + tried.stderr.strip()[-300:])

    def run(self, *words, fine=True, deadline=600, env=None):
        done = subprocess.run(["podman", *map(str, words)], capture_output=True, text=True, timeout=deadline,
                              env={**self.env, **(env or {})})
        said = done.stdout[-2000:] + done.stderr[-3000:]
        assert not fine or done.returncode == 0, f"{words}: {done.returncode}\n{said}"
        return done

    def start(self, image, *command, options=()):
        """A container that runs until the test ends; its name."""
        name = f"oxpecker-test-{os.getpid()}-{len(self.names)}"
        self.run("run", "--detach", "--name", name, "--network=host", *options, image, *command)
        self.names.append(name)
        return name

    def ask(self, name, *command, fine=True, options=()):
        return self.run("exec", *options, name, *command, fine=fine)

    def close(self):
        for name in self.names:
            self.run("rm", "--force", "--time", "0", name, fine=False)
        self.run("image", "unmount", "--all", fine=False)
        self.run("unmount", "--all", fine=False)
        shutil.rmtree(self.here, ignore_errors=True)
