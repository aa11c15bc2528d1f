"""A node without containers: pods that are bound to it become Running and Ready, get an address on loopback, and end as
kubelet would end them. One process may hold thousands of pods."""

import concurrent.futures
import dataclasses
import heapq
import http.client
import random
import resource as limits
import socket
import threading
import time
import traceback

from tests.cluster import mounts, pod_status
from tests.cluster.api import STRATEGIC, good
from tests.cluster.follower import Follower
from tests.cluster.stub_worker import StubServers, StubWorker

MAX_BACKOFF = 10
RETRY = 0.3


@dataclasses.dataclass(frozen=True)
class Behaviour:
    ready_after: float | None = 0.0  # Seconds after the start; None: never.
    drain: float | None = 0.0  # Seconds from the deletion to the end; None: as long as the grace period allows.
    crash: int | None = None  # Ends with this code …
    crash_after: float = 0.0  # … so many seconds after every start.
    waiting: str | None = None  # Does not start, for this reason, such as ImagePullBackOff.


class Pod:
    """A pod of the kubelet. Tests read `object` and `ip`, and change `report`."""

    def __init__(self, object_, ip):
        self.object, self.ip = object_, ip
        self.namespace, self.name = object_["metadata"]["namespace"], object_["metadata"]["name"]
        self.uid = object_["metadata"]["uid"]
        self.behaviour = Behaviour()
        self.report = {}  # Fields of the stub's /status that differ.
        self.forced_ready = None
        self.worker = None
        self.started_at = 0.0
        self.restart_at = 0.0
        self.restarts, self.last_code = 0, None
        self.kill_at = None
        self.sent = None
        self.gone = False
        self.upstreams_of = None
        self.lock = threading.Lock()

    @property
    def labels(self):
        return self.object["metadata"].get("labels", {})


