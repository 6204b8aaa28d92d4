"""What a controller knows of one service: exactly what is stored, as plain immutable values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from paramedic.clock import from_iso
from paramedic.services.spec import ServiceSpec
from paramedic.state.autoscalers import AutoscalerState
from paramedic.state.operations import OperationKind
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.request_handling import RequestHandling, Route
from paramedic.state.services import DOWN, PAUSED


@dataclass(frozen=True)
class Desired:
    """What users want. Replicas of one `generation` run alike, whatever their versions.

    `move_to` is the controller that is to have the service from now on.
    """

    name: str
    uid: str
    revision: int
    version: int
    state: str
    gateway: str
    port: int
    generation: int = 1
    move_to: str | None = None

    @property
    def is_leaving(self) -> bool:
        """Whether another controller is to take it over; one that is to end ends where it is."""
        return self.move_to is not None and not self.going_down

    @property
    def going_down(self) -> bool:
        """Whether it is to end for good."""
        return self.state == DOWN

    @property
    def paused(self) -> bool:
        """Whether it is to have no replicas for a while."""
        return self.state == PAUSED


@dataclass(frozen=True)
class Observed:
    """What the controller made of it; `next_replica_id` only grows.

    `version` and `generation` are those that serve: during an update the ones before it. `settled_revision` is the
    last desired revision that was reached, `failed_revision` the last one that could not be so far. After `failures`
    in a row nothing is launched before `retry_at`.
    """

    revision: int
    version: int
    status: str
    message: str
    next_replica_id: int
    generation: int = 1
    settled_revision: int = 0
    failed_revision: int = 0
    failures: int = 0
    retry_at: str | None = None


@dataclass(frozen=True)
class ReplicaRecord:
    """One replica; `operation` is what launched it, `ready_at` when it last became ready.

    `launched_at` is when that was intended, and once it is known to have been done, when it was. `instance_type` is
    what it runs on, where its spec said that.
    """

    replica_id: int
    version: int
    url: str
    status: ReplicaStatus
    operation: str
    launched_at: str
    receipt: Receipt | None
    generation: int = 1
    ready_at: str | None = None
    instance_type: str | None = None

    @property
    def is_in_between(self) -> bool:
        """Whether it is being launched or stopped, which is exactly while an operation on it is open."""
        return self.status in (ReplicaStatus.LAUNCHING, ReplicaStatus.STOPPING)

    def age_seconds(self, now: datetime) -> float:
        """Wall time since its launch."""
        return (now - from_iso(self.launched_at)).total_seconds()

    def ready_seconds(self, now: datetime) -> float | None:
        """Wall time since it became ready, where that is known."""
        return (now - from_iso(self.ready_at)).total_seconds() if self.ready_at is not None else None


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

    `older` are the specs of versions that do not run like the desired one and still matter. `route_floor` is the
    highest revision its gateway may have seen under its name while there was no `balancer`.
    """

    desired: Desired
    spec: ServiceSpec
    replicas: tuple[ReplicaRecord, ...] = ()
    operations: tuple[OpenOperation, ...] = ()
    observed: Observed | None = None
    scaler: AutoscalerState | None = None
    balancer: Balancer | None = None
    route_floor: int = 0
    older: Mapping[int, ServiceSpec] = field(default_factory=dict)

    @property
    def is_updating(self) -> bool:
        """Whether another generation than the desired one serves."""
        return self.observed is not None and self.observed.generation != self.desired.generation

    def spec_of(self, version: int) -> ServiceSpec:
        """What replicas of `version` run."""
        return self.older.get(version, self.spec)

    def replica(self, replica_id: int) -> ReplicaRecord | None:
        """The replica with this id."""
        return next((replica for replica in self.replicas if replica.replica_id == replica_id), None)

    def operation(self, operation_id: str) -> OpenOperation | None:
        """The open operation with this id."""
        return next((each for each in self.operations if each.operation_id == operation_id), None)


REPLICA_KIND = "replica:"
"""How the names of replicas begin, and those of nothing else."""


def workload_of(uid: str, replica_id: int) -> str:
    """The name launchers know a replica by."""
    return f"{REPLICA_KIND}{uid}/{replica_id}"


def scope_of(controller_id: str) -> str:
    """Whose epoch fences the controller's launcher calls."""
    return f"controller:{controller_id}"
