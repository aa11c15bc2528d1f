"""What the source checks share: the repository's C++ files, their includes, and a cache of passed checks."""

import hashlib
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GENERATED = {"version.hpp"}  # Written by CMake from cmake/version.hpp.in.
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def files(*suffixes):
    """Files of the repository that end so, as paths from its root; also those not committed yet."""
    words = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(words, capture_output=True, check=True).stdout.decode().split("\0")
    return sorted(name for name in set(names) if name.endswith(suffixes) and os.path.exists(os.path.join(ROOT, name)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def includes(text):
    """(quoted, target) of every include directive."""
    return [(mark == '"', target) for mark, target in INCLUDE.findall(text)]


def closure(path, seen=None):
    """The repository's files that a file includes, itself among them."""
    seen = set() if seen is None else seen
    if path in seen or not os.path.exists(os.path.join(ROOT, path)):
        return seen
    seen.add(path)
    for quoted, target in includes(read(path)):
        if quoted:
            closure(target, seen)
    return seen


def digest(path, *context):
    """Names the content of a file and all it includes, together with the context (tool version, options)."""
    state = hashlib.sha256()
    for part in context:
        state.update(str(part).encode() + b"\0")
    for name in sorted(closure(path)):
        state.update(name.encode() + b"\0" + read(name).encode() + b"\0")
    return state.hexdigest()


class Passed:
    """Remembers by digest what passed a check, so that a repeat costs nothing."""

    def __init__(self, check):
        cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
        self.folder = os.path.join(cache, "protocol-gateway", check)
        os.makedirs(self.folder, exist_ok=True)

    def __contains__(self, key):
        path = os.path.join(self.folder, key)
        if not os.path.exists(path):
            return False
        os.utime(path)  # So that old entries can be told from used ones.
        return True

    def add(self, key):
        open(os.path.join(self.folder, key), "w").close()