class FakeKubelet:
    """`worker` makes what runs in a pod: StubWorker, or RealWorker for a gateway-worker process."""

    def __init__(self, plane, node="node-1", worker=StubWorker):
        self.client, self.node, self.make_worker = plane.admin, node, worker
        self.folder = plane.folder
        self.report = {}  # Fields of every stub's /status that differ.
        self.config_delay = 0.0  # How long a changed ConfigMap or Secret needs to reach the pods.
        self.rules = []
        self.by_uid = {}
        self.volumes = {}
        self.lock = threading.Lock()
        self.now = time.monotonic
        # A thousand pods are a thousand sockets.
        soft, hard = limits.getrlimit(limits.RLIMIT_NOFILE)
        limits.setrlimit(limits.RLIMIT_NOFILE, (min(hard, 65536) if soft < 65536 else soft, hard))
        self.addresses = _Addresses()
        self.servers = StubServers()
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.timers, self.wake = [], threading.Condition()
        self.stopped = False
        self.timer_thread = threading.Thread(target=self._run_timers, daemon=True)
        self.timer_thread.start()
        self._register()
        self.followers = [
            Follower(self.client, kind, self._on_volume, self._on_volume_gone) for kind in ("configmaps", "secrets")
        ]
        for follower in self.followers:
            assert follower.synced.wait(30)
        self.followers.append(Follower(self.client, "pods", self._on_pod, self._on_pod_gone, f"spec.nodeName={node}"))

    # --- for tests ---------------------------------------------------------------------------------------------------

    def pods(self, namespace=None, **labels):
        """The pods that the kubelet holds, by name. Labels with other characters: **{"app.kubernetes.io/name": "x"}."""
        with self.lock:
            found = list(self.by_uid.values())
        fits = [pod for pod in found if namespace in (None, pod.namespace) and labels.items() <= pod.labels.items()]
        return sorted(fits, key=lambda pod: pod.name)

    def behave(self, which=None, **behaviour):
        """Pods for which `which` holds behave so from now on; the latest rule that fits counts. `which` is a part of the
        first container's image, a function of the pod object, or None for every pod."""
        self.rules.append((which, Behaviour(**behaviour)))
        for pod in self.pods():
            pod.behaviour = self._behaviour(pod.object)
            self._later(0, pod)

    def set_ready(self, pod, ready):
        """True or False, whatever the behaviour says; None gives it back."""
        pod.forced_ready = ready
        self._later(0, pod)

    def set_node_ready(self, ready):
        condition = {"type": "Ready", "status": str(ready), "reason": "Test", "lastTransitionTime": pod_status.timestamp()}
        good(self.client.patch("nodes", self.node, {"status": {"conditions": [condition]}}, subresource="status", kind=STRATEGIC))

    def stop(self):
        self.stopped = True
        for follower in self.followers:
            follower.stop()
        with self.wake:
            self.wake.notify()
        self.timer_thread.join(10)
        self.pool.shutdown(wait=True, cancel_futures=True)
        for pod in self.pods():
            if pod.worker:
                pod.worker.stop()
        self.servers.stop()
        self.addresses.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # --- the node ----------------------------------------------------------------------------------------------------

    def _register(self):
        labels = {"kubernetes.io/hostname": self.node, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node, "labels": labels}}
        code, answer = self.client.create("nodes", node)
        assert code in (201, 409), answer
        plenty = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "4Ti", "pods": "10000"}
        addresses = [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": self.node}]
        status = {"capacity": plenty, "allocatable": plenty, "addresses": addresses, "nodeInfo": pod_status.NODE_INFO}
        good(self.client.patch("nodes", self.node, {"status": status}, subresource="status"))
        self.set_node_ready(True)
        # The API server taints a new node; the controller that would take the taint away is not running.
        good(self.client.patch("nodes", self.node, {"spec": {"taints": None}}))

    # --- what the API server tells -----------------------------------------------------------------------------------

    def _on_volume(self, object_):
        self._after(self.config_delay, lambda: self._set_volume(object_, object_))

    def _on_volume_gone(self, object_):
        self._after(self.config_delay, lambda: self._set_volume(object_, None))

    def _set_volume(self, object_, value):
        meta = object_["metadata"]
        key = (object_["kind"], meta["namespace"], meta["name"])
        with self.lock:
            if value is None:
                self.volumes.pop(key, None)
            else:
                self.volumes[key] = value
        for pod in self.pods(meta["namespace"]):
            if any(name == meta["name"] for volume in pod.object["spec"].get("volumes", []) for _, name, *_ in mounts.sources(volume)):
                self._later(0, pod)

    def find_for(self, pod):
        kinds = {"configmaps": "ConfigMap", "secrets": "Secret"}
        return lambda plural, name: self.volumes.get((kinds[plural], pod.namespace, name))

    def _on_pod(self, object_):
        uid = object_["metadata"]["uid"]
        with self.lock:
            pod = self.by_uid.get(uid)
            if pod is None:
                pod = self.by_uid[uid] = Pod(object_, self.addresses.next())
                pod.behaviour = self._behaviour(object_)
            pod.object = object_
        self._later(0, pod)

    def _on_pod_gone(self, object_):
        pod = self.by_uid.get(object_["metadata"]["uid"])
        if pod:
            pod.gone = True
            self._later(0, pod)

    def _behaviour(self, object_):
        image = object_["spec"]["containers"][0]["image"]
        for which, behaviour in reversed(self.rules):
            if which is None or (which in image if isinstance(which, str) else which(object_)):
                return behaviour
        return Behaviour()

    # --- timers ------------------------------------------------------------------------------------------------------

    def _after(self, seconds, function):
        with self.wake:
            heapq.heappush(self.timers, (self.now() + seconds, random.random(), function))
            self.wake.notify()

    def _later(self, seconds, pod):
        self._after(seconds, lambda: self._sync(pod))

    def _run_timers(self):
        while not self.stopped:
            with self.wake:
                wait = self.timers[0][0] - self.now() if self.timers else 60
                if wait > 0:
                    self.wake.wait(wait)
                    continue
                function = heapq.heappop(self.timers)[2]
            if not self.stopped:
                self.pool.submit(function)

    # --- one pod -----------------------------------------------------------------------------------------------------

    def _sync(self, pod):
        """Brings one pod from where it is to where it should be, as often as it is called."""
        with pod.lock:
            try:
                again = self._step(pod)
            except (OSError, http.client.HTTPException):
                again = self.now() + RETRY  # The API server is away.
            except Exception:
                traceback.print_exc()
                return
        if again is not None and not self.stopped:
            self._later(max(0.0, again - self.now()), pod)

    def _step(self, pod):
        """When to look again, or None."""
        now = self.now()
        if pod.gone:
            return self._forget(pod)
        deleted = "deletionTimestamp" in pod.object["metadata"]
        if pod.worker is None:
            return self._remove(pod) if deleted else self._start(pod, now)
        if deleted and pod.kill_at is None:
            pod.kill_at = now + pod.object["metadata"].get("deletionGracePeriodSeconds", 30)
            pod.worker.terminate(now)
        code, again = pod.worker.ended(now)
        if deleted:
            if code is not None or now >= pod.kill_at:
                return self._remove(pod)
            self._send(pod, pod_status.running(pod, ready=False))
            return min(again or pod.kill_at, pod.kill_at)
        if code is not None:
            return self._crashed(pod, code, now)
        pod.worker.config_changed()
        ready, ask = pod.worker.ready(now)
        self._send(pod, pod_status.running(pod, ready))
        return min((at for at in (again, ask) if at is not None), default=None)

    def _start(self, pod, now):
        if now < pod.restart_at:
            return pod.restart_at
        if pod.behaviour.waiting:
            self._send(pod, pod_status.waiting(pod, pod.behaviour.waiting))
            return None
        find = self.find_for(pod)
        missing = [what for volume in pod.object["spec"].get("volumes", []) for what in mounts.files_of(volume, find)[1]]
        if missing:
            self._send(pod, pod_status.waiting(pod, "ContainerCreating", "; ".join(missing)))
            return None
        pod.started_at = now
        pod.worker = self.make_worker(pod, self)
        return now

    def _crashed(self, pod, code, now):
        pod.worker.stop()
        pod.worker = None
        pod.restarts += 1
        pod.last_code = code
        pod.restart_at = now + min(2**pod.restarts, MAX_BACKOFF)
        self._send(pod, pod_status.waiting(pod, "CrashLoopBackOff", f"ended with {code}"))
        return pod.restart_at

    def _remove(self, pod):
        if pod.worker:
            pod.worker.stop()
            pod.worker = None
        code, answer = self.client.delete("pods", pod.name, pod.namespace, grace=0, uid=pod.uid)
        return None if code in (200, 404, 409) else self.now() + RETRY

    def _forget(self, pod):
        if pod.worker:
            pod.worker.stop()
            pod.worker = None
        with self.lock:
            self.by_uid.pop(pod.uid, None)

    def _send(self, pod, status):
        """Writes the status when it differs from what was written last."""
        if status == pod.sent:
            return
        patch = {"metadata": {"uid": pod.uid}, "status": pod_status.with_times(pod, status)}
        code, answer = self.client.patch("pods", pod.name, patch, pod.namespace, "status", STRATEGIC)
        if code == 200:
            pod.sent = status
        elif code not in (404, 409):
            raise OSError(f"status of {pod.name}: {code} {answer}")


class _Addresses:
    """127.x.y.z one after the other. A socket on the block's last address keeps other processes out of it."""

    PORT = 48127

    def __init__(self):
        for block in random.sample(range(16, 250), 200):
            self.guard = socket.socket()
            try:
                self.guard.bind((f"127.{block}.255.254", self.PORT))
                break
            except OSError:
                self.guard.close()
        else:
            raise AssertionError("no block of loopback addresses is free")
        self.block, self.count = block, 0

    def next(self):
        self.count = self.count % 60000 + 1
        return f"127.{self.block}.{self.count // 250}.{self.count % 250 + 1}"

    def close(self):
        self.guard.close()
