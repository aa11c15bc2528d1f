#!/usr/bin/python3
"""No acknowledged message is lost when the broker and the gateway are killed under load.

50 MQTT clients (raw sockets, none of the product's code) publish at QoS 1 with 20 unacknowledged each. Artemis, with a
durable queue on disk, and the worker are each killed -9 and restarted three times, at moments drawn from a seed while at
least 500 publishes are unacknowledged. Every PUBACK is written to a log file when it is read. Clients reconnect and send
what is unacknowledged again with DUP. In the end python-proton drains the queue, and every payload of the log must be
there with its checksum.

usage: tests/faults/kill_restart.py [--messages N] [--seed N] [--clients N] [--window N] [--least-unacknowledged N] | --self-test
"""

import argparse
import collections
import os
import random
import selectors
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import proton.utils  # noqa: E402

from tests.brokers.artemis import QUEUE, Artemis  # noqa: E402
from tests.wire import harness  # noqa: E402

KILLS_OF_EACH = 3
LEAST_UNACKNOWLEDGED = 500
PAYLOAD = struct.Struct(">IIQI")  # client, sequence, filler, CRC-32 of what precedes


def make_payload(client, sequence):
    head = PAYLOAD.pack(client, sequence, sequence * 0x9E3779B97F4A7C15 & (2**64 - 1), 0)[:-4]
    return head + struct.pack(">I", zlib.crc32(head))


def read_payload(data):
    """(client, sequence), or None when the bytes are not what was sent."""
    if len(data) != PAYLOAD.size or zlib.crc32(data[:-4]) != struct.unpack(">I", data[-4:])[0]:
        return None
    return PAYLOAD.unpack(data)[:2]


class Device:
    """One publisher: a window of unacknowledged publications that outlives its connection."""

    def __init__(self, number, run):
        self.number, self.run = number, run
        self.next_sequence = 0
        self.unacknowledged = collections.OrderedDict()  # packet id -> sequence, in the order first sent
        self.socket = None
        self.ready = False
        self.input, self.output = b"", b""
        self.retry_at = 0.0

    def connect(self, now):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex((self.run.address, self.run.port))
        self.ready, self.input = False, b""
        self.output = harness.connect(f"device-{self.number}")
        self.run.selector.register(self.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)
        self.retry_at = now + 5

    def lost(self, now):
        if self.socket is not None:
            self.run.selector.unregister(self.socket)
            self.socket.close()
        self.socket, self.ready = None, False
        self.retry_at = now + 0.05 + 0.1 * self.run.random.random()

    def on_ready(self, events, now):
        try:
            if events & selectors.EVENT_READ:
                data = self.socket.recv(65536)
                if not data:
                    return self.lost(now)
                self.input += data
                while found := harness.split_packet(self.input):
                    first, body, used = found
                    self.input = self.input[used:]
                    self.on_packet(first, body)
            if self.output and events & selectors.EVENT_WRITE:
                self.output = self.output[self.socket.send(self.output) :]
        except BlockingIOError:
            pass
        except OSError:
            return self.lost(now)
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.output else 0)
        self.run.selector.modify(self.socket, wanted, self)

    def on_packet(self, first, body):
        if first == 0x20:
            assert body[1] == 0, f"CONNACK {body.hex()}"
            self.ready = True
            for packet_id, sequence in self.unacknowledged.items():
                self.publish(packet_id, sequence, dup=True)
                self.run.resent += 1
        elif first == 0x40:
            packet_id = struct.unpack(">H", body)[0]
            sequence = self.unacknowledged.pop(packet_id, None)
            assert sequence is not None, f"device {self.number}: PUBACK for packet id {packet_id}, which is not in use"
            self.run.on_puback(self.number, sequence)
        else:
            raise AssertionError(f"device {self.number}: unexpected packet {first:#x}")
        self.fill()

    def fill(self):
        while self.ready and len(self.unacknowledged) < self.run.window and self.next_sequence < self.run.each:
            packet_id = self.next_sequence % 60000 + 1
            self.unacknowledged[packet_id] = self.next_sequence
            self.publish(packet_id, self.next_sequence)
            self.next_sequence += 1

    def publish(self, packet_id, sequence, dup=False):
        payload = make_payload(self.number, sequence)
        self.output += harness.publish(f"faults/{self.number}", payload, 1, packet_id, dup=dup)

    def finished(self):
        return self.next_sequence == self.run.each and not self.unacknowledged


