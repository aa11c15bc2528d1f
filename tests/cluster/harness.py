"""What tests against a control plane import: the plane, a node without containers, clients, the audit log."""

from tests.cluster.api import APPLY, JSON_PATCH, MERGE, STRATEGIC, ApiError, Client, Watch, good
from tests.cluster.audit import AuditLog
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_kubelet import Behaviour, FakeKubelet
from tests.cluster.mounts import hash_of
from tests.cluster.processes import Process
from tests.cluster.real_worker import RealWorker
from tests.cluster.stub_worker import StubWorker
from tests.wire import harness as wire
from tests.wire.harness import BIN, ROOT, free_port
from tests.wire.harness import eventually as _eventually

TestCase = wire.TestCase


def eventually(condition, what, seconds=30):
    """Waits until condition() is true and returns its value."""
    return _eventually(condition, what, seconds)


__all__ = [
    *("APPLY", "JSON_PATCH", "MERGE", "STRATEGIC", "ApiError", "AuditLog", "BIN", "Behaviour", "Client", "ControlPlane"),
    *("FakeKubelet", "Process", "ROOT", "RealWorker", "StubWorker", "TestCase", "Watch", "eventually", "free_port", "good", "hash_of", "wire"),
]
