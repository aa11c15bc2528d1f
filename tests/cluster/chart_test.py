"""The chart on a real control plane, by the real helm: install, upgrade, rollback, uninstall, reinstall, and who may do what."""

import yaml

from tests.cluster import harness, helm
from tests.cluster import operator_process as operators
from tests.cluster.harness import eventually, good

CRD = "protocolgateways.protocolgateway.dev"
NOTHING = {"image.repository": "operator", "worker.image.repository": "worker"}


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


class Chart(harness.TestCase):
    def setUp(self):
        self.api = plane.admin
        self.namespace = self.id().rsplit(".", 1)[1].removeprefix("test_").replace("_", "-")[:50].rstrip("-")
        plane.make_namespace(self.namespace, pod_security="restricted")
        self.helm = helm.Helm(plane.admin_kubeconfig, plane.folder, self.namespace)

    def tearDown(self):
        for release in yaml.safe_load(self.helm("list", "--all", "--output", "yaml")):
            self.helm("uninstall", release["name"])
        self.api.delete("customresourcedefinitions", CRD)
        eventually(lambda: self.api.get("customresourcedefinitions", CRD)[0] == 404, "the CRD's end")
        self.api.delete("namespaces", self.namespace)

    def install(self, name="gateways", *words, chart=helm.CHART, **values):
        values = {**NOTHING, **{key.replace("__", "."): value for key, value in values.items()}}
        return self.helm("install", name, chart, "--wait", "--timeout", "60s", *helm.set_words(values), *words)

    def upgrade(self, name="gateways", *words, chart=helm.CHART, **values):
        values = {**NOTHING, **{key.replace("__", "."): value for key, value in values.items()}}
        return self.helm("upgrade", name, chart, "--wait", "--timeout", "60s", *helm.set_words(values), *words)

    def deployment(self, name="gateways-protocol-gateway"):
        return good(self.api.get("deployments", name, self.namespace))

    def crd(self):
        return good(self.api.get("customresourcedefinitions", CRD))

    def spec_fields(self):
        return self.crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]

    def established(self):
        conditions = self.crd().get("status", {}).get("conditions", [])
        return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)

    def make_gateway(self, name="plant"):
        eventually(self.established, "the CRD")
        eventually(lambda: self.api.create("protocolgateways", operators.gateway(name), self.namespace)[0] in (201, 409), "a gateway")

    def may(self, account, verb, resource, namespace=None, name=None):
        """Asks the API server's own authorizer."""
        group, _, rest = resource.rpartition("/")
        plural, _, sub = rest.partition(":")
        attributes = {"verb": verb, "group": group, "resource": plural, "subresource": sub, "namespace": namespace, "name": name}
        review = {
            **{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"},
            "spec": {"user": account, "groups": ["system:authenticated"], "resourceAttributes": {k: v for k, v in attributes.items() if v}},
        }
        return good(self.api.create("authorization.k8s.io/v1/subjectaccessreviews", review))["status"]["allowed"]

    # --- a release's life ------------------------------------------------------------------------------------------------

    def test_install_upgrade_rollback(self):
        notes = self.install()
        self.assertIn("watches all namespaces", notes)
        self.assertEqual(self.deployment()["status"]["readyReplicas"], 2)
        self.make_gateway()

        newer = helm.copy_of_chart(
            plane.folder,
            lambda text: text.replace("                threads:\n", "                newer: {type: string}\n                threads:\n", 1),
            version="99.0.0",
            appVersion="99.0.0",
        )
        self.upgrade(chart=newer)
        self.assertIn("newer", self.spec_fields(), "an upgrade brings the CRD up to date")
        image = self.deployment()["spec"]["template"]["spec"]["containers"][0]["image"]
        self.assertEqual(image, "operator:99.0.0")

        self.helm("rollback", "gateways", "1", "--wait", "--timeout", "60s")
        self.assertNotIn("newer", self.spec_fields())
        self.assertEqual(self.deployment()["spec"]["template"]["spec"]["containers"][0]["image"], f"operator:{helm.version()}")
        self.assertEqual(self.api.get("protocolgateways", "plant", self.namespace)[0], 200, "the gateway is still there")

    def test_uninstall_keeps_and_another_name_takes_over(self):
        self.install()
        self.make_gateway()
        self.helm("uninstall", "gateways", "--wait")
        self.assertTrue(self.established(), "the CRD stays")
        self.assertEqual(self.api.get("protocolgateways", "plant", self.namespace)[0], 200, "and so do gateways")
        self.assertEqual(self.api.get("deployments", "gateways-protocol-gateway", self.namespace)[0], 404)

        code, output = self.helm.run("install", "others", helm.CHART, *helm.set_words(NOTHING))
        self.assertEqual(code, 1)
        self.assertIn("cannot be imported into the current release", output)
        self.helm("uninstall", "others", "--ignore-not-found")
        self.install("others", "--take-ownership")
        self.assertEqual(self.deployment("others-protocol-gateway")["status"]["readyReplicas"], 2)
        self.assertEqual(self.crd()["metadata"]["annotations"]["meta.helm.sh/release-name"], "others")
        self.assertEqual(self.api.get("protocolgateways", "plant", self.namespace)[0], 200)

    def test_uninstall_without_keep_removes_the_crd(self):
        self.install(crds__keep="false")
        self.helm("uninstall", "gateways", "--wait")
        eventually(lambda: self.api.get("customresourcedefinitions", CRD)[0] == 404, "the CRD's end")

    def test_a_mistyped_value_is_refused(self):
        code, output = self.helm.run("install", "gateways", helm.CHART, "--set", "replicasCount=2")
        self.assertEqual(code, 1)
        self.assertIn("replicasCount", output)

    # --- who may do what -------------------------------------------------------------------------------------------------

    def test_the_operator_may_what_its_rules_say(self):
        self.install()
        account = f"system:serviceaccount:{self.namespace}:gateways-protocol-gateway"
        for rule in operators.rules()["watched"]:
            for resource in rule["resources"]:
                plural = f"{rule['apiGroups'][0]}/{resource.replace('/', ':')}"
                for verb in rule["verbs"]:
                    self.assertTrue(self.may(account, verb, plural, "default"), f"{verb} {plural}")
        self.assertTrue(self.may(account, "update", "coordination.k8s.io/leases", self.namespace, "protocolgateway-operator"))
        self.assertFalse(self.may(account, "update", "coordination.k8s.io/leases", self.namespace, "other"))
        self.assertFalse(self.may(account, "update", "coordination.k8s.io/leases", "default", "protocolgateway-operator"))
        for verb in ("get", "list", "watch", "create"):
            self.assertFalse(self.may(account, verb, "/secrets", "default"), f"{verb} secrets")
        arguments = self.deployment()["spec"]["template"]["spec"]["containers"][0]["args"]
        self.assertEqual(arguments[arguments.index("--lease-name") + 1], "protocolgateway-operator")

    def test_two_namespaces_only(self):
        for name in ("north", "south"):
            plane.make_namespace(name)
        notes = self.install(watchNamespaces="{north,south}")
        self.assertIn("the namespaces north, south", notes)
        account = f"system:serviceaccount:{self.namespace}:gateways-protocol-gateway"
        self.assertTrue(self.may(account, "list", "protocolgateway.dev/protocolgateways", "south"))
        self.assertFalse(self.may(account, "list", "protocolgateway.dev/protocolgateways", "default"))
        self.assertFalse(self.may(account, "list", "protocolgateway.dev/protocolgateways"))
        rendered = self.helm("get", "manifest", "gateways")
        kinds = {document["kind"] for document in yaml.safe_load_all(rendered) if document}
        self.assertFalse(kinds & {"ClusterRole", "ClusterRoleBinding"}, "Roles only")
        arguments = self.deployment()["spec"]["template"]["spec"]["containers"][0]["args"]
        self.assertEqual([b for a, b in zip(arguments, arguments[1:]) if a == "--namespace"], ["north", "south"])

    def test_view_and_edit_include_gateways(self):
        self.install()
        for role in ("view", "edit"):
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
            subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role}]
            body = {"metadata": {"name": role}, "roleRef": reference, "subjects": subjects}
            good(self.api.create("rolebindings", body, self.namespace))
        gateways = "protocolgateway.dev/protocolgateways"
        eventually(lambda: self.may("edit", "create", gateways, self.namespace), "the aggregation")
        self.assertTrue(self.may("edit", "patch", gateways + ":scale", self.namespace))
        self.assertFalse(self.may("edit", "patch", gateways + ":status", self.namespace))
        eventually(lambda: self.may("view", "list", gateways, self.namespace), "the aggregation")
        self.assertTrue(self.may("view", "get", gateways + ":status", self.namespace))
        self.assertTrue(self.may("view", "get", gateways + ":scale", self.namespace))
        self.assertFalse(self.may("view", "create", gateways, self.namespace))
