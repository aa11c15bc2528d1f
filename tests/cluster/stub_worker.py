"""The stand-in of a worker in a pod: answers /status and /readyz on the pod's address, and does nothing else."""

import asyncio
import json
import threading

from tests.cluster import mounts

HEALTH_PORT = 8081
UPSTREAM = {"connections": 1, "connected": 1, "state": "Connected", "linksReady": True, "routed": True}


class StubServers:
    """Many small HTTP servers on one thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def listen(self, address, port, answer):
        """answer(path) → (code, text), called on the servers' thread. Gives what close() takes."""

        async def serve(reader, writer):
            try:
                while request := await reader.readuntil(b"\r\n\r\n"):
                    code, text = answer(request.split(b" ", 2)[1].decode())
                    body = text.encode()
                    kind = "application/json" if text.startswith("{") else "text/plain"
                    head = f"HTTP/1.1 {code} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
                    writer.write(head.encode() + body)
                    await writer.drain()
            except (asyncio.IncompleteReadError, OSError):
                pass
            finally:
                writer.close()

        async def start():
            # start_server does not listen on what is still in TIME_WAIT; reuse_address does.
            return await asyncio.start_server(serve, address, port, reuse_address=True, limit=65536)

        return self.run(start())

    def close(self, server):
        async def close():
            server.close()

        self.run(close())

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


class StubWorker:
    """Plays by the pod's behaviour. What it reports can be changed: `report` overrides fields of /status."""

    def __init__(self, pod, kubelet):
        self.pod, self.kubelet = pod, kubelet
        self.report = pod.report
        container = mounts.worker_container(pod.object)
        self.revision = mounts.argument(container, "--revision", "")
        self.config_path = mounts.argument(container, "--config")
        port = int(mounts.argument(container, "--health-port", HEALTH_PORT))
        self.terminated_at = None
        self.server = kubelet.servers.listen(pod.ip, port, self._answer)

    # --- what the kubelet asks ---------------------------------------------------------------------------------------

    def ready(self, now):
        """(is ready, when to ask again or None)"""
        if self.pod.forced_ready is not None:
            return self.pod.forced_ready, None
        after = self.pod.behaviour.ready_after
        if after is None or self.terminated_at is not None:
            return False, None
        due = self.pod.started_at + after
        return now >= due, due if now < due else None

    def terminate(self, now):
        self.terminated_at = now

    def ended(self, now):
        """(exit code or None while it runs, when to ask again or None)"""
        behaviour = self.pod.behaviour
        if self.terminated_at is None and behaviour.crash is not None:
            due = self.pod.started_at + behaviour.crash_after
            return (behaviour.crash, None) if now >= due else (None, due)
        if self.terminated_at is None or behaviour.drain is None:
            return None, None
        due = self.terminated_at + behaviour.drain
        return (0, None) if now >= due else (None, due)

    def config_changed(self):
        """Looked at when asked."""

    def stop(self):
        self.kubelet.servers.close(self.server)

    # --- HTTP --------------------------------------------------------------------------------------------------------

    def _answer(self, path):
        if path == "/status":
            return 200, json.dumps(self.status())
        if path == "/livez":
            return 200, "ok"
        if path == "/readyz":
            ready = self.ready(self.kubelet.now())[0]
            return (200, "ok") if ready else (503, "not ready")
        return 404, "not found"

    def status(self):
        config = self._config()
        return {
            "version": "stub",
            "stage": "Draining" if self.terminated_at is not None else "Ready",
            "revision": self.revision,
            "configHash": mounts.hash_of(config) if config is not None else "",
            "missing": [],
            "clients": 0,
            "connections": 0,
            "listeners": [],
            "upstreams": {name: dict(UPSTREAM) for name in self._upstreams(config)},
            **self.kubelet.report,
            **self.report,
        }

    def _config(self):
        """The mounted manifest, as old as the kubelet's `config_delay` lets it be."""
        if not self.config_path:
            return None
        container = mounts.worker_container(self.pod.object)
        return mounts.file_at(self.pod.object, container, self.config_path, self.kubelet.find_for(self.pod))

    def _upstreams(self, config):
        if config is None:
            return []
        if self.pod.upstreams_of is None or self.pod.upstreams_of[0] != config:
            try:
                document = json.loads(config)
            except ValueError:
                import yaml  # Slow, so only for manifests that are not JSON.

                document = yaml.safe_load(config)
            spec = document.get("spec", {}) if isinstance(document, dict) else {}
            self.pod.upstreams_of = (config, [upstream["name"] for upstream in spec.get("upstreams", [])])
        return self.pod.upstreams_of[1]
