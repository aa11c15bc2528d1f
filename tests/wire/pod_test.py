"""The worker as the operator runs it: ports of its own for probes, secrets that come later, live configuration."""

import ctypes
import json
import os
import queue
import shutil
import signal
import socket
import struct
import tempfile
import threading

from tests.support import ports
from tests.wire import harness
from tests.wire.harness import Client, Worker, eventually, free_port, generic_upstream, mosquitto_pub, puback, publish

ADDRESS = "127.83.0.1"


def hash_of(text):
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH64.restype = ctypes.c_uint64
    library.XXH64.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    data = text.encode()
    return f"{library.XXH64(data, len(data), 0):016x}"


class Ports(harness.TestCase):
    def worker(self, *arguments, **more):
        self.health, self.metrics = free_port(), free_port()
        ports = ("--health-port", self.health, "--metrics-port", self.metrics)
        return Worker(arguments=(*arguments, *ports), **more)

    def test_health_and_metrics_have_ports_of_their_own(self):
        with self.worker() as worker:
            worker.wait_ready()
            for path, here, there in (
                ("/livez", self.health, self.metrics),
                ("/readyz", self.health, self.metrics),
                ("/status", self.health, self.metrics),
                ("/metrics", self.metrics, self.health),
            ):
                with self.subTest(path):
                    self.assertEqual(worker.get(path, here)[0], 200)
                    self.assertEqual(worker.get(path, there)[0], 404)
                    self.assertEqual(worker.get(path)[0], 200)
            for port in (self.health, self.metrics):
                self.assertEqual(worker.get("/config", port)[0], 404)
            self.assertEqual(worker.get("/config")[0], 200)

    def test_bind_moves_everything_to_one_address(self):
        worker = self.worker("--bind", ADDRESS)
        worker.address = ADDRESS
        with worker:
            worker.wait_ready()
            with Client(worker.port, address=ADDRESS) as client:
                client.send(publish("t", b"x", qos=1, packet_id=1))
                client.expect(puback(1))
            self.assertEqual(worker.get("/livez", self.health)[0], 200)
            self.assertEqual(worker.get("/config")[0], 200, "a loopback address keeps the admin server")
            for port in (worker.port, worker.admin_port, self.health, self.metrics):
                with socket.socket() as probe:
                    self.assertNotEqual(probe.connect_ex(("127.0.0.1", port)), 0)

    def test_bind_any_leaves_the_admin_server_on_loopback_when_probes_have_ports(self):
        with self.worker("--bind-any") as worker:
            worker.wait_ready()
            self.assertEqual(worker.get("/livez", self.health, ADDRESS)[0], 200)
            self.assertEqual(worker.get("/config")[0], 200)
            self.assertEqual(worker.get("/livez", address=ADDRESS)[0], 0)
        with Worker(arguments=["--bind-any"]) as worker:
            worker.wait_ready()
            self.assertEqual(worker.get("/livez", address=ADDRESS)[0], 200)

    def test_low_ports_move_up(self):
        moved = ports.lease(range(10001, 11024))
        worker = self.worker("--bind", "127.83.0.2")
        worker.address = "127.83.0.2"
        worker.document["spec"]["listeners"][0]["port"] = moved - 10000
        worker.launch()
        try:
            worker.wait_ready()
            self.assertEqual([listener["port"] for listener in worker.status()["listeners"]], [moved])
            Client(moved, address="127.83.0.2").socket.close()
            self.assertEqual(worker.stop(), 0)
        finally:
            worker.__exit__(None, None, None)

    def test_a_taken_health_port_is_named_and_ends_the_start(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            code, output = harness.run_worker(harness.manifest(free_port(), free_port()), "--health-port", str(port))
        self.assertEqual(code, 1, output)
        self.assertIn(str(port), output)

    def test_wrong_values_are_usage_errors(self):
        for arguments in (["--health-port", "x"], ["--metrics-port", "70000"], ["--bind", "everywhere"], ["--revision"]):
            with self.subTest(arguments):
                code, output = harness.run_worker(harness.manifest(1883, 9090), *arguments)
                self.assertEqual(code, 2, output)
                self.assertIn(arguments[0], output)


class Status(harness.TestCase):
    def test_it_says_what_the_operator_asks(self):
        with Worker(arguments=["--revision", "gateway-abc123"]) as worker:
            worker.wait_ready()
            status = worker.status()
            with open(worker.config) as file:
                self.assertEqual(status["configHash"], hash_of(file.read()))
            self.assertEqual(status["revision"], "gateway-abc123")
            self.assertEqual(status["stage"], "Ready")
            self.assertEqual(status["missing"], [])
            self.assertNotIn("configProblem", status)
            self.assertTrue(status["version"])
            upstream = status["upstreams"]["peer"]
            self.assertEqual((upstream["state"], upstream["linksReady"], upstream["routed"]), ("Connected", True, True))
            self.assertEqual(upstream["connections"], upstream["connected"])
            with Client(worker.port):
                eventually(lambda: worker.status()["clients"] == 1, "the client in /status")
                self.assertEqual(worker.status()["connections"], 1)


class LaterSecrets(harness.TestCase):
    def setUp(self):
        self.made = tempfile.mkdtemp(prefix="pgw-made-")
        self.secrets = tempfile.mkdtemp(prefix="pgw-secrets-")
        for folder in (self.made, self.secrets):
            self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.port = free_port()

    def give(self, secret):
        """What was made becomes visible, as when a Secret is created."""
        shutil.copytree(f"{self.made}/{secret}", f"{self.secrets}/{secret}")

    def worker(self, **more):
        return Worker(secrets=self.secrets, arguments=["--secrets-optional"], **more)

    def test_a_listener_opens_when_its_certificate_comes(self):
        harness.make_certificates(self.made)
        tls = {"secretRef": {"name": "tls"}}
        listener = {"name": "mqtts", "type": "MQTT", "address": "127.0.0.1", "port": self.port, "tls": tls}
        worker = self.worker(listeners=[listener], threads=2).launch()
        try:
            eventually(lambda: worker.get("/livez")[0] == 200, "the worker")
            with Client(worker.port) as client:  # The plain listener is not held up.
                client.send(publish("t", b"x", qos=1, packet_id=1))
                client.expect(puback(1))
            code, text = worker.get("/readyz")
            self.assertEqual(code, 503)
            self.assertIn("mqtts", text)
            status = worker.status()
            self.assertEqual([one["listening"] for one in status["listeners"]], [True, False])
            missing = [(one["path"], one["secret"], one["key"], one["problem"]) for one in status["missing"]]
            path = "spec.listeners[1].tls.secretRef"
            self.assertEqual(missing, [(path, "tls", "tls.crt", "not found"), (path, "tls", "tls.key", "not found")])
            with socket.socket() as probe:
                self.assertNotEqual(probe.connect_ex(("127.0.0.1", self.port)), 0)

            self.give("tls")
            worker.process.send_signal(signal.SIGHUP)
            worker.wait_ready(20)
            status = worker.status()
            self.assertEqual(status["missing"], [])
            self.assertEqual([one["listening"] for one in status["listeners"]], [True, True])
            self.assertGreater(status["earliestCertificateExpiry"], 0)
            ca = os.path.join(self.made, "ca", "ca.crt")
            for number in range(8):  # Every thread accepts.
                code, output = mosquitto_pub(self.port, "--cafile", ca, "-i", f"c{number}", "-q", 1, "-t", "t", "-m", "x")
                self.assertEqual(code, 0, output)
            self.assertEqual(worker.log().count("secret not usable"), 2)
            self.assertEqual(worker.stop(), 0)
        finally:
            worker.__exit__(None, None, None)

    def test_an_upstream_connects_when_its_credentials_come_and_takes_new_ones(self):
        with SaslServer() as server:
            sasl = {"mechanism": "Plain", "secretRef": {"name": "login"}}
            with self.worker(upstream=generic_upstream(server.port, sasl=sasl), threads=1) as worker:
                error = eventually(lambda: worker.status()["upstreams"]["peer"].get("error"), "the error")
                self.assertIn("secret 'login', key 'username': not found", error)
                self.assertEqual({one["key"] for one in worker.status()["missing"]}, {"username", "password"})
                self.assertTrue(server.logins.empty(), "nothing is tried without a password")
                os.mkdir(f"{self.secrets}/login")
                self.put("username", "me")
                self.put("password", "first-secret")
                worker.process.send_signal(signal.SIGHUP)
                self.assertEqual(server.logins.get(timeout=20), ("me", "first-secret"))
                self.assertEqual(worker.status()["missing"], [])
                self.put("password", "second-secret")
                worker.process.send_signal(signal.SIGHUP)
                eventually(lambda: server.logins.get(timeout=20) == ("me", "second-secret"), "the new password", 30)
                for password in ("first-secret", "second-secret"):
                    self.assertNotIn(password, worker.log(), "no password in the log")

    def put(self, key, value):
        with open(f"{self.secrets}/login/{key}", "w") as file:
            file.write(value)

    def test_without_the_option_a_missing_secret_ends_the_start_and_all_are_named(self):
        sasl = {"mechanism": "Plain", "secretRef": {"name": "login"}}
        document = harness.manifest(free_port(), free_port(), generic_upstream(1, sasl=sasl))
        code, output = harness.run_worker(document, "--secrets-dir", self.secrets)
        self.assertEqual(code, 1, output)
        for part in ("spec.upstreams[0].sasl.secretRef", f"{self.secrets}/login/username", "login/password"):
            self.assertIn(part, output)


class SaslServer:
    """An AMQP server that refuses every SASL PLAIN login and keeps what it was told."""

    def __init__(self):
        self.logins = queue.Queue()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    @staticmethod
    def _frame(body):
        return struct.pack(">IBBH", len(body) + 8, 2, 1, 0) + body

    def _run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    self._refuse(connection)
                except OSError:
                    pass

    def _refuse(self, connection):
        stream = connection.makefile("rb")
        stream.read(8)
        mechanisms = b"\x00\x53\x40\xc0\x0b\x01\xe0\x08\x01\xa3\x05PLAIN"
        connection.sendall(b"AMQP\x03\x01\x00\x00" + self._frame(mechanisms))
        init = stream.read(struct.unpack(">I", stream.read(4))[0] - 4)
        # After the mechanism stands the response, a vbin8: \0user\0password.
        response = init[init.index(b"PLAIN") + 5 :]
        assert response[0] == 0xA0
        _, user, password = response[2 : 2 + response[1]].split(b"\0")
        self.logins.put((user.decode(), password.decode()))
        connection.sendall(self._frame(b"\x00\x53\x44\xc0\x03\x01\x50\x01"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class LiveConfiguration(harness.TestCase):
    def change(self, worker, **spec):
        """Writes the manifest with these fields of spec; gives its hash."""
        worker.document["spec"].update(spec)
        return hash_of(worker.write_document())

    def test_live_fields_are_taken_over_and_connections_stay(self):
        with Worker(threads=1) as worker, Client(worker.port, client_id="stays") as stays:
            expected = self.change(worker, logging={"level": "Debug"}, limits={"maxConnections": 1})
            eventually(lambda: worker.status()["configHash"] == expected, "the new configuration")
            self.assertNotIn("configProblem", worker.status())
            self.assertEqual(json.loads(worker.get("/config")[1])["spec"]["limits"]["maxConnections"], 1)
            stays.send(publish("t", b"x", qos=1, packet_id=1))
            stays.expect(puback(1))
            with socket.create_connection(("127.0.0.1", worker.port)) as another:
                another.settimeout(5)
                self.assertEqual(another.recv(1), b"", "one connection is the limit now")
            expected = self.change(worker, limits={"maxConnections": 2})
            worker.process.send_signal(signal.SIGHUP)
            eventually(lambda: worker.status()["configHash"] == expected, "the limit")
            Client(worker.port, client_id="another").socket.close()

    def test_what_needs_a_new_process_or_is_invalid_is_said_and_changes_nothing(self):
        with Worker() as worker:
            before = worker.status()["configHash"]
            good = json.loads(json.dumps(worker.document))
            self.change(worker, logging={"level": "Debug"}, limits={"receiveMaximum": 7})
            eventually(lambda: "spec.limits.receiveMaximum" in worker.status().get("configProblem", ""), "the reason")
            self.assertEqual(worker.status()["configHash"], before)
            worker.document["spec"]["limits"] = {"receiveMaximum": 0}
            worker.write_document()
            eventually(lambda: worker.status()["configProblem"].startswith("invalid: "), "what is invalid")
            worker.document = "{{{"
            worker.write_document()
            worker.process.send_signal(signal.SIGHUP)
            self.assertEqual(worker.get("/livez")[0], 200)
            worker.document = good
            worker.write_document()
            eventually(lambda: "configProblem" not in worker.status(), "the end of the problem")
            self.assertEqual(worker.status()["configHash"], before)
            self.assertEqual(json.loads(worker.get("/config")[1])["spec"]["limits"]["receiveMaximum"], 64)

    def test_a_swapped_link_as_of_a_config_map_is_noticed(self):
        worker = Worker()
        mount = os.path.join(worker.folder, "mount")

        def mount_version(name):
            os.makedirs(os.path.join(mount, name))
            shutil.copy(worker.config, os.path.join(mount, name, "gateway.yaml"))
            os.symlink(name, os.path.join(mount, "..new"))
            os.rename(os.path.join(mount, "..new"), os.path.join(mount, "..data"))

        worker.write_document()
        mount_version("..1")
        os.symlink("..data/gateway.yaml", os.path.join(mount, "gateway.yaml"))
        worker.arguments = ["--config", os.path.join(mount, "gateway.yaml")]
        with worker:
            expected = self.change(worker, logging={"level": "Debug"})
            mount_version("..2")
            shutil.rmtree(os.path.join(mount, "..1"))
            eventually(lambda: worker.status()["configHash"] == expected, "the new configuration")
