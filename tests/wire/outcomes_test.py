"""PUBACK follows the AMQP peer's outcome, whatever the peer does: late, out of order, refusing, silent, gone.

The peer is python-proton in the test's own process; it answers each delivery when the test says so.
"""

import time
import unittest

import proton

from tests.wire import harness
from tests.wire.harness import V3, V5, Client, Peer, Worker, generic_upstream, publish, puback

ACCEPTED, REJECTED = proton.Delivery.ACCEPTED, proton.Delivery.REJECTED
RELEASED, MODIFIED = proton.Delivery.RELEASED, proton.Delivery.MODIFIED
RECEIVED = proton.Delivery.RECEIVED


class Outcomes(harness.TestCase):
    def setUp(self):
        self.peer = Peer()
        limits = {"reconnectInitial": "50ms", "reconnectMaximum": "200ms", "deliveryTimeout": "3s", "maxAttempts": 3}
        self.worker = Worker(upstream=generic_upstream(self.peer.port, limits=limits)).start().wait_ready()

    def tearDown(self):
        self.worker.clean = False
        self.worker.__exit__(None, None, None)
        self.peer.stop()

    def client(self, version=V3, **options):
        client = Client(self.worker.port, version, **options)
        self.addCleanup(client.socket.close)
        return client

    def test_puback_is_withheld_until_the_peer_accepts(self):
        client = self.client()
        client.send(publish("a", b"1", qos=1, packet_id=5))
        delivery = self.peer.next()
        self.assertFalse(delivery.delivery.settled, "QoS 1 goes unsettled")
        client.expect_silence(0.5)
        self.peer.settle(delivery)
        client.expect(puback(5))

    def test_acceptance_without_settlement_acknowledges(self):
        client = self.client()
        client.send(publish("a", b"1", qos=1, packet_id=5))
        delivery = self.peer.next()
        self.peer.settle(delivery, ACCEPTED, settle=False)
        client.expect(puback(5))

    def test_pubacks_keep_the_order_of_the_publications(self):
        client = self.client()
        client.send(b"".join(publish("a", str(i), qos=1, packet_id=i) for i in (1, 2, 3)))
        first, second, third = (self.peer.next() for _ in range(3))
        self.peer.settle(third)
        self.peer.settle(second)
        client.expect_silence()
        self.peer.settle(first)
        client.expect(puback(1) + puback(2) + puback(3))

    def test_qos0_goes_presettled(self):
        self.client().send(publish("a", b"1"))
        self.assertTrue(self.peer.next().delivery.settled)

    def test_a_rejection_is_told_to_version_5(self):
        client = self.client(V5)
        cases = {"amqp:unauthorized-access": 0x87, "amqp:decode-error": 0x99, "amqp:not-found": 0x90, "x:own": 0x80}
        for packet_id, (condition, code) in enumerate(cases.items(), 1):
            with self.subTest(condition):
                client.send(publish("a", b"1", qos=1, packet_id=packet_id, version=V5))
                self.peer.settle(self.peer.next(), REJECTED, condition=proton.Condition(condition, "no"))
                first, body = client.receive()
                self.assertEqual((first, body[:2]), (0x40, bytes([0, packet_id])))
                self.assertIn(body[2], {code, 0x83}, hex(body[2]))
                self.assertIn(condition.encode(), body, "the condition is the Reason String")

    def test_a_rejection_disconnects_3_1_1_without_acknowledging(self):
        client = self.client()
        client.send(publish("a", b"1", qos=1, packet_id=1))
        self.peer.settle(self.peer.next(), REJECTED, condition=proton.Condition("amqp:not-allowed", "no"))
        self.assertEqual(client.expect_closed(), [])

    def test_released_and_modified_are_sent_again_and_then_acknowledged(self):
        for state in (RELEASED, MODIFIED):
            with self.subTest(str(state)):
                client = self.client(client_id=f"again-{state}")
                client.send(publish("a", b"again", qos=1, packet_id=9))
                first = self.peer.next()
                self.peer.settle(first, state)
                second = self.peer.next()
                self.assertEqual(bytes(second.message.body), b"again")
                self.assertEqual(second.message.id, first.message.id, "a repeat keeps its message-id")
                client.expect_silence(0.2)
                self.peer.settle(second)
                client.expect(puback(9))

    def test_settled_without_a_state_never_acknowledges(self):
        client = self.client()
        client.send(publish("a", b"in doubt", qos=1, packet_id=9))
        self.peer.settle(self.peer.next(), None)
        again = self.peer.next()
        client.expect_silence(0.2)
        self.peer.settle(again)
        client.expect(puback(9))

    def test_received_is_not_an_outcome(self):
        client = self.client()
        client.send(publish("a", b"1", qos=1, packet_id=9))
        delivery = self.peer.next()
        self.peer.settle(delivery, RECEIVED, settle=False)
        client.expect_silence(0.3)
        self.peer.settle(delivery)
        client.expect(puback(9))

    def test_retries_end(self):
        client = self.client(V5)
        client.send(publish("a", b"1", qos=1, packet_id=9, version=V5))
        answer, attempts = None, 0
        while answer is None and attempts < 10:
            self.peer.settle(self.peer.next(), RELEASED)
            attempts += 1
            try:
                answer = client.receive(0.5)
            except AssertionError:
                continue
        self.assertEqual(attempts, 3, "maxAttempts")
        self.assertEqual((answer[0], answer[1][:2]), (0x40, b"\x00\x09"))
        self.assertGreaterEqual(answer[1][2], 0x80)

    def test_no_answer_at_all_ends_after_the_delivery_timeout(self):
        client = self.client(V5)
        client.send(publish("a", b"1", qos=1, packet_id=9, version=V5))
        self.peer.next()
        start = time.monotonic()
        first, body = client.receive(8)
        self.assertEqual((first, body[:2]), (0x40, b"\x00\x09"))
        self.assertGreaterEqual(body[2], 0x80)
        self.assertGreater(time.monotonic() - start, 2)

    def test_a_vanished_peer_loses_nothing(self):
        client = self.client()
        client.send(b"".join(publish("a", str(i), qos=1, packet_id=i) for i in range(1, 11)))
        before = [self.peer.next() for _ in range(10)]
        for delivery in before[:3]:
            self.peer.settle(delivery)
        client.expect(puback(1) + puback(2) + puback(3))
        port = self.peer.port
        self.peer.vanish()
        self.peer.stop()
        self.peer = Peer(port=port)
        after = [self.peer.next() for _ in range(7)]
        self.assertEqual([bytes(d.message.body) for d in after], [str(i).encode() for i in range(4, 11)])
        self.assertEqual([d.message.id for d in after], [d.message.id for d in before[3:]])
        for delivery in after:
            self.peer.settle(delivery)
        client.expect(b"".join(puback(i) for i in range(4, 11)))

    def test_clients_connect_while_the_upstream_is_down(self):
        port = self.peer.port
        self.peer.vanish()
        self.peer.stop()
        client = self.client(client_id="early")
        client.send(publish("a", b"early", qos=1, packet_id=1))
        client.expect_silence(0.3)
        self.peer = Peer(port=port)
        delivery = self.peer.next()
        self.assertEqual(bytes(delivery.message.body), b"early")
        self.peer.settle(delivery)
        client.expect(puback(1))


class NoCredit(harness.TestCase):
    def test_without_credit_nothing_is_sent_or_acknowledged(self):
        with Peer(credit=1) as peer, Worker(upstream=generic_upstream(peer.port)) as worker:
            worker.wait_ready()
            with Client(worker.port) as client:
                client.send(publish("a", b"1", qos=1, packet_id=1) + publish("a", b"2", qos=1, packet_id=2))
                delivery = peer.next()
                client.expect_silence(0.3)
                self.assertTrue(peer.deliveries.empty(), "one credit, one message")
                peer.settle(delivery)
                client.expect(puback(1))
                peer.call(lambda: [link.flow(1) for link in peer.links])
                peer.settle(peer.next())
                client.expect(puback(2))


if __name__ == "__main__":
    unittest.main()
