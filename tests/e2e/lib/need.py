"""What a test needs and may not be there. It is skipped by name then; in CI, where everything can be had, it fails."""

import functools
import os
import resource
import shutil
import subprocess

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IN_CI = os.environ.get("CI") == "true"
missed = []  # what was missing in this run of pytest


def missing(what):
    missed.append(what)
    if IN_CI:
        pytest.fail(f"{what}, and in CI it has to be there", pytrace=False)
    pytest.skip(what)


def impossible(what):
    """Some machines cannot do it, whatever is installed: skipped by name in CI, too."""
    missed.append(what)
    pytest.skip(what)


def program(name):
    return shutil.which(name) or missing(f"{name} is not installed")


def descriptors(count):
    """So many for each process that is started from here on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(count, hard)))
    except (ValueError, PermissionError):
        missing(f"a process may have {hard} open files here, not {count}")


def prometheus(name):
    """prometheus or promtool, installed or unpacked by build.sh."""
    return shutil.which(name) or os.path.join(built("prometheus"), "usr", "bin", name)


@functools.cache
def built(name):
    """The folder of something that tests/backends/build.sh builds."""
    script = os.path.join(TESTS, "backends", "build.sh")
    done = subprocess.run(["sh", script, "--path", name], capture_output=True, text=True)
    if done.returncode:
        missing(f"{name} is not built: run tests/backends/build.sh {name}")
    return done.stdout.strip()
