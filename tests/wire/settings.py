"""Which programs the tests run, and how patient they are."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("PGW_BIN", os.path.join(ROOT, "build", "release", "bin"))
WORKER = os.environ.get("PGW_WORKER", os.path.join(BIN, "gateway-worker"))


def _sanitized():
    """Whether the programs stand in the build folder of a sanitizer."""
    try:
        with open(os.path.join(BIN, os.pardir, "CMakeCache.txt")) as file:
            return any(re.match(r"PGW_SANITIZE:\w+=.", line) for line in file)
    except OSError:
        return False


SANITIZED = _sanitized()
TIMEOUT = float(os.environ.get("PGW_TEST_TIMEOUT", "10"))
