"""The harness proves itself: a control plane that runs Deployments, with an audit log that shows it."""

import json
import urllib.request

from tests.cluster import harness
from tests.cluster.harness import eventually, good
from tests.wire.harness import Client, free_port, puback, publish
from tests.wire.harness import manifest as gateway_manifest

CONFIG = "/etc/protocol-gateway/gateway.yaml"


def manifest(upstream="north"):
    return json.dumps({"spec": {"upstreams": [{"name": upstream}]}})


def config_map(name, text):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"gateway.yaml": text}}


def deployment(name, image="worker:1", replicas=1, grace=5, **pod):
    labels = {"app": name}
    container = {
        **{"name": "worker", "image": image, "args": ["--config", CONFIG, "--revision", "r1", "--health-port", "8081"]},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/protocol-gateway"}],
    }
    spec = {
        **{"containers": [container], "terminationGracePeriodSeconds": grace},
        **{"volumes": [{"name": "config", "configMap": {"name": name}}], **pod},
    }
    return {
        **{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}},
        "spec": {
            **{"replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}
        },
    }


def setUpModule():
    global plane, kubelet
    plane = harness.ControlPlane(min_request_timeout=5).start()
    try:
        kubelet = harness.FakeKubelet(plane)
    except BaseException:
        plane.stop()
        raise


def tearDownModule():
    kubelet.stop()
    plane.stop()


