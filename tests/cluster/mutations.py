"""Mutations of a manifest, derived from the CRD's schema: every node dropped, of the wrong type, at and beyond its bounds."""

import copy
import json
import random
import re

# Text that one recogniser may take and another not. Each goes once into every place that takes text.
TEXTS = [
    *("", " ", "a", "A", "a-b", "-a", "a-", "a.b", "a..b", ".a", "a.", ".", "..", "..a", ".a.b", "a_b", "_a", "a b", "a\n", "é", "\u0000", "日本"),
    *("a" * 40, "a" * 41, "a" * 63, "a" * 64, "a" * 253, "a" * 254, "a." * 126 + "a", "a/b", "a/b/c", "/a", "a/", "A.b/c", "a.b/C_d"),
    *("x" * 253 + "/n", "x" * 254 + "/n", "n/" + "x" * 63, "n/" + "x" * 64, "a" * 512, "a" * 513, "a:b", "a@b", "a+", "reg:5000/a/b:1@sha256:ff"),
    *("0.0.0.0", "127.0.0.1", "127.1", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "::", "::1", "::ffff:1.2.3.4", "::1.2.3.4", "fe80::1%eth0", "1::2::3"),
    *("0:0:0:0:0:0:0:1", "fd00::00001", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "::2:3:4:5:6:7:8", "1::2:3:4:5:6:7:8", "[::1]", "localhost", "LOCALHOST"),
    *("10.0.0.0/8", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0/-1", "/8", "fd00::/8", "fd00::/129", "::ffff:10.0.0.0/100", "::/0"),
    *("amqp://h", "amqps://h", "amqp://h:1", "amqp://h:0", "amqp://h:65535", "amqp://h:65536", "amqp://h:05672", "amqp://h:", "amqp://", "amqp:/h"),
    *("amqp://u:p@h:1", "AMQP://h", "http://h", "amqp://h:1/v", "amqp://[::1]:1", "amqps://[::1]", "amqp://[1.2.3.4]", "amqp://[::1", "amqp://[]:1"),
    *("amqp://127.0.0.1:1", "amqp://127.9.9.9", "amqp://127.0.0.999", "amqp://[0:0::1]", "amqp://[::2]", "amqp://[::ffff:127.0.0.1]", "amqp://localhost"),
    *("amqp://" + "a." * 126 + "a", "amqp://" + "a." * 126 + "ab", "amqps://" + "a." * 126 + "a:65535", "amqp://" + "a" * 64, "amqp://-h", "amqp://a_b"),
    *("{a}", "{{a}}", "{{{a}}}", "{{{{a}", "{a", "a}", "a}}", "{a}}", "{}", "{1}", "{a b}", "{*a}", "x/{*a}", "{*a}/x", "x{*a}", "{a}{b}", "{a}-{b}"),
    *("{a}/{a}", "{a=}", "{a=b}", "x/{a=b}/{c=d}", "x/{a=b}/y", "{a=b/c}", "{a=+}", "{a={b}", "{a=b}}}", "+/a", "#", "a/#", "/", "//", "{clientId}"),
    *("{topic=x}", "{*identity}", "{{clientId}}", "{{{clientId}}}", "{" + "n" * 64 + "}", "{" + "n" * 65 + "}", "x" * 1024, "x" * 1025, "x" * 4096, "x" * 4097, "{id}", "{kind}"),
    *("0s", "1ms", "0ms", "1s", "999ms", "1000ms", "1500ms", "1h", "1h1ms", "60m", "3600s", "3601s", "1m30s", "30s1m", "1s1s", "1.5s", "5", "-1s", "1d"),
    *("24h", "24h1s", "1us", "1H", "1 s", "s", "0000000000000000000000000000001s", "00000000000000000000000000000001s", "99999999999999999999h"),
    *("0", "1", "64", "64Ki", "64k", "1Ki1", "1.5Ki", "1Kib", "-1Ki", "+1", "1K", "1m", "0x10", "010", "1e3", "1E3", "1e-2", "1e100", "1n", ".5", "5.", "."),
    *("9223372036854775807", "9223372036854775808", "18446744073709551616", "16Ti", "1P", "1Ei", "99999999999999999Ti", "0" * 31 + "1", "0" * 32 + "1"),
    *("true", "null", "yes", "None", "none", "Off", "mqtt-a", "x-opt-a", "a-mqtt-"),
]
WRONG = [None, True, 1, -1, 1.5, "text", [], {}, ["text"], {"key": "text"}]


class Mutation:
    def __init__(self, name, manifest):
        self.name, self.manifest = name, manifest


def quantity(text):
    found = re.fullmatch(r"(\d+)([kMGT]i?|Ki)?", text)
    unit = found[2] or ""
    return int(found[1]) * (1024 if unit.endswith("i") else 1000) ** ("kMGT".find(unit[:1].replace("K", "k")) + 1 if unit else 0)


def milliseconds(text):
    units = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|h|m|s)", text))


