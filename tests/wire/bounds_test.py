"""What peers make the worker keep is bounded in sum, and who means well does not notice."""

import socket
import time

from tests.wire import harness
from tests.wire.harness import V5, Client, Worker, connect, publish, puback, text, topic_alias, variable_length

MIB = 1 << 20


def partial_publish(size):
    """A PUBLISH of `size` bytes without its last byte."""
    return b"\x30" + variable_length(size) + text("t") + b"x" * (size - 4)


class Healthy:
    """A client that publishes and measures how long each PUBACK takes."""

    def __init__(self, worker):
        self.client = Client(worker.port, V5, client_id="healthy")
        self.next_id = 1

    def latencies(self, count):
        took = []
        for _ in range(count):
            began = time.monotonic()
            self.client.send(publish("t", "x", 1, self.next_id, V5))
            first, body = self.client.receive()
            assert first == 0x40, hex(first)
            took.append(time.monotonic() - began)
            self.next_id = self.next_id % 60000 + 1
            time.sleep(0.002)
        return took

    def p99(self, count=300):
        return sorted(self.latencies(count))[int(count * 0.99)]


class Memory(harness.TestCase):
    BUDGET = 16 * MIB

    def crowd(self, worker, count, send):
        """Connections that hold what `send` makes them hold; those that were closed meanwhile are left out."""
        held = []
        for number in range(count):
            try:
                held.append(send(worker, number))
            except (OSError, AssertionError, TypeError):
                pass  # Closed before its CONNACK.
        return held

    def expect_bounded(self, worker, before, healthy, calm):
        harness.eventually(lambda: worker.metric("pgw_buffered_bytes") <= self.BUDGET, "the budget to hold")
        self.assertLess(worker.resident() - before, self.BUDGET + 24 * MIB)
        # Small numbers on a busy machine are noise.
        self.assertLess(healthy.p99(), max(10 * calm, 0.05))

    @harness.red_on("0.1.0")
    def test_partial_packets_of_many_clients_stay_within_the_budget_and_a_healthy_client_is_served(self):
        with Worker(limits={"maxBufferedBytes": self.BUDGET}, threads=2) as worker:
            worker.wait_ready()
            healthy = Healthy(worker)
            calm = healthy.p99()
            before = worker.resident()

            def send(worker, number):
                client = Client(worker.port, client_id=f"k{number}")
                client.send(partial_publish(200_000))
                return client

            held = self.crowd(worker, 300, send)
            self.expect_bounded(worker, before, healthy, calm)
            self.assertGreater(worker.metric("pgw_connections_evicted_total", reason="buffered_bytes"), 50)
            for client in held:
                client.socket.close()
            harness.eventually(lambda: worker.metric("pgw_buffered_bytes") < MIB, "everything to be given back")
            harness.eventually(lambda: worker.resident() - before < 12 * MIB, "the memory to go back to the system")

    @harness.red_on("0.1.0")
    def test_connects_that_never_become_whole_are_bounded(self):
        with Worker(limits={"maxBufferedBytes": self.BUDGET}, threads=2) as worker:
            worker.wait_ready()
            before = worker.resident()

            def send(worker, number):
                client = Client(worker.port, introduce=False)
                head = text("MQTT") + b"\x05\x06\x00\x3c\x00" + text(f"p{number}") + b"\x00" + text("w/t")
                client.send(b"\x10" + variable_length(262_139) + head + b"y" * 200_000)
                return client

            self.crowd(worker, 300, send)
            self.assertLess(worker.resident() - before, 8 * MIB, "a CONNECT of 256 KiB is not even collected")

    @harness.red_on("0.1.0")
    def test_wills_and_aliases_of_many_clients_stay_within_the_budget(self):
        with Worker(limits={"maxBufferedBytes": self.BUDGET}, threads=2) as worker:
            worker.wait_ready()
            healthy = Healthy(worker)
            calm = healthy.p99()
            before = worker.resident()

            def send(worker, number):
                # To topics that are dropped: what the embedded broker keeps is not what is measured.
                rest = b"\x00" + text("$SYS/w") + text(b"y" * 60_000)
                client = Client(worker.port, V5, client_id=f"w{number}", flags=2 | 4, rest=rest)
                for alias in range(1, 9):
                    client.send(publish("$SYS/" + "a" * 8000, "", version=V5, props=[topic_alias(alias)]))
                return client

            self.crowd(worker, 400, send)
            self.expect_bounded(worker, before, healthy, calm)

    @harness.red_on("0.1.0")
    def test_clients_that_never_read_park_little_in_the_kernel(self):
        with Worker(threads=1) as worker:
            worker.wait_ready()
            with Client(worker.port) as client:
                client.socket.setblocking(False)
                sent = 0
                end = time.monotonic() + 3
                while time.monotonic() < end:
                    try:
                        sent += client.socket.send(harness.PINGREQ * 30_000)
                    except BlockingIOError:
                        time.sleep(0.02)
                # Our own side of it is the client's; what the worker took is bounded by its buffers.
                with open("/proc/net/tcp") as file:
                    port = f":{worker.port:04X}"
                    queues = [line.split()[4].split(":") for line in file.readlines()[1:] if line.split()[1].endswith(port)]
                parked = sum(int(send, 16) + int(receive, 16) for send, receive in queues)
                self.assertLess(parked, 600_000, f"bytes in the worker's socket buffers; {sent} were sent")

    @harness.red_on("0.1.0")
    def test_the_number_in_force_is_shown(self):
        document = harness.manifest(harness.free_port(), harness.free_port())
        code, output = harness.run_worker(document, "--print-config")
        self.assertEqual(code, 0, output)
        self.assertRegex(output, r"maxBufferedBytes: \S+")
        document["spec"]["limits"] = {"maxBufferedBytes": "48Mi"}
        self.assertIn('maxBufferedBytes: "48Mi"', harness.run_worker(document, "--print-config")[1])

    @harness.red_on("0.1.0")
    def test_reading_a_large_packet_in_small_pieces_costs_no_more_than_its_size(self):
        with Worker(limits={"maxPacketSize": "8Mi", "maxInflightBytes": "16Mi"}, threads=1) as worker:
            worker.wait_ready()
            spent = {}
            for size in (1 * MIB, 8 * MIB - 100):
                data = b"\x30" + variable_length(size) + text("t") + b"x" * (size - 3)
                with Client(worker.port, client_id=f"s{size}") as client:
                    before = worker.cpu_seconds()
                    for at in range(0, size, 8_192):
                        client.send(data[at : at + 8_192])
                        time.sleep(0.0005)
                    client.send(data[(size - 1) // 8_192 * 8_192 + 8_192 :] + harness.PINGREQ)
                    client.expect(harness.PINGRESP, 20)
                    spent[size] = worker.cpu_seconds() - before
            self.assertLess(spent[8 * MIB - 100], 0.5, f"CPU seconds for 8 MiB in pieces of 8 KiB: {spent}")


class Pending(harness.TestCase):
    @harness.red_on("0.1.0")
    def test_new_devices_do_not_wait_behind_connections_that_say_nothing(self):
        with Worker(limits={"maxPendingConnects": 64, "connectTimeout": "30s"}, threads=1) as worker:
            worker.wait_ready()
            idle = [socket.create_connection(("127.0.0.1", worker.port)) for _ in range(300)]
            began = time.monotonic()
            with Client(worker.port) as client:
                client.send(publish("t", "x", 1, 1))
                client.expect(puback(1))
            self.assertLess(time.monotonic() - began, 2)
            self.assertGreaterEqual(worker.metric("pgw_connections_evicted_total", reason="pending"), 300 - 64)
            for connection in idle:
                connection.close()

    def test_flood_on_one_listener_does_not_push_out_who_connects_on_another(self):
        other = {"name": "other", "type": "MQTT", "address": "127.0.0.1", "port": harness.free_port()}
        with Worker(listeners=[other], limits={"maxPendingConnects": 16, "connectTimeout": "30s"}, threads=1) as worker:
            worker.wait_ready()
            slow = Client(other["port"], introduce=False)
            hello = connect("slow")
            slow.send(hello[:5])
            idle = [socket.create_connection(("127.0.0.1", worker.port)) for _ in range(100)]
            slow.send(hello[5:])
            slow.expect(harness.CONNACK_ACCEPTED)
            for connection in idle:
                connection.close()
            slow.socket.close()


class Descriptors(harness.TestCase):
    @harness.red_on("0.1.0")
    def test_probes_answer_and_the_upstream_comes_back_when_devices_have_taken_all_descriptors(self):
        port = harness.free_port()
        peer = harness.Peer(port=port)
        with Worker(harness.generic_upstream(port), nofile=128, threads=1) as worker:
            worker.wait_ready()
            crowd = [socket.create_connection(("127.0.0.1", worker.port)) for _ in range(200)]
            for number, connection in enumerate(crowd):
                try:
                    connection.sendall(connect(f"c{number}"))
                except OSError:
                    pass  # Refused already.
            for _ in range(20):
                crowd.append(socket.create_connection(("127.0.0.1", worker.port)))
                crowd[-1].sendall(connect(f"more{len(crowd)}"))
            harness.eventually(
                lambda: worker.metric("pgw_connections_refused_total", reason="descriptors")
                + worker.metric("pgw_connections_evicted_total", reason="pending")
                > 0,
                "the limit to be reached",
            )
            began = time.monotonic()
            self.assertEqual(worker.get("/livez")[0], 200)
            self.assertLess(time.monotonic() - began, 1)
            peer.vanish()
            peer.stop()
            harness.eventually(lambda: worker.status()["upstreams"]["peer"]["state"] != "Connected", "the loss")
            again = harness.Peer(port=port)
            harness.eventually(lambda: worker.metric("pgw_upstream_connections") == 1, "the upstream to come back", 30)
            lines = [line for line in worker.log().splitlines() if "accepting paused" in line]
            self.assertLessEqual(len(lines), 4, lines)
            for connection in crowd:
                connection.close()
            again.stop()

    @harness.red_on("0.1.0")
    def test_start_warns_when_connections_exceed_the_descriptors(self):
        with Worker(nofile=128, limits={"maxConnections": 100_000}) as worker:
            worker.wait_ready()
            self.assertIn("fewer descriptors than limits.maxConnections", worker.log())
