"""Makes the harness's fixtures known to the tests of this folder."""

from lib.fixtures import *  # noqa: F401,F403


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures how soon something comes, with the machine for itself")
