"""A real RabbitMQ with its AMQP 1.0 plug-in, Debian's package: a node in a temporary folder, ports and an epmd of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from tests.wire import harness

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
USER, PASSWORD = "gateway", "correct horse"
QUEUE, FULL = "telemetry", "full"  # `full` holds one message and refuses the next.


class RabbitMQ:
    """AMQP on `port`, AMQP over TLS on `tls_port`. SASL PLAIN with USER and PASSWORD; EXTERNAL with a certificate of
    `certificates`, whose common name, localhost, is a user. Two durable queues, QUEUE and FULL."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="pgw-rabbitmq-")
        self.port, self.tls_port = harness.free_port(), harness.free_port()
        self.certificates = os.path.join(self.folder, "certificates")
        harness.make_certificates(self.certificates)
        self.processes = []
        self._configure()

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)
        return os.path.join(self.folder, name)

    def _configure(self):
        queue = {"vhost": "/", "durable": True, "auto_delete": False}
        everything = {"vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
        definitions = {
            "vhosts": [{"name": "/"}],
            "users": [{"name": USER, "password": PASSWORD, "tags": ""}, {"name": "localhost", "password_hash": "", "tags": ""}],
            "permissions": [{"user": user, **everything} for user in (USER, "localhost")],
            "queues": [
                {**queue, "name": QUEUE, "arguments": {}},
                {**queue, "name": FULL, "arguments": {"x-max-length": 1, "x-overflow": "reject-publish"}},
            ],
        }
        tls = f"{self.certificates}/tls"
        settings = {
            "listeners.tcp.1": f"127.0.0.1:{self.port}",
            "listeners.ssl.1": f"127.0.0.1:{self.tls_port}",
            "ssl_options.cacertfile": f"{self.certificates}/ca/ca.crt",
            "ssl_options.certfile": f"{tls}/tls.crt",
            "ssl_options.keyfile": f"{tls}/tls.key",
            "ssl_options.verify": "verify_peer",
            "ssl_options.fail_if_no_peer_cert": "false",
            "ssl_cert_login_from": "common_name",
            "auth_mechanisms.1": "PLAIN",
            "auth_mechanisms.2": "EXTERNAL",
            "load_definitions": self._write("definitions.json", json.dumps(definitions)),
            "log.console": "true",
            "log.file": "false",
        }
        self.config = self._write("rabbitmq.conf", "".join(f"{key} = {value}\n" for key, value in settings.items()))
        self.plugins = self._write("plugins", "[rabbitmq_amqp1_0,rabbitmq_auth_mechanism_ssl].\n")

    def start(self, seconds=90):
        epmd = harness.free_port()
        environment = {
            **os.environ,
            "HOME": self.folder,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(epmd),
            "RABBITMQ_NODENAME": "pgw@localhost",
            "RABBITMQ_CONFIG_FILE": self.config,
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.plugins,
            "RABBITMQ_MNESIA_BASE": os.path.join(self.folder, "data"),
            "RABBITMQ_LOG_BASE": os.path.join(self.folder, "log"),
            "RABBITMQ_DIST_PORT": str(harness.free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        # The server would start an epmd that stays when it ends.
        self._launch(["epmd", "-address", "127.0.0.1", "-port", str(epmd)], environment)
        harness.eventually(lambda: self._listens(epmd), "epmd")
        server = self._launch([SERVER], environment)
        end = time.monotonic() + seconds
        while not all(self._listens(port) for port in (self.port, self.tls_port)):
            if server.poll() is not None:
                raise AssertionError(f"RabbitMQ ended with {server.returncode}:\n{self.log()}")
            if time.monotonic() > end:
                raise AssertionError(f"RabbitMQ is not up after {seconds} s:\n{self.log()}")
            time.sleep(0.1)
        return self

    def _launch(self, command, environment):
        with open(os.path.join(self.folder, "output"), "ab") as log:
            # A session of its own: what it starts must go with it.
            words = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "start_new_session": True}
            self.processes.append(subprocess.Popen(command, env=environment, **words))
        return self.processes[-1]

    @staticmethod
    def _listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def log(self):
        with open(os.path.join(self.folder, "output"), errors="replace") as file:
            return file.read()[-6000:]

    def kill(self):
        """kill -9."""
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)
        self.processes = []

    @property
    def url(self):
        return f"amqp://127.0.0.1:{self.port}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
