"""A Kubernetes API client for tests: keep-alive HTTPS, one connection a thread. Answers are (code, object)."""

import copy
import http.client
import json
import socket
import ssl
import threading
import time
import urllib.parse

# What tests name by its plural alone. Anything else: "group/version/plural".
GROUPS = {
    "/api/v1": "namespaces nodes pods services configmaps secrets events serviceaccounts endpoints persistentvolumeclaims",
    "/apis/apps/v1": "deployments replicasets statefulsets",
    "/apis/autoscaling/v2": "horizontalpodautoscalers",
    "/apis/policy/v1": "poddisruptionbudgets",
    "/apis/networking.k8s.io/v1": "networkpolicies",
    "/apis/discovery.k8s.io/v1": "endpointslices",
    "/apis/coordination.k8s.io/v1": "leases",
    "/apis/events.k8s.io/v1": "events.events.k8s.io",
    "/apis/rbac.authorization.k8s.io/v1": "roles rolebindings clusterroles clusterrolebindings",
    "/apis/scheduling.k8s.io/v1": "priorityclasses",
    "/apis/apiextensions.k8s.io/v1": "customresourcedefinitions",
    "/apis/apiregistration.k8s.io/v1": "apiservices",
    "/apis/protocolgateway.dev/v1alpha1": "protocolgateways",
}
PREFIXES = {plural: prefix for prefix, plurals in GROUPS.items() for plural in plurals.split()}

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"  # JSON is YAML.


def path_of(resource, namespace=None, name=None, subresource=None, **query):
    """The path of a collection or an object; query parameters that are None are left out."""
    if resource in PREFIXES:
        prefix, plural = PREFIXES[resource], resource.split(".")[0]
    else:
        group, version, plural = resource.split("/")
        prefix = f"/apis/{group}/{version}"
    path = prefix + (f"/namespaces/{namespace}" if namespace else "") + f"/{plural}"
    path += "".join(f"/{part}" for part in (name, subresource) if part)
    words = {key: value for key, value in query.items() if value is not None}
    return path + ("?" + urllib.parse.urlencode(words) if words else "")


class ApiError(AssertionError):
    def __init__(self, what, code, answer):
        super().__init__(f"{what}: {code} {answer.get('message', answer) if isinstance(answer, dict) else answer}")
        self.code, self.answer = code, answer


def wait_until_gateways_may_own(client, user, seconds=40):
    """With OwnerReferencesPermissionEnforcement an API server refuses owner references to a new kind to whoever is not allowed
    everything, as `user`, until it has looked which kinds there are: every 30 s."""
    client = client.acting_as(user)
    owner = {"apiVersion": "protocolgateway.dev/v1alpha1", "kind": "ProtocolGateway", "name": "x", "uid": "x", "blockOwnerDeletion": True}
    body = {"metadata": {"name": "owned", "ownerReferences": [owner]}}
    end = time.monotonic() + seconds
    while client.create("configmaps", body, "default", dryRun="All")[0] == 403:
        assert time.monotonic() < end, f"ProtocolGateways may not own anything after {seconds} s"
        time.sleep(0.5)
    client.close()


def good(answer, what="the API server"):
    """The object of an answer; raises ApiError when its code is no success."""
    code, found = answer
    if not 200 <= code < 300:
        raise ApiError(what, code, found)
    return found


