"""Deaths, absences and successions: the operator converges, never twice, and never restarts a healthy worker."""

import random
import sys
import time

from tests.cluster import harness
from tests.cluster.harness import eventually, good
from tests.cluster.operator_process import NAMESPACE, Operator, OperatorCase, gateway, install, operator_entries, operator_writes

LEASE = "protocolgateway-operator"


def setUpModule():
    plane = harness.ControlPlane(min_request_timeout=300).start()
    try:
        install(plane)
        OperatorCase.plane, OperatorCase.kubelet = plane, harness.FakeKubelet(plane)
    except BaseException:
        tearDownModule()
        raise


def tearDownModule():
    for part in (OperatorCase.kubelet, OperatorCase.plane):
        if part:
            part.stop()


class Faults(OperatorCase):
    def setUp(self):
        super().setUp()
        OperatorCase.operator = self.start()

    def start(self, *words, **options):
        operator = Operator(self.plane, *words, **options).start()
        self.addCleanup(operator.kill)
        return operator

    def holder(self):
        return good(self.api.get("leases", LEASE, NAMESPACE))["spec"].get("holderIdentity")

    def make_several(self, count, **spec):
        for index in range(count):
            good(self.api.create("protocolgateways", gateway(f"g{index}", **spec), self.namespace))

    def wait_several(self, count, seconds=90):
        for index in range(count):
            self.wait(name=f"g{index}", seconds=seconds)

    def everything(self):
        """(kind, name, uid) of all that was made here."""
        kinds = ("deployments", "services", "configmaps", "serviceaccounts", "poddisruptionbudgets", "pods")
        managed = "app.kubernetes.io/managed-by=protocolgateway-operator"
        return {(k, o["metadata"]["name"], o["metadata"]["uid"]) for k in kinds for o in self.api.items(k, self.namespace, managed)}

    def test_a_restart_over_converged_gateways_writes_nothing_but_its_lease(self):
        resources = {"requests": {"cpu": "0.1", "memory": "65536Ki"}, "limits": {"memory": "0.5Gi"}}
        self.make_several(3, shards=2, worker={"resources": resources}, autoscaling={"maxShards": 4}, networkPolicy={"type": "Managed"})
        self.wait_several(3)
        eventually(lambda: self.operator.metric("workqueue_depth") == 0, "an empty queue")
        time.sleep(2)
        self.operator.stop()
        before, mark = self.everything(), self.plane.audit.mark()
        OperatorCase.operator = self.start(name="again")
        eventually(lambda: (self.operator.metric('controller_runtime_reconcile_total{controller="protocolgateway",result="requeue_after"}') or 0) >= 3, "three reconciles")
        time.sleep(4)  # Several rounds of polls.
        self.assertEqual(operator_writes(self.plane, mark), [])
        self.assertTrue([e for e in operator_entries(self.plane, mark, resource="leases") if e["verb"] == "update"])
        self.assertEqual(self.everything(), before)

    def test_killed_again_and_again_while_it_builds(self):
        seed = random.randrange(1 << 30)
        print(f"seed {seed}", file=sys.stderr)
        draw = random.Random(seed)
        self.make_several(6, shards=2)
        for round_ in range(8):
            time.sleep(draw.uniform(0.05, 0.8))
            self.operator.kill()
            # The dead one's Lease would keep the next from acting for its whole duration.
            self.api.patch("leases", LEASE, {"spec": {"holderIdentity": ""}}, NAMESPACE)
            OperatorCase.operator = self.start(name=f"life-{round_}")
        self.wait_several(6)
        for index in range(6):
            self.assertEqual(set(self.deployments(f"g{index}")), {f"g{index}-0", f"g{index}-1"})
            self.assertEqual(len(self.pods(f"g{index}")), 2)
            # One revision, and one ReplicaSet's worth of pods each: nothing was rolled on the way.
            self.assertEqual(len(self.api.items("configmaps", self.namespace, f"protocolgateway.dev/gateway=g{index}")), 1)
        restarts = [s["restartCount"] for p in self.api.items("pods", self.namespace) for s in p["status"].get("containerStatuses", [])]
        self.assertEqual(set(restarts), {0})

    def test_killed_in_the_middle_of_a_roll(self):
        self.kubelet.behave(drain=0.5)
        self.make_several(1, shards=4)
        self.wait_several(1)
        self.edit({"spec": {"limits": {"maxPacketSize": "128Ki"}}}, "g0")
        for round_ in range(4):
            time.sleep(0.7)
            self.operator.kill()
            self.api.patch("leases", LEASE, {"spec": {"holderIdentity": ""}}, NAMESPACE)
            OperatorCase.operator = self.start(name=f"roll-{round_}")
        self.wait_several(1)
        revisions = {d["metadata"]["labels"]["protocolgateway.dev/revision"] for d in self.deployments("g0").values()}
        self.assertEqual(revisions, {self.read("g0")["status"]["currentRevision"]})

    def test_the_api_server_is_away(self):
        self.make_several(2, shards=2)
        self.wait_several(2)
        before = self.pod_identities("g0") | self.pod_identities("g1")
        self.plane.stop_api_server()
        end, answers = time.monotonic() + 15, []
        while time.monotonic() < end:
            answers.append(self.operator.get("/livez")[0])
            if not self.operator.process.alive():  # It may end, and end only by itself: when its lease is lost.
                answers.pop()
                break
            time.sleep(0.5)
        self.assertEqual(set(answers), {200}, "a kubelet would kill it for what a restart cannot mend")
        self.plane.start_api_server()
        if not self.operator.process.alive():  # The lease was lost meanwhile: it ended by itself, and is started again.
            self.assertEqual(self.operator.process.process.returncode, 1)
            OperatorCase.operator = self.start(name="after")
        self.edit({"spec": {"shards": 3}}, "g0")
        eventually(lambda: len(self.deployments("g0")) == 3, "work again", 60)
        self.wait_several(2)
        self.assertLessEqual(before.items(), (self.pod_identities("g0") | self.pod_identities("g1")).items())

    def test_an_api_server_that_answers_nothing(self):
        self.make_several(1)
        self.wait_several(1)
        self.plane.freeze_api_server()
        time.sleep(5)
        self.plane.thaw_api_server()
        self.edit({"spec": {"shards": 2}}, "g0")
        eventually(lambda: len(self.deployments("g0")) == 2, "work again", 90)

    def token_file(self):
        return f"{self.plane.folder}/{NAMESPACE}.protocolgateway-operator.token"

    def test_a_token_that_ends_under_a_running_operator_is_read_again(self):
        # The API server grants no token of seconds; one that is bound to a Secret ends with it.
        good(self.api.create("secrets", {"metadata": {"name": "anchor"}}, NAMESPACE))
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600, "boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "anchor"}},
        }
        bound = good(self.api.create("serviceaccounts", request, NAMESPACE, "protocolgateway-operator", "token"))["status"]["token"]
        self.operator.stop()
        operator = Operator(self.plane, name="bound-token")  # It writes a lasting token, which is replaced before the start.
        self.addCleanup(operator.kill)
        with open(self.token_file()) as file:
            lasting = file.read()
        with open(self.token_file(), "w") as file:
            file.write(bound)
        OperatorCase.operator = operator.start()
        self.make_several(1)
        self.wait_several(1)

        mark = self.plane.audit.mark()
        good(self.api.delete("secrets", "anchor", NAMESPACE))
        eventually(lambda: [e for e in self.plane.audit.entries(mark) if e["code"] == 401], "a request that is refused", 60)
        with open(self.token_file(), "w") as file:
            file.write(lasting)
        self.edit({"spec": {"shards": 2}}, "g0")
        eventually(lambda: len(self.deployments("g0")) == 2, "work again", 60)
        self.assertTrue(operator.process.alive(), "it read the new token without a restart")

    def test_an_operator_that_starts_with_a_refused_token_waits_for_a_good_one(self):
        self.make_several(1)
        self.wait_several(1)
        with open(self.token_file()) as file:
            valid = file.read()
        self.operator.stop()
        operator = Operator(self.plane, name="late-token")
        self.addCleanup(operator.kill)
        with open(self.token_file(), "w") as file:
            file.write("refused")
        mark = self.plane.audit.mark()
        operator.process.start()
        eventually(lambda: [e for e in self.plane.audit.entries(mark) if e["code"] == 401], "a request that is refused")
        self.assertEqual(operator.get("/readyz")[0], 503)
        with open(self.token_file(), "w") as file:
            file.write(valid)
        eventually(lambda: operator.get("/readyz")[0] == 200, "a good token", 60)
        OperatorCase.operator = operator
        self.edit({"spec": {"shards": 2}}, "g0")
        eventually(lambda: len(self.deployments("g0")) == 2, "work again", 60)

    def test_only_the_leader_acts_and_a_standby_takes_over(self):
        eventually(lambda: self.operator.metric("leader_election_master_status") == 1, "a leader")
        standby = self.start(name="standby")
        self.assertEqual(standby.metric("leader_election_master_status"), 0)
        self.make_several(1)
        self.wait_several(1)
        first = self.holder()
        # Killed: its lease must run out.
        killed = time.monotonic()
        self.operator.kill()
        self.edit({"spec": {"shards": 2}}, "g0")
        eventually(lambda: len(self.deployments("g0")) == 2, "the standby", 30)
        expired = time.monotonic() - killed
        self.assertLess(expired, 17)
        self.assertNotEqual(self.holder(), first)
        # Asked to stop: it gives the lease up.
        OperatorCase.operator = self.start(name="third")
        stopped = time.monotonic()
        self.assertEqual(standby.stop(), 0)
        self.edit({"spec": {"shards": 3}}, "g0")
        eventually(lambda: len(self.deployments("g0")) == 3, "the next", 30)
        released = time.monotonic() - stopped
        self.assertLess(released, 3)
        print(f"takeover after a kill {expired:.1f} s, after SIGTERM {released:.1f} s", file=sys.stderr)

    def test_a_later_operator_changes_no_pod(self):
        """Another version, image default and pod template builder, and a CRD with one more field."""
        self.make_several(2, shards=2)
        self.wait_several(2)
        before = {n: self.pod_identities(n) for n in ("g0", "g1")}
        templates = lambda: {n: d["spec"]["template"] for g in ("g0", "g1") for n, d in self.deployments(g).items()}
        first = templates()
        self.operator.stop()
        crd = good(self.api.get("customresourcedefinitions", "protocolgateways.protocolgateway.dev"))
        spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec["properties"]["laterField"] = {"type": "string", "maxLength": 10}
        good(self.api.replace("customresourcedefinitions", "protocolgateways.protocolgateway.dev", crd))
        OperatorCase.operator = self.start(name="next", program="gateway-operator-next", image="worker:2")
        eventually(lambda: self.read("g0")["status"]["worker"].get("availableVersion") == "99.0.0", "the later version's word")
        self.edit({"spec": {"shards": 3}}, "g0")
        eventually(lambda: len(self.deployments("g0")) == 3, "work")
        self.wait_several(2)
        self.assertLessEqual(first.items(), templates().items())
        for name, identities in before.items():
            self.assertLessEqual(identities.items(), self.pod_identities(name).items())
        # A new gateway gets what is new, and an old one with its next revision.
        good(self.api.create("protocolgateways", gateway("fresh"), self.namespace))
        self.wait(name="fresh")
        (made,) = self.deployments("fresh").values()
        self.assertEqual(made["spec"]["template"]["spec"]["containers"][0]["image"], "worker:2")
        self.assertNotEqual(
            made["spec"]["template"]["spec"]["containers"][0]["livenessProbe"],
            first["g0-0"]["spec"]["containers"][0]["livenessProbe"],
        )
        self.edit({"spec": {"worker": {"upgradePolicy": "Automatic"}}}, "g1")
        eventually(lambda: {d["spec"]["template"]["spec"]["containers"][0]["image"] for d in self.deployments("g1").values()} == {"worker:2"}, "the upgrade", 60)
