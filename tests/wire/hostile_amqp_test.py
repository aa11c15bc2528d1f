"""Clients of the embedded broker that want the worker's memory: each gets little of it, and who behaves is served.

The bound is of the whole process: its resident memory may grow by 64 MiB over what it was before.
"""

import socket
import time
import unittest

import proton.utils

from tests.wire import harness
from tests.wire.harness import Client, Worker, eventually, free_port, publish, puback, receive_amqp
from tests.wire.raw_amqp import (
    ATTACH, FALSE, FLOW, HEADER, NULL, OPEN, TRUE, RawClient, attach, data, described, detach, frame, list_of, map_of,
    string, symbol, target, transfer, uint, ushort
)

MOST = 64 << 20
COORDINATOR = described(0x30, list_of())
SECONDS = 4
MOST_CONNECTIONS = 800  # python-proton's select() takes no descriptor above 1024


class HostileAmqp(harness.TestCase):
    def setUp(self):
        self.broker_port = free_port()
        embedded = {"name": "peer", "type": "Embedded", "embedded": {"address": "127.0.0.1", "port": self.broker_port}}
        self.worker = Worker(upstream=embedded, threads=1).start().wait_ready()
        self.addCleanup(self.finish)
        self.before = self.worker.resident()
        self.most = 0
        self.held = 0

    def finish(self):
        self.worker.clean = False
        self.worker.__exit__(None, None, None)

    def kept(self):
        """A connection that stays to the end of the test."""
        client = RawClient(self.broker_port)
        self.addCleanup(client.close)
        self.held += 1
        return client

    def attack(self, step, reads=False):
        """Calls step(client, n) for some seconds, or until the test holds as many connections as it may; over a new one whenever one
        was ended."""
        end = time.monotonic() + SECONDS
        goes_on = lambda: time.monotonic() < end and self.held < MOST_CONNECTIONS  # noqa: E731
        n = 0
        while goes_on():
            try:
                with RawClient(self.broker_port) as client:
                    client.stream.settimeout(0.3)
                    if reads:
                        client.drain()
                    while goes_on():
                        step(client, n)
                        n += 1
                        self.measure()
            except OSError:
                pass
            self.measure()
        return n

    def measure(self):
        self.most = max(self.most, self.worker.resident() - self.before)
        self.assertLess(self.most, MOST, f"{self.most >> 20} MiB")

    def is_served(self):
        self.measure()
        self.assertTrue(self.worker.alive())
        client = Client(self.worker.port, client_id="good")
        self.addCleanup(client.socket.close)
        client.send(publish("t", b"good", qos=1, packet_id=1))
        client.expect(puback(1))
        url = f"amqp://127.0.0.1:{self.broker_port}"
        (message,) = receive_amqp(url, "telemetry", 1)
        self.assertEqual(bytes(message.body), b"good")

    @harness.red_on("0.1.0")
    def test_unfinished_messages_on_many_links(self):
        def step(client, n):
            piece = b"p" * 60_000
            client.send(attach(f"l{n}", n, "q"), transfer(n, n, piece, more=True))
            for _ in range(250):
                client.send(transfer(n, n, piece, more=True, first=False))

        self.attack(step)
        self.is_served()

    @harness.red_on("0.1.0")
    def test_unfinished_messages_on_many_connections(self):
        def step(_, n):
            client = self.kept()
            piece = b"p" * 60_000
            client.send(attach("l", 0, "q"), transfer(0, 0, piece, more=True))
            for _ in range(60):
                client.send(transfer(0, 0, piece, more=True, first=False))

        self.attack(step)
        self.is_served()

    def test_refused_links_that_are_never_detached(self):
        def step(client, n):
            name = "q" * 30_000 + str(n)
            source = described(0x28, list_of(string("q" * 30_000)))
            client.send(frame(0, ATTACH, string(name), uint(n), FALSE, NULL, NULL, source, COORDINATOR, NULL, NULL, uint(0)))

        self.attack(step, reads=True)
        self.is_served()

    @harness.red_on("0.1.0")
    def test_attach_and_detach_without_reading(self):
        def step(client, n):
            client.send(*(part for i in range(20) for part in (attach("n" * 20_000 + str(n * 20 + i), 0, "qq"), detach(0))))

        self.attack(step)
        self.is_served()

    @harness.red_on("0.1.0")
    def test_attaches_with_huge_properties(self):
        values = map_of(*(NULL for _ in range(60_000)))

        def step(client, n):
            ends = (described(0x28, list_of(string("s"))), target("q"))
            rest = (NULL, NULL, uint(0), NULL, NULL, NULL, values)
            client.send(frame(0, ATTACH, string(f"l{n}"), uint(n), FALSE, NULL, NULL, *ends, *rest))

        self.attack(step, reads=True)
        self.is_served()

    @harness.red_on("0.1.0")
    def test_attaches_with_huge_filters(self):
        values = map_of(*(NULL for _ in range(60_000)))

        def step(client, n):
            fields = (string("q"), uint(0), symbol("never"), uint(0), FALSE, NULL, NULL, values)
            source = described(0x28, list_of(*fields))
            client.send(frame(0, ATTACH, string(f"l{n}"), uint(n), TRUE, NULL, NULL, source, target("t"), NULL, NULL, NULL))

        self.attack(step, reads=True)
        self.is_served()

    @harness.red_on("0.1.0")
    def test_opens_with_huge_properties_on_many_connections(self):
        values = map_of(*(NULL for _ in range(60_000)))
        def step(_, n):
            time.sleep(0.002)
            if n >= MOST_CONNECTIONS:
                return
            stream = socket.create_connection(("127.0.0.1", self.broker_port), 10)
            self.addCleanup(stream.close)
            fields = (string("c"), NULL, uint(65536), ushort(255), NULL, NULL, NULL, NULL, NULL, values)
            stream.sendall(HEADER + frame(0, OPEN, *fields))

        self.attack(step)
        self.is_served()

    def test_many_connections(self):
        def step(_, n):
            self.kept()
            time.sleep(0.002)

        self.attack(step)
        self.is_served()

    def test_a_consumer_that_takes_everything_and_settles_nothing(self):
        with RawClient(self.broker_port) as sender:
            sender.drain()
            sender.send(attach("s", 0, "mine"))
            with RawClient(self.broker_port) as receiver:
                receiver.send(attach("r", 0, "mine", role=TRUE))
                session = (uint(0), uint(2**31 - 1), uint(0), uint(2**31 - 1))
                receiver.send(frame(0, FLOW, *session, uint(0), uint(0), uint(2**32 - 1), NULL, FALSE, FALSE))
                receiver.drain()
                end = time.monotonic() + SECONDS
                n = 0
                try:
                    while time.monotonic() < end:
                        sender.send(*(transfer(0, n + i, data(b""), settled=True) for i in range(100)))
                        n += 100
                        time.sleep(0.01)
                        self.measure()
                except OSError:
                    pass
        self.is_served()

    @harness.red_on("0.1.0")
    def test_outcomes_of_a_thousand_values(self):
        """The state of a disposition is kept for each delivery that it is for."""
        with RawClient(self.broker_port) as client:
            client.drain()
            client.send(attach("s", 0, "mine"), attach("r", 1, "mine", role=TRUE))
            session = (uint(0), uint(2**31 - 1), uint(0), uint(2**31 - 1))
            client.send(frame(0, FLOW, *session, uint(1), uint(0), uint(900), NULL, FALSE, FALSE))
            client.send(*(transfer(0, i, data(b"x"), settled=True) for i in range(900)))
            time.sleep(0.5)
            state = described(0x77, list_of(*(NULL for _ in range(50_000))))
            try:
                for _ in range(3):
                    client.send(frame(0, 0x15, TRUE, uint(0), uint(899), FALSE, state))
                    time.sleep(0.3)
                    self.measure()
            except OSError:
                pass
        self.is_served()

    @harness.red_on("0.1.0")
    def test_many_sessions_that_are_never_read_from(self):
        """Each session has its own bound of what waits for the socket; together they have one too."""
        with RawClient(self.broker_port) as sender:
            sender.drain()
            sender.send(attach("s", 0, "topic://all"))
            with RawClient(self.broker_port) as client:
                for channel in range(200):
                    if channel:
                        client.begin(channel)
                    client.send(attach(f"r{channel}", 0, "topic://all", role=TRUE, channel=channel))
                    session = (uint(0), uint(2**31 - 1), uint(0), uint(2**31 - 1))
                    client.send(frame(channel, FLOW, *session, uint(0), uint(0), uint(100_000), NULL, FALSE, FALSE))
                time.sleep(0.5)
                try:
                    for n in range(400):
                        sender.send(transfer(0, n, data(bytes(10_000)), settled=True))
                        time.sleep(0.005)
                        self.measure()
                except OSError:
                    pass
        self.is_served()

    @harness.red_on("0.1.0")
    def test_empty_queues_are_not_kept(self):
        url = f"amqp://127.0.0.1:{self.broker_port}"
        peer = proton.utils.BlockingConnection(url)
        for i in range(1100):
            peer.create_receiver(f"node-{i}").close()
        peer.create_sender("one-more").close()
        peer.close()
        eventually(lambda: self.worker.metric("pgw_broker_queues") <= 2, "the queues to go")


if __name__ == "__main__":
    unittest.main()
