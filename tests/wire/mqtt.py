"""MQTT, byte by byte: packets built and read by hand, a raw connection, and mosquitto's own client."""

import socket
import struct
import subprocess
import time

from tests.wire.settings import TIMEOUT

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
