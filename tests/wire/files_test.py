"""Files that a user names: what is not a file, is endless or badly kept neither stops the worker nor passes in silence."""

import os
import resource
import shutil
import signal
import subprocess
import tempfile

from tests.wire import harness
from tests.wire.harness import Worker, eventually, free_port
from tests.wire.pod_test import SaslServer


class Manifests(harness.TestCase):
    def run_with(self, path, seconds=10):
        done = subprocess.run(
            [harness.WORKER, "--check", "--config", path],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )
        return done.returncode, done.stdout + done.stderr

    @harness.red_on("0.1.0")
    def test_what_is_not_a_file_is_named_at_once(self):
        folder = tempfile.mkdtemp(prefix="pgw-files-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        pipe = os.path.join(folder, "pipe")
        os.mkfifo(pipe)
        for path, words in ((pipe, "is a pipe"), (folder, "is a directory"), ("/dev/zero", "is a device")):
            with self.subTest(path):
                code, output = self.run_with(path)
                self.assertEqual(code, 2, output)
                self.assertIn(f"{path}: {words}, not a regular file", output)

    def test_a_pipe_of_the_shell_is_read_once(self):
        document = harness.manifest(free_port(), free_port())
        worker = Worker(document=document)
        self.addCleanup(shutil.rmtree, worker.folder, ignore_errors=True)
        worker.write_document()
        script = f'{harness.WORKER} --check --config <(cat {worker.config})'
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=10)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(worker.config) as file:
            done = subprocess.run(
                [harness.WORKER, "--check", "--config", "-"], stdin=file, capture_output=True, text=True, timeout=10
            )
        self.assertEqual(done.returncode, 0, done.stderr)

    @harness.red_on("0.1.0")
    def test_a_pipe_that_takes_its_place_stops_nothing(self):
        with Worker() as worker:
            worker.wait_ready()
            os.remove(worker.config)
            os.mkfifo(worker.config)
            worker.process.send_signal(signal.SIGHUP)
            eventually(lambda: "is a pipe" in worker.status().get("configProblem", ""), "the problem in /status")
            self.assertEqual(worker.get("/livez")[0], 200)
            self.assertEqual(worker.stop(5), 0)


class Secrets(harness.TestCase):
    def setUp(self):
        self.secrets = tempfile.mkdtemp(prefix="pgw-secrets-")
        self.addCleanup(shutil.rmtree, self.secrets, ignore_errors=True)
        os.mkdir(f"{self.secrets}/login")
        self.put("username", "me")

    def put(self, key, value):
        with open(f"{self.secrets}/login/{key}", "w", newline="") as file:
            file.write(value)

    def worker(self, server, *arguments):
        sasl = {"mechanism": "Plain", "secretRef": {"name": "login"}}
        upstream = harness.generic_upstream(server.port, sasl=sasl)
        return Worker(secrets=self.secrets, upstream=upstream, arguments=arguments, threads=1)

    @harness.red_on("0.1.0")
    def test_a_line_end_of_windows_is_no_part_of_a_password(self):
        self.put("password", "s3cret\r\n")
        with SaslServer() as server, self.worker(server):
            self.assertEqual(server.logins.get(timeout=20), ("me", "s3cret"))

    @harness.red_on("0.1.0")
    def test_a_pipe_in_place_of_a_password_stops_nothing(self):
        self.put("password", "first")
        with SaslServer() as server, self.worker(server) as worker:
            self.assertEqual(server.logins.get(timeout=20), ("me", "first"))
            os.remove(f"{self.secrets}/login/password")
            os.mkfifo(f"{self.secrets}/login/password")
            worker.process.send_signal(signal.SIGHUP)
            problem = eventually(lambda: worker.status()["missing"], "the problem in /status")[0]
            self.assertEqual((problem["key"], problem["problem"]), ("password", "is a pipe, not a regular file"))
            self.assertEqual(worker.get("/livez")[0], 200)
            self.assertEqual(worker.stop(5), 0)

    @harness.red_on("0.1.0")
    def test_an_empty_password_and_one_that_everybody_can_read_are_said_once(self):
        self.put("password", "")
        os.chmod(f"{self.secrets}/login/password", 0o644)
        with SaslServer() as server, self.worker(server) as worker:
            self.assertEqual(server.logins.get(timeout=20), ("me", ""))
            for _ in range(3):
                worker.process.send_signal(signal.SIGHUP)
                worker.get("/livez")
            log = worker.log()
            for words in ("it is empty", "every user of this machine can read it"):
                self.assertEqual(log.count(words), 1, log)
            self.assertIn(f"{self.secrets}/login/password", log)

    @harness.red_on("0.1.0")
    def test_no_certificate_is_read_from_a_device(self):
        os.mkdir(f"{self.secrets}/tls")
        for key in ("tls.crt", "tls.key"):
            os.symlink("/dev/zero", f"{self.secrets}/tls/{key}")
        listener = {"name": "mqtts", "type": "MQTT", "address": "127.0.0.1", "port": free_port(), "tls": {"secretRef": {"name": "tls"}}}
        code, output = harness.run_worker(
            harness.manifest(free_port(), free_port(), listeners=[listener]), "--secrets-dir", self.secrets
        )
        self.assertEqual(code, 1, output)
        self.assertIn("key 'tls.crt': is a device, not a regular file", output)


class CoreDumps(harness.TestCase):
    def limit(self, worker):
        with open(f"/proc/{worker.process.pid}/limits") as file:
            line = next(line for line in file if line.startswith("Max core file size"))
        return line.split()[4:6]

    @harness.red_on("0.1.0")
    def test_none_is_written_unless_asked(self):
        before = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_CORE, before)
        with Worker() as worker:
            self.assertEqual(self.limit(worker), ["0", "0"])
        if before[1] != 0:
            with Worker(arguments=["--allow-core-dumps"]) as worker:
                self.assertNotEqual(self.limit(worker)[0], "0")
