"""The real helm against a cluster: what a user does with the chart."""

import os
import shutil
import subprocess

import yaml

from tests.cluster.control_plane import HERE
from tests.wire.harness import ROOT

CHART = os.path.join(ROOT, "charts", "protocol-gateway")


def binary():
    done = subprocess.run([os.path.join(HERE, "binaries"), "chart"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return os.path.join(done.stdout.strip(), "helm")


def version():
    """That of this repository, which is the tag of the chart's images."""
    with open(os.path.join(ROOT, "VERSION")) as file:
        return file.read().strip()


class Helm:
    """helm for one kubeconfig; its own settings live in `folder`."""

    def __init__(self, kubeconfig, folder, namespace):
        self.program, self.kubeconfig, self.folder, self.namespace = binary(), kubeconfig, folder, namespace

    def run(self, *words):
        """(exit code, output)"""
        environment = {**os.environ, "HOME": self.folder, "KUBECONFIG": self.kubeconfig}
        command = [self.program, "--namespace", self.namespace, *map(str, words)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
        return done.returncode, done.stdout + done.stderr

    def __call__(self, *words):
        """The output of a call that succeeds."""
        code, output = self.run(*words)
        assert code == 0, f"helm {' '.join(map(str, words))}: {output}"
        return output


def set_words(values):
    """--set words of a flat dict."""
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def copy_of_chart(folder, change_crd=None, **chart_fields):
    """A copy, with other fields of Chart.yaml and a CRD that a function has changed."""
    target = os.path.join(folder, "chart-" + "-".join(chart_fields.values()))
    shutil.copytree(CHART, target)

    def rewrite(path, change):
        with open(os.path.join(target, path)) as file:
            content = yaml.safe_load(file)
        change(content)
        return content

    content = rewrite("Chart.yaml", lambda chart: chart.update(chart_fields))
    with open(os.path.join(target, "Chart.yaml"), "w") as file:
        yaml.safe_dump(content, file)
    if change_crd:
        path = os.path.join(target, "files", "crds", "protocolgateways.yaml")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(change_crd(text))
    return target
