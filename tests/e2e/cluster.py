"""The one-node cluster of scripts/cluster for tests, the chart in it, gateways, and what is seen of their pods."""

import contextlib
import json
import os
import subprocess
import threading
import time

import yaml

from tests.cluster.api import Client, good, wait_until_gateways_may_own
from tests.cluster.audit import AuditLog
from tests.cluster.follower import Follower
from tests.cluster.helm import CHART, Helm, set_words, version
from tests.wire.harness import ROOT, eventually

OPERATOR_NAMESPACE = "gateways"
RELEASE = "gateways"
ACCOUNT = f"system:serviceaccount:{OPERATOR_NAMESPACE}:gateways-protocol-gateway"
GATEWAY = "protocolgateway.dev/gateway"  # The label of a gateway's pods.
SCRIPT = os.path.join(ROOT, "scripts", "cluster")


def image(name, tag=None):
    return f"localhost/protocol-gateway/{name}:{tag or version()}"


class Cluster:
    """Starts the cluster, and ends it in stop(). PGW_CLUSTER names one that runs already and is left running."""

    def __init__(self, name="e2e", subnet=7):
        self.own = "PGW_CLUSTER" not in os.environ
        name = os.environ.get("PGW_CLUSTER", name)
        subnet = int(os.environ.get("PGW_CLUSTER_SUBNET", 0 if not self.own else subnet))
        self.environment = {**os.environ, "PGW_CLUSTER": name, "PGW_CLUSTER_SUBNET": str(subnet)}
        self.folder, self.network = f"/var/lib/pgw-cluster/{name}", f"pgw-{name}"
        self.address = f"10.99.{subnet}.1"
        self.namespaces = []
        self.kubeconfig = os.path.join(self.folder, "admin.kubeconfig")

    def script(self, *words):
        done = subprocess.run([SCRIPT, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.environment)
        assert done.returncode == 0, f"scripts/cluster {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self):
        for name in ("worker", "operator"):
            archive = os.path.join(ROOT, "build", "images", f"{name}.tar")
            assert os.path.exists(archive), f"{archive} is missing: make image"
        try:
            if self.own:
                self.script("down")  # What an interrupted run left.
                self.script("up")
            with open(self.kubeconfig) as file:
                user = yaml.safe_load(file)["users"][0]["user"]
            certificate = (user["client-certificate"], user["client-key"])
            self.api = Client(6443, os.path.join(self.folder, "pki", "ca.crt"), certificate, host=self.address)
            binaries = os.path.join(ROOT, "tests", "cluster", "binaries")
            self.bin = subprocess.run([binaries, "node"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
            self.helm = Helm(self.kubeconfig, self.folder, OPERATOR_NAMESPACE)
            self.audit = AuditLog(os.path.join(self.folder, "audit.log"))
        except BaseException:
            if self.own:
                self.script("down")
            raise
        return self

    def stop(self):
        """Ends an own cluster; another one loses what install_chart() and make_namespace() made."""
        if self.own:
            return self.script("down")
        for namespace in self.namespaces:
            self.kubectl("-n", namespace, "delete", "protocolgateways", "--all", "--timeout=60s", check=False)
        self.helm.run("uninstall", RELEASE, "--wait")
        self.kubectl("delete", "namespace", "--ignore-not-found", "--timeout=90s", *self.namespaces, check=False)

    # --- doing -----------------------------------------------------------------------------------------------------------

    def kubectl(self, *words, text=None, check=True):
        command = [os.path.join(self.bin, "kubectl"), "--kubeconfig", self.kubeconfig, *map(str, words)]
        done = subprocess.run(command, input=text or "", capture_output=True, text=True, env={**os.environ, "HOME": self.folder})
        assert not check or done.returncode == 0, f"kubectl {' '.join(map(str, words))}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def inside(self):
        """The words before a command that runs in the cluster's network."""
        return ["nsenter", f"--net=/var/run/netns/{self.network}"]

    def containers(self, *words):
        command = ["ctr", "--address", f"{self.folder}/containerd/containerd.sock", "--namespace", "k8s.io", *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def install_chart(self, **values):
        """The chart with our images, by helm, in a namespace with Pod Security `restricted`."""
        for name in ("servicemonitors", "podmonitors", "prometheusrules"):
            self.kubectl("apply", "--server-side", "-f", os.path.join(self.bin, "crds", f"{name}.yaml"))
        self.make_namespace(OPERATOR_NAMESPACE)
        ours = {"image.repository": image("operator").rsplit(":", 1)[0], "worker.image.repository": image("worker").rsplit(":", 1)[0]}
        ours.update({key.replace("__", "."): value for key, value in values.items()})
        pull = ["--set", "image.pullPolicy=Never"]
        said = self.helm("install", RELEASE, CHART, "--wait", "--timeout", "120s", *set_words(ours), *pull)
        wait_until_gateways_may_own(self.api, ACCOUNT)
        return said

    def make_namespace(self, name):
        self.namespaces.append(name)
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        good(self.api.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}))
        eventually(lambda: self.api.get("serviceaccounts", "default", name)[0] == 200, f"namespace {name}", 30)
        return name

    def delete_gateway(self, namespace, name):
        """Ends when its pods are gone; nothing when there is no such gateway."""
        if self.api.get("protocolgateways", name, namespace)[0] == 200:
            self.api.delete("protocolgateways", name, namespace)
            wait_until(lambda: not self.pods(namespace, f"{GATEWAY}={name}"), f"the end of the pods of {namespace}/{name}", 90)

    def mosquitto_pub(self, host, port, *words, wrapper=()):
        """A device that publishes: mosquitto_pub's exit code and what it said. `wrapper` is what starts it, such as inside()."""
        command = [*wrapper, "mosquitto_pub", "-h", host, "-p", str(port), *map(str, words)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout + done.stderr

    # --- seeing ----------------------------------------------------------------------------------------------------------

    def gateway(self, namespace, name):
        return good(self.api.get("protocolgateways", name, namespace))

    def condition(self, namespace, name, kind="Ready"):
        found = self.gateway(namespace, name).get("status", {}).get("conditions", [])
        return next((c for c in found if c["type"] == kind), {"status": "absent", "reason": "", "message": "", "observedGeneration": 0})

    def wait_ready(self, namespace, name, seconds=120):
        def ready():
            generation = self.gateway(namespace, name)["metadata"]["generation"]
            condition = self.condition(namespace, name)
            return condition["status"] == "True" and condition["observedGeneration"] == generation

        try:
            eventually(ready, f"{namespace}/{name} to be Ready", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe(namespace, name)}") from None

    def pods(self, namespace, labels):
        return self.api.items("pods", namespace, labels)

    def node_port(self, namespace, service, port):
        ports = good(self.api.get("services", service, namespace))["spec"]["ports"]
        return next(p["nodePort"] for p in ports if p["port"] == port)

    def refusals(self, mark):
        """What should not be in the audit log since `mark`: requests of the operator that were refused, and any request of an account in
        the other namespaces that make_namespace() made, since workers do not ask the API server."""
        eventually(lambda: self.audit.entries(mark, user=ACCOUNT), "the operator's requests in the audit log")
        workers = tuple(f"system:serviceaccount:{namespace}:" for namespace in self.namespaces if namespace != OPERATOR_NAMESPACE)
        entries = self.audit.entries(mark)
        return [e for e in entries if e["user"].startswith(workers) or e["user"] == ACCOUNT and e["code"] in (401, 403)]

    def describe(self, namespace, name):
        """What one wants to read when a gateway is not as it should be."""
        status = json.dumps(self.gateway(namespace, name).get("status"), indent=1)
        pods = self.kubectl("-n", namespace, "get", "pods", "-o", "wide", check=False)
        events = self.kubectl("-n", namespace, "get", "events", "--sort-by=.lastTimestamp", check=False)[-3000:]
        operator = self.kubectl("-n", OPERATOR_NAMESPACE, "logs", "-l", "app.kubernetes.io/component=operator", "--tail=40", check=False)
        return f"{status}\n{pods}\n{events}\n{operator}"


class PodRecord:
    """Follows the pods of a label until stop(): how each worker container ended, also of pods that are gone by then."""

    def __init__(self, cluster, label, value):
        self.label, self.value = label, value
        self.lock = threading.Lock()
        self.ends = {}  # Pod name: (exit code, reason)
        self.identities = {}  # uid: (name, start time, restart count)
        self.follower = Follower(cluster.api, "pods", self._see, lambda pod: None)
        assert self.follower.synced.wait(30)

    def _see(self, pod):
        if pod["metadata"].get("labels", {}).get(self.label) != self.value:
            return
        with self.lock:
            for status in pod["status"].get("containerStatuses", []):
                self.identities[pod["metadata"]["uid"]] = (pod["metadata"]["name"], pod["status"].get("startTime"), status["restartCount"])
                ended = status["state"].get("terminated")
                if ended:
                    self.ends[pod["metadata"]["name"]] = (ended["exitCode"], ended["reason"])

    def stop(self):
        self.follower.stop()


@contextlib.contextmanager
def recorded(cluster, label, value):
    record = PodRecord(cluster, label, value)
    try:
        yield record
    finally:
        record.stop()


def wait_until(condition, what, seconds, pause=0.5):
    """For what is slow to ask. `what` may be a function that says how things stand in the end."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what() if callable(what) else what}"
        time.sleep(pause)
