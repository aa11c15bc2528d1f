"""What kubelet writes into the status of a pod, without the times."""

import datetime

NODE_INFO = {
    **{name: "" for name in ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeProxyVersion")},
    **{"containerRuntimeVersion": "fake://1", "kubeletVersion": "v1.35.4", "operatingSystem": "linux", "architecture": "amd64"},
}


def timestamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _conditions(started, ready):
    values = {"PodReadyToStartContainers": started, "Initialized": True, "Ready": ready, "ContainersReady": ready}
    return [{"type": name, "status": str(value)} for name, value in values.items()]


def _status(pod, phase, state, ready, started):
    restarts = {}
    if pod.restarts:
        restarts["lastState"] = {"terminated": {"exitCode": pod.last_code, "reason": "Error" if pod.last_code else "Completed"}}
    containers = [
        {
            **{"name": container["name"], "image": container["image"], "imageID": "", "containerID": f"fake://{pod.uid}"},
            **{"ready": ready, "started": started, "restartCount": pod.restarts, "state": state, **restarts},
        }
        for container in pod.object["spec"]["containers"]
    ]
    return {
        **{"phase": phase, "hostIP": "127.0.0.1", "podIP": pod.ip, "podIPs": [{"ip": pod.ip}]},
        **{"conditions": _conditions(started, ready), "containerStatuses": containers},
    }


def running(pod, ready):
    return _status(pod, "Running", {"running": {}}, ready, True)


def waiting(pod, reason, message=""):
    phase = "Running" if pod.restarts else "Pending"
    return _status(pod, phase, {"waiting": {"reason": reason, "message": message}}, False, False)


def with_times(pod, status):
    """A copy that can be sent: transition times where something changed, start times."""
    now = timestamp()
    before = {condition["type"]: condition for condition in pod.object.get("status", {}).get("conditions", [])}
    started = pod.object.get("status", {}).get("startTime", now)
    conditions = []
    for condition in status["conditions"]:
        old = before.get(condition["type"], {})
        since = old.get("lastTransitionTime", now) if old.get("status") == condition["status"] else now
        conditions.append({**condition, "lastTransitionTime": since})
    containers = []
    for container in status["containerStatuses"]:
        state = {"running": {"startedAt": now}} if "running" in container["state"] else container["state"]
        containers.append({**container, "state": state})
    return {**status, "conditions": conditions, "containerStatuses": containers, "startTime": started}
