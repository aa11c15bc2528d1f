"""The admin server under floods and hostile requests: probes are answered, and nobody reads what is not theirs."""

import contextlib
import select
import socket
import threading
import time

from tests.wire import harness
from tests.wire.harness import Worker, free_port

FLOOD_SECONDS = 6


def probe(port, path="/livez", seconds=3.0):
    """The status of one probe on a connection of its own, as a kubelet asks; 0: no answer within its time-out."""
    try:
        with socket.create_connection(("127.0.0.1", port), seconds) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 10.0.0.1:8081\r\nConnection: close\r\n\r\n".encode())
            answer = connection.recv(4096)
            return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0
    except OSError:
        return 0


def ask(port, head):
    """All that comes back for these bytes until the server closes or is silent for two seconds."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), 2) as connection:
        connection.sendall(head)
        with contextlib.suppress(OSError):
            while data := connection.recv(65536):
                got += data
    return got.decode(errors="replace")


@contextlib.contextmanager
def flood(step):
    """step() runs again and again in a thread; the block gets a list of how often."""
    stop, count = threading.Event(), [0]

    def run():
        while not stop.is_set():
            step()
            count[0] += 1

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join()


class HeldConnections:
    """A number of connections that stay open; one that the server closed is replaced."""

    def __init__(self, port, count, first=b"", drip=b""):
        self.port, self.first, self.drip = port, first, drip
        self.open = [self.connect() for _ in range(count)]

    def connect(self):
        made = socket.socket()
        made.settimeout(2)
        with contextlib.suppress(OSError):
            made.connect(("127.0.0.1", self.port))
            made.sendall(self.first)
        return made

    def renew(self):
        """Sends what drips, and connects again where the server closed; what it answers is never read."""
        readable, _, _ = select.select(self.open, [], [], 0.005)
        for index, held in enumerate(self.open):
            try:
                ended = held in readable and not held.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
                if self.drip and not ended:
                    held.send(self.drip, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError:
                ended = True
            if ended:
                held.close()
                self.open[index] = self.connect()

    def close(self):
        for held in self.open:
            held.close()


class Probes(harness.TestCase):
    def setUp(self):
        self.health, self.metrics = free_port(), free_port()
        self.worker = Worker(arguments=["--health-port", self.health, "--metrics-port", self.metrics])
        self.worker.start()
        self.addCleanup(self.worker.__exit__, None, None, None)
        self.worker.wait_ready()

    def all_answered(self, port, seconds=FLOOD_SECONDS):
        answered = failed = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end or answered + failed < 50:
            if probe(port) == 200:
                answered += 1
            else:
                failed += 1
            time.sleep(0.02)
        self.assertEqual(failed, 0, f"{failed} of {answered + failed} probes failed")

    def hold(self, *arguments, **more):
        held = HeldConnections(*arguments, **more)
        self.addCleanup(held.close)
        return held

    @harness.red_on("0.1.0")
    def test_64_idle_connections_fail_no_probe(self):
        held = self.hold(self.health, 64)
        with flood(held.renew):
            self.all_answered(self.health)

    @harness.red_on("0.1.0")
    def test_a_thousand_idle_connects_a_second_fail_no_probe(self):
        idle, begin = [], time.monotonic()

        def connect():
            made = socket.socket()
            made.setblocking(False)
            made.connect_ex(("127.0.0.1", self.health))
            idle.append(made)
            if len(idle) > 300:
                idle.pop(0).close()
            ahead = len(times) / 1000 - (time.monotonic() - begin)
            times.append(0)
            if ahead > 0:
                time.sleep(ahead)

        times = []
        with flood(connect) as count:
            self.all_answered(self.health)
        print(f"{count[0] / (time.monotonic() - begin):.0f} connects/s", end=" ")
        for made in idle:
            made.close()

    @harness.red_on("0.1.0")
    def test_heads_that_drip_in_fail_no_probe(self):
        held = self.hold(self.health, 200, first=b"GET /livez HTTP/1.1\r\nHost: x\r\n", drip=b"X: y\r\n")
        with flood(held.renew):
            self.all_answered(self.health)

    @harness.red_on("0.1.0")
    def test_slow_readers_of_metrics_fail_no_probe(self):
        # Pipelined, so that what is not read outgrows the socket's buffers.
        question = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400
        held = self.hold(self.worker.admin_port, 64, first=question)
        with flood(held.renew):
            self.all_answered(self.worker.admin_port)
            self.all_answered(self.health, 1)


class WithoutDescriptors(harness.TestCase):
    @harness.red_on("0.1.0")
    def test_probes_are_answered_and_the_log_stays_short(self):
        with Worker(nofile=96, threads=1) as worker:
            worker.wait_ready()
            devices = []
            for _ in range(120):
                made = socket.socket()
                made.setblocking(False)
                made.connect_ex(("127.0.0.1", worker.port))
                devices.append(made)
            time.sleep(1)
            failed = sum(probe(worker.admin_port) != 200 for _ in range(100))
            self.assertEqual(failed, 0, "of 100 probes")
            self.assertLess(worker.log().count("admin accept failed"), 3)
            for made in devices:
                made.close()


class Hosts(harness.TestCase):
    def ask_as(self, worker, path, host):
        return ask(worker.admin_port, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())

    @harness.red_on("0.1.0")
    def test_a_domain_name_that_was_made_to_point_here_reads_nothing(self):
        with Worker() as worker:
            for path in ("/config", "/status", "/metrics"):
                answer = self.ask_as(worker, path, f"rebound.example:{worker.admin_port}")
                self.assertTrue(answer.startswith("HTTP/1.1 421 "), answer[:200])
                for host in (f"127.0.0.1:{worker.admin_port}", "localhost", "[::1]:9090", "pgw-metrics.plant.svc:8080"):
                    self.assertTrue(self.ask_as(worker, path, host).startswith("HTTP/1.1 200 "), (path, host))
            self.assertTrue(self.ask_as(worker, "/livez", "rebound.example").startswith("HTTP/1.1 200 "))

    def test_a_configured_name_is_taken(self):
        port = free_port()
        with Worker(admin={"address": "127.0.0.1", "port": port, "hosts": ["Gateway1.plant.example"]}) as worker:
            worker.admin_port = port
            self.assertTrue(self.ask_as(worker, "/metrics", "gateway1.plant.example:9090").startswith("HTTP/1.1 200 "))
            self.assertTrue(self.ask_as(worker, "/metrics", "gateway2.plant.example").startswith("HTTP/1.1 421 "))

    @harness.red_on("0.1.0")
    def test_a_request_that_two_programs_could_delimit_differently_ends_the_connection(self):
        second = b"GET /config HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        rows = {
            b"Host: a\r\nTransfer-Encoding: xchunked\r\n": "501",
            b"Host: a\r\nTransfer-Encoding: chunked\r\n": "400",
            b"Host: a\r\nContent-Length: 0\r\nTransfer-Encoding: identity\r\n": "400",
            b"Host: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n": "400",
            b"": "400",
            b"Host: a\r\nHost: b\r\n": "400",
        }
        with Worker() as worker:
            for fields, status in rows.items():
                with self.subTest(fields):
                    answer = ask(worker.admin_port, b"GET /livez HTTP/1.1\r\n" + fields + b"\r\n0\r\n\r\n" + second)
                    self.assertTrue(answer.startswith(f"HTTP/1.1 {status} "), answer[:200])
                    self.assertNotIn("ProtocolGateway", answer)