class Harness(harness.TestCase):
    def setUp(self):
        self.api = plane.admin
        self.namespace = self.id().rsplit(".", 1)[1].removeprefix("test_").replace("_", "-")[:60]
        plane.make_namespace(self.namespace)

    def tearDown(self):
        kubelet.rules.clear()
        self.api.delete("namespaces", self.namespace)

    def deploy(self, name, text=None, **more):
        good(self.api.create("configmaps", config_map(name, text or manifest()), self.namespace))
        good(self.api.create("deployments", deployment(name, **more), self.namespace))

    def ready_replicas(self, name):
        return good(self.api.get("deployments", name, self.namespace))["status"].get("readyReplicas", 0)

    def pods(self):
        return self.api.items("pods", self.namespace)

    def status_of(self, ip):
        with urllib.request.urlopen(f"http://{ip}:8081/status", timeout=5) as answer:
            return json.load(answer)

    def test_a_deployment_becomes_ready_and_is_garbage_collected(self):
        mark = plane.audit.mark()
        self.deploy("north")
        eventually(lambda: self.ready_replicas("north") == 1, "a ready replica")
        (pod,) = self.pods()
        self.assertEqual(pod["spec"]["nodeName"], "node-1")
        status = self.status_of(pod["status"]["podIP"])
        self.assertEqual(status["configHash"], harness.hash_of(manifest().encode()))
        self.assertEqual((status["revision"], list(status["upstreams"])), ("r1", ["north"]))

        good(self.api.delete("deployments", "north", self.namespace))
        eventually(lambda: not self.pods() and not self.api.items("replicasets", self.namespace), "garbage collection")
        eventually(lambda: not kubelet.pods(self.namespace), "the kubelet's pod")

        seen = plane.audit.writes(mark, namespace=self.namespace)
        by = lambda **wanted: [entry for entry in seen if wanted.items() <= entry.items()]  # noqa: E731
        self.assertEqual(len(by(user="admin", verb="create", resource="deployments", code=201)), 1)
        self.assertTrue(by(user="system:kube-scheduler", resource="pods", subresource="binding"))
        self.assertTrue(by(user="system:serviceaccount:kube-system:generic-garbage-collector", verb="delete"))

    def test_readiness_and_the_end_of_a_pod_can_be_chosen(self):
        kubelet.behave("slow:", ready_after=None, drain=None)
        self.deploy("slow", image="slow:1", grace=4)
        (pod,) = eventually(lambda: kubelet.pods(self.namespace), "the pod")
        eventually(lambda: self.pods()[0]["status"]["phase"] == "Running", "running")
        self.assertEqual(self.ready_replicas("slow"), 0)
        kubelet.set_ready(pod, True)
        eventually(lambda: self.ready_replicas("slow") == 1, "readiness")
        pod.report["clients"] = 17
        self.assertEqual(self.status_of(pod.ip)["clients"], 17)
        good(self.api.delete("deployments", "slow", self.namespace))
        eventually(lambda: any("deletionTimestamp" in found["metadata"] for found in self.pods()), "a terminating pod")
        eventually(lambda: self.status_of(pod.ip)["stage"] == "Draining", "the drain")
        eventually(lambda: not self.pods(), "the end of the grace period")

    def test_a_crashing_pod_backs_off_and_an_absent_image_waits(self):
        kubelet.behave("bad:", crash=1, crash_after=0.1)
        kubelet.behave("absent:", waiting="ImagePullBackOff")
        self.deploy("bad", image="bad:1")
        self.deploy("absent", image="absent:1")

        def reasons():
            states = [pod["status"].get("containerStatuses", [{"state": {}}])[0]["state"] for pod in self.pods()]
            return {state.get("waiting", {}).get("reason") for state in states}

        eventually(lambda: reasons() == {"CrashLoopBackOff", "ImagePullBackOff"}, "both reasons")

    def test_a_pod_waits_for_its_config_map_and_sees_its_changes(self):
        good(self.api.create("deployments", deployment("late"), self.namespace))
        (pod,) = eventually(lambda: self.pods(), "the pod")
        self.assertEqual(self.ready_replicas("late"), 0)
        good(self.api.create("configmaps", config_map("late", manifest()), self.namespace))
        eventually(lambda: self.ready_replicas("late") == 1, "readiness")
        ip = self.pods()[0]["status"]["podIP"]
        good(self.api.patch("configmaps", "late", {"data": {"gateway.yaml": manifest("south")}}, self.namespace))
        eventually(lambda: list(self.status_of(ip)["upstreams"]) == ["south"], "the new configuration")

    def test_the_api_server_may_be_killed(self):
        self.deploy("north", replicas=2)
        eventually(lambda: self.ready_replicas("north") == 2, "ready replicas")
        before = {pod["metadata"]["uid"] for pod in self.pods()}
        plane.restart_api_server(kill=True)
        self.assertEqual({pod["metadata"]["uid"] for pod in self.pods()}, before)
        good(self.api.patch("deployments", "north", {"spec": {"replicas": 3}}, self.namespace))
        eventually(lambda: self.ready_replicas("north") == 3, "one more", 60)

    def test_service_accounts_may_do_what_they_are_granted(self):
        self.api.create("serviceaccounts", {"metadata": {"name": "robot"}}, self.namespace)
        rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
        good(self.api.create("roles", {"metadata": {"name": "robot"}, "rules": rules}, self.namespace))
        subjects = [{"kind": "ServiceAccount", "name": "robot", "namespace": self.namespace}]
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "robot"}
        binding = {"metadata": {"name": "robot"}, "roleRef": role, "subjects": subjects}
        good(self.api.create("rolebindings", binding, self.namespace))
        mark = plane.audit.mark()
        robot = plane.service_account(self.namespace, "robot")
        eventually(lambda: robot.list("pods", self.namespace)[0] == 200, "the grant")
        self.assertEqual(robot.list("secrets", self.namespace)[0], 403)
        kubeconfig = plane.service_account_kubeconfig(self.namespace, "robot")
        code, output = plane.kubectl("get", "pods", kubeconfig=kubeconfig)
        self.assertEqual(code, 0, output)
        user = f"system:serviceaccount:{self.namespace}:robot"
        refused = plane.audit.entries(mark, user=user, resource="secrets")
        self.assertEqual([entry["code"] for entry in refused], [403])

    def test_pod_security_holds(self):
        plane.admin.patch("namespaces", self.namespace, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
        pod = {"metadata": {"name": "root"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
        code, answer = self.api.create("pods", pod, self.namespace)
        self.assertEqual(code, 403)
        self.assertIn("PodSecurity", answer["message"])

    def test_watches_end_and_can_be_stopped(self):
        with harness.Watch(self.api, "configmaps", self.namespace, seconds=20) as watch:
            good(self.api.create("configmaps", config_map("seen", "x"), self.namespace))
            for kind, found in watch:
                if found["metadata"].get("name") == "seen":
                    self.assertEqual(kind, "ADDED")
                    watch.stop()


class RealWorkers(harness.TestCase):
    """A node whose pods are gateway-worker processes."""

    def setUp(self):
        self.api = plane.admin
        self.namespace = plane.make_namespace("real")
        self.kubelet = harness.FakeKubelet(plane, "node-2", harness.RealWorker)
        self.addCleanup(self.api.delete, "namespaces", self.namespace)
        self.addCleanup(self.api.delete, "nodes", "node-2")
        self.addCleanup(self.kubelet.stop)

    def deploy(self, document):
        found = deployment("gateway", replicas=2, grace=20)
        pod = found["spec"]["template"]["spec"]
        pod["nodeSelector"] = {"kubernetes.io/hostname": "node-2"}
        container = pod["containers"][0]
        container["args"] += ["--bind-any", "--metrics-port", "9091", "--secrets-dir", "/secrets", "--secrets-optional"]
        container["readinessProbe"] = {"httpGet": {"path": "/readyz", "port": 8081}}
        container["volumeMounts"].append({"name": "login", "mountPath": "/secrets/login"})
        pod["volumes"].append({"name": "login", "secret": {"secretName": "login", "optional": True}})
        good(self.api.create("configmaps", config_map("gateway", json.dumps(document)), self.namespace))
        good(self.api.create("deployments", found, self.namespace))

    def status(self, pod):
        with urllib.request.urlopen(f"http://{pod.ip}:8081/status", timeout=5) as answer:
            return json.load(answer)

    def test_pods_serve_follow_their_mounts_and_drain(self):
        document = gateway_manifest(1883, 9090)
        sasl = {"mechanism": "Plain", "secretRef": {"name": "login"}}
        away = {"name": "away", "type": "Generic", "endpoints": [f"amqp://127.0.0.1:{free_port()}"], "sasl": sasl}
        # Not a loopback address: --bind moves it to the pod's own, and the pods here share one loopback.
        document["spec"]["upstreams"][0]["embedded"]["address"] = "0.0.0.0"
        document["spec"]["upstreams"].append(away)
        self.deploy(document)
        eventually(lambda: len(self.kubelet.pods()) == 2, "two pods")
        pods = self.kubelet.pods()
        eventually(lambda: all(self.answers(pod) for pod in pods), "the workers")
        self.assertEqual({one["key"] for one in self.status(pods[0])["missing"]}, {"username", "password"})
        for pod in pods:  # Each on its own address, with the port of the manifest.
            with Client(1883, address=pod.ip) as client:
                client.send(publish("t", b"x", qos=1, packet_id=1))
                client.expect(puback(1))
        secret = {"metadata": {"name": "login"}, "stringData": {"username": "me", "password": "x"}}
        good(self.api.create("secrets", secret, self.namespace))
        eventually(lambda: not self.status(pods[0])["missing"], "the mounted secret")

        document["spec"]["logging"] = {"level": "Debug"}
        text = json.dumps(document)
        good(self.api.patch("configmaps", "gateway", {"data": {"gateway.yaml": text}}, self.namespace))
        expected = harness.hash_of(text.encode())
        eventually(lambda: all(self.status(pod)["configHash"] == expected for pod in pods), "the new configuration")
        eventually(
            lambda: self.api.get("deployments", "gateway", self.namespace)[1]["status"].get("readyReplicas") == 2, "readiness", 60
        )
        self.assertEqual([pod.restarts for pod in pods], [0, 0])
        with Client(1883, 5, address=pods[0].ip) as client:
            good(self.api.delete("deployments", "gateway", self.namespace))
            self.assertEqual([(first, body[:1]) for first, body in client.expect_closed(30)], [(0xE0, b"\x8b")])
        eventually(lambda: not self.kubelet.pods(), "the end of the pods")

    def answers(self, pod):
        try:
            return self.status(pod)["stage"]
        except OSError:
            return False
