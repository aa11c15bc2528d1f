"""examples/ on a real node: each manifest becomes Ready and takes a message from a device outside of every pod, through the gateway's
Service, to its AMQP upstream. One cluster; the cases run one after the other, each with a namespace and a broker of its own."""

import json
import os
import subprocess
import tempfile

import yaml

from tests.brokers.artemis import PASSWORD, USER, Artemis
from tests.cluster.api import good
from tests.e2e.cluster import GATEWAY, Cluster, image
from tests.support.certificates import Pki
from tests.wire import harness
from tests.wire.harness import BIN, ROOT, eventually

EXAMPLES = os.path.join(ROOT, "examples")
# Their upstreams do not exist here: a sink beside the worker's own process, and hosts that nobody has.
NOT_HERE = {"bench.yaml", "rabbitmq.yaml"}
LOOPBACK = "amqp://127.0.0.1:5672"


def setUpModule():
    global cluster, mark
    cluster = Cluster().start()
    mark = cluster.audit.mark()
    try:
        cluster.install_chart(operator__pollInterval="2")
    except BaseException:
        tearDownModule()
        raise


def tearDownModule():
    cluster.stop()


def read(path):
    with open(path) as file:
        return file.read()


def device(topic, body):
    return ["-V", "mqttv5", "-q", "1", "-i", "device-1", "-t", topic, "-m", body]


class CertifiedArtemis(Artemis):
    """Artemis with another certificate than that for localhost."""

    def __init__(self, certificate, key, **options):
        self.own = {"tls.crt": certificate, "tls.key": key}
        super().__init__(**options)

    def _make_keystore(self):
        for name, source in self.own.items():
            with open(os.path.join(self.certificates, "tls", name), "w") as file:
                file.write(read(source))
        super()._make_keystore()


