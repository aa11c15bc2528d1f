"""What a newcomer meets first: a machine that lacks something is told so in one sentence, and long work speaks."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(*words, **environment):
    return subprocess.run(
        words, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


class Scripts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pgw-scripts-")
        self.addCleanup(shutil.rmtree, self.folder)

    def configure(self, *options):
        return run("cmake", "-S", ROOT, "-B", self.folder, "-G", "Ninja", *options)

    def test_a_missing_tool_is_named_with_the_command_that_installs_it(self):
        for tool in ("bash", "cat", "cmake", "dirname", "g++", "grep", "head", "mktemp", "rm", "sed", "sort"):
            os.symlink(shutil.which(tool), os.path.join(self.folder, tool))
        done = run("scripts/configure", "release", PATH=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "configure: Missing: ninja pkg-config. To install it: scripts/install-deps build\n")

    def test_a_machine_without_googlemock_builds_the_programs(self):
        without = "-DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON"
        refused = self.configure(without, "-DPGW_BUILD_TESTS=ON")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("Missing: GoogleTest, GoogleMock. To install it: scripts/install-deps test\n", refused.stderr)
        # What was asked for in vain is not asked for again by who wants the programs alone.
        done = self.configure(without)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_all_missing_libraries_are_named_at_once(self):
        done = self.configure("-DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_yaml-cpp=ON")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("Missing: Boost 1.81, yaml-cpp. To install it: scripts/install-deps build\n", done.stderr)

    def test_long_work_says_what_it_is_and_that_it_goes_on(self):
        done = run("scripts/lib/speak", "Digging (a day)", "sh", "-c", "echo deep; sleep 2.5; echo deeper", PGW_SPEAK_SECONDS="1")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        lines = done.stderr.splitlines()
        self.assertEqual(lines[0], "Digging (a day) ...")
        self.assertRegex(lines[1], r"^Digging: \d+ s, deep$")
        self.assertRegex(lines[-1], r"^Digging: done in \d+ s$")

    def test_long_work_shows_its_output_when_it_fails_and_leaves_at_once(self):
        begun = time.monotonic()
        done = run("scripts/lib/speak", "Digging", "sh", "-c", "echo a rock; exit 7", PGW_SPEAK_SECONDS="30")
        self.assertEqual(done.returncode, 7)
        self.assertIn("a rock\nDigging: failed", done.stderr)
        self.assertLess(time.monotonic() - begun, 20, "nothing of it may hold the output open")

    def test_the_scripts_that_have_a_self_test_pass_it(self):
        for script in ("install-deps", "check-regressions"):
            with self.subTest(script):
                done = run(f"scripts/{script}", "--self-test")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
