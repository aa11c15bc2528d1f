"""What the wire, broker and fault tests share: a worker process, raw MQTT packets, independent AMQP 1.0 peers.

Nothing here uses the product's own code: packets are bytes built and read by hand, AMQP is python-proton.
"""

import json
import os
import queue
import resource
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import proton
import proton.handlers
import proton.reactor
import proton.utils

from tests.support import ports

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("PGW_BIN", os.path.join(ROOT, "build", "release", "bin"))
WORKER = os.environ.get("PGW_WORKER", os.path.join(BIN, "gateway-worker"))
free_port = ports.lease  # A port for this process alone; see tests/support/ports.py.
TIMEOUT = float(os.environ.get("PGW_TEST_TIMEOUT", "10"))


def red_on(version):
    """Marks a test that fails on a released version: it shows a fault of that version that is repaired here."""

    def mark(test):
        test.red_on = version
        return test

    return mark


def eventually(condition, what, seconds=TIMEOUT):
    """Waits until condition() is true and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


# --- the worker ------------------------------------------------------------------------------------------------------


def manifest(port, admin_port, upstream=None, listeners=None, **spec):
    """A ProtocolGateway manifest: every topic goes to the address `telemetry` of one upstream."""
    upstream = upstream or {"name": "peer", "type": "Embedded", "embedded": {"address": "127.0.0.1", "port": free_port()}}
    plain = {"name": "mqtt", "type": "MQTT", "address": "127.0.0.1", "port": port}
    return {
        "apiVersion": "protocolgateway.dev/v1alpha1",
        "kind": "ProtocolGateway",
        "metadata": {"name": "test"},
        "spec": {
            "admin": {"address": "127.0.0.1", "port": admin_port},
            "listeners": [plain, *(listeners or [])],
            "authentication": [{"name": "anyone", "type": "Anonymous"}],
            "upstreams": [upstream],
            "routes": {
                "publish": [
                    {"name": "all", "match": {"topic": "{*rest}"}, "to": {"upstream": "peer", "address": "telemetry"}}
                ]
            },
            **spec,
        },
    }


def generic_upstream(port, **more):
    return {"name": "peer", "type": "Generic", "endpoints": [f"amqp://127.0.0.1:{port}"], **more}


class Worker:
    """One gateway-worker process with free ports. Use as a context manager: leaving it checks a clean drain."""

    def __init__(self, upstream=None, listeners=None, secrets=None, nofile=None, document=None, environment=None, arguments=(), **spec):
        self.port, self.admin_port = free_port(), free_port()
        self.folder = tempfile.mkdtemp(prefix="pgw-worker-")
        made = manifest(self.port, self.admin_port, upstream, listeners, **spec)
        self.document = made if document is None else document
        self.secrets = secrets
        self.nofile = nofile
        self.environment = environment
        self.arguments = arguments
        self.address = "127.0.0.1"  # Where it listens; see --bind.
        self.process = None
        self.clean = True

    def command(self):
        self.write_document()
        command = [WORKER, "--config", self.config, *map(str, self.arguments)]
        return command + (["--secrets-dir", self.secrets] if self.secrets else [])

    @property
    def config(self):
        return os.path.join(self.folder, "gateway.yaml")

    def write_document(self):
        """The document as it stands now becomes the configuration file, in one step."""
        made = self.document if isinstance(self.document, str) else json.dumps(self.document, indent=1)
        with open(self.config + ".new", "w") as file:
            file.write(made)
        os.rename(self.config + ".new", self.config)
        return made

    def launch(self):
        """Starts the process and waits for nothing."""
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))) if self.nofile else None
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=limit,
                env={**os.environ, **(self.environment or {})},
            )
        return self

    def start(self):
        """Starts the process and waits until it accepts clients."""
        self.launch()
        eventually(self.accepts, "the worker's listener")
        return self

    def accepts(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the worker ended with {self.process.returncode}:\n{self.log()}")
        ports = [self.port]
        if isinstance(self.document, dict):
            ports = [listener["port"] for listener in self.document["spec"]["listeners"]]
        for port in ports:
            with socket.socket() as probe:
                if probe.connect_ex((self.address, port)) != 0:
                    return False
        return True

    def get(self, path, port=None, address=None):
        """(status, body) of an admin request; status 0 where nobody listens."""
        where = f"{address or self.address}:{port or self.admin_port}"
        try:
            with urllib.request.urlopen(f"http://{where}{path}", timeout=TIMEOUT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except urllib.error.URLError:
            return 0, ""

    def status(self):
        return json.loads(self.get("/status")[1])

    def wait_ready(self, seconds=40):
        eventually(lambda: self.get("/readyz")[0] == 200, "/readyz", seconds)
        return self

    def metric(self, name, **labels):
        """The sum of the samples of that name that have these labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(name) and line[len(name)] in " {" and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            return file.read()

    def alive(self):
        return self.process.poll() is None

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self, seconds=20):
        """SIGTERM, and the exit code."""
        if self.alive():
            self.terminate()
        return self.process.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        try:
            if kind is None and self.clean and self.alive():
                code = self.stop()
                assert code == 0, f"the worker ended with {code}:\n{self.log()[-4000:]}"
        finally:
            if self.process is not None and self.alive():
                self.kill()
            if kind is not None:
                print(self.log()[-4000:])
            shutil.rmtree(self.folder, ignore_errors=True)


