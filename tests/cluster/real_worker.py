"""A gateway-worker process in the place of a pod's container, on the pod's loopback address."""

import os
import posixpath
import re
import shutil
import signal
import urllib.error
import urllib.request

from tests.cluster import mounts
from tests.cluster.processes import Process
from tests.wire.harness import BIN

PROBE, POLL = 1.0, 0.1


class RealWorker:
    """Runs the arguments of the pod's container `worker`, with two changes: paths lie below a folder of the pod, and
    --bind-any becomes --bind with the pod's address, so that pods do not meet. Other containers do not run."""

    def __init__(self, pod, kubelet):
        self.pod, self.kubelet = pod, kubelet
        self.container = mounts.worker_container(pod.object)
        self.root = os.path.join(kubelet.folder, "pods", pod.uid)
        self.versions = {}
        self.next_probe, self.is_ready = 0.0, False
        self.config_changed()
        log = os.path.join(kubelet.folder, "pods", f"{pod.name}.log")
        self.process = Process(pod.name, self.command(), log).start()

    def command(self):
        words = [*self.container.get("command", []), *self.container.get("args", [])]
        if words and posixpath.basename(words[0]) == "gateway-worker":
            words = words[1:]
        words = [self._expand(word) for word in words]
        command = [os.path.join(BIN, "gateway-worker")]
        for word in words:
            name, equals, value = word.partition("=")
            if word == "--bind-any":
                command += ["--bind", self.pod.ip]
            elif equals and name.startswith("--"):
                command += [name, self._below_root(value)]
            else:
                command.append(self._below_root(word))
        return command

    def _expand(self, word):
        """$(NAME) of the container's environment, as kubelet does."""
        fields = {"metadata.name": self.pod.name, "metadata.namespace": self.pod.namespace}
        fields |= {"metadata.uid": self.pod.uid, "status.podIP": self.pod.ip}
        values = {}
        for variable in self.container.get("env", []):
            field = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            values[variable["name"]] = fields.get(field, "") if field else variable.get("value", "")
        return re.sub(r"\$\(([A-Za-z0-9_]+)\)", lambda found: values.get(found[1], found[0]), word)

    def _below_root(self, word):
        for mount in self.container.get("volumeMounts", []):
            path = mount["mountPath"]
            if word == path or word.startswith(path + "/") or path.startswith(word + "/") and word.startswith("/"):
                return self.root + word
        return word

    # --- what the kubelet asks ---------------------------------------------------------------------------------------

    def ready(self, now):
        if self.pod.forced_ready is not None:
            return self.pod.forced_ready, None
        if now >= self.next_probe:
            self.next_probe = now + (PROBE if self.is_ready else POLL)
            self.is_ready = self._probe()
        return self.is_ready, self.next_probe

    def _probe(self):
        probe = self.container.get("readinessProbe", {}).get("httpGet", {"path": "/readyz", "port": "health"})
        port = probe["port"]
        if isinstance(port, str):
            ports = {port["name"]: port["containerPort"] for port in self.container.get("ports", []) if "name" in port}
            port = ports.get(port) or mounts.argument(self.container, "--health-port")
        try:
            with urllib.request.urlopen(f"http://{self.pod.ip}:{port}{probe['path']}", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def terminate(self, now):
        self.process.signal(signal.SIGTERM)

    def ended(self, now):
        code = None if self.process.alive() else self.process.process.returncode
        return code, None if code is not None else now + POLL

    def config_changed(self):
        """Brings the mounted files up to date, each volume in one step, as kubelet does."""
        volumes = {volume["name"]: volume for volume in self.pod.object["spec"].get("volumes", [])}
        for mount in self.container.get("volumeMounts", []):
            files, _ = mounts.files_of(volumes.get(mount["name"], {}), self.kubelet.find_for(self.pod))
            if self.versions.get(mount["mountPath"], (None,))[0] != files:
                self._show(mount["mountPath"], files)

    def _show(self, path, files):
        folder = self.root + path
        old, number = self.versions.get(path, (None, 0))
        fresh = f"..{number + 1}"
        os.makedirs(os.path.join(folder, fresh))
        for name, data in files.items():
            target = os.path.join(folder, fresh, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(data)
        os.symlink(fresh, os.path.join(folder, "..new"))
        os.rename(os.path.join(folder, "..new"), os.path.join(folder, "..data"))
        for name in {name.split("/")[0] for name in files}:
            link = os.path.join(folder, name)
            if not os.path.islink(link):
                os.symlink(os.path.join("..data", name), link)
        for name in {name.split("/")[0] for name in old or {}} - {name.split("/")[0] for name in files}:
            os.unlink(os.path.join(folder, name))
        shutil.rmtree(os.path.join(folder, f"..{number}"), ignore_errors=True)
        self.versions[path] = (files, number + 1)

    def stop(self):
        self.process.kill()
        shutil.rmtree(self.root, ignore_errors=True)

    def log(self):
        return self.process.log()
