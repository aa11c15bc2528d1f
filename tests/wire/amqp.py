"""AMQP 1.0 by python-proton: a receiver, and a server that answers when and as the test says."""

import queue
import threading

import proton
import proton.handlers
import proton.reactor
import proton.utils

from tests.support.ports import lease as free_port
from tests.wire.settings import TIMEOUT


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