def run_worker(document, *arguments, seconds=10):
    """Runs a worker that is expected to end by itself: (exit code, output)."""
    worker = Worker(document=document)
    try:
        done = subprocess.run(
            [*worker.command(), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )
        return done.returncode, done.stdout + done.stderr
    finally:
        shutil.rmtree(worker.folder, ignore_errors=True)


def make_certificates(folder, secret="tls"):
    """A CA and a server certificate for localhost: <folder>/<secret>/{tls.crt,tls.key}, <folder>/ca/ca.crt."""
    os.makedirs(f"{folder}/{secret}")
    os.makedirs(f"{folder}/ca")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    openssl("req", "-x509", *key, "-subj", "/CN=test CA", "-keyout", f"{folder}/ca/ca.key", "-out", f"{folder}/ca/ca.crt")
    openssl(
        *("req", "-x509", *key, "-subj", "/CN=localhost", "-CA", f"{folder}/ca/ca.crt", "-CAkey", f"{folder}/ca/ca.key"),
        *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"),
        *("-keyout", f"{folder}/{secret}/tls.key", "-out", f"{folder}/{secret}/tls.crt"),
    )


# --- MQTT, byte by byte ----------------------------------------------------------------------------------------------

V3, V5 = 4, 5


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(data)) + data


def variable_length(value):
    out = bytearray()
    while True:
        value, octet = divmod(value, 128)
        out.append(octet | (128 if value else 0))
        if not value:
            return bytes(out)


def packet(first, body):
    return bytes([first]) + variable_length(len(body)) + body


def properties(*pairs):
    """MQTT 5 properties from (identifier, encoded value) pairs."""
    data = b"".join(bytes([identifier]) + value for identifier, value in pairs)
    return variable_length(len(data)) + data


# Properties that tests use: the identifier and how a value is encoded.
def payload_format(value):
    return 0x01, bytes([value])


def message_expiry(seconds):
    return 0x02, struct.pack(">I", seconds)


def content_type(value):
    return 0x03, text(value)


def response_topic(value):
    return 0x08, text(value)


def correlation_data(value):
    return 0x09, text(value)


def user_property(name, value):
    return 0x26, text(name) + text(value)


def topic_alias(value):
    return 0x23, struct.pack(">H", value)


def connect(client_id="test", version=V3, clean=True, keep_alive=60, props=(), flags=None, rest=b""):
    flags = (2 if clean else 0) if flags is None else flags
    body = text("MQTT") + bytes([version, flags]) + struct.pack(">H", keep_alive)
    body += properties(*props) if version == V5 else b""
    return packet(0x10, body + text(client_id) + rest)


def publish(topic, payload=b"", qos=0, packet_id=None, version=V3, dup=False, retain=False, props=()):
    body = text(topic) + (struct.pack(">H", packet_id) if qos else b"")
    body += properties(*props) if version == V5 else b""
    data = payload if isinstance(payload, bytes) else payload.encode()
    return packet(0x30 | (8 if dup else 0) | qos << 1 | retain, body + data)


def puback(packet_id):
    return packet(0x40, struct.pack(">H", packet_id))


PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"
DISCONNECT = b"\xe0\x00"
CONNACK_ACCEPTED = b"\x20\x02\x00\x00"


