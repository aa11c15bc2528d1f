"""A gateway on a real node, from our images, installed by helm, with Artemis as its upstream: what happens to devices and to their
messages while it is scaled, rolled, killed and drained. One cluster; the cases run in the order of their names."""

import itertools
import json
import time

from tests.brokers.artemis import QUEUE, Artemis
from tests.cluster.api import good
from tests.e2e.cluster import GATEWAY, OPERATOR_NAMESPACE, Cluster, image, recorded, wait_until
from tests.e2e.prometheus import Prometheus
from tests.e2e.load import BackgroundLoad, verdict
from tests.wire import harness

NAMESPACE = "plant"
# The limit leaves the node's own programs what they need.
RESOURCES = {"requests": {"cpu": "40m", "memory": "64Mi"}, "limits": {"cpu": "300m", "memory": "256Mi"}}

# Every load's devices have numbers of their own: one queue is enough for all.
numbers = itertools.count(0, 1000)


def setUpModule():
    global cluster, broker, mark
    cluster = Cluster().start()
    mark = cluster.audit.mark()
    try:
        broker = Artemis(host=cluster.address, wrapper=cluster.inside()).start()
        cluster.make_namespace(NAMESPACE)
        cluster.install_chart(operator__pollInterval="2", metrics__podMonitor__enabled="true", metrics__serviceMonitor__enabled="true",
                              metrics__prometheusRule__enabled="true")
    except BaseException:
        tearDownModule()
        raise


def tearDownModule():
    if "broker" in globals():
        broker.__exit__()
    cluster.stop()


def gateway(name, **spec):
    base = {
        "listeners": [{"name": "mqtt", "type": "MQTT", "port": 1883}],
        "authentication": [{"name": "anyone", "type": "Anonymous"}],
        "upstreams": [{
            **{"name": "bus", "type": "Artemis", "endpoints": [broker.url]},
            "limits": {"deliveryTimeout": "60s", "maxAttempts": 100, "reconnectMaximum": "1s"},
        }],
        "routes": {"publish": [{"name": "all", "match": {"topic": "{*rest}"}, "to": {"upstream": "bus", "address": QUEUE}}]},
        "service": {"type": "NodePort"},
        "worker": {"resources": RESOURCES},
        "drain": {"endpointDelay": "3s", "timeout": "10s"},
    }
    head = {"apiVersion": "protocolgateway.dev/v1alpha1", "kind": "ProtocolGateway"}
    return {**head, "metadata": {"name": name}, "spec": {**base, **spec}}


