"""What the main loop shows to its HTTP thread: immutable values, replaced whole."""

from collections.abc import Callable, Collection, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from paramedic.clock import Clock
from paramedic_controller.model import OpenOperation, ReplicaRecord, ServiceState

STALLED_AFTER_SECONDS = 10.0
"""A main loop that completed no pass for this long keeps no service at its desired state."""


NAMED_SERVICES = 10
"""So many are named in a summary. It is kept with the heartbeat, and every beat costs by the size of its row."""


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class UnfinishedRequests(_Shown):
    """Requests that gateways were still serving by their last reports."""

    count: int = 0
    examples: tuple[str, ...] = ()


class Recovered(_Shown):
    """What a successor took up: counts, load-balancer ports and next replica ids by service."""

    services: int
    replicas: int
    ports: Mapping[str, int]
    ids: Mapping[str, int]
    unfinished_requests: UnfinishedRequests
    unfinished_operations: tuple[str, ...]

    def summary(self) -> str:
        """One short line for logs and the recovery's record; `/health` and `/status` have the whole."""
        return (
            f"{self.services} services, {self.replicas} replicas, ports {_pairs(self.ports)}, "
            f"next replica ids {_pairs(self.ids)}, Unfinished requests: {self.unfinished_requests.count}, "
            f"Unfinished operations: {len(self.unfinished_operations)}"
        )


class TookOver(_Shown):
    """How a standby became the controller: when it read its grant, and how long it then took to be healthy.

    `kept` services were taken from its snapshot, all others read again.
    """

    grant_read_at: str
    healthy_after_seconds: float
    kept: int

    def sentence(self) -> str:
        """For logs."""
        return (
            f"took over: healthy {self.healthy_after_seconds:.3f} s after reading the grant at {self.grant_read_at}, "
            f"{self.kept} services as read in advance"
        )


class ShownReplica(_Shown):
    """One replica; `pid` where its launcher knows one."""

    replica_id: int
    status: str
    url: str
    version: int
    pid: int | None


class ShownService(_Shown):
    """One service as the controller has it in memory."""

    name: str
    uid: str
    status: str
    message: str
    version: int
    gateway: str
    port: int
    target: int
    next_replica_id: int
    upscale_count: int
    downscale_count: int
    routes: tuple[str, ...]
    route_revision: int
    replicas: tuple[ShownReplica, ...]
    open_operations: tuple[str, ...]


class Health(_Shown):
    """The answer of GET /health."""

    controller_id: str
    epoch: int
    process_id: str
    pid: int
    status: str
    heartbeat_sequence: int
    recover_mode: bool
    recovered: Recovered | None
    took_over: TookOver | None


class Status(Health):
    """The answer of GET /status."""

    services: tuple[ShownService, ...]
    quarantined: Mapping[str, str]


class Identity(_Shown):
    """Who the process is."""

    controller_id: str
    epoch: int
    process_id: str
    pid: int
    recover_mode: bool


class Board:
    """Written by the main loop, read by HTTP threads. `on_first_pass` is called just before health is first said."""

    def __init__(self, identity: Identity, clock: Clock, on_first_pass: Callable[[], None] = lambda: None) -> None:
        self._identity = identity
        self._clock = clock
        self._on_first_pass = on_first_pass
        self._passed_at: float | None = None
        self._states: tuple[ServiceState, ...] = ()
        self._waiting: frozenset[str] = frozenset()
        self._quarantined: Mapping[str, str] = {}
        self.recovered: Recovered | None = None
        self.took_over: TookOver | None = None
        self.heartbeat_sequence = 0

    def passed(
        self, states: Sequence[ServiceState], quarantined: Mapping[str, str], waiting: Collection[str] = ()
    ) -> None:
        """The main loop completed a pass; `waiting` are operations whose turn at the launcher has not come."""
        self._states = tuple(states)
        self._waiting = frozenset(waiting)
        self._quarantined = dict(quarantined)
        if not self.has_passed:
            self._on_first_pass()
        self._passed_at = self._clock.monotonic()

    @property
    def has_passed(self) -> bool:
        """Whether the main loop ever completed a pass."""
        return self._passed_at is not None

    def is_healthy(self) -> bool:
        """Whether the main loop completed a pass within the last ten seconds."""
        passed = self._passed_at
        return passed is not None and self._clock.monotonic() - passed < STALLED_AFTER_SECONDS

    def health(self) -> Health:
        """Now."""
        return Health.model_validate(self._common())

    def status(self) -> Status:
        """Now, services included."""
        services = tuple(_shown(state, self._waiting) for state in self._states)
        return Status.model_validate({**self._common(), "services": services, "quarantined": self._quarantined})

    def _common(self) -> dict[str, object]:
        unhealthy = "restoring" if self._passed_at is None else "stalled"
        return {
            **self._identity.model_dump(),
            "status": "ok" if self.is_healthy() else unhealthy,
            "heartbeat_sequence": self.heartbeat_sequence,
            "recovered": self.recovered,
            "took_over": self.took_over,
        }


def operation_text(service: str, operation: OpenOperation) -> str:
    """An open operation in words."""
    return f"{operation.kind} {service} replica {operation.replica_id} ({operation.reason})"


def _pairs(numbers: Mapping[str, int]) -> str:
    named = sorted(numbers.items())
    more = [f"{len(named) - NAMED_SERVICES} more"] if len(named) > NAMED_SERVICES else []
    return ", ".join([*(f"{name}={number}" for name, number in named[:NAMED_SERVICES]), *more]) or "none"


def _shown(state: ServiceState, waiting: Collection[str]) -> ShownService:
    desired, observed, scaler, balancer = state.desired, state.observed, state.scaler, state.balancer
    return ShownService(
        name=desired.name,
        uid=desired.uid,
        status=observed.status if observed else "",
        message=observed.message if observed else "",
        version=desired.version,
        gateway=desired.gateway,
        port=desired.port,
        target=scaler.replicas if scaler else 0,
        next_replica_id=observed.next_replica_id if observed else 1,
        upscale_count=scaler.upscale_count if scaler else 0,
        downscale_count=scaler.downscale_count if scaler else 0,
        routes=tuple(route.url for route in balancer.routes) if balancer else (),
        route_revision=balancer.revision if balancer else 0,
        replicas=tuple(_shown_replicas(state)),
        open_operations=tuple(_operation_shown(desired.name, each, waiting) for each in state.operations),
    )


def _operation_shown(service: str, operation: OpenOperation, waiting: Collection[str]) -> str:
    text = operation_text(service, operation)
    return f"{text}, waits for its turn" if operation.operation_id in waiting else text


def _shown_replicas(state: ServiceState) -> list[ShownReplica]:
    return [
        ShownReplica(
            replica_id=each.replica_id,
            status=each.status,
            url=each.url,
            version=each.version,
            pid=_pid(each),
        )
        for each in state.replicas
    ]


def _pid(replica: ReplicaRecord) -> int | None:
    text = replica.receipt.identity.get("pid", "") if replica.receipt is not None else ""
    return int(text) if text.isdecimal() else None
