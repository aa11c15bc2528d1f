"""A load that goes on while things happen to a gateway, and the verdict: every PUBACK's message is in the queue."""

import os
import tempfile
import threading
import time

from tests.faults.kill_restart import Load, drain, judge

ENDLESS = 10**9


class BackgroundLoad:
    """Devices that publish at QoS 1 on a thread of their own and reconnect when they are sent away, `pause` seconds between two
    turns of all; `first` is the first one's number, which is in its client id and its messages. finish() lets them get their last
    PUBACKs."""

    def __init__(self, address, port, clients=20, window=2, pause=0.02, first=0):
        handle, self.log_path = tempfile.mkstemp(prefix="pgw-e2e-", suffix=".pubacks")
        self.log = os.fdopen(handle, "w")
        self.load = Load(port, clients, window, ENDLESS, seed=1, log=self.log, address=address, first=first)
        self.pause = pause
        self.stopping, self.abandoned = threading.Event(), threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def abandon(self):
        """Ends without a verdict; nothing when it is finished."""
        self.abandoned.set()
        self.thread.join(10)
        self.log.close()

    def _run(self):
        try:
            while not self.load.finished() and not self.abandoned.is_set():
                self.load.turn()
                time.sleep(self.pause)
                if self.stopping.is_set():
                    self.load.each = 0  # Nobody sends anything new.
                    if not self.load.unacknowledged():
                        break
        except BaseException as error:  # Shown by whoever waits.
            self.failure = error
        finally:
            for device in self.load.devices:
                device.lost(0)

    @property
    def acknowledged(self):
        return self.load.acknowledged

    def progress(self, messages=200, seconds=60):
        """Waits until so many more are acknowledged."""
        goal, end = self.acknowledged + messages, time.monotonic() + seconds
        while self.acknowledged < goal:
            if self.failure:
                raise self.failure
            assert time.monotonic() < end, f"{self.acknowledged} PUBACKs, {self.load.unacknowledged()} open; waited for {goal}"
            time.sleep(0.05)

    def finish(self, seconds=60):
        """No new publications; waits for the PUBACKs of those that are open."""
        self.stopping.set()
        self.thread.join(seconds)
        if self.failure:
            raise self.failure
        assert not self.thread.is_alive(), f"{self.load.unacknowledged()} publications got no PUBACK within {seconds} s"
        self.log.close()


def verdict(url, *loads):
    """Drains the queue and holds it against the logs of finished loads whose devices have different numbers:
    (lost, damaged, duplicates). The logs stay when something is lost."""
    bodies = drain(url)
    found = [judge(load.log_path, bodies) for load in loads]
    lost = [key for each in found for key in each[0]]
    for load in loads if not lost else ():
        os.unlink(load.log_path)
    return lost, found[0][1], found[0][2]
