"""Makes the harness's fixtures known to the tests of this folder."""

from lib.fixtures import *  # noqa: F401,F403
