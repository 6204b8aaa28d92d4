"""States of services for planner tests, and what the planner needs besides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from paramedic.clock import to_iso
from paramedic.launchers.interface import RunState
from paramedic.services.spec import parse_spec
from paramedic.state.operations import OperationKind
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.services import RUNNING
from paramedic_controller.evolve import Moment, completed
from paramedic_controller.model import Desired, OpenOperation, ReplicaRecord, ServiceState
from paramedic_controller.reconcile import Circumstances, Look

NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
MOMENT = Moment(to_iso(NOW), epoch=1)

SPEC = parse_spec(
    {
        "name": "echo",
        "run": "serve",
        "service": {
            "readiness_probe": {"path": "/health", "initial_delay_seconds": 60},
            "replica_policy": {"min_replicas": 1, "max_replicas": 50, "target_qps_per_replica": 1},
        },
    }
)

FINE = Look(run=RunState.RUNNING, ready=True)
SILENT = Look(run=RunState.RUNNING)
GONE = Look(run=RunState.ABSENT, detail="no such process")


def failing(failures: int) -> Look:
    return Look(run=RunState.RUNNING, ready=False, failures=failures, detail="GET /health answered 500")


class CountingMint:
    """Operation ids op1, op2, …; ports from 5001."""

    def __init__(self) -> None:
        self.operations = 0
        self.ports = 5000

    def operation_id(self) -> str:
        self.operations += 1
        return f"op{self.operations}"

    def replica_url(self) -> str:
        self.ports += 1
        return f"http://127.0.0.1:{self.ports}"


def replica(replica_id: int, status: ReplicaStatus = ReplicaStatus.READY, *, age_seconds: float = 10) -> ReplicaRecord:
    key = f"launch{replica_id}"
    receipt = Receipt(launcher="fake", workload=f"replica:u/{replica_id}", key=key, epoch=1, identity={"pid": "7"})
    launched = to_iso(NOW - timedelta(seconds=age_seconds))
    known = None if status is ReplicaStatus.LAUNCHING else receipt
    return ReplicaRecord(replica_id, 1, f"http://127.0.0.1:{4000 + replica_id}", status, key, launched, known)


def operation(operation_id: str, kind: OperationKind, replica_id: int, *, age_seconds: float = 0) -> OpenOperation:
    opened = to_iso(NOW - timedelta(seconds=age_seconds))
    return OpenOperation(operation_id, kind, replica_id, 1, "because", 1, opened)


def state(
    *replicas: ReplicaRecord,
    target: int = 2,
    operations: tuple[OpenOperation, ...] = (),
    wanted: str = RUNNING,
) -> ServiceState:
    """As it is after the controller's first write; the next replica id follows the highest."""
    desired = Desired("echo", "u", 1, 1, RUNNING, gateway="default", port=30001)
    bare = ServiceState(desired, SPEC, replicas=replicas, operations=operations)
    full = completed(bare, host="127.0.0.1", interval=5, now_second=int(NOW.timestamp()))
    assert full.observed is not None
    assert full.scaler is not None
    highest = max((each.replica_id for each in replicas), default=0)
    return replace(
        full,
        desired=replace(desired, state=wanted),
        observed=replace(full.observed, next_replica_id=highest + 1, settled_revision=1),
        scaler=full.scaler.model_copy(update={"target": target}),
    )


def around(
    looks: dict[int, Look] | None = None,
    *,
    busy: frozenset[str] = frozenset(),
    may_launch: bool = True,
    drain_seconds: float = 2.0,
    drained: frozenset[int] | None = None,
) -> Circumstances:
    return Circumstances(NOW, looks or {}, busy, may_launch, drain_seconds, drained)
