"""The operator under test: its CRD, its own RBAC, its process, and gateways as a user makes them."""

import json
import os
import urllib.request

import yaml

from tests.cluster import harness
from tests.cluster.api import wait_until_gateways_may_own
from tests.cluster.harness import ROOT, eventually, good

RULES = os.path.join(ROOT, "charts", "protocol-gateway", "files", "operator-rules.yaml")
CRD = os.path.join(ROOT, "crds", "protocolgateways.yaml")
NAMESPACE = "protocol-gateway-system"
ACCOUNT = "protocolgateway-operator"
USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
IMAGE = "worker:1"
READS = ("get", "list", "watch")


def rules():
    with open(RULES) as file:
        return yaml.safe_load(file)


def install(plane):
    """The CRD, and what the chart makes: a namespace, a ServiceAccount, and the rules, cluster-wide."""
    with open(CRD) as file:
        good(plane.admin.create("customresourcedefinitions", yaml.safe_load(file)))

    def established():
        crd = good(plane.admin.get("customresourcedefinitions", "protocolgateways.protocolgateway.dev"))
        return any(c["type"] == "Established" and c["status"] == "True" for c in crd.get("status", {}).get("conditions") or [])

    eventually(established, "the CRD")
    plane.make_namespace(NAMESPACE)
    good(plane.admin.create("serviceaccounts", {"metadata": {"name": ACCOUNT}}, NAMESPACE))
    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}]
    group = "rbac.authorization.k8s.io"
    for kind, part, namespace in (("ClusterRole", "watched", None), ("Role", "own", NAMESPACE)):
        plural = kind.lower() + "s"
        good(plane.admin.create(plural, {"metadata": {"name": ACCOUNT}, "rules": rules()[part]}, namespace))
        binding = {"metadata": {"name": ACCOUNT}, "subjects": subjects, "roleRef": {"apiGroup": group, "kind": kind, "name": ACCOUNT}}
        good(plane.admin.create(kind.lower() + "bindings", binding, namespace))
    wait_until_gateways_may_own(plane.admin, USER)


class Operator:
    """A gateway-operator process. `program` is another build of it; `words` are further arguments."""

    def __init__(self, plane, *words, name="operator", program="gateway-operator", image=IMAGE):
        self.plane, self.name = plane, name
        self.kubeconfig = plane.service_account_kubeconfig(NAMESPACE, ACCOUNT)
        self.health_port, self.metrics_port = harness.free_port(), harness.free_port()
        command = [
            *(os.path.join(harness.BIN, program), "--kubeconfig", self.kubeconfig, "--worker-image", image),
            *("--bind", "127.0.0.1", "--health-port", self.health_port, "--metrics-port", self.metrics_port),
            *("--poll-interval", 1, "--log-level", "debug", *words),
        ]
        self.process = harness.Process(name, [str(word) for word in command], os.path.join(plane.folder, f"{name}.log"))

    def start(self):
        self.process.start()
        self.process.wait_until(lambda: self.get("/readyz")[0] == 200, 30)
        return self

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()

    def log(self):
        return self.process.log(20000)

    def get(self, path, port=None):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.health_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name):
        """The value of the first sample whose name and labels begin with `name`; None where there is none."""
        for line in self.get("/metrics", self.metrics_port)[1].splitlines():
            if line.startswith(name):
                return float(line.rsplit(" ", 1)[1])
        return None

    def resident_kilobytes(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def cpu_seconds(self):
        return self.process.cpu_seconds()


def gateway(name="plant", **spec):
    """A ProtocolGateway that needs nothing but a broker's name."""
    base = {
        "listeners": [{"name": "mqtt", "type": "MQTT", "port": 1883}],
        "authentication": [{"name": "anyone", "type": "Anonymous"}],
        "upstreams": [{"name": "bus", "type": "Artemis", "endpoints": ["amqp://artemis:5672"]}],
        "routes": {"publish": [{"name": "all", "match": {"topic": "{*rest}"}, "to": {"upstream": "bus", "address": "telemetry"}}]},
    }
    head = {"apiVersion": "protocolgateway.dev/v1alpha1", "kind": "ProtocolGateway"}
    return {**head, "metadata": {"name": name}, "spec": {**base, **spec}}


def conditions(gateway_object):
    """{type: condition}"""
    return {c["type"]: c for c in gateway_object.get("status", {}).get("conditions", [])}


class OperatorCase(harness.TestCase):
    """A namespace a test, with Pod Security `restricted` enforced. Subclasses have plane, kubelet and operator."""

    plane = kubelet = operator = None

    def setUp(self):
        self.api = self.plane.admin
        self.namespace = self.id().rsplit(".", 1)[1].removeprefix("test_").replace("_", "-")[:50].rstrip("-")
        self.plane.make_namespace(self.namespace, pod_security="restricted")
        self.kubelet.rules.clear()
        self.kubelet.report = {}

    def tearDown(self):
        self.api.delete("namespaces", self.namespace)

    def create(self, name="plant", **spec):
        return good(self.api.create("protocolgateways", gateway(name, **spec), self.namespace))

    def read(self, name="plant"):
        return good(self.api.get("protocolgateways", name, self.namespace))

    def edit(self, patch, name="plant"):
        return good(self.api.patch("protocolgateways", name, patch, self.namespace))

    def condition(self, kind, name="plant"):
        return conditions(self.read(name)).get(kind, {"status": "absent", "reason": "", "message": ""})

    def wait(self, kind="Ready", status="True", name="plant", reason=None, seconds=40):
        """Waits for a condition of the present generation."""

        def holds():
            found = self.read(name)
            c = conditions(found).get(kind)
            fits = c and c["status"] == status and c["observedGeneration"] == found["metadata"]["generation"]
            return fits and (reason is None or c["reason"] == reason)

        try:
            return eventually(holds, f"{kind}={status} of {name}", seconds)
        except AssertionError as error:
            status = json.dumps(self.read(name).get("status"), indent=1)
            raise AssertionError(f"{error}\n{status}\n{self.operator.log()[-6000:]}") from None

    def deployments(self, name="plant"):
        found = self.api.items("deployments", self.namespace, f"protocolgateway.dev/gateway={name}")
        return {d["metadata"]["name"]: d for d in found}

    def pods(self, name="plant"):
        return self.api.items("pods", self.namespace, f"protocolgateway.dev/gateway={name}")

    def pod_identities(self, name="plant"):
        """What must not change for a pod that was not restarted."""
        return {
            p["metadata"]["uid"]: (p["status"].get("startTime"), [s["restartCount"] for s in p["status"].get("containerStatuses", [])])
            for p in self.pods(name)
        }

    def events(self, reason=None):
        found = self.api.items("events.events.k8s.io", self.namespace)
        return [e for e in found if reason is None or e["reason"] == reason]


def operator_entries(plane, mark=0, **wanted):
    return plane.audit.entries(mark, user=USER, **wanted)


def operator_writes(plane, mark=0):
    """Writes of the operator but those of its Lease."""
    return [e for e in operator_entries(plane, mark) if e["verb"] not in READS and e["resource"] != "leases"]
