"""Which files a pod's containers see: the ConfigMaps and Secrets behind their volume mounts."""

import base64
import ctypes
import posixpath

_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH64.restype = ctypes.c_uint64
_xxhash.XXH64.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]


def hash_of(data):
    """XXH64 of bytes, as a worker reports it."""
    return f"{_xxhash.XXH64(data, len(data), 0):016x}"


def worker_container(pod):
    containers = pod["spec"]["containers"]
    return next((container for container in containers if container["name"] == "worker"), containers[0])


def argument(container, name, default=None):
    """The value of `--name value` or `--name=value` among a container's command and args."""
    words = [*container.get("command", []), *container.get("args", [])]
    for position, word in enumerate(words):
        if word == name and position + 1 < len(words):
            return words[position + 1]
        if word.startswith(name + "="):
            return word[len(name) + 1 :]
    return default


def sources(volume):
    """(plural, name, key → file name or None for all keys, optional) of what a volume shows."""
    found = []
    for part in [volume, *volume.get("projected", {}).get("sources", [])]:
        for member, plural in (("configMap", "configmaps"), ("secret", "secrets")):
            if member in part:
                source = part[member]
                name = source.get("secretName") or source.get("name")
                items = {item["key"]: item["path"] for item in source["items"]} if source.get("items") else None
                found.append((plural, name, items, source.get("optional", False)))
    return found


def data_of(object_):
    """Key → bytes of a ConfigMap or Secret."""
    if object_.get("kind") == "Secret":
        return {key: base64.b64decode(value) for key, value in object_.get("data", {}).items()}
    data = {key: value.encode() for key, value in object_.get("data", {}).items()}
    return data | {key: base64.b64decode(value) for key, value in object_.get("binaryData", {}).items()}


def files_of(volume, find):
    """(file name → bytes, missing): what stands in a volume now. find(plural, name) gives the object or None; `missing`
    names what the pod cannot start without."""
    files, missing = {}, []
    for plural, name, items, optional in sources(volume):
        object_ = find(plural, name)
        if object_ is None:
            missing += [] if optional else [f"{plural} {name!r} not found"]
            continue
        data = data_of(object_)
        for key, path in (items or {key: key for key in data}).items():
            if key in data:
                files[path] = data[key]
            elif not optional:
                missing.append(f"{plural} {name!r} has no key {key!r}")
    return files, missing


def file_at(pod, container, path, find):
    """The bytes of a file that a container sees at an absolute path, or None."""
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        inside = posixpath.relpath(path, mount["mountPath"])
        if not inside.startswith(".."):
            return files_of(volumes.get(mount["name"], {}), find)[0].get(inside)
    return None
