"""A real Prometheus in the cluster's network, configured as the Prometheus operator would from the chart's monitors and rules.

Debian's Prometheus has no service discovery for Kubernetes: what is there to scrape, with the labels that discovery would give it, is
written for it once.
"""

import json
import os
import shutil
import tempfile
import urllib.parse
import urllib.request

import yaml

from tests.cluster.processes import Process
from tests.wire.harness import free_port


def relabel_pod_monitor(monitor):
    """The relabelings of a PodMonitor with one endpoint, and of its podTargetLabels."""
    rules = [{"action": "keep", "source_labels": [f"__meta_kubernetes_pod_label_{clean(key)}"], "regex": value}
             for key, value in monitor["selector"]["matchLabels"].items()]
    return rules + [keep_port("__meta_kubernetes_pod_container_port_name", monitor["podMetricsEndpoints"][0])] + names() + [
        {"source_labels": [f"__meta_kubernetes_pod_label_{clean(label)}"], "target_label": clean(label)} for label in monitor["podTargetLabels"]
    ]


def relabel_service_monitor(monitor):
    rules = [{"action": "keep", "source_labels": [f"__meta_kubernetes_service_label_{clean(key)}"], "regex": value}
             for key, value in monitor["selector"]["matchLabels"].items()]
    return rules + [keep_port("__meta_kubernetes_endpoint_port_name", monitor["endpoints"][0])] + names()


def keep_port(source, endpoint):
    return {"action": "keep", "source_labels": [source], "regex": endpoint["port"]}


def names():
    return [
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
    ]


def clean(label):
    return "".join(c if c.isalnum() else "_" for c in label)


def meta(kind, labels):
    return {f"__meta_kubernetes_{kind}_label_{clean(key)}": value for key, value in labels.items()}


def pod_targets(cluster):
    """As kubernetes_sd_configs with the role `pod`: one target for each port of each container."""
    for pod in cluster.api.items("pods"):
        common = {"__meta_kubernetes_namespace": pod["metadata"]["namespace"], "__meta_kubernetes_pod_name": pod["metadata"]["name"]}
        common |= meta("pod", pod["metadata"].get("labels", {}))
        for container in pod["spec"]["containers"]:
            for port in container.get("ports", []) if pod["status"].get("podIP") else []:
                labels = {**common, "__meta_kubernetes_pod_container_port_name": port.get("name", "")}
                yield {"targets": [f"{pod['status']['podIP']}:{port['containerPort']}"], "labels": labels}


def endpoint_targets(cluster):
    """As the role `endpointslice` gives them: one target for each port of each address."""
    services = {(s["metadata"]["namespace"], s["metadata"]["name"]): s for s in cluster.api.items("services")}
    for part in cluster.api.items("endpointslices"):
        namespace, name = part["metadata"]["namespace"], part["metadata"]["labels"].get("kubernetes.io/service-name")
        service = services.get((namespace, name), {"metadata": {}})
        common = {"__meta_kubernetes_namespace": namespace, **meta("service", service["metadata"].get("labels", {}))}
        for port in part["ports"]:
            for endpoint in part["endpoints"]:
                labels = {**common, "__meta_kubernetes_endpoint_port_name": port.get("name", "")}
                labels["__meta_kubernetes_pod_name"] = endpoint.get("targetRef", {}).get("name", "")
                yield {"targets": [f"{address}:{port['port']}" for address in endpoint["addresses"]], "labels": labels}


class Prometheus:
    """Use as a context manager."""

    def __init__(self, cluster, pod_monitor, service_monitor, rules):
        self.folder = tempfile.mkdtemp(prefix="pgw-prometheus-")
        self.url = f"http://{cluster.address}:{free_port()}"
        jobs = {
            "workers": (list(pod_targets(cluster)), relabel_pod_monitor(pod_monitor)),
            "operator": (list(endpoint_targets(cluster)), relabel_service_monitor(service_monitor)),
        }
        config = {
            "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [
                {"job_name": name, "file_sd_configs": [{"files": [f"{name}.json"]}], "relabel_configs": relabelings}
                for name, (_, relabelings) in jobs.items()
            ],
        }
        files = {"prometheus.yaml": config, "rules.yaml": rules, **{f"{name}.json": targets for name, (targets, _) in jobs.items()}}
        for name, content in files.items():
            with open(os.path.join(self.folder, name), "w") as file:
                (json.dump if name.endswith(".json") else yaml.safe_dump)(content, file)
        command = [
            *(*cluster.inside(), "prometheus", f"--config.file={self.folder}/prometheus.yaml", f"--storage.tsdb.path={self.folder}/data"),
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]
        self.process = Process("prometheus", command, os.path.join(self.folder, "log"))

    def get(self, path, **query):
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, text):
        """[(labels, value)]"""
        return [(sample["metric"], float(sample["value"][1])) for sample in self.get("query", query=text)["result"]]

    def up(self):
        try:
            return bool(self.get("status/config"))
        except OSError:
            return False

    def __enter__(self):
        self.process.start().wait_until(self.up, 60)
        return self

    def __exit__(self, *_):
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
