"""Ports are leased once, to one process, and come back when it ends."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

from tests.support import ports

HOLDER = """
import sys
from tests.support import ports
for _ in range(int(sys.argv[2])):
    print(ports.lease(range(int(sys.argv[3]), int(sys.argv[4])), sys.argv[1]), flush=True)
sys.stdin.read()
"""


class Ports(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pgw-ports-")
        self.addCleanup(shutil.rmtree, self.folder)

    def lease(self, among):
        port = ports.lease(among, self.folder)
        self.addCleanup(lambda: port in ports._leases and ports.release(port))
        return port

    def holder(self, count, among):
        """Another process that leases so many: (it, its ports)."""
        words = [sys.executable, "-c", HOLDER, self.folder, str(count), str(among.start), str(among.stop)]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)
        return process, [int(process.stdout.readline()) for _ in range(count)]

    def test_no_port_is_given_twice_in_a_process(self):
        among = range(32100, 32120)
        self.assertEqual(len({self.lease(among) for _ in range(10)}), 10)

    def test_no_port_is_given_to_two_processes(self):
        among = range(32120, 32150)
        _, first = self.holder(10, among)
        _, second = self.holder(10, among)
        mine = [self.lease(among) for _ in range(5)]
        self.assertEqual(len({*first, *second, *mine}), 25)

    def test_a_port_comes_back_when_its_process_is_killed(self):
        among = range(32150, 32152)
        process, taken = self.holder(2, among)
        with self.assertRaisesRegex(AssertionError, "32150-32151"):
            self.lease(among)
        process.kill()
        process.wait()
        self.assertIn(self.lease(among), taken)

    def test_a_port_on_which_a_stranger_listens_is_passed_over(self):
        among = range(32152, 32154)
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", 32152))
            stranger.listen()
            self.assertEqual(self.lease(among), 32153)

    def test_a_child_of_the_test_does_not_keep_the_port(self):
        among = range(32154, 32155)
        port = self.lease(among)
        child = subprocess.Popen(["sleep", "60"])
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        ports.release(port)
        self.assertEqual(self.lease(among), port)

    def test_the_kernel_does_not_draw_from_the_range(self):
        with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
            low, high = map(int, file.read().split())
        self.assertTrue(ports.RANGE.stop <= low or ports.RANGE.start > high, os.uname())
