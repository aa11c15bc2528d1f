"""What devices may get wrong: each input ends its own connection, in the way the specification says, and nothing else.

After every row the worker must still be there and serve the next client.
"""

import socket
import struct
import time
import unittest

from tests.wire import harness
from tests.wire.harness import V3, V5, Client, Worker, connect, packet, publish, puback, text

MALFORMED, PROTOCOL_ERROR = 0x81, 0x82


def raw_connect(name=text("MQTT"), version=4, flags=2, keep_alive=60, rest=text("raw")):
    return packet(0x10, name + bytes([version, flags]) + struct.pack(">H", keep_alive) + rest)


# First packets that are not a good CONNECT. The answer: None = closed without a word; else the CONNACK's code.
FIRST_PACKETS = {
    "nothing but zeros": (bytes(64), None),
    "an HTTP request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "a TLS client hello": (bytes.fromhex("16030100c8010000c40303") + bytes(64), None),
    **{
        f"packet type {kind} first, with a huge remaining length": (bytes([kind << 4]) + b"\xff\xff\xff\x7f", None)
        for kind in (0, *range(2, 16))
    },
    "CONNECT that announces 256 MB": (b"\x10\xff\xff\xff\x7f", None),
    "CONNECT with a five-byte length": (b"\x10\xff\xff\xff\xff\x01", None),
    "CONNECT with flags in its first byte": (b"\x11" + connect()[1:], None),
    "CONNACK from a client": (b"\x20\x02\x00\x00", None),
    "PUBLISH first": (publish("a"), None),
    "a wrong protocol name": (raw_connect(name=text("MQXX")), None),
    "the reserved connect flag": (raw_connect(flags=3), None),
    "will QoS 3": (raw_connect(flags=0b00011110, rest=text("c") + text("w") + text("m")), None),
    "will QoS without will": (raw_connect(flags=0b00001010), None),
    "will retain without will": (raw_connect(flags=0b00100010), None),
    "a password without a user name": (raw_connect(flags=0b01000010, rest=text("c") + text("p")), None),
    "a client id that runs past the end": (raw_connect(rest=b"\x00\x09ab"), None),
    "a client id with U+0000": (raw_connect(rest=text("a\0b")), None),
    "a client id with a surrogate": (raw_connect(rest=text(b"\xed\xa0\x80")), None),
    "an overlong UTF-8 client id": (raw_connect(rest=text(b"\xc0\x80")), None),
    "bytes after the last field": (raw_connect(rest=text("c") + b"x"), None),
    "an empty client id to be kept": (raw_connect(flags=0, rest=text("")), 2),
}

# First packets of version 5: the answer is a CONNACK with the code, or only the close, which is always allowed.
FIRST_PACKETS_V5 = {
    "property length past the end": raw_connect(version=5, rest=b"\x7f" + text("c")),
    "receive maximum 0": raw_connect(version=5, rest=b"\x03\x21\x00\x00" + text("c")),
    "maximum packet size 0": raw_connect(version=5, rest=b"\x05\x27\x00\x00\x00\x00" + text("c")),
    "a property twice": raw_connect(version=5, rest=b"\x06\x21\x00\x05\x21\x00\x05" + text("c")),
    "a property of another packet": raw_connect(version=5, rest=b"\x03\x23\x00\x01" + text("c")),
    "an unknown property": raw_connect(version=5, rest=b"\x02\x7f\x00" + text("c")),
    "authentication data without method": raw_connect(version=5, rest=b"\x04\x16\x00\x01x" + text("c")),
    "request problem information 2": raw_connect(version=5, rest=b"\x02\x17\x02" + text("c")),
    "will with bad properties": raw_connect(version=5, flags=6, rest=b"\x00" + text("c") + b"\x02\x21\x00" + text("w")),
}

