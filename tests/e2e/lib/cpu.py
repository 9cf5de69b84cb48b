"""What a process had of the processors, and what it waited for them."""

import os
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


class Waits:
    """For how long threads of these processes have been ready to run since it was made, and the machine ran others.

    A bound on wall time holds on a busy machine with this added, and on a quiet one it says the same as without.
    Threads that wait at the same time count each.
    """

    def __init__(self, *pids):
        self.pids = pids
        self.before = self.of_each()

    def of_each(self):
        return {(pid, thread): waited_for_a_processor(pid, thread)
                for pid in self.pids for thread in os.listdir(f"/proc/{pid}/task")}

    def seconds(self):
        return sum(now - self.before.get(thread, 0) for thread, now in self.of_each().items())
