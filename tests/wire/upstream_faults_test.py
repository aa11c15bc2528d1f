"""Upstreams that fail in ways a well-behaved client library would not let them: raw AMQP peers against a real worker."""

import collections
import time
import unittest

from tests.wire import harness
from tests.wire.harness import V5, Client, Worker, eventually, generic_upstream, publish, puback
from tests.wire.raw_amqp import (
    ATTACH, BEGIN, CLOSE, DETACH, END, NULL, OPEN, TRANSFER, TRUE, RawPeer, detach, error, frame, string, uint
)

SOON = {"reconnectInitial": "50ms", "reconnectMaximum": "500ms", "deliveryTimeout": "10s"}


def upstream(*peers, **limits):
    endpoints = [f"amqp://127.0.0.1:{peer.port}" for peer in peers]
    return generic_upstream(peers[0].port, endpoints=endpoints, limits={**SOON, **limits})


class UpstreamFaults(harness.TestCase):
    def start(self, *peers, routes=None, name=None, threads=1, **limits):
        more = {"routes": {"publish": routes}} if routes else {}
        worker = Worker(upstream=upstream(*peers, **limits), threads=threads, **more)
        if name:
            worker.document["metadata"]["name"] = name
        worker.start()
        self.addCleanup(self.finish, worker)
        return worker

    @staticmethod
    def finish(worker):
        worker.clean = False
        worker.__exit__(None, None, None)

    def peer(self, **options):
        peer = RawPeer(**options)
        self.addCleanup(peer.stop)
        return peer

    def client(self, worker, **options):
        client = Client(worker.port, **options)
        self.addCleanup(client.socket.close)
        return client

    def publish_through(self, worker, seconds=10):
        client = self.client(worker, client_id=f"probe-{time.monotonic_ns()}")
        client.send(publish("t", b"x", qos=1, packet_id=1))
        client.expect(puback(1), seconds)

    # Failover.

    def fails_over(self, **first):
        bad, good = self.peer(**first), self.peer()
        worker = self.start(bad, good)
        self.publish_through(worker)
        self.assertLessEqual(bad.accepted, 2)
        self.assertEqual(len(good.opened), 1)

    @harness.red_on("0.1.0")
    def test_an_endpoint_that_opens_and_closes_gives_way_to_the_next(self):
        def close(peer, link, got):
            link.send(frame(0, OPEN, string("standby")), frame(0, CLOSE, error("amqp:connection:forced", "standby")))
            return True

        self.fails_over(on={OPEN: close})

    @harness.red_on("0.1.0")
    def test_an_endpoint_that_opens_and_cuts_gives_way_to_the_next(self):
        def cut(peer, link, got):
            peer.answer(link, got)
            raise OSError

        self.fails_over(on={OPEN: cut})

    @harness.red_on("0.1.0")
    def test_an_endpoint_that_refuses_every_link_gives_way_to_the_next(self):
        def refuse(peer, link, got):
            ends = (NULL, NULL)
            link.send(
                frame(got.channel, ATTACH, string(got[0]), uint(got[1]), TRUE, NULL, NULL, *ends),
                detach(got[1], got.channel, error("amqp:not-allowed", "standby")),
            )
            return True

        self.fails_over(on={ATTACH: refuse, DETACH: lambda *_: True})

    @harness.red_on("0.1.0")
    def test_an_endpoint_that_ends_every_session_gives_way_to_the_next(self):
        def end(peer, link, got):
            peer.answer(link, got)
            link.send(frame(got.channel, END, error("amqp:internal-error")))
            return True

        self.fails_over(on={BEGIN: end, ATTACH: lambda *_: True, END: lambda *_: True})

    def test_an_endpoint_that_refuses_the_credentials_gives_way_to_the_next(self):
        self.fails_over(sasl=1)

    @harness.red_on("0.1.0")
    def test_after_a_loss_the_endpoint_that_served_is_tried_first(self):
        first, second = self.peer(), self.peer()
        first.stop()
        worker = self.start(first, second)
        self.publish_through(worker)
        third = self.peer(port=first.port)
        for stream in second.streams:
            stream.shutdown(2)
        eventually(lambda: len(second.opened) == 2, "the second endpoint again")
        self.publish_through(worker)
        self.assertEqual(third.accepted, 0)

    @harness.red_on("0.1.0")
    def test_an_upstream_that_is_back_is_used_at_once_by_who_comes(self):
        peer = self.peer()
        worker = Worker(upstream=generic_upstream(peer.port)).start()
        self.addCleanup(self.finish, worker)
        self.publish_through(worker)
        peer.stop()
        time.sleep(12)
        self.peer(port=peer.port)
        begun = time.monotonic()
        self.publish_through(worker, 20)
        self.assertLess(time.monotonic() - begun, 2)

    @harness.red_on("0.1.0")
    def test_attach_credit_and_detach_in_a_loop_is_slowed_down_and_said(self):
        def flow_and_detach(peer, link, got):
            peer.answer(link, got)
            link.send(detach(got[1], got.channel, error("amqp:internal-error", "no storage")))
            return True

        peer = self.peer(on={ATTACH: flow_and_detach, DETACH: lambda *_: True})
        worker = self.start(peer, reconnectInitial="100ms", reconnectMaximum="10s")
        time.sleep(6)
        attaches = sum(got.code == ATTACH for _, got in peer.frames)
        self.assertLessEqual(attaches, 2 * 8, "two links, each with a growing pause")
        lines = [line for line in worker.log().splitlines() if "no storage" in line]
        self.assertTrue(1 <= len(lines) <= 4, lines)

    # Poison.

    def poisoned(self, end, **limits):
        """A peer that does `end` for each message with the word poison in it; the payloads that came."""
        seen = []

        def on_transfer(peer, link, got):
            seen.append(got.payload)
            if b"poison" not in got.payload:
                return False
            return end(link, got)

        peer = self.peer(on={TRANSFER: on_transfer, DETACH: lambda *_: True, END: lambda *_: True})
        return self.start(peer, maxAttempts=4, **limits), seen

    def refuses_the_poison_alone(self, end):
        worker, seen = self.poisoned(end)
        worker.wait_ready()
        bad = self.client(worker, version=V5, client_id="bad")
        good = [self.client(worker, version=V5, client_id=f"good-{i}") for i in range(5)]
        for i in range(3):
            good[i].send(publish("t", b"early", qos=1, packet_id=1, version=V5))
        bad.send(publish("t", b"poison", qos=1, packet_id=1, version=V5))
        time.sleep(0.05)
        for client in good:
            client.send(publish("t", b"fine", qos=1, packet_id=2, version=V5))
        begun = time.monotonic()
        for i, client in enumerate(good):
            if i < 3:
                client.expect(puback(1), 5)
            client.expect(puback(2), 5)
        self.assertLess(time.monotonic() - begun, 3)
        first, body = bad.receive(8)
        self.assertEqual((first, body[:3].hex()), (0x40, "000197"))
        self.assertIn(b"size", body[3:])
        poisons = sum(b"poison" in payload for payload in seen)
        self.assertTrue(4 <= poisons <= 5, poisons)
        self.publish_through(worker)

    @harness.red_on("0.1.0")
    def test_a_message_for_which_the_link_is_ended_is_refused_and_the_others_go_on(self):
        why = error("amqp:link:message-size-exceeded", "too big")
        self.refuses_the_poison_alone(lambda link, got: link.send(detach(got[0], got.channel, why)) or True)

    @harness.red_on("0.1.0")
    def test_a_message_for_which_the_session_is_ended_is_refused_and_the_others_go_on(self):
        why = error("amqp:link:message-size-exceeded", "too big")
        self.refuses_the_poison_alone(lambda link, got: link.send(frame(got.channel, END, why)) or True)

    @harness.red_on("0.1.0")
    def test_a_message_for_which_the_connection_is_closed_is_refused_and_the_others_go_on(self):
        def close(link, got):
            link.send(frame(0, CLOSE, error("amqp:link:message-size-exceeded", "too big")))
            raise OSError

        self.refuses_the_poison_alone(close)

    def test_restarts_with_many_unsettled_refuse_nothing(self):
        held = collections.deque()
        settle = []

        def hold(peer, link, got):
            if settle:
                return False
            held.append(got)
            return True

        peer = self.peer(on={TRANSFER: hold})
        worker = self.start(peer, maxAttempts=1, deliveryTimeout="30s")
        worker.wait_ready()
        clients = [self.client(worker, version=V5, client_id=f"c{i}") for i in range(50)]
        for client in clients:
            client.send(publish("t", b"x", qos=1, packet_id=1, version=V5))
        for restart in range(4):
            eventually(lambda: len(held) >= 1, "messages after a restart")
            time.sleep(0.2)
            held.clear()
            for stream in list(peer.streams):
                try:
                    if restart == 3:
                        stream.sendall(frame(0, CLOSE, error("amqp:connection:forced", "restart")))
                    stream.shutdown(2)
                except OSError:
                    pass
        settle.append(True)
        for client in clients:
            client.expect(puback(1), 10)

    # Who we are.

    @harness.red_on("0.1.0")
    def test_two_workers_of_one_manifest_have_different_container_ids(self):
        peer = self.peer()
        for _ in range(2):
            self.start(peer, name="plant", threads=2)
        eventually(lambda: len(peer.opened) == 4, "four connections")
        self.assertEqual(len(set(peer.opened)), 4, peer.opened)
        self.assertTrue(all(name.startswith("plant-") for name in peer.opened))

    @harness.red_on("0.1.0")
    def test_a_worker_in_a_pod_is_named_for_it(self):
        peer = self.peer()
        worker = Worker(
            upstream=upstream(peer),
            threads=1,
            environment={"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "plant-0-5d9f-abcde"},
        )
        worker.start()
        self.addCleanup(self.finish, worker)
        eventually(lambda: peer.opened, "a connection")
        self.assertEqual(peer.opened, ["test-plant-0-5d9f-abcde-0"])

    # Numbers and limits of the peer.

    def serves_with(self, **options):
        with self.subTest(**options):
            peer = self.peer(**options)
            worker = self.start(peer)
            worker.wait_ready(10)
            self.publish_through(worker)
            self.assertGreaterEqual(worker.metric("pgw_upstream_credit"), 0)
            return worker, peer

    @harness.red_on("0.1.0")
    def test_credit_beyond_an_int_is_credit(self):
        for credit in (1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            self.serves_with(credit=credit)

    def test_a_window_beyond_an_int_is_a_window(self):
        for window in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            self.serves_with(window=window)

    @harness.red_on("0.1.0")
    def test_handle_max_is_kept_to(self):
        routes = [
            {"name": f"r{i}", "match": {"topic": "t" if i == 0 else f"t{i}/x"}, "to": {"upstream": "peer", "address": f"q{i}"}}
            for i in range(4)
        ]
        for handles in (0, 1, 2):
            with self.subTest(handles=handles):
                peer = self.peer(handles=handles)
                worker = self.start(peer, routes=routes)
                worker.wait_ready(10)
                self.publish_through(worker)
                attaches = [got for _, got in peer.frames if got.code == ATTACH]
                self.assertEqual(len(attaches), 8)
                self.assertLessEqual(max(got[1] for got in attaches), handles)

    def test_channel_max_is_kept_to(self):
        _, peer = self.serves_with(channels=0)
        self.assertEqual({got.channel for _, got in peer.frames}, {0})

    def test_frames_are_as_small_as_the_peer_wants_them(self):
        peer = self.peer(frame=512)
        worker = self.start(peer)
        worker.wait_ready(10)
        client = self.client(worker)
        client.send(publish("t", bytes(20_000), qos=1, packet_id=1))
        client.expect(puback(1))
        self.assertLessEqual(max(got.size for _, got in peer.frames), 512)
        self.assertGreaterEqual(len(peer.messages.get(timeout=5)), 20_000)

    @harness.red_on("0.1.0")
    def test_an_address_that_fits_no_frame_of_the_peer_is_an_error_of_the_link(self):
        address = "q" * 600
        routes = [{"name": "all", "match": {"topic": "{*rest}"}, "to": {"upstream": "peer", "address": address}}]
        peer = self.peer(frame=512)
        worker = self.start(peer, routes=routes)
        eventually(lambda: "frame-size-too-small" in worker.log(), "the reason")
        self.assertLessEqual(max(got.size for _, got in peer.frames), 512)

    @harness.red_on("0.1.0")
    def test_an_idle_time_out_of_a_millisecond_is_no_flood(self):
        peer = self.peer(idle=1)
        worker = self.start(peer)
        worker.wait_ready(10)
        time.sleep(0.5)
        before, cpu = len(peer.frames), worker.cpu_seconds()
        time.sleep(3)
        self.assertLessEqual(len(peer.frames) - before, 3 * 60)
        self.assertLess(worker.cpu_seconds() - cpu, 0.5)
        self.publish_through(worker)


if __name__ == "__main__":
    unittest.main()