class Client:
    """A raw MQTT connection."""

    def __init__(self, port, version=V3, client_id="test", introduce=True, address="127.0.0.1", **options):
        self.version = version
        self.socket = socket.create_connection((address, port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.connack = None
        if introduce:
            self.send(connect(client_id, version, **options))
            first, body = self.receive()
            assert first == 0x20 and body[1] == 0, f"CONNACK {first:#x} {body.hex()}"
            self.connack = body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self, deadline):
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def receive(self, seconds=TIMEOUT):
        """The next packet as (first byte, body); None when the server closed the connection."""
        deadline = time.monotonic() + seconds
        while True:
            found = split_packet(self.buffer)
            if found:
                first, body, used = found
                self.buffer = self.buffer[used:]
                return first, body
            try:
                if not self._fill(deadline):
                    return None
            except ConnectionResetError:
                return None
            except TimeoutError:
                raise AssertionError(f"no packet within {seconds} s; so far {self.buffer.hex()}") from None

    def expect(self, data, seconds=TIMEOUT):
        """Exactly these bytes come next."""
        deadline = time.monotonic() + seconds
        try:
            while len(self.buffer) < len(data) and self._fill(deadline):
                pass
        except TimeoutError:
            pass
        got, self.buffer = self.buffer[: len(data)], self.buffer[len(data) :]
        assert got == data, f"expected {data.hex()}, got {got.hex()}"

    def expect_silence(self, seconds=0.3):
        """Nothing comes for a while, and the connection stays open."""
        deadline = time.monotonic() + seconds
        try:
            open_ = self._fill(deadline)
        except TimeoutError:
            open_ = True
        assert open_, "the server closed the connection"
        assert not self.buffer, f"unexpected {self.buffer.hex()}"

    def expect_closed(self, seconds=TIMEOUT):
        """The server closes; returns the packets that came before."""
        packets = []
        while True:
            found = self.receive(seconds)
            if found is None:
                return packets
            packets.append(found)


def split_packet(data):
    """(first byte, body, bytes used) of the first packet in data; None when it is incomplete."""
    length = shift = 0
    for index in range(1, min(len(data), 5)):
        length |= (data[index] & 127) << shift
        shift += 7
        if not data[index] & 128:
            end = index + 1 + length
            return (data[0], data[index + 1 : end], end) if len(data) >= end else None
    return None


def mosquitto_pub(port, *arguments, seconds=TIMEOUT):
    """Runs mosquitto_pub against a local port: its exit code and what it said."""
    command = ["mosquitto_pub", "-h", "localhost", "-p", str(port), *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    return done.returncode, done.stdout + done.stderr


# --- AMQP 1.0 by python-proton ---------------------------------------------------------------------------------------


def receive_amqp(url, address, count, seconds=TIMEOUT, **connection):
    """Takes `count` messages from an address of a broker."""
    peer = proton.utils.BlockingConnection(url, timeout=seconds, **connection)
    try:
        receiver = peer.create_receiver(address, credit=min(count, 500))
        messages = []
        for _ in range(count):
            messages.append(receiver.receive(timeout=seconds))
            receiver.accept()
        return messages
    finally:
        peer.close()


class _PeerHandler(proton.handlers.MessagingHandler):
    def __init__(self, peer):
        super().__init__(prefetch=0, auto_accept=False, auto_settle=False)
        self.peer = peer

    def on_start(self, event):
        self.peer.acceptor = event.container.listen(f"127.0.0.1:{self.peer.port}")
        event.container.selectable(self.peer.injector) if self.peer.injector else None
        self.peer.started.set()

    def on_link_opening(self, event):
        if event.link.is_receiver:
            event.link.target.copy(event.link.remote_target)
            event.link.source.copy(event.link.remote_source)
            event.link.open()
            event.link.flow(self.peer.credit)
            self.peer.links.append(event.link)

    def on_connection_opening(self, event):
        self.peer.connections.append(event.connection)

    def on_message(self, event):
        self.peer.deliveries.put(Delivery(event.message, event.delivery))

    def on_inject(self, event):
        event.subject()


class Delivery:
    """A message that waits for its outcome."""

    def __init__(self, message, delivery):
        self.message, self.delivery = message, delivery


class Peer:
    """An AMQP 1.0 server that answers when and as the test says. Runs in a thread of its own."""

    def __init__(self, credit=1000, port=None):
        self.port = port or free_port()
        self.credit = credit
        self.deliveries = queue.Queue()
        self.links, self.connections = [], []
        self.acceptor = None
        self.started = threading.Event()
        self.injector = proton.reactor.EventInjector()
        self.container = proton.reactor.Container(_PeerHandler(self))
        self.thread = threading.Thread(target=self.container.run, daemon=True)
        self.thread.start()
        assert self.started.wait(TIMEOUT), "the AMQP peer did not start"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def call(self, action):
        """Runs action() on the peer's thread and waits for it."""
        done = threading.Event()
        failure = []

        def run():
            try:
                action()
            except Exception as error:
                failure.append(error)
            done.set()

        self.injector.trigger(proton.reactor.ApplicationEvent("inject", subject=run))
        assert done.wait(TIMEOUT), "the AMQP peer does not answer"
        if failure:
            raise failure[0]

    def next(self, seconds=TIMEOUT):
        try:
            return self.deliveries.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no AMQP message within {seconds} s") from None

    def settle(self, delivery, state=proton.Delivery.ACCEPTED, settle=True, condition=None):
        """Gives an outcome; state None settles without one; settle False gives it without settling."""

        def action():
            if condition:
                delivery.delivery.local.condition = condition
            if state is not None:
                delivery.delivery.update(state)
            if settle:
                delivery.delivery.settle()

        self.call(action)

    def vanish(self):
        """Closes the listener and every connection's socket, no AMQP close."""

        def action():
            if self.acceptor:
                self.acceptor.close()
                self.acceptor = None
            for connection in self.connections:
                if connection.transport:
                    connection.transport.close_tail()
                    connection.transport.close_head()
            self.connections, self.links = [], []

        self.call(action)

    def stop(self):
        self.injector.trigger(proton.reactor.ApplicationEvent("inject", subject=self.container.stop))
        self.thread.join(TIMEOUT)


class TestCase(unittest.TestCase):
    """Shows the whole difference when bytes differ."""

    maxDiff = None
