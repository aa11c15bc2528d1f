"""MQTT in, a durable queue of a real RabbitMQ out, by its AMQP 1.0 plug-in."""

import os
import shutil
import tempfile
import time

from tests.brokers.rabbitmq import FULL, PASSWORD, QUEUE, USER, RabbitMQ
from tests.wire import harness
from tests.wire.harness import V5, Client, Worker, eventually, mosquitto_pub, publish, puback, receive_amqp


def route(name, topic, address):
    return {"name": name, "match": {"topic": topic}, "to": {"upstream": "peer", "address": address}}


class RabbitMQTest(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = RabbitMQ()
        cls.addClassCleanup(cls.broker.__exit__)
        cls.broker.start()
        cls.secrets = tempfile.mkdtemp(prefix="pgw-secrets-")
        cls.addClassCleanup(shutil.rmtree, cls.secrets)
        os.makedirs(f"{cls.secrets}/login")
        for key, value in (("username", USER), ("password", PASSWORD)):
            with open(f"{cls.secrets}/login/{key}", "w") as file:
                file.write(value)
        for name in ("ca", "tls"):
            shutil.copytree(f"{cls.broker.certificates}/{name}", f"{cls.secrets}/{name}")

    def worker(self, upstream=None, first=(), **more):
        plain = {"endpoints": [f"amqp://127.0.0.1:{self.broker.port}"], "sasl": {"mechanism": "Plain", "secretRef": {"name": "login"}}}
        peer = {"name": "peer", "type": "RabbitMQ", **(upstream or plain), **more}
        return Worker(upstream=peer, secrets=self.secrets, routes={"publish": [*first, route("all", "{*rest}", f"/amq/queue/{QUEUE}")]})

    def take(self, count):
        words = {"user": USER, "password": PASSWORD, "allowed_mechs": "PLAIN", "allow_insecure_mechs": True}
        return receive_amqp(self.broker.url, f"/amq/queue/{QUEUE}", count, **words)

    def test_publications_of_each_kind_reach_the_durable_queue(self):
        rows = [(version, qos) for version in ("mqttv311", "mqttv5") for qos in (0, 1)]
        with self.worker() as worker:
            worker.wait_ready()
            for version, qos in rows:
                code, output = mosquitto_pub(worker.port, "-V", version, "-q", qos, "-t", "t", "-m", f"{version} {qos}")
                self.assertEqual(code, 0, output)
            messages = self.take(len(rows))
        self.assertEqual(sorted(bytes(m.body).decode() for m in messages), sorted(f"{v} {q}" for v, q in rows))
        for message in messages:
            self.assertEqual(message.durable, bytes(message.body).endswith(b"1"))

    def test_many_are_acknowledged_and_arrive_once_and_in_order(self):
        with self.worker() as worker, Client(worker.port, V5) as client:
            worker.wait_ready()
            for start in range(1, 1001, 50):
                ids = range(start, start + 50)
                client.send(b"".join(publish("d", str(i), qos=1, packet_id=i, version=V5) for i in ids))
                client.expect(b"".join(puback(i) for i in ids))
            self.assertEqual([int(bytes(m.body)) for m in self.take(1000)], list(range(1, 1001)))

    def test_what_was_acknowledged_survives_kill_and_restart_of_the_broker(self):
        with self.worker() as worker, Client(worker.port, V5) as client:
            worker.wait_ready()
            ids = range(1, 21)
            client.send(b"".join(publish("d", str(i), qos=1, packet_id=i, version=V5) for i in ids))
            client.expect(b"".join(puback(i) for i in ids))
            self.broker.kill()
            client.send(publish("d", b"21", qos=1, packet_id=21, version=V5))
            client.expect_silence(0.5)
            self.broker.start()
            client.expect(puback(21), seconds=30)
            self.assertEqual([int(bytes(m.body)) for m in self.take(21)], list(range(1, 22)))

    def test_a_certificate_logs_in_over_tls(self):
        tls = {"secretRef": {"name": "tls"}, "caSecretRef": {"name": "ca", "key": "ca.crt"}}
        external = {"endpoints": [f"amqps://localhost:{self.broker.tls_port}"], "sasl": {"mechanism": "External"}, "tls": tls}
        with self.worker(external) as worker:
            worker.wait_ready()
            code, output = mosquitto_pub(worker.port, "-q", 1, "-t", "t", "-m", "by certificate")
            self.assertEqual(code, 0, output)
            self.assertEqual(bytes(self.take(1)[0].body), b"by certificate")

    def test_an_exchange_that_is_not_there_harms_no_other_route(self):
        # The plug-in answers a bad attach by ending the session, with every other link in it.
        absent = route("absent", "absent/{*rest}", "/exchange/absent/key")
        with self.worker(first=[absent]) as worker, Client(worker.port, V5) as client:
            eventually(lambda: "absent" in worker.status()["upstreams"]["peer"].get("error", ""), "the refusal in /status", 20)
            for i in range(1, 6):
                client.send(publish("good", str(i), qos=1, packet_id=i, version=V5))
                client.expect(puback(i), seconds=10)
                time.sleep(0.2)
            self.assertEqual([int(bytes(m.body)) for m in self.take(5)], [1, 2, 3, 4, 5])
            worker.clean = False

    def test_wrong_credentials_are_seen_and_nothing_is_acknowledged(self):
        os.makedirs(f"{self.secrets}/bad")
        for key, value in (("username", USER), ("password", "wrong")):
            with open(f"{self.secrets}/bad/{key}", "w") as file:
                file.write(value)
        bad = {"endpoints": [f"amqp://127.0.0.1:{self.broker.port}"], "sasl": {"mechanism": "Plain", "secretRef": {"name": "bad"}}}
        with self.worker(bad) as worker, Client(worker.port) as client:
            client.send(publish("a", b"1", qos=1, packet_id=1))
            client.expect_silence(2)
            self.assertEqual(worker.get("/readyz")[0], 503)
            worker.clean = False

    def test_a_full_queue_refuses_in_the_end(self):
        # RabbitMQ 3.10 ends the connection where a queue refuses a message: it is sent again until its time is up.
        full = route("full", "full", f"/amq/queue/{FULL}")
        with self.worker(first=[full], limits={"deliveryTimeout": "3s"}) as worker, Client(worker.port, V5) as client:
            worker.wait_ready()
            client.send(publish("full", b"1", qos=1, packet_id=1, version=V5))
            client.expect(puback(1))
            client.send(publish("full", b"2", qos=1, packet_id=2, version=V5))
            first, body = client.receive(20)
            self.assertEqual((first, body[:3]), (0x40, b"\x00\x02\x97"))
            self.assertIn(b"no outcome", body)
            # And the connection to the broker is there again for everybody else.
            client.send(publish("d", b"3", qos=1, packet_id=3, version=V5))
            client.expect(puback(3), seconds=20)
            self.assertEqual(bytes(self.take(1)[0].body), b"3")
