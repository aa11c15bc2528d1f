"""JSON Schemas for kubeconform, from the OpenAPI document of a real API server and from CRDs; strict: no unknown field passes.

As a program it prints the folder of the server's schemas, which it makes once: python3 -m tests.cluster.schemas
"""

import json
import os
import tempfile

import yaml

from tests.cluster.control_plane import ControlPlane, binaries

QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
REFERENCE = "#/definitions/"


def file_name(group, version, kind):
    """As kubeconform's template {{.ResourceKind}}{{.KindSuffix}}.json asks for it: only the first word of the group."""
    return "-".join(part for part in (kind, group.split(".")[0], version) if part).lower() + ".json"


def strict(node):
    """A copy in which objects take no unknown fields, and int-or-string takes both."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "int-or-string" or node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made = {}
    for key, value in node.items():
        if key == "properties":
            made[key] = {name: strict(child) for name, child in value.items()}
        elif not key.startswith("x-kubernetes-") and key not in ("description", "default", "format", "nullable"):
            made[key] = strict(value)
    open_ended = "additionalProperties" in node or node.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in node and not open_ended:
        made["additionalProperties"] = False
    return made


def references(node):
    if isinstance(node, list):
        return {name for item in node for name in references(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].removeprefix(REFERENCE)} if isinstance(node.get("$ref"), str) else set()
    return own | {name for value in node.values() for name in references(value)}


def closure(definitions, name):
    found, todo = {}, [name]
    while todo:
        at = todo.pop()
        if at not in found:
            found[at] = definitions[at]
            todo += references(definitions[at])
    return found


def write_server_schemas(document, folder):
    definitions = {name: strict(value) for name, value in document["definitions"].items()}
    definitions[QUANTITY] = {"type": ["string", "number"]}
    for name, value in document["definitions"].items():
        for kind in value.get("x-kubernetes-group-version-kind", []):
            schema = {"$ref": REFERENCE + name, "definitions": closure(definitions, name)}
            with open(os.path.join(folder, file_name(**kind)), "w") as file:
                json.dump(schema, file)


def write_crd_schemas(crd, folder):
    """Of every version of a CustomResourceDefinition."""
    spec = crd["spec"]
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema.setdefault("properties", {})["metadata"] = {"type": "object"}
        with open(os.path.join(folder, file_name(spec["group"], version["name"], spec["names"]["kind"])), "w") as file:
            json.dump(schema, file)


def server_schemas():
    """The folder of the schemas of the API server that tests/cluster/binaries builds."""
    folder = os.path.join(binaries(), "schemas")
    if not os.path.isdir(folder):
        with ControlPlane(controllers=False) as plane:
            code, document = plane.admin.request("GET", "/openapi/v2")
        assert code == 200, code
        made = tempfile.mkdtemp(prefix=".schemas-", dir=os.path.dirname(folder))
        write_server_schemas(document, made)
        try:
            os.rename(made, folder)
        except OSError:
            pass  # Somebody else was first.
    return folder


def load_all(path):
    with open(path) as file:
        return [document for document in yaml.safe_load_all(file) if document]


if __name__ == "__main__":
    print(server_schemas())
