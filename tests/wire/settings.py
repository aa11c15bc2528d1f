"""Which programs the tests run, and how patient they are."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("PGW_BIN", os.path.join(ROOT, "build", "release", "bin"))
WORKER = os.environ.get("PGW_WORKER", os.path.join(BIN, "gateway-worker"))
TIMEOUT = float(os.environ.get("PGW_TEST_TIMEOUT", "10"))