class Examples(harness.TestCase):
    """A case for each file, named as the file is."""

    def setUp(self):
        self.example = self.id().rsplit(".", 1)[1].removeprefix("test_")
        self.text = read(os.path.join(EXAMPLES, f"{self.example}.yaml"))
        self.namespace = cluster.make_namespace(f"example-{self.example}")
        self.name = None

    def tearDown(self):
        if self.name:
            cluster.delete_gateway(self.namespace, self.name)

    # --- what an example presumes ----------------------------------------------------------------------------------------

    def broker(self, kind=Artemis, **options):
        broker = kind(host=cluster.address, wrapper=cluster.inside(), **options)
        self.addCleanup(broker.__exit__)
        return broker.start()

    def pki(self):
        folder = tempfile.TemporaryDirectory(prefix="pgw-examples-")
        self.addCleanup(folder.cleanup)
        return Pki(folder.name)

    def secret(self, name, values):
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
        good(cluster.api.create("secrets", body, self.namespace))

    def certificate_secret(self, name, pki, issued):
        self.secret(name, {"tls.crt": read(pki.crt(issued)), "tls.key": read(pki.key(issued))})

    def apply(self, text=None):
        """The gateway's name. Without a text the file itself is applied."""
        file = os.path.join(EXAMPLES, f"{self.example}.yaml") if text is None else "-"
        said = cluster.kubectl("-n", self.namespace, "apply", "-f", file, "-o", "json", text=text)
        self.name = json.loads(said)["metadata"]["name"]
        return self.name

    def at(self, url):
        """The example with another endpoint in place of 127.0.0.1, which in a pod is the pod itself."""
        self.assertEqual(self.text.count(LOOPBACK), 1)
        return self.text.replace(LOOPBACK, url)

    # --- a message -------------------------------------------------------------------------------------------------------

    def service_address(self):
        """The address of the gateway's Service, which only the cluster's network knows."""
        return eventually(
            lambda: cluster.api.get("services", self.name, self.namespace)[1].get("spec", {}).get("clusterIP"), "the Service", 30
        )

    def publish(self, port, topic, body, *words):
        """From the node, which is outside of every pod but in the cluster's network: the host has no route to a Service's address."""
        code, said = cluster.mosquitto_pub(self.service_address(), port, *device(topic, body), *words, wrapper=cluster.inside())
        self.assertEqual(code, 0, said)

    def receiver(self, broker, address, **credentials):
        peer = harness.proton.utils.BlockingConnection(broker.url, timeout=20, **credentials)
        self.addCleanup(peer.close)
        return peer.create_receiver(address)

    def logged_in(self):
        return {"user": USER, "password": PASSWORD, "allowed_mechs": "PLAIN", "allow_insecure_mechs": True}

    def expect(self, receiver, body, topic, subject, properties):
        message = receiver.receive(timeout=20)
        receiver.accept()
        notes = {str(key): value for key, value in message.annotations.items()}
        found = (bytes(message.body).decode(), notes["x-opt-mqtt-topic"], notes["x-opt-mqtt-qos"], message.subject, message.properties or {})
        self.assertEqual(found, (body, topic, 1, subject, properties))

    def through_the_embedded_broker(self):
        # The examples keep the broker on loopback, in a pod too; here the consumer is outside of it.
        loopback = "embedded: {address: 127.0.0.1,"
        self.assertIn(loopback, self.text)
        cluster.wait_ready(self.namespace, self.apply(self.text.replace(loopback, "embedded: {address: 0.0.0.0,")))
        self.publish(1883, "line1/temperature", "21.5")
        (pod,) = cluster.pods(self.namespace, f"{GATEWAY}={self.name}")
        url = f"amqp://{pod['status']['podIP']}:5672/telemetry"
        command = [*cluster.inside(), os.path.join(BIN, "pgw-amqp"), "receive", url, "--count", "1", "--timeout", "20", "--json"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=40)
        self.assertEqual(done.returncode, 0, done.stderr)
        message = json.loads(done.stdout)
        notes = message["message_annotations"]
        found = (message["body"], notes["x-opt-mqtt-topic"], notes["x-opt-mqtt-qos"], message["properties"]["subject"])
        self.assertEqual(found, ("21.5", "line1/temperature", 1, "line1/temperature"))

    # --- cases -----------------------------------------------------------------------------------------------------------

    def test_quickstart(self):
        self.through_the_embedded_broker()

    def test_embedded(self):
        self.through_the_embedded_broker()

    def test_artemis(self):
        pki = self.pki()
        pki.issue("bus", "artemis", hosts=[f"IP:{cluster.address}"])
        broker = self.broker(CertifiedArtemis, anonymous=False, certificate=pki.crt("bus"), key=pki.key("bus"))
        self.secret("artemis", {"username": USER, "password": PASSWORD})
        self.secret("bus-ca", {"ca.crt": read(pki.crt("ca"))})
        # The broker is another host than the pod: the file's comment says what that takes, and the API server insists on it.
        example = yaml.safe_load(self.at(f"amqps://{cluster.address}:{broker.tls_port}"))
        example["spec"]["upstreams"][0]["tls"] = {"caSecretRef": {"name": "bus-ca", "key": "ca.crt"}}
        cluster.wait_ready(self.namespace, self.apply(json.dumps(example)))
        for topic, address, properties in (
            ("dev/7/temperature", "telemetry.temperature", {"device": "7"}),
            ("dev/7", "telemetry.state", {"device": "7"}),
            ("elsewhere/x/y/z", "other", {}),
        ):
            with self.subTest(topic):
                receiver = self.receiver(broker, address, **self.logged_in())
                self.publish(1883, topic, f"to {address}")
                self.expect(receiver, f"to {address}", topic, topic, properties)

    def test_tls(self):
        broker, pki = self.broker(), self.pki()
        # The Secrets come last: the certificate is for the address that the Service gets.
        self.apply(self.at(broker.url))
        pki.issue("gateway", "gateway", hosts=[f"IP:{self.service_address()}"])
        pki.issue("device", "device-1")
        self.certificate_secret("plant-tls", pki, "gateway")
        self.secret("device-ca", {"ca.crt": read(pki.crt("ca"))})
        cluster.wait_ready(self.namespace, self.name)
        receiver = self.receiver(broker, "telemetry")
        trust = ["--cafile", pki.crt("ca")]
        known = ["--cert", pki.crt("device"), "--key", pki.key("device")]
        for case, words in (("no certificate", trust), ("a certificate", trust + known)):
            with self.subTest(case):
                self.publish(8883, "dev/7/t/a/b", case, *words)
                self.expect(receiver, case, "dev/7/t/a/b", "a/b", {"device": "7"})

    def test_cluster(self):
        pki = self.pki()
        pki.issue("bus", "artemis", hosts=["DNS:artemis.messaging.svc"])
        pki.issue("gateway", "gateway", hosts=[f"IP:{cluster.address}"])
        pki.issue("device", "device-1")
        broker = self.broker(CertifiedArtemis, anonymous=False, certificate=pki.crt("bus"), key=pki.key("bus"))
        self.make_what_the_cluster_has(broker)
        self.certificate_secret("plant-tls", pki, "gateway")
        self.secret("device-ca", {"ca.crt": read(pki.crt("ca"))})
        self.secret("bus-ca", {"ca.crt": read(pki.crt("ca"))})
        self.secret("bus-login", {"username": USER, "password": PASSWORD})
        cluster.wait_ready(self.namespace, self.apply(), 180)
        self.assertEqual(len(cluster.pods(self.namespace, f"{GATEWAY}={self.name}")), 2)

        # From the host, to the node's port, where a balancer of that class would send it. Nobody here enforces the network policy.
        port = cluster.node_port(self.namespace, self.name, 8883)
        receiver = self.receiver(broker, "telemetry.line1", **self.logged_in())
        topic, trust = "plant/line1/temperature/inside", ["--cafile", pki.crt("ca")]
        known = ["--cert", pki.crt("device"), "--key", pki.key("device")]
        code, said = cluster.mosquitto_pub(cluster.address, port, *device(topic, "21.5"), *trust, *known)
        self.assertEqual(code, 0, said)
        self.expect(receiver, "21.5", topic, "temperature/inside", {"device": "device-1", "line": "line1"})
        code, said = cluster.mosquitto_pub(cluster.address, port, *device(topic, "from a stranger"), *trust)
        self.assertNotEqual(code, 0, "a device without a certificate is sent away")

    def make_what_the_cluster_has(self, broker):
        """What cluster.yaml names and others make, besides the Secrets. An account that is named is one of them."""
        registry = "registry.example:5000/protocol-gateway/worker:0.1.0"
        self.assertIn(f"image: {registry}\n", self.text)
        cluster.containers("images", "tag", "--force", image("worker"), registry)
        self.addCleanup(cluster.containers, "images", "delete", registry)
        good(cluster.api.create("priorityclasses", {"metadata": {"name": "high"}, "value": 1000}))
        self.addCleanup(cluster.api.delete, "priorityclasses", "high")
        good(cluster.api.create("serviceaccounts", {"metadata": {"name": "gateway"}}, self.namespace))
        messaging = cluster.make_namespace("messaging")
        # A pod finds artemis-0.messaging.svc by its search domain cluster.local.
        for name in ("artemis-0", "artemis-1"):
            ports = [{"name": "amqps", "port": 5671, "protocol": "TCP"}]
            good(cluster.api.create("services", {"metadata": {"name": name}, "spec": {"ports": ports}}, messaging))
            endpoints = {
                "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [cluster.address]}],
                "ports": [{"name": "amqps", "port": broker.tls_port, "protocol": "TCP"}],
            }
            good(cluster.api.create("endpointslices", endpoints, messaging))


class Whole(harness.TestCase):
    """Runs after the examples."""

    def test_every_example_has_a_case(self):
        cases = {name.removeprefix("test_") + ".yaml" for name in dir(Examples) if name.startswith("test_")}
        self.assertEqual(set(os.listdir(EXAMPLES)), cases | NOT_HERE)

    def test_z_nobody_was_forbidden_anything(self):
        self.assertEqual(cluster.refusals(mark), [])
