"""Publications arrive at an AMQP consumer with the properties docs/mapping.md promises."""

import unittest

import proton

from tests.wire import harness
from tests.wire.harness import V3, V5, Client, Worker, connect, mosquitto_pub, publish, puback, receive_amqp

TOPIC = "x-opt-mqtt-topic"


class Publish(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.amqp_port = harness.free_port()
        embedded = {"name": "peer", "type": "Embedded", "embedded": {"address": "127.0.0.1", "port": cls.amqp_port}}
        cls.worker = Worker(upstream=embedded).start().wait_ready()

    @classmethod
    def tearDownClass(cls):
        with_problem = cls.worker.stop()
        cls.worker.__exit__(None, None, None)
        assert with_problem == 0, f"exit code {with_problem}"

    def take(self, count=1):
        return receive_amqp(f"amqp://127.0.0.1:{self.amqp_port}", "telemetry", count)

    def one(self):
        return self.take()[0]

    def annotations(self, message):
        return {str(key): value for key, value in (message.annotations or {}).items()}

    def test_mosquitto_pub_of_each_version_and_qos_arrives(self):
        for version in ("mqttv311", "mqttv5"):
            for qos in (0, 1):
                with self.subTest(version=version, qos=qos):
                    code, output = mosquitto_pub(
                        *(self.worker.port, "-V", version, "-q", qos, "-i", f"pub-{version}-{qos}"),
                        *("-t", f"plant/{version}/{qos}", "-m", f"hello {qos}"),
                    )
                    self.assertEqual(code, 0, output)
                    message = self.one()
                    self.assertEqual(bytes(message.body), f"hello {qos}".encode())
                    self.assertTrue(message.inferred, "the body is one data section")
                    self.assertEqual(message.durable, qos > 0)
                    notes = self.annotations(message)
                    self.assertEqual(notes[TOPIC], f"plant/{version}/{qos}")
                    self.assertEqual(notes["x-opt-mqtt-qos"], qos)
                    self.assertEqual(notes["x-opt-mqtt-client-id"], f"pub-{version}-{qos}")

    def test_qos1_is_acknowledged_with_its_packet_id(self):
        with Client(self.worker.port) as client:
            client.send(publish("a/b", b"one", qos=1, packet_id=0x1234) + publish("a/b", b"two", qos=1, packet_id=1))
            client.expect(puback(0x1234) + puback(1))
        self.assertEqual([bytes(message.body) for message in self.take(2)], [b"one", b"two"])

    def test_qos1_of_version_5_is_acknowledged_with_success(self):
        with Client(self.worker.port, V5) as client:
            client.send(publish("a/b", b"one", qos=1, packet_id=7, version=V5))
            client.expect(puback(7))
        self.one()

    def test_properties_of_version_5_are_mapped(self):
        props = (
            harness.payload_format(1),
            harness.message_expiry(3600),
            harness.content_type("application/json"),
            harness.response_topic("answers/7"),
            harness.correlation_data(b"\x00\xff\x01"),
            harness.user_property("site", "north"),
            harness.user_property("line", "4"),
        )
        with Client(self.worker.port, V5, client_id="mapper") as client:
            client.send(publish("m/1", b"{}", qos=1, packet_id=3, version=V5, retain=True, props=props))
            client.expect(puback(3))
        message = self.one()
        notes = self.annotations(message)
        self.assertEqual(message.content_type, "application/json")
        self.assertEqual(bytes(message.correlation_id), b"\x00\xff\x01")
        self.assertEqual(notes["x-opt-mqtt-response-topic"], "answers/7")
        self.assertEqual(notes["x-opt-mqtt-payload-format"], 1)
        self.assertIs(notes["x-opt-mqtt-retain"], True)
        self.assertEqual(message.properties, {"site": "north", "line": "4"})
        self.assertLessEqual(message.ttl, 3600)
        self.assertGreater(message.ttl, 3590)

    def test_duplicate_user_properties_travel_whole_and_in_order(self):
        pairs = [("k", "1"), ("a", "x"), ("k", "2")]
        with Client(self.worker.port, V5) as client:
            props = [harness.user_property(*pair) for pair in pairs]
            client.send(publish("m/2", b"", qos=1, packet_id=3, version=V5, props=props))
            client.expect(puback(3))
        message = self.one()
        self.assertEqual(message.properties, {"k": "2", "a": "x"})
        whole = list(self.annotations(message)["x-opt-mqtt-user-properties"])
        self.assertEqual(whole, [word for pair in pairs for word in pair])

    def test_reserved_user_property_names_never_reach_the_application_properties(self):
        with Client(self.worker.port, V5) as client:
            props = [harness.user_property("_AMQ_DUPL_ID", "1"), harness.user_property("ok", "2")]
            client.send(publish("m/3", b"", qos=1, packet_id=3, version=V5, props=props))
            client.expect(puback(3))
        self.assertEqual(self.one().properties, {"ok": "2"})

    def test_a_topic_alias_stands_for_its_topic(self):
        with Client(self.worker.port, V5) as client:
            alias = [harness.topic_alias(2)]
            client.send(publish("alias/one", b"1", qos=1, packet_id=1, version=V5, props=alias))
            client.send(publish("", b"2", qos=1, packet_id=2, version=V5, props=alias))
            client.expect(puback(1) + puback(2))
        self.assertEqual([self.annotations(message)[TOPIC] for message in self.take(2)], ["alias/one"] * 2)

    def test_message_ids_are_never_the_same(self):
        with Client(self.worker.port) as client:
            client.send(b"".join(publish("id", b"", qos=1, packet_id=i) for i in range(1, 21)))
            client.expect(b"".join(puback(i) for i in range(1, 21)))
        self.assertEqual(len({str(message.id) for message in self.take(20)}), 20)

    def test_an_empty_payload_and_a_large_one_arrive_whole(self):
        large = bytes(range(256)) * 780
        with Client(self.worker.port) as client:
            client.send(publish("size", b"", qos=1, packet_id=1) + publish("size", large, qos=1, packet_id=2))
            client.expect(puback(1) + puback(2))
        first, second = self.take(2)
        self.assertEqual((bytes(first.body), bytes(second.body)), (b"", large))

    def test_the_order_of_one_client_is_kept(self):
        count = 500
        with Client(self.worker.port) as client:
            for start in range(0, count, 20):
                ids = range(start + 1, start + 21)
                client.send(b"".join(publish("order", str(i), qos=1, packet_id=i) for i in ids))
                client.expect(b"".join(puback(i) for i in ids))
        bodies = [int(bytes(message.body)) for message in self.take(count)]
        self.assertEqual(bodies, list(range(1, count + 1)))

    def test_ping_is_answered_and_an_empty_client_id_is_assigned_one(self):
        with Client(self.worker.port, client_id="") as client:
            client.send(harness.PINGREQ)
            client.expect(harness.PINGRESP)
        with Client(self.worker.port, V5, client_id="") as client:
            self.assertIn(b"\x12", client.connack, "Assigned Client Identifier")

    def test_connect_packets_are_answered_to_the_byte(self):
        with Client(self.worker.port, introduce=False) as client:
            client.send(connect("exact"))
            client.expect(harness.CONNACK_ACCEPTED)
            client.send(harness.DISCONNECT)
            self.assertEqual(client.expect_closed(), [])

    def test_the_newest_connection_of_a_client_id_wins(self):
        with Client(self.worker.port, V5, client_id="twin") as old, Client(self.worker.port, V5, client_id="twin") as new:
            packets = old.expect_closed()
            self.assertEqual([(first, body[:1]) for first, body in packets], [(0xE0, b"\x8e")])
            new.send(harness.PINGREQ)
            new.expect(harness.PINGRESP)
        with Client(self.worker.port, V3, client_id="twin3") as old, Client(self.worker.port, V3, client_id="twin3"):
            self.assertEqual(old.expect_closed(), [])


class Metrics(harness.TestCase):
    def test_publications_are_counted(self):
        with Worker() as worker:
            worker.wait_ready()
            with Client(worker.port) as client:
                client.send(b"".join(publish("n", b"x", qos=1, packet_id=i) for i in range(1, 6)))
                client.expect(b"".join(puback(i) for i in range(1, 6)))
            self.assertEqual(worker.metric("pgw_mqtt_publishes_total", qos="1"), 5)
            self.assertEqual(worker.metric("pgw_mqtt_pubacks_total"), 5)


assert proton.VERSION  # An independent implementation takes the messages.

if __name__ == "__main__":
    unittest.main()
