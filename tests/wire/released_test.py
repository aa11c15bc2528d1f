"""What was written for a released version keeps its meaning: each manifest of tests/fixtures/VERSION, field by field, and its CRD.

What must differ stands in tests/fixtures/VERSION/exceptions.yaml, each with the words by which CHANGELOG.md tells users of it.
"""

import os
import subprocess

import yaml

from tests.wire import harness

FIXTURES = os.path.join(harness.ROOT, "tests", "fixtures")
VERSIONS = sorted(name for name in os.listdir(FIXTURES) if os.path.exists(os.path.join(FIXTURES, name, "commit")))
# Of a schema: a later one may allow more, never less.
GROWS = ("maximum", "maxLength", "maxItems", "maxProperties")
SHRINKS = ("minimum", "minLength", "minItems", "minProperties")


def read(*path):
    with open(os.path.join(FIXTURES, *path)) as file:
        return file.read()


def differences(old, new, path=""):
    """(path, old, new) of every value that is another one or gone. What was added is none; items of lists count as one path."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            yield from differences(value, new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for before, after in zip(old, new):
            yield from differences(before, after, f"{path}[]")
    elif old != new:
        yield path, old, new


def narrowed(old, new, path="spec"):
    """(path, what) of everything that a schema no longer takes."""
    if new is None:
        yield path, "is gone"
        return
    for key in ("type", "format", "default", "pattern"):
        if key in old and old[key] != new.get(key):
            yield path, f"{key} {old[key]} became {new.get(key)}"
    for key in GROWS + SHRINKS:
        if key not in new:
            continue
        worse = key not in old or (new[key] < old[key] if key in GROWS else new[key] > old[key])
        if worse:
            yield path, f"{key} {old.get(key)} became {new[key]}"
    if "enum" in new and not set(new["enum"]) >= set(old.get("enum", ["anything"])):
        yield path, f"enum {old.get('enum')} became {new['enum']}"
    for name in set(new.get("required", [])) - set(old.get("required", [])):
        yield path, f"{name} is required"
    for name, schema in old.get("properties", {}).items():
        yield from narrowed(schema, new.get("properties", {}).get(name), f"{path}.{name}")
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(old.get(key), dict):
            yield from narrowed(old[key], new.get(key), path + suffix)


def spec_schema(crd):
    return yaml.safe_load(crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


class Released(harness.TestCase):
    def exceptions(self, version, kind):
        """{path: the words in CHANGELOG.md} of what may differ."""
        path = os.path.join(FIXTURES, version, "exceptions.yaml")
        return (yaml.safe_load(read(path)) or {}).get(kind) or {} if os.path.exists(path) else {}

    def run_worker(self, path, word):
        command = [harness.WORKER, "--config", path, word]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=harness.TIMEOUT)

    def each(self):
        for version in VERSIONS:
            for name in sorted(os.listdir(os.path.join(FIXTURES, version, "examples"))):
                yield version, name

    def test_every_manifest_is_valid_still(self):
        for version, name in self.each():
            with self.subTest(f"{version} {name}"):
                done = self.run_worker(os.path.join(FIXTURES, version, "examples", name), "--check")
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_manifest_means_the_same(self):
        for version, name in self.each():
            with self.subTest(f"{version} {name}"):
                done = self.run_worker(os.path.join(FIXTURES, version, "examples", name), "--print-config")
                self.assertEqual(done.returncode, 0, done.stderr)
                excused = self.exceptions(version, "effective")
                found = differences(yaml.safe_load(read(version, "effective", name)), yaml.safe_load(done.stdout))
                self.assertEqual([row for row in found if row[0] not in excused], [])

    def test_the_crd_takes_what_it_took(self):
        with open(os.path.join(harness.ROOT, "crds", "protocolgateways.yaml")) as file:
            present = file.read()
        for version in VERSIONS:
            with self.subTest(version):
                excused = self.exceptions(version, "crd")
                found = narrowed(spec_schema(read(version, "protocolgateways.yaml")), spec_schema(present))
                self.assertEqual([row for row in found if row[0] not in excused], [])

    def test_every_exception_is_told_to_users(self):
        with open(os.path.join(harness.ROOT, "CHANGELOG.md")) as file:
            changelog = " ".join(file.read().split())
        for version in VERSIONS:
            for kind in ("effective", "crd"):
                for path, words in self.exceptions(version, kind).items():
                    self.assertIn(words, changelog, path)

    def test_the_comparison_sees_what_changed(self):
        rows = {
            "a value": ({"a": 1}, {"a": 2}, ["a"]),
            "a field that is gone": ({"a": {"b": 1}}, {"a": {}}, ["a.b"]),
            "a new field": ({"a": {}}, {"a": {"b": 1}, "c": 2}, []),
            "an item": ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1, "c": 3}, {"b": 3}]}, ["a[].b"]),
            "one item more": ({"a": [1]}, {"a": [1, 2]}, ["a"]),
        }
        for name, (old, new, paths) in rows.items():
            with self.subTest(name):
                self.assertEqual([path for path, *_ in differences(old, new)], paths)

    def test_the_schemas_comparison_sees_what_is_no_longer_taken(self):
        old = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "maxLength": 5, "enum": ["X"]}}}

        def with_a(**fields):
            return {**old, "properties": {"a": {**old["properties"]["a"], **fields}}}

        for name, new in {
            "a field that is gone": {**old, "properties": {}},
            "another type": with_a(type="integer"),
            "a lower bound": with_a(maxLength=4),
            "a new bound": with_a(minLength=1),
            "a value fewer": with_a(enum=["Y"]),
            "a new duty": {**old, "required": ["a", "b"]},
        }.items():
            with self.subTest(name):
                self.assertEqual(len(list(narrowed(old, new))), 1)
        self.assertEqual(list(narrowed(old, {**with_a(maxLength=6, enum=["X", "Y"]), "required": []})), [])
