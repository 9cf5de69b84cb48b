"""The CPU time of another process, user and system, all its threads, to the nanosecond."""

import time


def cpu_seconds(pid):
    """From the process's CPU clock: its id is made as clock_getcpuclockid(3) does."""
    return time.clock_gettime((~pid << 3) | 2)
