"""The API server's audit log: who did what, and what was answered."""

import json
import os


class AuditLog:
    def __init__(self, path):
        self.path = path

    def mark(self):
        """A place to read on from: what came before is not in entries(mark)."""
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    def entries(self, since=0, **wanted):
        """Each request once, as {verb, user, agent, group, resource, subresource, namespace, name, code, message, stage, path, id},
        in the order of the log. Requests stand there when they are answered, watches when they begin.
        `wanted` keeps what has these values, such as user="…", verb="patch"; a tuple means one of."""
        found = {}
        if os.path.exists(self.path):
            with open(self.path, "rb") as file:
                file.seek(since)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # Half written.
                    entry = self._flat(json.loads(line))
                    found[entry["id"]] = entry

        def keeps(entry):
            return all(entry[key] in value if isinstance(value, tuple) else entry[key] == value for key, value in wanted.items())

        return [entry for entry in found.values() if keeps(entry)]

    def writes(self, since=0, **wanted):
        """Entries that may have changed something."""
        reads = ("get", "list", "watch")
        return [entry for entry in self.entries(since, **wanted) if entry["verb"] not in reads]

    @staticmethod
    def _flat(event):
        about = event.get("objectRef", {})
        return {
            "verb": event["verb"],
            "user": event["user"].get("username", ""),
            "agent": event.get("userAgent", ""),
            "group": about.get("apiGroup", ""),
            "resource": about.get("resource", ""),
            "subresource": about.get("subresource", ""),
            "namespace": about.get("namespace", ""),
            "name": about.get("name", ""),
            "code": event.get("responseStatus", {}).get("code", 0),
            "message": event.get("responseStatus", {}).get("message", ""),
            "stage": event["stage"],
            "path": event["requestURI"],
            "id": event["auditID"],
        }