class Client:
    """Safe to use from several threads. No answer raises OSError or http.client.HTTPException."""

    def __init__(self, port, ca, certificate=None, token=None, timeout=30, agent="pgw-tests", host="127.0.0.1"):
        self.host, self.port, self.timeout = host, port, timeout
        self.headers = {"Accept": "application/json", "User-Agent": agent}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.context = ssl.create_default_context(cafile=ca)
        if certificate:
            self.context.load_cert_chain(*certificate)
        self.local = threading.local()
        self.open = set()  # Every thread's connection, so that close() finds them.

    def acting_as(self, user):
        """Another client that impersonates a user; the audit log keeps the two apart."""
        other = copy.copy(self)
        other.headers = {**self.headers, "Impersonate-User": user}
        other.local, other.open = threading.local(), set()
        return other

    def connect(self, timeout):
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def request(self, method, path, body=None, content_type="application/json"):
        """(code, JSON value or text). A body of bytes is sent as it is."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": content_type} if data is not None else self.headers
        while True:
            connection = getattr(self.local, "connection", None)
            reused = connection is not None
            try:
                if not reused:
                    connection = self.local.connection = self.connect(self.timeout)
                    self.open.add(connection)
                connection.request(method, path, body=data, headers=headers)
                answer = connection.getresponse()
                content = answer.read()
                break
            except (OSError, http.client.HTTPException):
                self._drop(connection)
                if not reused:  # An idle connection may have been closed; a new one says the truth.
                    raise
        if answer.will_close:
            self._drop(connection)
        if "json" in (answer.getheader("Content-Type") or ""):
            return answer.status, json.loads(content)
        return answer.status, content.decode(errors="replace")

    def get(self, resource, name, namespace=None, subresource=None):
        return self.request("GET", path_of(resource, namespace, name, subresource))

    def list(self, resource, namespace=None, labels=None, fields=None, **query):
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        return self.request("GET", path_of(resource, namespace, **selectors, **query))

    def items(self, resource, namespace=None, labels=None, fields=None):
        return good(self.list(resource, namespace, labels, fields), f"list {resource}")["items"]

    def create(self, resource, body, namespace=None, name=None, subresource=None, **query):
        return self.request("POST", path_of(resource, namespace, name, subresource, **query), body)

    def replace(self, resource, name, body, namespace=None, subresource=None, **query):
        return self.request("PUT", path_of(resource, namespace, name, subresource, **query), body)

    def apply(self, resource, name, body, namespace=None, subresource=None, manager="test", force=True, **query):
        query.update(fieldManager=manager, force=str(force).lower())
        return self.request("PATCH", path_of(resource, namespace, name, subresource, **query), body, APPLY)

    def patch(self, resource, name, body, namespace=None, subresource=None, kind=MERGE, **query):
        return self.request("PATCH", path_of(resource, namespace, name, subresource, **query), body, kind)

    def delete(self, resource, name, namespace=None, propagation="Background", grace=None, uid=None):
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        return self.request("DELETE", path_of(resource, namespace, name), options)

    def watch(self, resource, namespace=None, version=None, labels=None, fields=None, seconds=30):
        """Yields (type, object) until `seconds` are over or the server ends the stream; see also Watch."""
        with Watch(self, resource, namespace, version, labels, fields, seconds) as events:
            yield from events

    def _drop(self, connection):
        self.local.connection = None
        if connection is not None:
            connection.close()
            self.open.discard(connection)

    def close(self):
        """Of every thread; none may be in a request."""
        for connection in self.open:
            connection.close()
        self.open.clear()
        self.local = threading.local()


class Watch:
    """One watch request on a connection of its own. stop() from another thread ends the iteration."""

    def __init__(self, client, resource, namespace=None, version=None, labels=None, fields=None, seconds=30):
        query = {"labelSelector": labels, "fieldSelector": fields, "resourceVersion": version}
        path = path_of(resource, namespace, watch=1, allowWatchBookmarks="true", timeoutSeconds=int(seconds), **query)
        self.end = time.monotonic() + seconds
        self.stopped = False
        self.connection = client.connect(client.timeout)
        self.socket = self.connection.sock
        try:
            self.connection.request("GET", path, headers=client.headers)
            self.answer = self.connection.getresponse()
            if self.answer.status != 200:
                raise ApiError(f"watch {resource}", self.answer.status, json.loads(self.answer.read()))
        except BaseException:
            self.connection.close()
            raise
        self.socket.settimeout(seconds + 5)

    def __iter__(self):
        while not self.stopped and time.monotonic() < self.end:
            try:
                line = self.answer.readline()
            except (OSError, ValueError, http.client.HTTPException):
                if self.stopped:
                    return
                raise
            if not line:
                return
            event = json.loads(line)
            yield event["type"], event["object"]

    def stop(self):
        self.stopped = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.connection.close()