def bounds(schema):
    """What a rule `is not in A..B` says, as numbers just inside and outside, in the value's own form."""
    for rule in schema.get("x-kubernetes-validations", []):
        found = re.fullmatch(r"is not in (\w+)\.\.(\w+)", rule["message"])
        if found:
            timed = schema.get("type") == "string"
            low, high = (milliseconds if timed else quantity)(found[1]), (milliseconds if timed else quantity)(found[2])
            step = 1000 if "whole number of seconds" in json.dumps(schema) else 1
            numbers = [low, high, high + 1, high + step, low + step, *([low - 1, low - step] if low >= step else [])]
            return [f"{number}ms" for number in numbers] if timed else [*numbers, *map(str, numbers)]
    return []


def sample(schema):
    """Some value of the schema, with what is required."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "size")
    if kind == "object":
        return {name: sample(schema["properties"][name]) for name in schema.get("required", [])}
    if kind == "array":
        return [sample(schema["items"])]
    return {"integer": schema.get("minimum", 1), "boolean": True, "string": "a1", "size": 1}[kind]


def alternatives(schema, value):
    """(what, other value) for one node, without its children."""
    for wrong in WRONG:
        yield f"= {json.dumps(wrong)}", wrong
    for name in schema.get("enum", []):
        yield f"= {name}", name
        yield f"= {name.lower()}", name.lower()
    kind = schema.get("type", "size")
    if kind == "integer":
        for number in (schema["minimum"], schema["maximum"], schema["minimum"] - 1, schema["maximum"] + 1, 2**63, 10**30):
            yield f"= {number}", number
        yield "as text", str(value)
    for number in bounds(schema):
        yield f"= {number!r}", number
    if "maxLength" in schema and kind == "string":
        for length in (schema["maxLength"], schema["maxLength"] + 1):
            yield f"of {length} characters", "a" * length
            yield f"of {length} wide characters", "é" * length
    if kind == "array" and value:
        yield "emptied", []
        yield "doubled", value + value
        yield "reversed", value[::-1]
        for length in (schema["maxItems"], schema["maxItems"] + 1):
            yield f"of {length} items", [named(value[0], i) for i in range(length)]
    if "additionalProperties" in schema:
        known = next(iter(value.values()), "1") if isinstance(value, dict) else "1"
        for length in (schema["maxProperties"], schema["maxProperties"] + 1):
            yield f"of {length} members", {f"k{i}": known for i in range(length)}
        yield "with a key of '-'", {"-": known}


def named(item, i):
    return {**item, "name": f"n{i}", **({"port": 10000 + i} if "port" in item else {})} if isinstance(item, dict) and "name" in item else item


def replaced(document, path, value):
    """A copy whose node at path is value."""
    if not path:
        return value
    result = copy.copy(document)
    result[path[0]] = replaced(document[path[0]], path[1:], value)
    return result


def dropped(document, path):
    parent = at(document, path[:-1])
    rest = [item for i, item in enumerate(parent) if i != path[-1]] if isinstance(parent, list) else {k: v for k, v in parent.items() if k != path[-1]}
    return replaced(document, path[:-1], rest)


def at(document, path):
    for step in path:
        document = document[step]
    return document


def nodes(schema, value, path=(), place=""):
    """(path, place in the schema, schema, value) of every node that is there."""
    yield path, place, schema, value
    if isinstance(value, dict):
        for key, child in value.items():
            child_schema = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
            if child_schema:
                name = key if key in schema.get("properties", {}) else "*"
                yield from nodes(child_schema, child, (*path, key), f"{place}.{name}".strip("."))
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from nodes(schema["items"], child, (*path, i), f"{place}[]")


def text_of(path):
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def kind_of(schema):
    """The same for all nodes that take the same texts, bounds aside."""
    rules = [rule for rule in schema.get("x-kubernetes-validations", []) if not rule["message"].startswith("is not in ")]
    return json.dumps([{**schema, "description": "", "x-kubernetes-validations": rules}])


class Mutator:
    """Tries each alternative of a place once, whatever the number of examples; the long list of texts once for each
    kind of text. What other fields depend on (types, whether something is there) is tried in each example."""

    def __init__(self, schema):
        self.schema = schema
        self.tried = set()

    def first(self, *key):
        fresh = key not in self.tried
        self.tried.add(key)
        return fresh

    def mutations(self, manifest):
        for path, place, schema, value in nodes(self.schema["properties"]["spec"], manifest["spec"], ("spec",), "spec"):
            where = text_of(path)

            def made(what, other):
                return Mutation(f"{where} {what}", replaced(manifest, path, other))

            yield Mutation(f"{where} dropped", dropped(manifest, path))
            for what, other in alternatives(schema, value):
                if self.first(place, what) or other in schema.get("enum", []):
                    yield made(what, other)
            if schema.get("type") == "object":
                yield from self.members(made, place, schema, value)
            kind = kind_of(schema)
            if schema.get("type", "size") in ("string", "size") and "enum" not in schema and self.first(kind):
                for text in TEXTS:
                    yield made(f"= {text[:80]!r}", text)
            if "additionalProperties" in schema and self.first(kind):
                known = next(iter(value.values()), "1")
                for text in TEXTS:
                    yield made(f"with key {text[:80]!r}", {text: known})

    def members(self, made, place, schema, value):
        """Unknown members, and known ones that are not there."""
        if "properties" in schema and self.first(place, "unknown"):
            yield made("with an unknown member", {**value, "nonsense": 1})
        for name, child in schema.get("properties", {}).items():
            if name in value:
                if self.first(place, name.upper()):
                    yield made(f"with {name} in upper case", {**value, name.upper(): value[name]})
                continue
            yield made(f"with {name}", {**value, name: sample(child)})
            for what, other in alternatives(child, sample(child)):
                if self.first(f"{place}.{name}", what) or other in child.get("enum", []):
                    yield made(f"with {name} {what}", {**value, name: other})

    def pairs(self, manifest, count, seed):
        """Two mutations at a time, where the rules between fields are."""
        chosen = random.Random(seed)
        everything = [m for m in Mutator(self.schema).mutations(manifest) if "= " in m.name or "dropped" in m.name]
        for _ in range(count):
            first, second = chosen.sample(everything, 2)
            merged = merge(manifest, first.manifest, second.manifest)
            yield Mutation(f"{first.name} and {second.name}", merged)


def merge(base, one, other):
    """Both changes of base; where they meet, the first."""
    if one == base:
        return other
    if other == base or not (isinstance(base, dict) and isinstance(one, dict) and isinstance(other, dict)):
        return one
    keys = dict.fromkeys([*one, *other])
    absent = object()
    merged = {key: merge(base.get(key, absent), one.get(key, absent), other.get(key, absent)) for key in keys}
    return {key: value for key, value in merged.items() if value is not absent}
