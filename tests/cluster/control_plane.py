"""A real Kubernetes control plane on loopback: etcd and kube-apiserver, on demand the controllers and the scheduler.

Everything lives in one temporary folder and ends with the test. KUBEBUILDER_ASSETS names the programs' folder; without
it they are built once by tests/cluster/binaries.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from tests.cluster.api import Client, good
from tests.cluster.audit import AuditLog
from tests.cluster.processes import Process
from tests.support.certificates import Pki
from tests.wire.harness import eventually, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
# What a gateway's objects need; no controller that looks for nodes' health, volumes or clouds.
CONTROLLERS = (
    "clusterrole-aggregation-controller deployment-controller disruption-controller endpoints-controller "
    "endpointslice-controller garbage-collector-controller horizontal-pod-autoscaler-controller namespace-controller "
    "pod-garbage-collector-controller replicaset-controller root-ca-certificate-publisher-controller "
    "serviceaccount-controller"
).split()
FAST = ("--kube-api-qps=1000", "--kube-api-burst=2000")


def binaries():
    """The folder of etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl."""
    done = subprocess.run([os.path.join(HERE, "binaries")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


class ControlPlane:
    """Use as a context manager. `controllers` starts kube-controller-manager and kube-scheduler too (pods need a
    FakeKubelet to run). `min_request_timeout` is how long a watch lives at least (up to twice as long), in seconds.
    `admin` is a Client in system:masters; tests of the operator use a ServiceAccount's."""

    def __init__(self, controllers=True, min_request_timeout=None, hpa_period=2, api_arguments=()):
        self.bin = binaries()
        self.controllers, self.hpa_period = controllers, hpa_period
        self.folder = tempfile.mkdtemp(prefix="pgw-cluster-")
        self.port = free_port()
        self.pki = Pki(os.path.join(self.folder, "pki"))
        self.service_account_key, self.service_account_public_key = self.pki.make_key_pair("service-accounts")
        names = ("DNS:localhost", "DNS:kubernetes.default.svc", "IP:127.0.0.1", "IP:10.96.0.1")
        self.pki.issue("apiserver", "kube-apiserver", hosts=names)
        self.pki.issue("front-proxy", "front-proxy-client")
        self.pki.issue("admin", "admin", "system:masters")
        self.admin_kubeconfig = self.write_kubeconfig("admin", certificate="admin")
        self.admin = Client(self.port, self.ca, (self.pki.crt("admin"), self.pki.key("admin")))
        self.clients = [self.admin]
        self.audit = AuditLog(os.path.join(self.folder, "audit.log"))
        self.etcd = self._etcd()
        self.api_server = self._api_server(min_request_timeout, api_arguments)
        self.others = [self._controller_manager(), self._scheduler()] if controllers else []

    @property
    def ca(self):
        return self.pki.crt("ca")

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    # --- the programs ------------------------------------------------------------------------------------------------

    def _process(self, name, *arguments):
        return Process(name, [os.path.join(self.bin, name), *arguments], os.path.join(self.folder, f"{name}.log"))

    def _etcd(self):
        self.etcd_url, peers = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        return self._process(
            *("etcd", f"--data-dir={self.folder}/etcd", "--unsafe-no-fsync=true", "--log-level=warn"),
            *(f"--listen-client-urls={self.etcd_url}", f"--advertise-client-urls={self.etcd_url}"),
            *(f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}", f"--initial-cluster=default={peers}"),
        )

    def _api_server(self, min_request_timeout, more):
        policy = os.path.join(self.folder, "audit-policy.yaml")
        with open(policy, "w") as file:
            rules = [{"level": "Metadata"}]
            json.dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": rules}, file)
        pki = self.pki
        arguments = [
            *(f"--etcd-servers={self.etcd_url}", "--bind-address=127.0.0.1", f"--secure-port={self.port}"),
            *("--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16"),
            *("--authorization-mode=RBAC", "--enable-admission-plugins=OwnerReferencesPermissionEnforcement"),
            *(f"--client-ca-file={pki.crt('ca')}", f"--tls-cert-file={pki.crt('apiserver')}"),
            *(f"--tls-private-key-file={pki.key('apiserver')}", "--service-account-issuer=https://kubernetes.default.svc"),
            f"--service-account-key-file={self.service_account_public_key}",
            f"--service-account-signing-key-file={self.service_account_key}",
            # An aggregated API, such as metrics, trusts these.
            *(f"--requestheader-client-ca-file={pki.crt('ca')}", "--requestheader-allowed-names=front-proxy-client"),
            *("--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group"),
            *("--requestheader-extra-headers-prefix=X-Remote-Extra-", f"--proxy-client-cert-file={pki.crt('front-proxy')}"),
            f"--proxy-client-key-file={pki.key('front-proxy')}",
            *(f"--audit-policy-file={policy}", f"--audit-log-path={self.folder}/audit.log", "--audit-log-maxsize=100000"),
        ]
        if not self.controllers:  # Nobody makes the default ServiceAccounts.
            arguments.append("--disable-admission-plugins=ServiceAccount")
        if min_request_timeout is not None:
            arguments.append(f"--min-request-timeout={min_request_timeout}")
        return self._process("kube-apiserver", *arguments, *more)

    def _controller_manager(self):
        self.pki.issue("controller-manager", "system:kube-controller-manager")
        kubeconfig = self.write_kubeconfig("controller-manager", certificate="controller-manager")
        return self._process(
            *("kube-controller-manager", f"--kubeconfig={kubeconfig}", "--secure-port=0", "--leader-elect=false"),
            *(f"--service-account-private-key-file={self.service_account_key}", f"--root-ca-file={self.ca}"),
            *("--use-service-account-credentials=true", "--controllers=" + ",".join(CONTROLLERS)),
            *(f"--horizontal-pod-autoscaler-sync-period={self.hpa_period}s", *FAST),
        )

    def _scheduler(self):
        self.pki.issue("scheduler", "system:kube-scheduler")
        kubeconfig = self.write_kubeconfig("scheduler", certificate="scheduler")
        return self._process("kube-scheduler", f"--kubeconfig={kubeconfig}", "--secure-port=0", "--leader-elect=false", *FAST)

    # --- start, stop, faults -----------------------------------------------------------------------------------------

    def start(self):
        try:
            self.etcd.start().wait_until(self._etcd_healthy, 30)
            self.start_api_server()
            for process in self.others:
                process.start()
            if self.controllers:
                first = ("serviceaccounts", "default", "default")
                self.others[0].wait_until(lambda: self.admin.get(*first)[0] == 200, 60)
        except BaseException:
            self.stop()
            raise
        return self

    def _etcd_healthy(self):
        try:
            with urllib.request.urlopen(self.etcd_url + "/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def _api_ready(self):
        try:
            return self.admin.request("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def start_api_server(self):
        self.api_server.start().wait_until(self._api_ready, 60)

    def stop_api_server(self, seconds=3):
        """SIGTERM, and SIGKILL after so many seconds: by itself it waits for open watches up to a minute."""
        self.api_server.stop(seconds)

    def kill_api_server(self):
        self.api_server.kill()

    def restart_api_server(self, kill=False):
        """The same address and the same data."""
        (self.kill_api_server if kill else self.stop_api_server)()
        self.start_api_server()

    def freeze_api_server(self):
        """Connections stay open and nothing is answered, until thaw_api_server()."""
        self.api_server.signal(signal.SIGSTOP)

    def thaw_api_server(self):
        self.api_server.signal(signal.SIGCONT)

    def stop(self):
        for process in [*self.others, self.api_server, self.etcd]:
            process.kill()  # Nothing of them is kept.
        for client in self.clients:
            client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.logs())
        self.stop()

    def logs(self):
        return "\n".join(f"--- {process.name}\n{process.log(2000)}" for process in [self.etcd, self.api_server, *self.others])

    # --- users -------------------------------------------------------------------------------------------------------

    def write_kubeconfig(self, name, certificate=None, token=None, token_file=None, namespace="default"):
        """folder/<name>.kubeconfig for a certificate of the PKI or a token; the CA stands in it."""
        with open(self.ca, "rb") as file:
            ca = base64.b64encode(file.read()).decode()
        if certificate:
            user = {"client-certificate": self.pki.crt(certificate), "client-key": self.pki.key(certificate)}
        else:
            user = {"token": token} if token else {"tokenFile": token_file}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority-data": ca}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": "test", "user": name, "namespace": namespace}}],
            "current-context": name,
        }
        path = os.path.join(self.folder, f"{name}.kubeconfig")
        with open(path, "w") as file:
            json.dump(document, file, indent=1)
        return path

    def token(self, namespace, name, seconds=3600):
        """A new token of a ServiceAccount, which exists. The API server grants no less than 600 s."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": seconds}}
        answer = self.admin.create("serviceaccounts", request, namespace, name, "token")
        return good(answer, f"token of {namespace}/{name}")["status"]["token"]

    def service_account(self, namespace, name):
        """A Client that is this ServiceAccount."""
        self.clients.append(Client(self.port, self.ca, token=self.token(namespace, name), agent=name))
        return self.clients[-1]

    def service_account_kubeconfig(self, namespace, name):
        """A kubeconfig whose token stands in a file of its own, which the test may replace: folder/<namespace>.<name>.token."""
        token_file = os.path.join(self.folder, f"{namespace}.{name}.token")
        with open(token_file, "w") as file:
            file.write(self.token(namespace, name))
        return self.write_kubeconfig(f"{namespace}.{name}", token_file=token_file, namespace=namespace)

    def make_namespace(self, name, **labels):
        """Made, and with its default ServiceAccount when controllers run. Labels: pod_security="restricted"."""
        if "pod_security" in labels:
            labels["pod-security.kubernetes.io/enforce"] = labels.pop("pod_security")
        metadata = {"name": name, "labels": labels}
        good(self.admin.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
        if self.controllers:
            eventually(lambda: self.admin.get("serviceaccounts", "default", name)[0] == 200, f"namespace {name}", 30)
        return name

    def kubectl(self, *words, text=None, kubeconfig=None):
        """Runs kubectl: (exit code, output)."""
        done = subprocess.run(
            [os.path.join(self.bin, "kubectl"), "--kubeconfig", kubeconfig or self.admin_kubeconfig, *words],
            input=text or "",
            capture_output=True,
            text=True,
            env={**os.environ, "HOME": self.folder},
        )
        return done.returncode, done.stdout + done.stderr
