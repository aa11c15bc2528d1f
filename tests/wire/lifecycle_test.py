"""The worker as a process: start-up errors, probes, drain, file descriptors, TLS."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from tests.wire import harness
from tests.wire.harness import V5, Client, Peer, Worker, generic_upstream, manifest, mosquitto_pub, publish, puback


class StartUp(harness.TestCase):
    def test_a_taken_port_is_named_and_ends_the_start(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            code, output = harness.run_worker(manifest(port, harness.free_port()))
        self.assertEqual(code, 1)
        self.assertIn(str(port), output)
        self.assertRegex(output.lower(), "in use")

    def test_a_taken_admin_port_is_named_and_ends_the_start(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            code, output = harness.run_worker(manifest(harness.free_port(), port))
        self.assertEqual(code, 1)
        self.assertIn(str(port), output)

    def test_all_problems_of_a_manifest_are_listed_with_their_paths(self):
        document = manifest(harness.free_port(), harness.free_port())
        spec = document["spec"]
        spec["listeners"][0]["port"] = 70000
        spec["listeners"][0]["colour"] = "red"
        spec["routes"]["publish"][0]["to"]["upstream"] = "nowhere"
        spec["limits"] = {"maxPacketSize": "much"}
        code, output = harness.run_worker(document)
        self.assertEqual(code, 2)
        for part in ("listeners", "port", "colour", "upstream", "nowhere", "maxPacketSize"):
            self.assertIn(part, output)

    def test_what_is_no_manifest_is_refused(self):
        rows = {
            "nothing": "",
            "not YAML": "{{{{",
            "a list": "[1, 2]",
            "another kind": json.dumps({**manifest(1883, 9090), "kind": "Pod"}),
            "an alias bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        }
        for name, document in rows.items():
            with self.subTest(name):
                code, output = harness.run_worker(document)
                self.assertEqual(code, 2, output)
                self.assertTrue(output.strip())

    def test_check_and_print_config_start_nothing(self):
        document = manifest(harness.free_port(), harness.free_port())
        code, output = harness.run_worker(document, "--check")
        self.assertEqual(code, 0, output)
        code, output = harness.run_worker(document, "--print-config")
        self.assertEqual(code, 0, output)
        self.assertIn("receiveMaximum", output, "defaults are shown")
        code, output = harness.run_worker({**document, "kind": "Pod"}, "--check")
        self.assertEqual(code, 2, output)

    def test_every_program_says_the_version_of_the_repository(self):
        with open(os.path.join(harness.ROOT, "VERSION")) as file:
            version = file.read().strip()
        for program in ("gateway-worker", "gateway-operator", "pgw-amqp"):
            with self.subTest(program):
                done = subprocess.run([os.path.join(harness.BIN, program), "--version"], capture_output=True, text=True)
                self.assertEqual(done.stdout, f"{program} {version}\n")

    def test_a_wrong_command_line_is_a_usage_error(self):
        code, output = harness.run_worker(manifest(1883, 9090), "--no-such-option")
        self.assertEqual(code, 2)
        self.assertIn("no-such-option", output)


class Probes(harness.TestCase):
    def test_the_admin_endpoints_answer(self):
        with Worker() as worker:
            worker.wait_ready()
            self.assertEqual(worker.get("/livez")[0], 200)
            self.assertEqual(worker.get("/nothing-here")[0], 404)
            status = json.loads(worker.get("/status")[1])
            ports = [listener["port"] for listener in status["listeners"]]
            self.assertEqual(ports, [worker.port])
            metrics = worker.get("/metrics")[1]
            self.assertIn("# TYPE pgw_mqtt_publishes_total counter", metrics)

    def test_readiness_waits_for_the_upstream_and_liveness_does_not(self):
        port = harness.free_port()
        worker = Worker(upstream=generic_upstream(port)).start()
        try:
            self.assertEqual(worker.get("/livez")[0], 200)
            self.assertEqual(worker.get("/readyz")[0], 503)
            with Peer(port=port):
                worker.wait_ready()
            time.sleep(0.3)
            self.assertEqual(worker.get("/readyz")[0], 200, "it latches")
        finally:
            worker.clean = False
            worker.__exit__(None, None, None)


class Drain(harness.TestCase):
    def test_sigterm_acknowledges_what_is_in_flight_and_exits_0(self):
        with Peer() as peer:
            worker = Worker(upstream=generic_upstream(peer.port)).start().wait_ready()
            try:
                with Client(worker.port) as v3, Client(worker.port, V5, client_id="five") as v5:
                    v3.send(publish("a", b"1", qos=1, packet_id=1))
                    deliveries = [peer.next()]
                    v5.send(publish("a", b"2", qos=1, packet_id=2, version=V5))
                    deliveries.append(peer.next())
                    worker.terminate()
                    harness.eventually(lambda: worker.get("/readyz")[0] in (503, 0), "not ready")
                    v3.expect_silence(0.3)
                    for delivery in deliveries:
                        peer.settle(delivery)
                    self.assertEqual(v3.expect_closed(), [(0x40, b"\x00\x01")])
                    packets = v5.expect_closed()
                    self.assertEqual(packets[0], (0x40, b"\x00\x02"))
                    self.assertEqual((packets[1][0], packets[1][1][:1]), (0xE0, b"\x8b"))
                self.assertEqual(worker.process.wait(10), 0)
            finally:
                worker.clean = False
                worker.__exit__(None, None, None)

    def test_idle_clients_do_not_delay_the_end(self):
        with Worker() as worker:
            with Client(worker.port, V5) as client:
                start = time.monotonic()
                worker.terminate()
                packets = client.expect_closed()
                self.assertEqual([(first, body[:1]) for first, body in packets], [(0xE0, b"\x8b")])
                self.assertEqual(worker.process.wait(10), 0)
                self.assertLess(time.monotonic() - start, 5)

    def test_a_second_signal_ends_a_drain_that_cannot_finish(self):
        with Peer() as peer:
            upstream = generic_upstream(peer.port)
            worker = Worker(upstream=upstream, drain={"timeout": "60s"}).start().wait_ready()
            try:
                with Client(worker.port) as client:
                    client.send(publish("a", b"1", qos=1, packet_id=1))
                    peer.next()
                    worker.terminate()
                    time.sleep(0.5)
                    self.assertTrue(worker.alive(), "it waits for the outcome")
                    worker.process.send_signal(signal.SIGTERM)
                    self.assertEqual(worker.process.wait(5), 0)
                    self.assertEqual(client.expect_closed(), [], "no PUBACK without an outcome")
            finally:
                worker.clean = False
                worker.__exit__(None, None, None)


class Descriptors(harness.TestCase):
    def test_running_out_of_descriptors_does_not_spin_and_passes(self):
        with Worker(nofile=64) as worker:
            worker.wait_ready()
            crowd = [socket.create_connection(("127.0.0.1", worker.port)) for _ in range(100)]
            time.sleep(0.5)
            before = worker.cpu_seconds()
            time.sleep(1.5)
            self.assertLess(worker.cpu_seconds() - before, 0.3, "CPU time while out of descriptors")
            for connection in crowd:
                connection.close()

            def served():
                try:
                    with Client(worker.port) as client:
                        client.send(publish("a", b"1", qos=1, packet_id=1))
                        client.expect(puback(1))
                    return True
                except (AssertionError, OSError):
                    return False

            harness.eventually(served, "service after the crowd has gone", 20)


class Tls(harness.TestCase):
    def setUp(self):
        self.secrets = tempfile.mkdtemp(prefix="pgw-secrets-")
        self.addCleanup(shutil.rmtree, self.secrets, ignore_errors=True)
        harness.make_certificates(self.secrets)
        self.port = harness.free_port()

    def listener(self, **tls):
        tls = {"secretRef": {"name": "tls"}, **tls}
        return {"name": "mqtts", "type": "MQTT", "address": "127.0.0.1", "port": self.port, "tls": tls}

    def test_mosquitto_pub_over_tls(self):
        with Worker(listeners=[self.listener()], secrets=self.secrets) as worker:
            worker.wait_ready()
            ca = os.path.join(self.secrets, "ca", "ca.crt")
            for version in ("mqttv311", "mqttv5"):
                code, output = mosquitto_pub(self.port, "--cafile", ca, "-V", version, "-q", 1, "-t", "t", "-m", "x")
                self.assertEqual(code, 0, output)
            self.assertEqual(worker.metric("pgw_mqtt_pubacks_total"), 2)

    def test_a_required_client_certificate_is_required(self):
        mode = {"mode": "Required", "caSecretRef": {"name": "ca", "key": "ca.crt"}}
        with Worker(listeners=[self.listener(clientAuth=mode)], secrets=self.secrets):
            ca = os.path.join(self.secrets, "ca", "ca.crt")
            own = [f"--{option}={self.secrets}/tls/tls.{kind}" for option, kind in (("cert", "crt"), ("key", "key"))]
            words = [part for option in own for part in option.split("=", 1)]
            code, output = mosquitto_pub(self.port, "--cafile", ca, *words, "-q", 1, "-t", "t", "-m", "x")
            self.assertEqual(code, 0, output)
            code, _ = mosquitto_pub(self.port, "--cafile", ca, "-q", 1, "-t", "t", "-m", "x")
            self.assertNotEqual(code, 0)

    def test_plain_bytes_on_the_tls_port_harm_nobody(self):
        with Worker(listeners=[self.listener()], secrets=self.secrets) as worker:
            with Client(self.port, introduce=False) as client:
                client.send(harness.connect("plain"))
                for first, _ in client.expect_closed():
                    self.assertNotEqual(first, 0x20)
            self.assertTrue(worker.alive())

    def test_a_missing_secret_is_named(self):
        document = manifest(harness.free_port(), harness.free_port(), listeners=[self.listener()])
        code, output = harness.run_worker(document, "--secrets-dir", os.path.join(self.secrets, "none"))
        self.assertEqual(code, 1, output)
        self.assertIn("tls.crt", output)


class Many(harness.TestCase):
    def test_clients_on_all_threads_are_served_at_once(self):
        with Worker(threads=2) as worker:
            worker.wait_ready()
            failures = []

            def talk(number):
                try:
                    with Client(worker.port, client_id=f"c{number}") as client:
                        for packet_id in range(1, 51):
                            client.send(publish(f"t/{number}", b"x", qos=1, packet_id=packet_id))
                            client.expect(puback(packet_id))
                except (AssertionError, OSError) as error:
                    failures.append(error)

            threads = [threading.Thread(target=talk, args=(number,)) for number in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
            self.assertEqual(worker.metric("pgw_mqtt_pubacks_total"), 1000)


if __name__ == "__main__":
    unittest.main()
