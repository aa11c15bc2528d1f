"""One schema, one verdict: what `gateway-worker --check` refuses the API server refuses, and the other way round.

Every example is mutated at every node of the CRD's schema. What only the worker can refuse stands in
verdict_exceptions.yaml; the API server refuses nothing that a worker takes. Every rule of the CRD must have refused
something.
"""

import concurrent.futures
import glob
import json
import os
import re
import subprocess

import yaml

from tests.cluster import harness
from tests.cluster.api import path_of
from tests.cluster.harness import BIN, ROOT, eventually, good
from tests.cluster.mutations import TEXTS, Mutation, Mutator, nodes, replaced

WORKER = os.path.join(BIN, "gateway-worker")
CREATE = path_of("protocolgateways", "default", dryRun="All", fieldValidation="Strict")
PAIRS = int(os.environ.get("PGW_VERDICT_PAIRS", "150"))  # per example
SEED = int(os.environ.get("PGW_VERDICT_SEED", "1"))

# Scalars that YAML readers take for different things, where text, a number, a size, a duration and an enum stand.
TOKENS = """Off On yes No y n true True tRUE false null Null ~ 0 1 -1 +1 01 010 0o10 0x10 0b1 1_0 1_000 1e3 1E3 1.0 1. .5 . 5e-1 .inf
-.Inf .nan inf nan 1:30 2001-01-01 64Ki 30s 1_0s '1' "1" 'Off' "1_000" << = Info a-b 0bad 0xg 1__0 _1 1_ - + 0x 0x_1 -0x1 +.5""".split()
TOKEN_PLACES = {
    "spec.listeners.0.name": "mqtt",
    "spec.listeners.0.port": 1883,
    "spec.limits.maxPacketSize": "64Ki",
    "spec.limits.maxPause": "30s",
    "spec.logging.level": "Info",
    "spec.routes.publish.0.to.address": "dead",
    "spec.worker.resources.requests.cpu": "1",
    "spec.worker.podTemplate.spec.priority": 1,
    "spec.service.labels.a": "b",
}


def load(path):
    with open(os.path.join(ROOT, path)) as file:
        return yaml.safe_load(file)


def worker_problems(text):
    """The problems that gateway-worker sees, each `path: text` without indices; none for a valid manifest."""
    done = subprocess.run([WORKER, "--config", "-", "--check"], input=text, capture_output=True, close_fds=False)
    if done.returncode == 0:
        return []
    lines = re.findall(r"^-(?::\d+:\d+)?: (.*)$", done.stderr.decode(), re.M)
    assert done.returncode == 2 and lines, f"gateway-worker ended with {done.returncode}: {done.stderr.decode()}"
    return [re.sub(r"\[\d+\]", "[]", line) for line in lines]


def rules_of(schema, place=""):
    """(field, message) of every rule below the schema, as the API server reports it."""
    for rule in schema.get("x-kubernetes-validations", []):
        yield (place + rule.get("fieldPath", "")).lstrip("."), rule["message"]
    for name, child in schema.get("properties", {}).items():
        yield from rules_of(child, f"{place}.{name}".lstrip("."))
    if "items" in schema:
        yield from rules_of(schema["items"], place + "[]")


class Verdicts:
    """Asks both, notes where they differ."""

    def __init__(self, api, exceptions):
        self.api = api
        self.exceptions = [(re.compile(entry["problem"]), entry.get("yaml", False)) for entry in exceptions]
        assert all(entry["reason"] for entry in exceptions)
        self.used, self.causes = set(), set()
        self.count, self.refused, self.differences = 0, 0, []

    def ask(self, name, text, content_type="application/json"):
        problems = worker_problems(text)
        code, answer = self.api.request("POST", CREATE, text, content_type)
        self.note(name, problems, code, answer, content_type == "application/yaml")

    def note(self, name, problems, code, answer, is_yaml):
        self.count += 1
        if code != 201:
            self.refused += 1
            for cause in answer.get("details", {}).get("causes", []):
                field = re.sub(r"\[\d+\]", "[]", cause.get("field", ""))
                self.causes.add((field.removeprefix("<nil>"), cause["message"]))
        if code not in (201, 400, 422):
            self.differences.append(f"{name}: the API server answers {code}: {answer}")
        elif code != 201 and not problems:
            self.differences.append(f"{name}: only the API server refuses it: {answer['message'][:600]}")
        elif code == 201 and problems:
            for problem in problems:
                listed = enumerate(self.exceptions)
                matching = [i for i, (pattern, of_yaml) in listed if (is_yaml or not of_yaml) and pattern.fullmatch(problem)]
                self.used.update(matching)
                if not matching:
                    self.differences.append(f"{name}: only the worker refuses it: {problem}")

    def silent(self, rules):
        """The rules that refused nothing."""
        return sorted(rule for rule in rules if not any(field == rule[0] and text.endswith(rule[1]) for field, text in self.causes))

    def unused(self):
        return [pattern.pattern for i, (pattern, _) in enumerate(self.exceptions) if i not in self.used]


