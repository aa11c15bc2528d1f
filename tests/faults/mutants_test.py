"""The tests notice a worker that acknowledges too early, believes what was not said, or makes two messages of one."""

import os
import re
import subprocess
import sys

from tests.wire import harness
from tests.wire.harness import BIN, ROOT

OUTCOMES = "tests.wire.outcomes_test.Outcomes"
KILLS = ["tests/faults/kill_restart.py", "--messages", "20000", "--least-unacknowledged", "0"]


def run(worker, *words):
    """(exit code, output) of a test that is given this worker."""
    environment = {**os.environ, "PGW_WORKER": os.path.join(BIN, worker)}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


class Mutants(harness.TestCase):
    def caught(self, mutant, case):
        words = ["-m", "unittest", f"{OUTCOMES}.{case}"]
        code, output = run("gateway-worker", *words)
        self.assertEqual(code, 0, output)
        code, output = run(f"mutant-{mutant}", *words)
        self.assertNotEqual(code, 0, output)
        self.assertRegex(output, r"FAILED \(failures=\d+\)", "assertions that failed, nothing else")

    def test_ack_before_accepted(self):
        self.caught("ack-before-accepted", "test_puback_is_withheld_until_the_peer_accepts")

    def test_ack_without_state(self):
        self.caught("ack-without-state", "test_settled_without_a_state_never_acknowledges")

    def test_resend_under_a_new_id(self):
        self.caught("resend-under-a-new-id", "test_released_and_modified_are_sent_again_and_then_acknowledged")

    def test_the_judge_of_the_kills_finds_what_was_acknowledged_too_early(self):
        code, output = run("mutant-ack-before-accepted", *KILLS)
        self.assertNotEqual(code, 0, output)
        lost = re.search(r"lost (\d+)", output)
        self.assertTrue(lost and int(lost[1]) > 0, output)