class Gateway(harness.TestCase):
    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].removeprefix("test_").replace("_", "-")[:40].rstrip("-")
        self.loads = []

    def tearDown(self):
        for load in self.loads:
            load.abandon()
        cluster.delete_gateway(NAMESPACE, self.name)

    def create(self, **spec):
        good(cluster.api.create("protocolgateways", gateway(self.name, **spec), NAMESPACE))
        cluster.wait_ready(NAMESPACE, self.name)

    def edit(self, patch):
        return good(cluster.api.patch("protocolgateways", self.name, patch, NAMESPACE))

    def pods(self):
        return cluster.pods(NAMESPACE, f"{GATEWAY}={self.name}")

    def identities(self):
        """What stays the same for a pod that was not restarted."""
        return {
            p["metadata"]["uid"]: (p["status"].get("startTime"), [s["restartCount"] for s in p["status"].get("containerStatuses", [])])
            for p in self.pods()
        }

    def port(self):
        return cluster.node_port(NAMESPACE, self.name, 1883)

    def load(self, **options):
        load = BackgroundLoad(cluster.address, self.port(), first=next(numbers), **options)
        self.loads.append(load)
        load.progress()
        return load

    def nothing_is_lost(self, *loads):
        for load in loads:
            load.finish()
        lost, damaged, duplicates = verdict(broker.url, *loads)
        print(f"{self.name}: {sum(load.acknowledged for load in loads)} acknowledged, {duplicates} duplicates, lost {len(lost)}", flush=True)
        self.assertEqual((lost, damaged), ([], 0))

    def metric(self, pod, name):
        """The sum of a metric's samples of one pod, through the API server."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}:8082/proxy/metrics"
        code, text = cluster.api.request("GET", path)
        assert code == 200, text
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith((name + " ", name + "{")))

    def no_pod_of(self, uids):
        return not uids & {p["metadata"]["uid"] for p in self.pods()}

    # --- cases -----------------------------------------------------------------------------------------------------------

    def test_a_message_from_outside_reaches_the_broker(self):
        self.create()
        words = ["-V", "mqttv5", "-q", "1", "-i", "device", "-t", "plant/line1", "-m", "21.5"]
        code, said = cluster.mosquitto_pub(cluster.address, self.port(), *words)
        self.assertEqual(code, 0, said)
        peer = harness.proton.utils.BlockingConnection(broker.url, timeout=20)
        self.addCleanup(peer.close)
        receiver = peer.create_receiver(QUEUE)
        message = receiver.receive(timeout=20)
        receiver.accept()
        self.assertEqual((message.subject, bytes(message.body)), ("plant/line1", b"21.5"))

    def test_b_rolled_under_load(self):
        self.create(shards=2)
        load = self.load()
        before = set(self.identities())
        with recorded(cluster, GATEWAY, self.name) as record:
            cluster.containers("images", "tag", "--force", image("worker"), image("worker", "next"))
            self.edit({"spec": {"worker": {"image": image("worker", "next")}}})
            wait_until(lambda: self.no_pod_of(before), "both old pods' end", 180)
            cluster.wait_ready(NAMESPACE, self.name)
            load.progress()
        self.assertEqual(set(record.ends.values()), {(0, "Completed")}, record.ends)
        self.assertEqual(len(record.ends), 2)
        images = {p["spec"]["containers"][0]["image"] for p in self.pods()}
        self.assertEqual(images, {image("worker", "next")})
        self.nothing_is_lost(load)

    def test_c_a_bad_image_stops_the_roll_at_the_first_shard(self):
        self.create(shards=2)
        load = self.load()
        before = self.identities()
        self.edit({"spec": {"worker": {"image": image("worker", "missing"), "podTemplate": {}}}})

        def stuck():
            states = [s["state"].get("waiting", {}).get("reason", "") for p in self.pods() for s in p["status"].get("containerStatuses", [])]
            return any("Image" in reason for reason in states)

        wait_until(stuck, "a pod without an image", 60)
        time.sleep(5)  # Long enough for a second shard to follow, if it did.
        now = self.identities()
        self.assertLessEqual(before.items(), now.items(), "both pods that serve go on")
        self.assertEqual(len(now), 3, "one shard has a pod that waits for its image")
        load.progress()
        self.edit({"spec": {"worker": {"image": image("worker")}}})
        cluster.wait_ready(NAMESPACE, self.name)
        wait_until(lambda: len(self.pods()) == 2, "the waiting pod's end", 60)
        self.nothing_is_lost(load)

    def test_d_a_worker_is_killed(self):
        self.create(shards=2)
        load = self.load()
        victim, healthy = self.pods()
        others = self.identities()[healthy["metadata"]["uid"]]
        container = victim["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        cluster.containers("tasks", "kill", "--signal", "SIGKILL", container)
        wait_until(lambda: self.identities().get(victim["metadata"]["uid"], (0, [0]))[1] == [1], "the restart", 60)
        cluster.wait_ready(NAMESPACE, self.name)
        load.progress()
        self.assertEqual(self.identities()[healthy["metadata"]["uid"]], others, "the healthy pod was not touched")
        self.nothing_is_lost(load)

    def test_e_a_node_is_drained(self):
        self.create(shards=2)
        load = self.load()
        before = set(self.identities())
        with recorded(cluster, GATEWAY, self.name) as record:
            # The only node: what is evicted waits until the node may be used again, and the budget holds the second pod meanwhile.
            words = ["drain", "node", "--ignore-daemonsets", "--delete-emptydir-data", f"--pod-selector={GATEWAY}={self.name}", "--timeout=25s"]
            cluster.kubectl(*words, check=False)
            kept = before & {p["metadata"]["uid"] for p in self.pods() if "deletionTimestamp" not in p["metadata"]}
            self.assertEqual(len(kept), 1, "the disruption budget keeps one pod")
            load.progress()
            cluster.kubectl("uncordon", "node")
            cluster.wait_ready(NAMESPACE, self.name)
            wait_until(lambda: len(self.pods()) == 2, "two pods", 60)
        self.assertEqual(list(record.ends.values()), [(0, "Completed")], record.ends)
        self.nothing_is_lost(load)

    def test_f_the_operator_is_killed(self):
        self.create(shards=2)
        load = self.load()
        before = self.identities()
        operators = cluster.pods(OPERATOR_NAMESPACE, "app.kubernetes.io/component=operator")
        for pod in operators:
            cluster.api.delete("pods", pod["metadata"]["name"], OPERATOR_NAMESPACE, grace=0)
        load.progress()
        # And it works again: a new leader reconciles.
        self.edit({"spec": {"shards": 3}})
        wait_until(lambda: len(self.pods()) == 3, "a new operator", 90)
        cluster.wait_ready(NAMESPACE, self.name)
        self.assertLessEqual(before.items(), self.identities().items(), "no worker was restarted")
        self.nothing_is_lost(load)

    def test_g_an_autoscaler_follows_the_load(self):
        # So small a request that 2,000 messages a second, which the broker can hold until they are counted, ask for three shards.
        resources = {**RESOURCES, "requests": {"cpu": "20m", "memory": "64Mi"}}
        scaling = {"minShards": 1, "maxShards": 3, "targetCPUUtilization": 50, "scaleDownStabilization": "10s"}
        self.create(shards=1, autoscaling=scaling, worker={"resources": resources})
        load = self.load(clients=40, window=2, pause=0.04)
        shards = lambda: cluster.gateway(NAMESPACE, self.name)["spec"].get("shards", 1)  # noqa: E731
        with recorded(cluster, GATEWAY, self.name) as record:
            wait_until(lambda: shards() == 3, lambda: f"three shards: {self.autoscaler()}", 180, 2)
            cluster.wait_ready(NAMESPACE, self.name)
            # Devices that come now are spread over all shards: as soon as kube-proxy, on its own time, knows of them.
            wait_until(lambda: self.endpoints() == 3, "the Service's endpoints", 30)
            time.sleep(5)
            more = self.load(clients=30, window=1, pause=0.5)
            clients = {p["metadata"]["name"]: self.metric(p, "pgw_mqtt_clients") for p in self.pods()}
            self.assertTrue(all(count > 0 for count in clients.values()), f"new shards have clients: {clients}")
            load.finish()
            wait_until(lambda: shards() == 1, lambda: f"one shard: {self.autoscaler()}", 240, 2)
            wait_until(lambda: len(self.pods()) == 1, "one pod", 90)
        self.assertEqual(set(record.ends.values()), {(0, "Completed")}, record.ends)
        self.nothing_is_lost(load, more)

    def endpoints(self):
        slices = cluster.api.items("endpointslices", NAMESPACE, f"kubernetes.io/service-name={self.name}")
        return sum(e["conditions"]["ready"] for s in slices for e in s["endpoints"] or ())

    def autoscaler(self):
        code, found = cluster.api.get("horizontalpodautoscalers", self.name, NAMESPACE)
        return json.dumps(found.get("status", {}))[:600] if code == 200 else code

    def test_h_prometheus_scrapes_and_evaluates(self):
        self.create(shards=2)
        load = self.load()
        monitoring = "monitoring.coreos.com/v1/"
        pod_monitor, service_monitor, rules = (
            good(cluster.api.get(monitoring + plural, name, OPERATOR_NAMESPACE))["spec"]
            for plural, name in (
                ("podmonitors", "gateways-protocol-gateway-workers"),
                ("servicemonitors", "gateways-protocol-gateway"),
                ("prometheusrules", "gateways-protocol-gateway"),
            )
        )
        with Prometheus(cluster, pod_monitor, service_monitor, rules) as prometheus:
            workers = f'up{{job="workers", namespace="{NAMESPACE}", protocolgateway_dev_gateway="{self.name}"}} == 1'
            wait_until(lambda: len(prometheus.query(workers)) == 2, "both workers' targets", 60)
            wait_until(lambda: len(prometheus.query('up{job="operator"} == 1')) == 2, "both operators' targets", 60)
            labels = [found for found, _ in prometheus.query(workers)]
            self.assertEqual({found["protocolgateway_dev_shard"] for found in labels}, {"0", "1"})
            published = 'sum by (protocolgateway_dev_gateway) (rate(pgw_publications_total{result="accepted"}[20s]))'
            wait_until(lambda: [value for _, value in prometheus.query(published) if value > 0], "a rate", 60)
            self.assertEqual([value for _, value in prometheus.query("sum(leader_election_master_status)")], [1.0])

            def evaluated():
                found = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
                return found if all(rule["health"] == "ok" for rule in found) else None

            wait_until(evaluated, "every rule's evaluation", 60)
            wanted = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
            self.assertEqual([rule["name"] for rule in evaluated()], wanted)
            self.assertEqual(prometheus.query('ALERTS{alertstate="firing"}'), [], "nothing is wrong here")
        self.nothing_is_lost(load)

    def test_z_nobody_was_forbidden_anything(self):
        self.assertEqual(cluster.refusals(mark), [])
