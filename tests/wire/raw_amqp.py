"""AMQP 1.0 byte by byte, both roles, for peers that do what python-proton would not let them do.

Frames are built and read by hand. RawPeer is a server of which a test overrides what it wants: `on` maps a performative to a
function that gets (peer, link, frame) and answers true when it has dealt with it.
"""

import queue
import socket
import struct
import threading
import time

from tests.support.ports import lease

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
HEADER, SASL_HEADER = b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00"
NULL, TRUE, FALSE = b"\x40", b"\x41", b"\x42"


def ubyte(value):
    return b"\x50" + bytes([value])


def ushort(value):
    return b"\x60" + struct.pack(">H", value)


def uint(value):
    return b"\x70" + struct.pack(">I", value)


def ulong(value):
    return b"\x80" + struct.pack(">Q", value)


def _bytes(value):
    return value.encode() if isinstance(value, str) else value


def string(value):
    return b"\xb1" + struct.pack(">I", len(_bytes(value))) + _bytes(value)


def symbol(value):
    return b"\xb3" + struct.pack(">I", len(_bytes(value))) + _bytes(value)


def binary(value):
    return b"\xb0" + struct.pack(">I", len(value)) + value


def compound(code, items):
    body = b"".join(items)
    return code + struct.pack(">II", len(body) + 4, len(items)) + body


def list_of(*items):
    return compound(b"\xd0", items)


def map_of(*items):
    return compound(b"\xd1", items)


def symbols(*names):
    body = b"".join(bytes([len(name)]) + name.encode() for name in names)
    return b"\xf0" + struct.pack(">II", len(body) + 5, len(names)) + b"\xa3" + body


def described(code, value):
    return b"\x00\x53" + bytes([code]) + value


def frame(channel, code, *fields, payload=b"", kind=0):
    body = described(code, list_of(*fields)) + payload
    return struct.pack(">IBBH", len(body) + 8, 2, kind, channel) + body


def error(condition, text="on command"):
    return described(0x1D, list_of(symbol(condition), string(text)))


def source(address=None):
    return described(0x28, list_of(NULL if address is None else string(address)))


def target(address=None):
    return described(0x29, list_of(NULL if address is None else string(address)))


def attach(name, handle, address, role=FALSE, channel=0):
    """A sender's attach, or with role TRUE a receiver's."""
    ends = (source(address), target("here")) if role == TRUE else (source("here"), target(address))
    counts = (NULL, NULL, NULL if role == TRUE else uint(0))
    return frame(channel, ATTACH, string(name), uint(handle), role, NULL, NULL, *ends, *counts)


def detach(handle, channel=0, why=NULL):
    return frame(channel, DETACH, uint(handle), TRUE, why)


def transfer(handle, number, payload, more=False, first=True, settled=False, channel=0):
    head = (uint(number), binary(b"t"), uint(0)) if first else (NULL, NULL, NULL)
    flags = (TRUE if settled else FALSE, TRUE if more else FALSE)
    return frame(channel, TRANSFER, uint(handle), *head, *flags, payload=payload)


def data(payload):
    return described(0x75, binary(payload))


def decode(data, at=0):
    """(value, where the next one begins). Described values are (descriptor, value)."""
    code, at = data[at], at + 1
    if code == 0x00:
        descriptor, at = decode(data, at)
        value, at = decode(data, at)
        return (descriptor, value), at
    fixed = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0, 0x45: []}
    if code in fixed:
        return fixed[code], at
    width = {0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}.get(code >> 4)
    if width:
        return int.from_bytes(data[at : at + width], "big"), at + width
    size_width = 1 if code >> 4 in (0xA, 0xC, 0xE) else 4
    size = int.from_bytes(data[at : at + size_width], "big")
    at += size_width
    end = at + size
    if code >> 4 in (0xA, 0xB, 0xE, 0xF):
        return data[at:end], end
    count = int.from_bytes(data[at : at + size_width], "big")
    at += size_width
    values = []
    for _ in range(count):
        value, at = decode(data, at)
        values.append(value)
    return values, end


class Frame:
    """A performative as it came; missing fields are None."""

    def __init__(self, channel, code, fields, payload, size):
        self.channel, self.code, self.payload, self.size = channel, code, payload, size
        self.fields = [*fields, *[None] * (14 - len(fields))]

    def __getitem__(self, index):
        return self.fields[index]


def read_exactly(stream, count):
    out = b""
    while len(out) < count:
        piece = stream.recv(count - len(out))
        if not piece:
            raise OSError("closed")
        out += piece
    return out


def read_frame(stream):
    """The next frame; one without a performative has the code None."""
    head = read_exactly(stream, 8)
    size = int.from_bytes(head[:4], "big")
    body = read_exactly(stream, size - 8)[head[4] * 4 - 8 :]
    channel = int.from_bytes(head[6:8], "big")
    if not body:
        return Frame(channel, None, [], b"", size)
    (code, fields), at = decode(body)
    return Frame(channel, code, fields, body[at:], size)


