"""The fixtures of tests/e2e serve here too, and containers."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from lib import containers  # noqa: E402
from lib.fixtures import *  # noqa: E402,F401,F403


@pytest.fixture
def podman(closing):
    """podman → a containers.Podman."""
    return closing.keep(containers.Podman())
