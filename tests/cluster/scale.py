#!/usr/bin/python3
"""Many gateways on the real API server, workers answered by stubs: how fast they are made, what the operator needs.

usage: tests/cluster/scale.py [--gateways 1000] [--report FILE]      Prints JSON; exits with 1 when a bound is missed.
"""

import argparse
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.cluster import harness
from tests.cluster.harness import eventually, good
from tests.cluster.operator_process import Operator, conditions, gateway, install, operator_writes

IDLE_KB, LOADED_KB = 20 * 1024, 60 * 1024


def histogram_quantile(text, name, q):
    """The upper bound of the bucket that holds the quantile."""
    buckets = []
    for line in text.splitlines():
        if line.startswith(name + "_bucket"):
            buckets.append((float(line.split('le="')[1].split('"')[0].replace("+Inf", "inf")), float(line.rsplit(" ", 1)[1])))
    total = max((count for _, count in buckets), default=0)
    return next((bound for bound, count in sorted(buckets) if count >= q * total), None) if total else None


class Shares:
    """How many CPUs each program used between start() and the call of stop(), and how busy the machine was."""

    def __init__(self, programs):
        self.programs = programs

    def _seconds(self):
        with open("/proc/stat") as file:
            fields = [int(word) for word in file.readline().split()[1:]]
        idle = (fields[3] + fields[4]) / os.sysconf("SC_CLK_TCK")
        return {"idle": idle, **{name: process.cpu_seconds() for name, process in self.programs.items()}}

    def start(self):
        self.begun, self.before = time.monotonic(), self._seconds()
        return self

    def stop(self):
        passed = time.monotonic() - self.begun
        return {name: round((after - self.before[name]) / passed, 2) for name, after in self._seconds().items()}


def run(count):
    found = {"gateways": count}
    with harness.ControlPlane(min_request_timeout=600) as plane:
        install(plane)
        with harness.FakeKubelet(plane) as kubelet:
            operator = Operator(plane, "--poll-interval", 15, "--log-level", "info").start()
            try:
                eventually(lambda: operator.metric("leader_election_master_status") == 1, "leadership")
                time.sleep(3)
                found["idle_rss_kb"] = operator.resident_kilobytes()
                plane.make_namespace("many")
                programs = {process.name: process for process in [plane.etcd, plane.api_server, *plane.others, operator.process]}
                shares, writes = Shares(programs).start(), plane.audit.mark()
                cpu, begun = operator.cpu_seconds(), time.monotonic()
                for index in range(count):
                    good(plane.admin.create("protocolgateways", gateway(f"g{index}"), "many"))
                found["created_s"] = round(time.monotonic() - begun, 1)
                objects = lambda: len(plane.admin.items("deployments", "many"))
                eventually(lambda: objects() == count or time.sleep(1), "all Deployments", 1200)
                found["deployments_s"] = round(time.monotonic() - begun, 1)
                found["cpus_used"] = {**shares.stop(), "of": os.cpu_count()}
                found["operator_writes_per_s"] = round(len(operator_writes(plane, writes)) / found["deployments_s"], 1)
                ready = lambda: sum(conditions(g).get("Ready", {}).get("status") == "True" for g in plane.admin.items("protocolgateways", "many"))
                eventually(lambda: ready() == count or time.sleep(2), "all ready", 1800)
                found["ready_s"] = round(time.monotonic() - begun, 1)
                found["cpu_s_until_ready"] = round(operator.cpu_seconds() - cpu, 2)
                text = operator.get("/metrics", operator.metrics_port)[1]
                found["reconcile_p99_s"] = histogram_quantile(text, "controller_runtime_reconcile_time_seconds", 0.99)
                total = sum(float(l.rsplit(" ", 1)[1]) for l in text.splitlines() if l.startswith("controller_runtime_reconcile_total{"))
                found["reconciles_per_s"] = round(total / found["ready_s"], 1)
                time.sleep(45)  # Every worker was asked by now, and what follows from it was written.
                mark, cpu, begun = plane.audit.mark(), operator.cpu_seconds(), time.monotonic()
                time.sleep(60)
                found["steady_cpu_percent"] = round(100 * (operator.cpu_seconds() - cpu) / (time.monotonic() - begun), 2)
                found["steady_writes"] = len(operator_writes(plane, mark))
                found["rss_kb"] = operator.resident_kilobytes()
            finally:
                found["exit"] = operator.stop()
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gateways", type=int, default=1000)
    parser.add_argument("--report")
    words = parser.parse_args()
    found = run(words.gateways)
    text = json.dumps(found, indent=1)
    print(text)
    if words.report:
        with open(words.report, "w") as file:
            file.write(text + "\n")
    missed = [
        name
        for name, fits in (
            ("idle RSS", found["idle_rss_kb"] <= IDLE_KB),
            ("RSS", found["rss_kb"] <= LOADED_KB),
            ("writes at steady state", found["steady_writes"] == 0),
        )
        if not fits
    ]
    if missed:
        sys.exit("missed: " + ", ".join(missed))


if __name__ == "__main__":
    main()
