"""Makes the harness of the end-to-end tests known to the tests of this folder."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from lib.fixtures import *  # noqa: E402,F401,F403