def setUpModule():
    global plane, crd, schema
    crd = load("crds/protocolgateways.yaml")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    plane = harness.ControlPlane(controllers=False).start()
    try:
        good(plane.admin.create("customresourcedefinitions", crd))
        eventually(lambda: conditions().get("Established") == "True", "the CRD")
        example = load("examples/quickstart.yaml")
        eventually(lambda: plane.admin.request("POST", CREATE, example)[0] == 201, "the new resource")
    except BaseException:
        plane.stop()
        raise


def tearDownModule():
    plane.stop()


def conditions():
    status = good(plane.admin.get("customresourcedefinitions", crd["metadata"]["name"])).get("status", {})
    return {condition["type"]: condition["status"] for condition in status.get("conditions") or []}


def examples():
    return sorted(os.path.relpath(path, ROOT) for path in glob.glob(f"{ROOT}/examples/*.yaml"))


def case(name, example, **changes):
    """A mutation written by hand: dotted paths below spec and their new values; None drops."""
    manifest = load(f"examples/{example}.yaml")
    for path, value in changes.items():
        manifest = put(manifest, f"spec.{path}".split("."), value)
    return Mutation(name, manifest)


def put(document, steps, value):
    """A copy with the value at the place, objects on the way made."""
    if not steps:
        return value
    if isinstance(document, list):
        return replaced(document, (int(steps[0]),), put(document[int(steps[0])], steps[1:], value))
    return {**document, steps[0]: put(document.get(steps[0], {}), steps[1:], value)}


