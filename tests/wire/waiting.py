"""Waiting for a condition instead of for a time."""

import time

from tests.wire.settings import TIMEOUT


def eventually(condition, what, seconds=TIMEOUT):
    """Waits until condition() is true and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)
