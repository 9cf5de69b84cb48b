"""The fixtures of tests/e2e serve here too."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from lib.fixtures import *  # noqa: E402,F401,F403
