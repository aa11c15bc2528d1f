"""Clients that leave: what they sent whole is processed, their Wills are not lost, and bridges stay."""

import json
import queue
import socket
import struct
import time

from tests.wire import harness
from tests.wire.harness import Client, Peer, Worker, generic_upstream, packet, puback, publish, text


def with_will(topic, payload, qos=1, retain=False):
    """Flags and rest of a CONNECT (3.1.1) that has a Will."""
    return {"flags": 2 | 4 | qos << 3 | (32 if retain else 0), "rest": text(topic) + text(payload)}


def reset(client):
    """Ends the connection without a FIN."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


def bodies(deliveries):
    return [bytes(d.message.body).decode() if not isinstance(d.message.body, str) else d.message.body for d in deliveries]


class Leaving(harness.TestCase):
    def drain(self, peer, seconds=2.0, delay=0.0):
        """Accepts what comes until nothing comes for a while."""
        got = []
        while True:
            try:
                delivery = peer.deliveries.get(timeout=seconds)
            except queue.Empty:
                return bodies(got)
            time.sleep(delay)
            peer.settle(delivery)
            got.append(delivery)

    @harness.red_on("0.1.0")
    def test_burst_and_disconnect_of_a_client_that_closes_at_once_arrives_whole_and_its_will_is_not_sent(self):
        with Peer() as peer, Worker(generic_upstream(peer.port)) as worker:
            worker.wait_ready()
            client = Client(worker.port, client_id="burst", **with_will("will", "will"))
            burst = b"".join(publish("t", f"m{i:03}", 1, i + 1) for i in range(200))
            client.send(burst + harness.DISCONNECT)
            client.socket.close()
            got = self.drain(peer, delay=0.003)
            self.assertEqual(got, [f"m{i:03}" for i in range(200)])
            self.assertEqual(worker.metric("pgw_mqtt_closes_total", cause="client_disconnect"), 1)

    @harness.red_on("0.1.0")
    def test_burst_of_a_client_that_resets_the_connection_arrives_whole_and_then_its_will(self):
        with Peer() as peer, Worker(generic_upstream(peer.port)) as worker:
            worker.wait_ready()
            client = Client(worker.port, client_id="burst", **with_will("will", "will"))
            client.send(b"".join(publish("t", f"m{i:03}", 1, i + 1) for i in range(150)))
            time.sleep(0.2)
            client.socket.shutdown(socket.SHUT_WR)
            client.socket.close()
            got = self.drain(peer, delay=0.003)
            self.assertEqual(got, [f"m{i:03}" for i in range(150)] + ["will"])

    @harness.red_on("0.1.0")
    def test_wills_of_a_flapping_client_are_all_sent_in_order_though_the_broker_is_slow(self):
        with Peer() as peer, Worker(generic_upstream(peer.port)) as worker:
            worker.wait_ready()
            for i in range(5):
                reset(Client(worker.port, client_id="flap", **with_will("w", f"will{i}")))
                time.sleep(0.05)
            got = self.drain(peer, delay=0.2)
            self.assertEqual(got, [f"will{i}" for i in range(5)])
            self.assertEqual(worker.metric("pgw_mqtt_wills_total", result="lost"), 0)

    @harness.red_on("0.1.0")
    def test_will_of_a_connection_that_is_taken_over_is_sent_before_what_the_new_one_publishes(self):
        with Peer() as peer, Worker(generic_upstream(peer.port)) as worker:
            worker.wait_ready()
            first = Client(worker.port, client_id="same")
            first.send(publish("t", "first", 1, 1))
            held = peer.next()
            second = Client(worker.port, client_id="same", **with_will("w", "will of the second"))
            first.expect_closed()
            third = Client(worker.port, client_id="same")
            second.expect_closed()
            third.send(publish("t", "third", 1, 1))
            third.expect_silence(0.3)
            peer.settle(held)
            self.assertEqual(self.drain(peer), ["will of the second", "third"])
            third.expect(puback(1))
            third.socket.close()

    @harness.red_on("0.1.0")
    def test_will_waits_for_an_upstream_without_credit(self):
        with Peer(credit=0) as peer, Worker(
            generic_upstream(peer.port, limits={"maxUnsettled": 8})
        ) as worker:
            worker.wait_ready()
            filler = Client(worker.port, client_id="filler")
            filler.send(b"".join(publish("t", "f", 1, i + 1) for i in range(8)))
            harness.eventually(lambda: worker.metric("pgw_publications_in_flight") == 8, "a full lane")
            reset(Client(worker.port, client_id="gone", **with_will("w", "will")))
            harness.eventually(lambda: worker.metric("pgw_mqtt_wills_waiting") == 1, "the Will to wait")
            peer.call(lambda: [link.flow(100) for link in peer.links])
            self.assertIn("will", self.drain(peer))
            self.assertEqual(worker.metric("pgw_mqtt_wills_waiting"), 0)
            filler.socket.close()

    @harness.red_on("0.1.0")
    def test_will_that_waits_is_sent_in_a_drain(self):
        with Peer() as peer:
            worker = Worker(generic_upstream(peer.port), drain={"timeout": "10s"})
            with worker:
                worker.wait_ready()
                first = Client(worker.port, client_id="same")
                first.send(publish("t", "first", 1, 1))
                held = peer.next()
                reset(first)
                time.sleep(0.1)
                second = Client(worker.port, client_id="same", **with_will("w", "will"))
                worker.terminate()
                second.expect_closed()
                time.sleep(0.3)
                self.assertTrue(worker.alive(), "the Will is awaited")
                peer.settle(held)
                self.assertEqual(self.drain(peer, 1.0), ["will"])
                self.assertEqual(worker.process.wait(10), 0)


class Bridges(harness.TestCase):
    def info_lines(self, worker, words):
        return [json.loads(line) for line in worker.log().splitlines() if words in line]

    @harness.red_on("0.1.0")
    def test_state_that_a_mosquitto_bridge_publishes_below_sys_is_acknowledged_and_the_bridge_stays(self):
        with Worker(logging={"format": "Json"}) as worker:
            worker.wait_ready()
            topic = "$SYS/broker/connection/vm.gw/state"
            bridge = Client(worker.port, client_id="vm.gw", **with_will(topic, "0", retain=True))
            for packet_id in (1, 2, 3):
                bridge.send(publish(topic, "1", 1, packet_id, retain=True))
                bridge.expect(puback(packet_id))
            bridge.send(publish("br/1", "hi", 1, 4))
            bridge.expect(puback(4))
            reset(bridge)
            harness.eventually(lambda: worker.metric("pgw_mqtt_system_dropped_total") == 4, "the Will to be dropped")
            self.assertEqual(worker.metric("pgw_publications_received_total"), 1)
            lines = self.info_lines(worker, "$SYS")
            self.assertEqual(len(lines), 1, lines)
            self.assertEqual((lines[0]["client"], lines[0]["level"]), ("vm.gw", "info"))

    @harness.red_on("0.1.0")
    def test_3_1_1_client_that_is_closed_for_an_unmatched_topic_leaves_one_line(self):
        with Worker(logging={"format": "Json"}) as worker:
            worker.wait_ready()
            client = Client(worker.port, client_id="odd")
            client.send(publish("$other/topic", "x", 1, 1))
            self.assertEqual(client.expect_closed(), [])
            lines = harness.eventually(lambda: self.info_lines(worker, "no route matches"), "the line")
            self.assertEqual(len(lines), 1)
            self.assertEqual((lines[0]["client"], lines[0]["level"]), ("odd", "info"))

    @harness.red_on("0.1.0")
    def test_acknowledgements_of_what_was_never_sent_are_ignored(self):
        for version in (harness.V3, harness.V5):
            with self.subTest(version=version), Worker() as worker:
                worker.wait_ready()
                with Client(worker.port, version) as client:
                    client.send(puback(7))
                    client.send(packet(0x70, struct.pack(">H", 9)))
                    client.send(harness.PINGREQ)
                    client.expect(harness.PINGRESP)
