"""Child processes of a test that never outlive it: own sessions, ended by pid, killed when the test's process dies."""

import atexit
import os
import signal
import subprocess
import time


class Process:
    """One program with a log file. start() again after stop() or kill() appends to the log."""

    def __init__(self, name, command, log, environment=None):
        self.name, self.command, self.log_path = name, command, log
        self.environment = environment
        self.process = None
        atexit.register(self.kill)

    def start(self):
        assert not self.alive(), f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            # setpriv becomes the program: the kernel ends it with us, also when we are killed.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )
        return self

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        """To the whole group of the program; nothing when it has ended."""
        if self.alive():
            os.killpg(self.process.pid, number)

    def stop(self, seconds=15):
        """SIGTERM, and SIGKILL when that takes longer than `seconds`: the exit code."""
        if self.alive():
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass  # Killed below.
        return self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.process.wait() if self.process else None

    def log(self, characters=4000):
        try:
            with open(self.log_path, errors="replace") as file:
                return file.read()[-characters:]
        except FileNotFoundError:
            return ""

    def wait_until(self, ready, seconds):
        """Waits until ready() is true; raises with the log when the program ends or time is over."""
        end = time.monotonic() + seconds
        while True:
            if not self.alive():
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()}")
            if ready():
                return
            if time.monotonic() > end:
                raise AssertionError(f"{self.name} is not up after {seconds} s:\n{self.log()}")
            time.sleep(0.05)