class Link:
    """One accepted connection of a RawPeer."""

    def __init__(self, stream):
        self.stream = stream
        self.parts = b""  # of the message that is coming
        self.delivery = None
        self.received = 0

    def send(self, *frames):
        self.stream.sendall(b"".join(frames))


class RawPeer:
    def __init__(self, on=None, credit=1000, port=None, **limits):
        self.on = on or {}
        self.credit = credit
        self.limits = {"frame": 65536, "channels": 100, "idle": None, "handles": 255, "window": 5000, **limits}
        self.port = port or lease()
        self.messages = queue.Queue()
        self.frames = []  # (when, frame) of all connections
        self.accepted, self.opened = 0, []
        self.streams = []
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=50)
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Frees the port and cuts every connection."""
        for stream in (self.listener, *self.streams):
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            stream.close()

    def _listen(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.streams.append(stream)
            threading.Thread(target=self._run, args=(stream,), daemon=True).start()

    def _run(self, stream):
        try:
            self._serve(Link(stream))
        except OSError:
            pass
        finally:
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _serve(self, link):
        if read_exactly(link.stream, 8) == SASL_HEADER:
            link.send(SASL_HEADER, frame(0, 0x40, symbols("PLAIN", "ANONYMOUS"), kind=1))
            read_frame(link.stream)
            refused = self.limits.get("sasl", 0)
            link.send(frame(0, 0x44, ubyte(refused), kind=1))
            if refused:
                return
            read_exactly(link.stream, 8)
        link.send(HEADER)
        while True:
            got = read_frame(link.stream)
            self.frames.append((time.monotonic(), got))
            special = self.on.get(got.code)
            if special and special(self, link, got):
                continue
            if got.code == CLOSE:
                link.send(frame(0, CLOSE))
                return
            self.answer(link, got)

    def answer(self, link, got):
        """What an ordinary broker does."""
        if got.code == OPEN:
            self.opened.append(got[0].decode())
            idle = NULL if self.limits["idle"] is None else uint(self.limits["idle"])
            limits = (uint(self.limits["frame"]), ushort(self.limits["channels"]), idle)
            link.send(frame(0, OPEN, string("peer"), NULL, *limits, NULL, NULL, symbols("ANONYMOUS-RELAY")))
        elif got.code == BEGIN:
            windows = (uint(1), uint(self.limits["window"]), uint(5000))
            link.send(frame(got.channel, BEGIN, ushort(got.channel), *windows, uint(self.limits["handles"])))
        elif got.code == ATTACH:
            address = got[6][1][0] if got[6] and got[6][1] else None
            ends = (source(), target(address))
            mode = ubyte(got[3] if got[3] is not None else 2)
            link.send(frame(got.channel, ATTACH, string(got[0]), uint(got[1]), TRUE, mode, ubyte(0), *ends))
            self.flow(link, got.channel, got[1])
        elif got.code == TRANSFER:
            self.take(link, got)
        elif got.code == DETACH:
            link.send(detach(got[0], got.channel))
        elif got.code == END:
            link.send(frame(got.channel, END))

    def flow(self, link, channel, handle, delivered=0, next_incoming=0, echo=FALSE):
        session = (uint(next_incoming), uint(self.limits["window"]), uint(1), uint(5000))
        link.send(frame(channel, FLOW, *session, uint(handle), uint(delivered), uint(self.credit), NULL, FALSE, echo))

    def take(self, link, got):
        if got[1] is not None:
            link.delivery = (got[1], bool(got[4]))
        link.parts += got.payload
        if got[5]:
            return
        self.messages.put(link.parts)
        link.parts = b""
        link.received += 1
        number, settled = link.delivery
        if not settled:
            link.send(frame(got.channel, DISPOSITION, TRUE, uint(number), NULL, TRUE, described(0x24, list_of())))


class RawClient:
    """A connection to a broker: opened and begun, the rest is the test's."""

    def __init__(self, port, frame_size=65536, container="raw", address="127.0.0.1"):
        self.stream = socket.create_connection((address, port), 10)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(HEADER, frame(0, OPEN, string(container), NULL, uint(frame_size), ushort(65535)))
        self.begin(0)

    def begin(self, channel):
        self.send(frame(channel, BEGIN, NULL, uint(0), uint(2**31 - 1), uint(2**31 - 1), uint(2**32 - 1)))

    def send(self, *frames):
        self.stream.sendall(b"".join(frames))

    def drain(self):
        """Throws away what comes, on a thread of its own."""

        def read():
            try:
                while self.stream.recv(1 << 20):
                    pass
            except OSError:
                pass

        threading.Thread(target=read, daemon=True).start()

    def close(self):
        self.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
