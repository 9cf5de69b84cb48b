"""One server of each kind for all tests of one ctest: the first that asks has it started, and it ends with ctest.

A Java machine costs a core for six seconds before it answers, and is slow for as long again, so not every file starts
its own. CMake sets OXPECKER_SHARED, and then pytest's parent is the ctest to which the server belongs. A file that is
run by hand has a server of its own. So has a test that stops, fills or configures one: it makes a backends.X by itself.

Each server has a keeper, which is this file as a program. The keeper listens on a socket in the abstract namespace,
which nobody else can take and which goes when the keeper goes, so nothing can be left that leads to a server that is
gone. Tests connect, and are told where the server is as soon as it answers, or why there is none. When ctest ends, in
whatever way, the keeper ends the server; when the keeper is killed, the kernel kills the server.
"""

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import backends  # noqa: E402
from lib.wait import wait_until  # noqa: E402


@contextlib.contextmanager
def running(kind, folder_factory):
    """A running server of this kind of backends: ctest's, or one that ends with the `with`."""
    if os.environ.get("OXPECKER_SHARED"):
        yield kind.at(ask(kind, os.getppid()))
        return
    with contextlib.closing(kind(folder_factory.mktemp(kind.__name__.lower()))) as server:
        yield server


def name_of(kind, owner):
    return f"\0oxpecker-tests-{os.getuid()}-{owner}-{kind.__name__}"


def ask(kind, owner):
    """Where the server is that lives as long as the process `owner`. Starts it if it does not run."""
    kind.needed()  # here, where a test can be skipped
    told = asked(kind, owner)
    if told is None:
        subprocess.run([sys.executable, __file__, kind.__name__, str(owner)], check=True, stdin=subprocess.DEVNULL)
        told = wait_until(lambda: asked(kind, owner), 60, f"the keeper of {kind.__name__} answers")
    assert "at" in told, told["failed"]
    return told["at"]


def asked(kind, owner):
    """What the keeper says, which may take as long as the server takes to start; None if there is none."""
    with socket.socket(socket.AF_UNIX) as keeper:
        try:
            keeper.connect(name_of(kind, owner))
            with keeper.makefile("rb") as said:
                return json.loads(said.read() or "null")
        except (ConnectionRefusedError, ConnectionResetError):
            return None


def keep(kind, owner, listener, folder):
    """Starts the server, and tells whoever asks where it is until the owner or the server ends."""
    ended = os.pidfd_open(owner)
    server = None
    try:
        server = kind(folder)
        told = {"at": {name: value for name, value in vars(server).items() if isinstance(value, (str, int))}}
    except Exception as failure:
        told = {"failed": str(failure)}
    ends = [ended] if server is None else [ended, os.pidfd_open(server.process.pid)]
    while not set(ends) & set(select.select([listener, *ends], [], [])[0]):
        with listener.accept()[0] as test:
            with contextlib.suppress(OSError):
                test.sendall(json.dumps(told).encode())
    if server:
        server.close()


def main(kind, owner):
    """Returns at once, and goes on as a child of nobody, so that no test's end takes it along."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(name_of(kind, owner))
    except OSError:
        return  # another test was sooner
    if os.fork():
        return
    os.setsid()
    listener.listen(64)
    for number in range(3):  # ctest waits until nobody has its test's output open
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    folder = tempfile.mkdtemp(prefix="oxpecker-server-")
    try:
        keep(kind, owner, listener, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(getattr(backends, sys.argv[1]), int(sys.argv[2]))
