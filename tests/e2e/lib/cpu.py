"""What a process had of the processors, and what it waited for them."""

import functools
import os
import threading
import time



def cpu_seconds(pid):
    """User and system, all its threads, to the nanosecond.

    From the process's CPU clock: its id is made as clock_getcpuclockid(3) does.
    """
    return time.clock_gettime((~pid << 3) | 2)


def waited_for_a_processor(pid, thread):
    """Seconds that a thread has been ready to run while the machine ran others; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except OSError:
        return 0  # or the kernel does not count it


class Ticker(threading.Thread):
    """Notices when this process stands still for whatever reason: the machine stops, a page has to come from disk,
    other threads of it do not let go of the interpreter. `lost` are the seconds of that."""

    def __init__(self, tick, hiccup):
        super().__init__(daemon=True)
        self.lost, self.never, self.tick, self.hiccup = 0, threading.Event(), tick, hiccup
        self.start()

    def run(self):
        now = time.monotonic()
        while not self.never.wait(self.tick):
            before, now = now, time.monotonic()
            self.lost += now - before - self.tick if now - before > self.hiccup else 0


@functools.cache
def ticker(tick=0.02, hiccup=0.1):
    """The one of this process, from the first time on that somebody asks for it."""
    return Ticker(tick, hiccup)


class Waits:
    """For how long threads of these processes have been ready to run since it was made, and the machine ran others; and
    for how long this one has stood still.

    A bound on wall time holds on a busy machine with this added, and on a quiet one it says the same as without.
    Threads that wait at the same time count each.
    """

    def __init__(self, *pids):
        self.pids, self.lost = pids, ticker().lost
        self.before = self.of_each()

    def of_each(self):
        return {(pid, thread): waited_for_a_processor(pid, thread)
                for pid in self.pids for thread in os.listdir(f"/proc/{pid}/task")}

    def seconds(self):
        waited = sum(now - self.before.get(thread, 0) for thread, now in self.of_each().items())
        return waited + ticker().lost - self.lost
