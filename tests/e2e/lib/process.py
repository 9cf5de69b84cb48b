"""A child process with its output in files. It dies with the test program, whatever happens to that."""

import ctypes
import os
import signal
import subprocess

from .wait import wait_until

PR_SET_PDEATHSIG = 1


def _begin():
    """It dies with its parent, and begins with the signals of a login, also if the tests run under nohup."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Process:
    def __init__(self, name, argv, folder, env=None):
        self.name, self.argv, self.folder = name, [str(word) for word in argv], str(folder)
        self.env = {**os.environ, **{key: str(value) for key, value in (env or {}).items()}}
        self.out_path = os.path.join(self.folder, name + ".out")
        self.err_path = os.path.join(self.folder, name + ".err")
        self.child = None
        self.start()

    def start(self):
        with open(self.out_path, "ab") as out, open(self.err_path, "ab") as err:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.env,
                                          cwd=self.folder, start_new_session=True, preexec_fn=_begin)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def out(self):
        with open(self.out_path, errors="replace") as file:
            return file.read()

    def err(self):
        with open(self.err_path, errors="replace") as file:
            return file.read()

    def signal(self, number):
        if self.alive():
            self.child.send_signal(number)

    def wait(self, deadline=60.0):
        """Its exit status; -9 means killed by signal 9."""
        try:
            return self.child.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} is still there after {deadline:g} s:\n{self.err()[-2000:]}") from None

    def stop(self, deadline=60.0):
        """SIGTERM, and the exit status; SIGKILL and a failure when it does not end."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(deadline)
        finally:
            self.kill9()

    def kill9(self):
        if self.alive():
            self.child.kill()
        return self.child.wait()

    def wait_until(self, predicate, deadline, what):
        """As wait_until(), but gives up at once when the process has ended."""
        def watched():
            if not self.alive():
                status = self.child.returncode
                said = self.out()[-2000:] + self.err()[-2000:]
                raise AssertionError(f"{self.name} ended with {status} before {what}:\n{said}")
            return predicate()

        return wait_until(watched, deadline, what)