class Load:
    """All devices on one selector."""

    def __init__(self, port, clients, window, messages, seed, log, address="127.0.0.1", first=0):
        self.address, self.port, self.window, self.each = address, port, window, messages // clients
        self.random = random.Random(seed)
        self.log = log
        self.selector = selectors.DefaultSelector()
        self.acknowledged = self.resent = 0
        self.watch = lambda: None  # Called after every PUBACK: kills come between two of them.
        self.devices = [Device(first + number, self) for number in range(clients)]

    def on_puback(self, client, sequence):
        self.log.write(f"{client} {sequence}\n")
        self.acknowledged += 1
        self.watch()

    def unacknowledged(self):
        return sum(len(device.unacknowledged) for device in self.devices)

    def turn(self):
        now = time.monotonic()
        for device in self.devices:
            if device.socket is None and now >= device.retry_at and not device.finished():
                device.connect(now)
            elif device.socket is not None and not device.ready and now >= device.retry_at:
                device.lost(now)
        for key, events in self.selector.select(0.02):
            if key.data.socket is not None:
                key.data.on_ready(events, time.monotonic())
        self.log.flush()

    def finished(self):
        return all(device.finished() for device in self.devices)


class Faults:
    """Draws the kills and carries them out, restarts on a thread so that the load goes on."""

    def __init__(self, load, broker, worker, options):
        self.load, self.broker, self.worker = load, broker, worker
        self.random = random.Random(options.seed)
        self.least = options.least_unacknowledged
        victims = ["broker"] * KILLS_OF_EACH + ["worker"] * KILLS_OF_EACH
        self.random.shuffle(victims)
        # One kill at a random point of each equal part of the run, the last one while all windows can still be full.
        share = max(options.messages - LEAST_UNACKNOWLEDGED * 2, 0) // len(victims)
        points = [int((i + self.random.random()) * share) for i in range(len(victims))]
        self.plan = collections.deque(zip(points, victims))
        self.restarting = None
        self.failure = None
        self.record = []
        load.watch = self.consider

    def consider(self):
        if self.failure:
            raise self.failure
        if not self.plan or (self.restarting and self.restarting.is_alive()):
            return
        point, victim = self.plan[0]
        open_ = self.load.unacknowledged()
        if self.load.acknowledged < point or open_ < self.least:
            return
        self.plan.popleft()
        (self.broker if victim == "broker" else self.worker).kill()
        self.record.append((victim, self.load.acknowledged, open_))
        print(f"kill {victim:6} after {self.load.acknowledged} PUBACKs with {open_} unacknowledged", flush=True)
        self.restarting = threading.Thread(target=self.restart, args=(victim, self.random.uniform(0.1, 1.0)))
        self.restarting.start()

    def restart(self, victim, pause):
        try:
            time.sleep(pause)
            (self.broker if victim == "broker" else self.worker).start()
        except Exception as error:
            self.failure = error


def drain(url):
    """Every message of the queue until nothing comes for a while."""
    peer = proton.utils.BlockingConnection(url, timeout=20)
    receiver = peer.create_receiver(QUEUE, credit=1000)
    quiet, bodies = 3, []
    while True:
        try:
            message = receiver.receive(timeout=quiet)
        except proton.Timeout:
            break
        bodies.append(bytes(message.body))
        receiver.accept()
    peer.close()
    return bodies