# After CONNECT: the bytes and the code of the DISCONNECT that version 5 gets. 3.1.1 has only the close.
PACKETS = {
    "a second CONNECT": (lambda v: connect("again", v), PROTOCOL_ERROR),
    "reserved packet type 0": (lambda v: b"\x00\x00", MALFORMED),
    "CONNACK from a client": (lambda v: b"\x20\x02\x00\x00" if v == V3 else b"\x20\x03\x00\x00\x00", PROTOCOL_ERROR),
    "SUBACK from a client": (lambda v: packet(0x90, b"\x00\x01" + b"\x00" * (2 if v == V5 else 1)), PROTOCOL_ERROR),
    "UNSUBACK from a client": (lambda v: packet(0xB0, b"\x00\x01" + (b"\x00\x00" if v == V5 else b"")), PROTOCOL_ERROR),
    "PINGRESP from a client": (lambda v: b"\xd0\x00", PROTOCOL_ERROR),
    "PINGREQ with a body": (lambda v: b"\xc0\x01\x00", MALFORMED),
    "PINGREQ with flags": (lambda v: b"\xc1\x00", MALFORMED),
    "SUBSCRIBE with wrong flags": (lambda v: packet(0x80, b"\x00\x01" + (b"\x00" if v == V5 else b"") + text("a") + b"\x00"), MALFORMED),
    "SUBSCRIBE without a filter": (lambda v: packet(0x82, b"\x00\x01" + (b"\x00" if v == V5 else b"")), PROTOCOL_ERROR),
    "SUBSCRIBE cut off at its options": (lambda v: packet(0x82, b"\x00\x01" + (b"\x00" if v == V5 else b"") + text("a")), MALFORMED),
    "QoS 3": (lambda v: packet(0x36, text("a") + b"\x00\x01" + (b"\x00" if v == V5 else b"")), MALFORMED),
    "DUP with QoS 0": (lambda v: publish("a", version=v, dup=True), MALFORMED),
    "packet id 0": (lambda v: publish("a", qos=1, packet_id=0, version=v), PROTOCOL_ERROR),
    "an empty topic": (lambda v: publish("", version=v), PROTOCOL_ERROR),
    "a wildcard in the topic": (lambda v: publish("a/+/b", version=v), 0x90),
    "a hash in the topic": (lambda v: publish("a/#", version=v), 0x90),
    "a topic with U+0000": (lambda v: publish("a\0b", version=v), MALFORMED),
    "a topic of invalid UTF-8": (lambda v: publish(b"\xff\xfe", version=v), MALFORMED),
    "a topic that runs past the end": (lambda v: packet(0x30, b"\x00\x40ab"), MALFORMED),
    "a QoS 1 PUBLISH cut off at its packet id": (lambda v: packet(0x32, text("abc") + b"\x00"), MALFORMED),
    "a PUBLISH of two bytes": (lambda v: b"\x30\x00", MALFORMED),
    "a remaining length of five bytes": (lambda v: b"\x30\xff\xff\xff\xff\x01", MALFORMED),
    "a packet larger than the limit": (lambda v: b"\x30" + harness.variable_length(300 * 1024), 0x95),
}
PACKETS_V5 = {
    "AUTH without a method": (b"\xf0\x00", PROTOCOL_ERROR),
    "property length past the end": (packet(0x30, text("a") + b"\x7f\x01"), MALFORMED),
    "payload format 2": (publish("a", version=V5, props=[harness.payload_format(2)]), PROTOCOL_ERROR),
    "payload format twice": (publish("a", version=V5, props=[harness.payload_format(1)] * 2), PROTOCOL_ERROR),
    "topic alias 0": (publish("a", version=V5, props=[harness.topic_alias(0)]), 0x94),
    "topic alias over the maximum": (publish("a", version=V5, props=[harness.topic_alias(65535)]), 0x94),
    "topic alias that was never set": (publish("", version=V5, props=[harness.topic_alias(5)]), PROTOCOL_ERROR),
    "a property of CONNECT in PUBLISH": (publish("a", version=V5, props=[(0x21, b"\x00\x05")]), MALFORMED),
    "an unknown property": (publish("a", version=V5, props=[(0x7F, b"\x00")]), MALFORMED),
    "a wildcard in the response topic": (publish("a", version=V5, props=[harness.response_topic("a/#")]), PROTOCOL_ERROR),
    "QoS 2, which the server did not offer": (publish("a", qos=2, packet_id=1, version=V5), 0x9B),
}
# Where the specification names two codes for one mistake, or leaves the choice.
SAME = [{MALFORMED, PROTOCOL_ERROR}, {MALFORMED, 0x90}, {PROTOCOL_ERROR, 0x90}, {MALFORMED, 0x99}]


def same_mistake(got, wanted):
    return got == wanted or any({got, wanted} == pair for pair in SAME)


