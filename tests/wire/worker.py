"""A gateway-worker process: its manifest, its life, its admin server."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

from tests.support.ports import lease as free_port
from tests.wire.settings import SANITIZED, TIMEOUT, WORKER
from tests.wire.waiting import eventually


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


def without_unknown_fields(document, folder):
    """The document less what this worker does not know. For older versions: what they lack a field for, they do in their only way."""
    path = os.path.join(folder, "asked.yaml")
    while True:
        with open(path, "w") as file:
            json.dump(document, file)
        done = subprocess.run([WORKER, "--config", path, "--check"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        unknown = re.search(r": spec\.(\S+): is not a known field", done.stdout + done.stderr)
        if not unknown:
            return document
        *way, last = [int(number) if number else name for name, number in re.findall(r"([A-Za-z0-9]+)|\[(\d+)\]", unknown[1])]
        inner = document["spec"]
        for step in way:
            inner = inner[step]
        del inner[last]


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
        if "PGW_WITHOUT_UNKNOWN_FIELDS" in os.environ and isinstance(self.document, dict):
            self.document = without_unknown_fields(self.document, self.folder)
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

    def resident(self):
        """Bytes of its resident memory; 0 in a sanitizer's build, where they would be the sanitizer's."""
        if SANITIZED:
            return 0
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

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