def cases():
    """What single mutations do not reach: rules between fields, and what only the worker sees."""
    listener, route = "listeners.0", "routes.publish.0"
    yield case("topic with an empty default in an address", "artemis", **{f"{route}.match.topic": "{id}/{kind=}"})
    many = "/".join(f"{{v{i}}}" for i in range(33))
    yield case("33 variables", "artemis", **{f"{route}.match.topic": many})
    yield case("a long name of wide characters", "artemis", **{f"{route}.to.properties": {"é" * 200: "x"}})
    yield case("a large pod template", "cluster", **{"worker.podTemplate": {"metadata": {"annotations": {"a": "x" * 70000}}}})
    yield case("a long key in a pod template", "cluster", **{"worker.podTemplate": {"k" * 1001: 1}})
    yield case("a bare Plain login", "rabbitmq", **{"upstreams.0.sasl": {"mechanism": "Plain"}})
    yield case("variables for RabbitMQ", "rabbitmq", **{f"{route}.to.address": "q.{id}"})
    yield case("a literal brace for RabbitMQ", "rabbitmq", **{f"{route}.to.address": "q.{{id}}"})
    dead_letter = {"type": "DeadLetter", "deadLetter": {"address": "q.{id}"}}
    yield case("dead letters with variables for RabbitMQ", "rabbitmq", **{f"{route}.onRefused": dead_letter})
    yield case("dead letters to nowhere", "artemis", **{f"{route}.onRefused.deadLetter.address": ""})
    for endpoint in ("amqp://h", "amqp://127.0.0.2", "amqp://[::1]:1", "amqp://[0:0::1]", "amqp://[fd00::1]", "amqp://127.1", "amqp://localhost:1"):
        for example in ("artemis", "rabbitmq"):
            yield case(f"{endpoint} in {example}", example, **{"upstreams.0.endpoints": [endpoint]})
    brokers = [{"name": name, "type": "Embedded", "embedded": {"address": address}} for name, address in (("local", "127.0.0.1"), ("b", "::1"))]
    yield case("two brokers on two addresses", "quickstart", upstreams=brokers)
    yield case("two brokers on all addresses", "quickstart", upstreams=[brokers[0], {**brokers[1], "embedded": {"address": "0.0.0.0"}}])
    for address in ("127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "::1"):
        for port in (9090, 5672, 1883, 1884):
            yield case(f"{address}:{port} twice", "quickstart", **{f"{listener}.address": address, f"{listener}.port": port})
            two = [{"name": "a", "type": "MQTT", "port": 1883, "address": "127.0.0.1"}, {"name": "b", "type": "MQTT", "port": port, "address": address}]
            yield case(f"a second listener on {address}:{port}", "quickstart", listeners=two)
            yield case(f"the admin server on {address}:{port}", "quickstart", admin={"address": address, "port": port})
    yield case("the admin server on a listener's default address", "cluster", admin={"port": 8883})


class Verdict(harness.TestCase):
    def test_crd_is_structural_and_established(self):
        found = conditions()
        self.assertEqual(found.get("Established"), "True")
        self.assertNotIn("NonStructuralSchema", {kind for kind, status in found.items() if status == "True"})

    def test_rules_cost_less_than_half_of_what_they_may(self):
        """As the API server estimates them: it takes the CRD with twice the items and members."""

        def doubled(node):
            if isinstance(node, list):
                return [doubled(item) for item in node]
            if not isinstance(node, dict):
                return node
            bounds = ("maxItems", "maxProperties")
            return {key: 2 * value if key in bounds and isinstance(value, int) else doubled(value) for key, value in node.items()}

        name = crd["metadata"]["name"]
        stored = good(plane.admin.get("customresourcedefinitions", name))
        larger = {**doubled(crd), "metadata": {"name": name, "resourceVersion": stored["metadata"]["resourceVersion"]}}
        code, answer = plane.admin.replace("customresourcedefinitions", name, larger, dryRun="All")
        self.assertEqual(code, 200, answer.get("message"))

    def test_examples_reach_every_field(self):
        """What no example holds is not mutated in depth."""

        def places(node, place="spec"):
            yield place
            for name, child in node.get("properties", {}).items():
                yield from places(child, f"{place}.{name}")
            if "items" in node:
                yield from places(node["items"], place + "[]")

        spec = schema["properties"]["spec"]
        held = {place for path in examples() for _, place, _, _ in nodes(spec, load(path)["spec"], ("spec",), "spec")}
        self.assertEqual(sorted(set(places(spec)) - held), [])

    def test_both_say_the_same(self):
        verdicts = Verdicts(plane.admin, load("tests/cluster/verdict_exceptions.yaml"))
        mutator = Mutator(schema)
        mutations = [*cases(), *yaml_cases()]
        for path in examples():
            manifest = load(path)
            mutations.append(Mutation(path, manifest))
            mutations += mutator.mutations(manifest)
            mutations += mutator.pairs(manifest, PAIRS, SEED)
        mutations += (Mutation(f"metadata.name = {text[:80]!r}", put(load("examples/quickstart.yaml"), ["metadata", "name"], text)) for text in TEXTS)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda m: verdicts.ask(m.name, *body(m)), mutations))
        print(f"{verdicts.count} manifests, {verdicts.refused} refused, {len(verdicts.differences)} differences")
        self.assertEqual(verdicts.differences[:40], [], f"{len(verdicts.differences)} differences")
        self.assertEqual(verdicts.unused(), [], "exceptions that nothing needed")
        self.assertEqual(verdicts.silent(set(rules_of(schema))), [], "rules that refused nothing")


def body(mutation):
    """The text and its type."""
    if isinstance(mutation.manifest, str):
        return mutation.manifest.encode(), "application/yaml"
    return json.dumps(mutation.manifest, ensure_ascii=False).encode(), "application/json"


def yaml_cases():
    """The same scalar, written without quotes, to both."""
    marker = "PLACE-OF-TOKEN"
    for place, value in TOKEN_PLACES.items():
        manifest = put(load("examples/bench.yaml"), place.split("."), marker)
        text = yaml.safe_dump(manifest)
        assert text.count(marker) == 1
        for token in [*TOKENS, json.dumps(value)]:
            yield Mutation(f"{place}: {token}", text.replace(marker, token))