class BadInput(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(limits={"connectTimeout": "2s"}).start().wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.worker.__exit__(None, None, None)

    def assert_still_serves(self):
        self.assertTrue(self.worker.alive(), self.worker.log()[-3000:])
        with Client(self.worker.port, client_id="next") as client:
            client.send(publish("ok", b"x", qos=1, packet_id=1))
            client.expect(puback(1))

    def test_first_packets(self):
        for name, (data, code) in FIRST_PACKETS.items():
            with self.subTest(name), Client(self.worker.port, introduce=False) as client:
                client.send(data)
                packets = client.expect_closed()
                expected = [] if code is None else [(0x20, bytes([0, code]))]
                self.assertEqual(packets, expected)
        self.assert_still_serves()

    def test_first_packets_of_version_5(self):
        for name, data in FIRST_PACKETS_V5.items():
            with self.subTest(name), Client(self.worker.port, introduce=False) as client:
                client.send(data)
                packets = client.expect_closed()
                if packets:
                    self.assertEqual(len(packets), 1)
                    first, body = packets[0]
                    self.assertEqual(first, 0x20)
                    self.assertTrue(same_mistake(body[1], MALFORMED), f"code {body[1]:#x}")
        self.assert_still_serves()

    def test_an_unsupported_version_is_named(self):
        for version in (0, 2, 6, 99):
            with self.subTest(version), Client(self.worker.port, introduce=False) as client:
                client.send(raw_connect(version=version, rest=b"\x00" + text("c")))
                packets = client.expect_closed()
                self.assertTrue(packets and packets[0][0] == 0x20 and packets[0][1][1] in (0x84, 0x01), packets)

    @harness.red_on("0.1.0")
    def test_the_connect_flag_that_3_1_does_not_use_may_be_set(self):
        body = harness.text("MQIsdp") + bytes([3, 0x03, 0, 60]) + harness.text("c31")
        with Client(self.worker.port, introduce=False) as client:
            client.send(harness.packet(0x10, body))
            client.expect(harness.CONNACK_ACCEPTED)

    def test_packets_of_3_1_1_close_the_connection(self):
        for name, (make, _) in PACKETS.items():
            with self.subTest(name), Client(self.worker.port, client_id="bad3") as client:
                client.send(make(V3))
                self.assertEqual(client.expect_closed(), [])
        self.assert_still_serves()

    def test_packets_of_version_5_are_answered_with_their_code(self):
        rows = {name: (make(V5), code) for name, (make, code) in PACKETS.items()} | PACKETS_V5
        for name, (data, code) in rows.items():
            with self.subTest(name), Client(self.worker.port, V5, client_id="bad5") as client:
                client.send(data)
                packets = client.expect_closed()
                self.assertEqual([first for first, _ in packets], [0xE0])
                self.assertTrue(same_mistake(packets[0][1][0], code), f"{packets[0][1][0]:#x} instead of {code:#x}")
        self.assert_still_serves()

    def test_more_than_receive_maximum_is_refused(self):
        with harness.Peer(credit=0) as peer, Worker(upstream=harness.generic_upstream(peer.port)) as worker:
            with Client(worker.port, V5) as client:
                client.send(b"".join(publish("r", b"", qos=1, packet_id=i, version=V5) for i in range(1, 202)))
                packets = client.expect_closed()
                self.assertEqual([(first, body[:1]) for first, body in packets], [(0xE0, b"\x93")])
            worker.clean = False

    def test_dollar_topics_and_deep_topics_do_no_harm(self):
        for topic in ("$SYS/x", "$share/g/t", "$", "/" * 200, "a/" * 40, "x" * 65535):
            with self.subTest(topic[:20]), Client(self.worker.port, V5, client_id="deep") as client:
                client.send(publish(topic, b"", qos=1, packet_id=1, version=V5))
                answer = client.receive()
                self.assertIn(answer[0], (0x40, 0xE0))
        self.assert_still_serves()

    def test_every_cut_of_a_conversation_is_survived(self):
        conversation = connect("cut", V5) + publish("t", b"x", qos=1, packet_id=1, version=V5) + harness.PINGREQ
        for end in range(1, len(conversation)):
            with socket.create_connection(("127.0.0.1", self.worker.port)) as connection:
                connection.sendall(conversation[:end])
        self.assert_still_serves()


class SlowInput(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker(limits={"connectTimeout": "1s"}).start().wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.worker.__exit__(None, None, None)

    def test_a_conversation_byte_by_byte_is_served(self):
        with Client(self.worker.port, introduce=False) as client:
            for byte in connect("slow") + publish("t", b"x", qos=1, packet_id=9):
                client.send(bytes([byte]))
                time.sleep(0.002)
            client.expect(harness.CONNACK_ACCEPTED + puback(9))

    def test_a_stalled_connect_is_closed_after_the_timeout(self):
        for sent in (0, 1, 10):
            with self.subTest(bytes=sent), Client(self.worker.port, introduce=False) as client:
                client.send(connect("stalled")[:sent])
                start = time.monotonic()
                self.assertEqual(client.expect_closed(), [])
                self.assertGreater(time.monotonic() - start, 0.7)
                self.assertLess(time.monotonic() - start, 4)

    def test_a_silent_client_is_closed_after_one_and_a_half_keep_alives(self):
        with Client(self.worker.port, V5, keep_alive=1) as client:
            start = time.monotonic()
            packets = client.expect_closed()
            self.assertEqual([(first, body[:1]) for first, body in packets], [(0xE0, b"\x8d")])
            self.assertGreater(time.monotonic() - start, 1.3)

    def test_a_client_that_pings_stays(self):
        with Client(self.worker.port, keep_alive=1) as client:
            for _ in range(5):
                time.sleep(0.5)
                client.send(harness.PINGREQ)
                client.expect(harness.PINGRESP)


if __name__ == "__main__":
    unittest.main()
