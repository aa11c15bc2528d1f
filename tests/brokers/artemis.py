#!/usr/bin/python3
"""A real ActiveMQ Artemis: fetched once through Maven, a broker instance in a temporary folder, ports of its own.

As a program it starts one and prints its ports: tests/brokers/artemis.py [--fetch]
"""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.wire import harness  # noqa: E402

VERSION = "2.40.0"
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "protocol-gateway")
HOME = os.path.join(CACHE, f"apache-artemis-{VERSION}")
USER, PASSWORD = "gateway", "correct horse"
QUEUE = "telemetry"


def fetch():
    """Puts the distribution into the cache; does nothing when it is there. Safe to call from several processes."""
    if os.path.isdir(HOME):
        return
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "artemis.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(HOME):
            return
        archive = os.path.join(CACHE, f"apache-artemis-{VERSION}-bin.tar.gz")
        if not os.path.exists(archive):
            artifact = f"org.apache.activemq:apache-artemis:{VERSION}:tar.gz:bin"
            plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
            # Maven wants a project folder for its own files, even without a project.
            with tempfile.TemporaryDirectory() as folder:
                command = ["mvn", "-q", "-B", plugin, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
                subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=True)
                shutil.move(os.path.join(folder, os.path.basename(archive)), archive)
        unpacked = tempfile.mkdtemp(dir=CACHE)
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked)
        os.rename(os.path.join(unpacked, f"apache-artemis-{VERSION}"), HOME)
        os.rmdir(unpacked)


class Artemis:
    """One broker with a durable queue on disk. AMQP on `port`, AMQP over TLS on `tls_port`; SASL PLAIN with
    USER and PASSWORD; `anonymous` also lets clients in without. `mqtt_port` adds Artemis' own MQTT. `host` is where it listens, `wrapper` what
    starts it, such as nsenter."""

    def __init__(self, anonymous=True, mqtt_port=None, java_args="-Xms128M -Xmx512M", host="127.0.0.1", wrapper=()):
        fetch()
        self.folder = tempfile.mkdtemp(prefix="pgw-artemis-")
        self.port, self.tls_port = harness.free_port(), harness.free_port()
        self.mqtt_port = mqtt_port
        self.host, self.wrapper = host, wrapper
        self.java_args = java_args  # None: the distribution's own.
        self.instance = os.path.join(self.folder, "broker")
        self.process = None
        subprocess.run(
            [os.path.join(HOME, "bin", "artemis"), "create", self.instance, "--silent", "--host", host]
            + ["--user", USER, "--password", PASSWORD, "--no-autotune", "--nio", "--no-web"]
            + ["--allow-anonymous" if anonymous else "--require-login"],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        self.certificates = os.path.join(self.folder, "certificates")
        harness.make_certificates(self.certificates)
        self._make_keystore()
        self._configure()

    def _make_keystore(self):
        self.keystore = os.path.join(self.folder, "broker.p12")
        tls = os.path.join(self.certificates, "tls")
        subprocess.run(
            ["openssl", "pkcs12", "-export", "-name", "broker", "-passout", "pass:changeit"]
            + ["-in", f"{tls}/tls.crt", "-inkey", f"{tls}/tls.key", "-out", self.keystore],
            check=True,
            capture_output=True,
        )

    def _configure(self):
        path = os.path.join(self.instance, "etc", "broker.xml")
        with open(path) as file:
            text = file.read()
        plain = f"tcp://{self.host}:{self.port}?protocols=AMQP;amqpCredits=1000;amqpLowCredits=300;amqpDuplicateDetection=true"
        tls = (
            f"tcp://{self.host}:{self.tls_port}?protocols=AMQP;sslEnabled=true;keyStoreType=PKCS12;"
            f"keyStorePath={self.keystore};keyStorePassword=changeit"
        )
        acceptors = f'<acceptor name="amqp">{plain}</acceptor><acceptor name="amqps">{tls}</acceptor>'
        if self.mqtt_port:
            acceptors += f'<acceptor name="mqtt">tcp://{self.host}:{self.mqtt_port}?protocols=MQTT</acceptor>'
        acceptors = f"<acceptors>{acceptors}</acceptors>"
        text = re.sub(r"<acceptors>.*?</acceptors>", lambda _: acceptors, text, flags=re.S)
        queue = f'<address name="{QUEUE}"><anycast><queue name="{QUEUE}"><durable>true</durable></queue></anycast></address>'
        text = text.replace("<addresses>", "<addresses>" + queue, 1)
        with open(path, "w") as file:
            file.write(text)

    def start(self, seconds=60):
        environment = dict(os.environ, **({"JAVA_ARGS": self.java_args} if self.java_args else {}))
        with open(os.path.join(self.folder, "log"), "ab") as log:
            # A session of its own: the start script's java must go with it.
            self.process = subprocess.Popen(
                [*self.wrapper, os.path.join(self.instance, "bin", "artemis"), "run"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"Artemis ended with {self.process.returncode}:\n{self.log()}")
            if all(self._listens(port) for port in (self.port, self.tls_port)):
                return self
            time.sleep(0.1)
        raise AssertionError(f"Artemis is not up after {seconds} s:\n{self.log()}")

    def _listens(self, port):
        with socket.socket() as probe:
            return probe.connect_ex((self.host, port)) == 0

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            return file.read()[-4000:]

    def _signal(self, number):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)
            self.process.wait(30)

    def kill(self):
        """kill -9."""
        self._signal(signal.SIGKILL)

    def stop(self):
        self._signal(signal.SIGTERM)

    @property
    def url(self):
        return f"amqp://{self.host}:{self.port}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    fetch()
    if "--fetch" in sys.argv:
        return
    with Artemis() as broker:
        print(f"AMQP {broker.port}, AMQPS {broker.tls_port}, CA {broker.certificates}/ca/ca.crt", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
