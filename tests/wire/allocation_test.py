"""The message path allocates nothing in its steady state: operator new is counted in the running worker."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from tests.wire import harness
from tests.wire.harness import BIN, Worker, eventually, free_port, generic_upstream

PUBLISHES = 100_000


class Allocation(harness.TestCase):
    def test_100000_steady_qos1_publishes_allocate_nothing(self):
        library = os.path.join(os.path.dirname(BIN), "lib", "libpgw_count_new.so")
        counts = os.path.join(tempfile.mkdtemp(prefix="pgw-count-"), "count")
        upstream = free_port()
        environment = {"LD_PRELOAD": library, "PGW_COUNT_FILE": counts}
        with Worker(generic_upstream(upstream), environment=environment, threads=1) as worker:

            def allocations():
                if os.path.exists(counts):
                    os.unlink(counts)
                worker.process.send_signal(signal.SIGUSR2)
                eventually(lambda: os.path.exists(counts) and os.path.getsize(counts), "the count")
                time.sleep(0.2)  # until all of it is there
                with open(counts) as file:
                    number, stacks = file.read().split("\n", 1)
                return int(number), stacks

            load = subprocess.Popen(
                [
                    os.path.join(BIN, "pgw-loadgen"),
                    *("--port", str(worker.port), "--sink-port", str(upstream), "--qos", "1"),
                    *("--clients", "50", "--window", "20", "--size", "256", "--warmup", "2", "--seconds", "10"),
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            time.sleep(3)
            # The scrapes allocate, so they stand outside of the counted time.
            acknowledged = worker.metric("pgw_mqtt_pubacks_total")
            time.sleep(0.5)  # until the scrape's connection is gone
            before, _ = allocations()
            time.sleep(3)
            after, stacks = allocations()
            counted = after - before
            acknowledged = worker.metric("pgw_mqtt_pubacks_total") - acknowledged
            result = json.loads(load.communicate(timeout=60)[0].strip().splitlines()[-1])
            self.assertEqual(result["lost_connections"], 0)
            self.assertGreater(acknowledged, PUBLISHES)
            self.assertEqual(counted, 0, f"operator new during {acknowledged:.0f} publishes:\n{stacks}")


if __name__ == "__main__":
    unittest.main()
