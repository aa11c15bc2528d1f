"""What the wire, broker and fault tests share: a worker process, raw MQTT packets, independent AMQP 1.0 peers. Tests import this one.

Nothing here uses the product's own code: packets are bytes built and read by hand, AMQP is python-proton.
"""

import unittest

import proton

from tests.support.certificates import make_certificates
from tests.support.ports import lease as free_port
from tests.wire.amqp import Delivery, Peer, receive_amqp
from tests.wire.mqtt import (
    Client, CONNACK_ACCEPTED, connect, content_type, correlation_data, DISCONNECT, message_expiry, mosquitto_pub, packet,
    payload_format, PINGREQ, PINGRESP, properties, puback, publish, response_topic, split_packet, text, topic_alias,
    user_property, V3, V5, variable_length,
)
from tests.wire.settings import BIN, ROOT, TIMEOUT, WORKER
from tests.wire.waiting import eventually
from tests.wire.worker import Worker, generic_upstream, manifest, run_worker

__all__ = [
    "BIN", "Client", "CONNACK_ACCEPTED", "connect", "content_type", "correlation_data", "Delivery", "DISCONNECT", "eventually",
    "free_port", "generic_upstream", "make_certificates", "manifest", "message_expiry", "mosquitto_pub", "packet",
    "payload_format", "Peer", "PINGREQ", "PINGRESP", "properties", "proton", "puback", "publish", "receive_amqp", "red_on",
    "response_topic", "ROOT", "run_worker", "split_packet", "TestCase", "text", "TIMEOUT", "topic_alias", "user_property", "V3",
    "V5", "variable_length", "WORKER", "Worker",
]


def red_on(version):
    """Marks a test that fails on a released version: it shows a fault of that version that is repaired here."""

    def mark(test):
        test.red_on = version
        return test

    return mark


class TestCase(unittest.TestCase):
    """Shows the whole difference when bytes differ."""

    maxDiff = None
