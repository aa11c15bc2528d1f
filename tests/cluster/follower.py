"""List and watch of one collection for tests: a thread that survives every fault of the API server."""

import http.client
import threading

from tests.cluster.api import ApiError, Watch, good


class Follower:
    """Calls on_object(object) for what is there and what changes, on_gone(object) for what is deleted or no longer
    listed, one call at a time on a thread of its own. `synced` is set after the first list."""

    def __init__(self, client, resource, on_object, on_gone, fields=None):
        self.client, self.resource, self.fields = client, resource, fields
        self.on_object, self.on_gone = on_object, on_gone
        self.known = {}
        self.synced = threading.Event()
        self.stopped = threading.Event()
        self.watch = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopped.is_set():
            try:
                version = self._list()
                while not self.stopped.is_set():
                    version = self._watch(version)
            except (OSError, http.client.HTTPException, ApiError, ValueError):
                self.stopped.wait(0.2)

    def _list(self):
        found = good(self.client.list(self.resource, fields=self.fields), f"list {self.resource}")
        listed = {}
        kind = found["kind"].removesuffix("List")
        for item in found["items"]:
            listed[item["metadata"]["uid"]] = {"kind": kind, **item}
        for uid in self.known.keys() - listed.keys():
            self.on_gone(self.known[uid])
        self.known = listed
        for item in listed.values():
            self.on_object(item)
        self.synced.set()
        return found["metadata"]["resourceVersion"]

    def _watch(self, version):
        """The version to go on from."""
        with Watch(self.client, self.resource, version=version, fields=self.fields, seconds=300) as self.watch:
            for kind, item in self.watch:
                if self.stopped.is_set():
                    break
                if kind == "ERROR":
                    raise ValueError(item.get("message"))
                version = item["metadata"]["resourceVersion"]
                uid = item["metadata"].get("uid")
                if kind in ("ADDED", "MODIFIED"):
                    self.known[uid] = item
                    self.on_object(item)
                elif kind == "DELETED":
                    self.known.pop(uid, None)
                    self.on_gone(item)
        return version

    def stop(self):
        self.stopped.set()
        if self.watch:
            self.watch.stop()
        self.thread.join(10)
