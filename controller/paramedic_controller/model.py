"""What a controller knows of one service: exactly what is stored, as plain immutable values."""

from dataclasses import dataclass, field
from datetime import datetime

from paramedic.clock import from_iso
from paramedic.services.spec import ServiceSpec
from paramedic.state.autoscalers import AutoscalerState
from paramedic.state.operations import OperationKind
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.request_handling import RequestHandling, Route


@dataclass(frozen=True)
class Desired:
    """What users want."""

    name: str
    uid: str
    revision: int
    version: int
    going_down: bool
    gateway: str
    port: int


@dataclass(frozen=True)
class Observed:
    """What the controller made of it; `next_replica_id` only grows."""

    revision: int
    version: int
    status: str
    message: str
    next_replica_id: int


@dataclass(frozen=True)
class ReplicaRecord:
    """One replica; `operation` is what launched it."""

    replica_id: int
    version: int
    url: str
    status: ReplicaStatus
    operation: str
    launched_at: str
    receipt: Receipt | None

    def age_seconds(self, now: datetime) -> float:
        """Wall time since its launch was decided."""
        return (now - from_iso(self.launched_at)).total_seconds()


@dataclass(frozen=True)
class OpenOperation:
    """A side effect that was intended and whose outcome is not recorded yet."""

    operation_id: str
    kind: OperationKind
    replica_id: int
    version: int
    reason: str
    opened_by_epoch: int
    opened_at: str

    def age_seconds(self, now: datetime) -> float:
        """Wall time since it was intended."""
        return (now - from_iso(self.opened_at)).total_seconds()


@dataclass(frozen=True)
class Balancer:
    """What gateways serve for the service; `revision` grows with every other change.

    `draining` are replicas that are to end once they have answered the requests they have. `requests` is absent when
    what is stored is not understood; the next change writes it anew.
    """

    host: str
    policy: str
    routes: tuple[Route, ...]
    revision: int
    draining: tuple[Route, ...] = ()
    requests: RequestHandling | None = field(default_factory=RequestHandling)


@dataclass(frozen=True)
class ServiceState:
    """One service. `observed`, `scaler` and `balancer` are absent until the controller's first write.

    `route_floor` is the highest revision its gateway may have seen under its name while there was no `balancer`.
    """

    desired: Desired
    spec: ServiceSpec
    replicas: tuple[ReplicaRecord, ...] = ()
    operations: tuple[OpenOperation, ...] = ()
    observed: Observed | None = None
    scaler: AutoscalerState | None = None
    balancer: Balancer | None = None
    route_floor: int = 0

    def replica(self, replica_id: int) -> ReplicaRecord | None:
        """The replica with this id."""
        return next((replica for replica in self.replicas if replica.replica_id == replica_id), None)

    def operation(self, operation_id: str) -> OpenOperation | None:
        """The open operation with this id."""
        return next((each for each in self.operations if each.operation_id == operation_id), None)


def workload_of(uid: str, replica_id: int) -> str:
    """The name launchers know a replica by."""
    return f"replica:{uid}/{replica_id}"


def scope_of(controller_id: str) -> str:
    """Whose epoch fences the controller's launcher calls."""
    return f"controller:{controller_id}"
