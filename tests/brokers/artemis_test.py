"""MQTT in, a durable queue of a real ActiveMQ Artemis out."""

import os
import shutil
import tempfile
import unittest

from tests.brokers.artemis import PASSWORD, QUEUE, USER, Artemis
from tests.wire import harness
from tests.wire.harness import V5, Client, Worker, mosquitto_pub, publish, puback, receive_amqp


class ArtemisTest(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Artemis(anonymous=False).start()
        cls.secrets = tempfile.mkdtemp(prefix="pgw-secrets-")
        harness.make_certificates(os.path.join(cls.secrets), "tls")
        cls.secret("good", username=USER, password=PASSWORD)
        cls.secret("bad", username=USER, password="wrong")
        os.makedirs(f"{cls.secrets}/broker-ca")
        shutil.copy(f"{cls.broker.certificates}/ca/ca.crt", f"{cls.secrets}/broker-ca/ca.crt")

    @classmethod
    def tearDownClass(cls):
        cls.broker.kill()
        shutil.rmtree(cls.broker.folder, ignore_errors=True)
        shutil.rmtree(cls.secrets, ignore_errors=True)

    @classmethod
    def secret(cls, name, **values):
        os.makedirs(f"{cls.secrets}/{name}")
        for key, value in values.items():
            with open(f"{cls.secrets}/{name}/{key}", "w") as file:
                file.write(value)

    def worker(self, scheme="amqp", secret="good", ca="broker-ca", listeners=None):
        port = self.broker.tls_port if scheme == "amqps" else self.broker.port
        upstream = {
            "name": "peer",
            "type": "Artemis",
            "endpoints": [f"{scheme}://localhost:{port}"],
            "sasl": {"mechanism": "Plain", "secretRef": {"name": secret}},
        }
        if scheme == "amqps":
            upstream["tls"] = {"caSecretRef": {"name": ca, "key": "ca.crt"}}
        return Worker(upstream=upstream, listeners=listeners, secrets=self.secrets)

    def take(self, count):
        credentials = {"user": USER, "password": PASSWORD, "allowed_mechs": "PLAIN", "allow_insecure_mechs": True}
        return receive_amqp(self.broker.url, QUEUE, count, **credentials)

    def test_publications_of_each_kind_reach_the_durable_queue(self):
        tls_port = harness.free_port()
        tls = {"secretRef": {"name": "tls"}}
        listener = {"name": "mqtts", "type": "MQTT", "address": "127.0.0.1", "port": tls_port, "tls": tls}
        with self.worker(listeners=[listener]) as worker:
            worker.wait_ready()
            rows = [
                (port, version, qos)
                for port in (worker.port, tls_port)
                for version in ("mqttv311", "mqttv5")
                for qos in (0, 1)
            ]
            for port, version, qos in rows:
                secure = ["--cafile", f"{self.secrets}/ca/ca.crt"] if port == tls_port else []
                words = ["-V", version, "-q", qos, "-t", f"t/{version}/{qos}", "-m", f"{port} {version} {qos}"]
                code, output = mosquitto_pub(port, *secure, *words)
                self.assertEqual(code, 0, output)
            messages = self.take(len(rows))
        expected = sorted(f"{port} {version} {qos}" for port, version, qos in rows)
        self.assertEqual(sorted(bytes(message.body).decode() for message in messages), expected)
        for message in messages:
            qos = int(bytes(message.body)[-1:])
            self.assertEqual(message.durable, qos > 0)
            notes = {str(key): value for key, value in message.annotations.items()}
            self.assertEqual(notes["x-opt-mqtt-qos"], qos)

    def test_what_was_acknowledged_survives_kill_and_restart_of_the_broker(self):
        with self.worker() as worker:
            worker.wait_ready()
            with Client(worker.port, V5) as client:
                ids = range(1, 51)
                client.send(b"".join(publish("d", str(i), qos=1, packet_id=i, version=V5) for i in ids))
                client.expect(b"".join(puback(i) for i in ids))
                self.broker.kill()
                client.send(publish("d", b"51", qos=1, packet_id=51, version=V5))
                client.expect_silence(0.5)
                self.broker.start()
                client.expect(puback(51), seconds=25)
            bodies = [int(bytes(message.body)) for message in self.take(51)]
        self.assertEqual(bodies, list(range(1, 52)))

    def test_properties_survive_the_broker(self):
        props = (
            harness.content_type("text/plain"),
            harness.correlation_data(b"\x00\x01"),
            harness.user_property("site", "north"),
            harness.message_expiry(600),
        )
        with self.worker() as worker:
            worker.wait_ready()
            with Client(worker.port, V5, client_id="props") as client:
                client.send(publish("p/q", b"x", qos=1, packet_id=1, version=V5, props=props))
                client.expect(puback(1))
            message = self.take(1)[0]
        notes = {str(key): value for key, value in message.annotations.items()}
        self.assertEqual(notes["x-opt-mqtt-topic"], "p/q")
        self.assertEqual(notes["x-opt-mqtt-client-id"], "props")
        self.assertEqual(message.content_type, "text/plain")
        self.assertEqual(bytes(message.correlation_id), b"\x00\x01")
        self.assertEqual(message.properties["site"], "north")

    def test_wrong_credentials_are_seen_and_nothing_is_acknowledged(self):
        with self.worker(secret="bad") as worker:
            with Client(worker.port) as client:
                client.send(publish("a", b"1", qos=1, packet_id=1))
                client.expect_silence(2)
            self.assertEqual(worker.get("/readyz")[0], 503)
            self.assertEqual(worker.get("/livez")[0], 200)
            self.assertNotIn("wrong", worker.log(), "the password stays out of the log")
            worker.clean = False

    def test_amqps_with_the_brokers_ca(self):
        with self.worker("amqps") as worker:
            worker.wait_ready()
            code, output = mosquitto_pub(worker.port, "-q", 1, "-t", "tls", "-m", "over tls")
            self.assertEqual(code, 0, output)
            self.assertEqual(bytes(self.take(1)[0].body), b"over tls")

    def test_amqps_with_another_ca_does_not_connect(self):
        with self.worker("amqps", ca="ca") as worker:
            # The cause, too: a broker that is away is not ready either.
            problem = harness.eventually(lambda: worker.status()["upstreams"]["peer"].get("error"), "the upstream's error")
            self.assertIn("unable to get local issuer certificate", problem)
            self.assertEqual(worker.get("/readyz")[0], 503)


if __name__ == "__main__":
    unittest.main()