def judge(log_path, bodies):
    """Holds the PUBACK log against the queue: (lost, damaged, duplicates, out of order)."""
    seen, damaged, duplicates, disorder = set(), 0, 0, 0
    last = {}
    for body in bodies:
        key = read_payload(body)
        if key is None:
            damaged += 1
        elif key in seen:
            duplicates += 1
        else:
            seen.add(key)
            disorder += last.get(key[0], -1) > key[1]
            last[key[0]] = max(last.get(key[0], -1), key[1])
    with open(log_path) as file:
        acknowledged = {tuple(map(int, line.split())) for line in file}
    return sorted(acknowledged - seen), damaged, duplicates, disorder


def self_test():
    """The judge sees a loss, damage, a duplicate and a wrong order."""
    with tempfile.NamedTemporaryFile("w", suffix=".pubacks") as log:
        log.write("".join(f"1 {sequence}\n" for sequence in range(4)))
        log.flush()
        whole = [make_payload(1, sequence) for sequence in range(4)]
        damaged = whole[3][:-5] + bytes([whole[3][-5] ^ 1]) + whole[3][-4:]
        assert judge(log.name, whole) == ([], 0, 0, 0)
        assert judge(log.name, whole[:3]) == ([(1, 3)], 0, 0, 0)
        assert judge(log.name, [*whole[:3], damaged]) == ([(1, 3)], 1, 0, 0)
        assert judge(log.name, [*whole, whole[0]]) == ([], 0, 1, 0)
        assert judge(log.name, [whole[1], whole[0], *whole[2:]]) == ([], 0, 0, 1)


def main():
    if "--self-test" in sys.argv:
        return self_test()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=30000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--window", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--least-unacknowledged", type=int, default=LEAST_UNACKNOWLEDGED, help="when a kill comes")
    parser.add_argument("--minutes", type=float, default=10, help="give up after this long")
    options = parser.parse_args()
    options.messages -= options.messages % options.clients
    print(f"seed {options.seed}, {options.messages} messages", flush=True)

    folder = tempfile.mkdtemp(prefix="pgw-faults-")
    log_path = os.path.join(folder, "pubacks")
    upstream = {"name": "peer", "type": "Artemis"}
    with Artemis() as broker, open(log_path, "w") as log:
        upstream["endpoints"] = [f"amqp://127.0.0.1:{broker.port}"]
        upstream["limits"] = {"reconnectMaximum": "1s", "deliveryTimeout": "120s", "maxAttempts": 100}
        worker = harness.Worker(upstream=upstream).start().wait_ready()
        try:
            load = Load(worker.port, options.clients, options.window, options.messages, options.seed, log)
            faults = Faults(load, broker, worker, options)
            start = time.monotonic()
            while not load.finished():
                load.turn()
                faults.consider()
                if time.monotonic() - start > options.minutes * 60:
                    sys.exit(f"not finished: {load.acknowledged} PUBACKs, {load.unacknowledged()} open\n{worker.log()[-3000:]}")
            seconds = time.monotonic() - start
            log.flush()
            if faults.restarting:
                faults.restarting.join()
            bodies = drain(broker.url)
        finally:
            worker.clean = False
            worker.__exit__(*sys.exc_info())
    lost, damaged, duplicates, disorder = judge(log_path, bodies)
    print(
        f"{load.acknowledged} acknowledged in {seconds:.0f} s, {len(bodies)} in the queue, {len(faults.record)} kills, "
        f"{load.resent} sent again; lost {len(lost)}, damaged {damaged}, duplicates {duplicates}, "
        f"first appearances out of order {disorder}"
    )
    short = len(faults.record) < 2 * KILLS_OF_EACH
    if short:
        print(f"only {len(faults.record)} of {2 * KILLS_OF_EACH} kills came before the load ended")
    if lost or damaged or short or load.acknowledged != options.messages:
        print(f"FAILED; first losses (client, sequence): {lost[:10]}; the PUBACK log is {log_path}")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
