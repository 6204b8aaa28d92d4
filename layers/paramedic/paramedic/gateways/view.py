"""How a gateway stands, for people: what is wanted, each replica of it, and why one is not as it should be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from paramedic.gateways.spec import GatewaySpec
from paramedic.gateways.verbs import spec_of
from paramedic.health.verdict import Verdict
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica
from paramedic.state.load_balancers import INDEX, LoadBalancerIndex
from paramedic.state.targets import Target, bucket_of
from paramedic.state.wanted_gateways import (
    DesiredGateway,
    GatewayState,
    Phase,
    PlacedReplica,
    read_desired,
    read_names,
    read_placed,
)

UNPLACED = "by hand"


class ReplicaView(BaseModel):
    """One replica. `status` is its phase, or what health checks find of it while it serves; `reason` says why.

    `registered` are the services that a request through its data plane has reached as they are now, `missing` those it
    has not. Backend and region are absent of replicas that people started.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    backend: str | None
    region: str | None
    hostname: str | None
    status: str
    version: int | None = None
    epoch: int | None = None
    reason: str = ""
    registered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class GatewayView(BaseModel):
    """One gateway with its replicas in order of number; `revision` is that of what people want last."""

    model_config = ConfigDict(frozen=True)

    name: str
    backend: str
    region: str | None
    domain: str | None
    status: str
    wanted: int
    revision: int
    version: int
    changed_by: str
    changed_at: str
    replicas: tuple[ReplicaView, ...] = ()


@dataclass(frozen=True)
class GatewayRows:
    """All that is known of one gateway, as read; `revisions` are those of its services."""

    desired: DesiredGateway
    placed: Sequence[PlacedReplica]
    own: Mapping[int, GatewayReplica]
    targets: Mapping[int, Target]
    revisions: Mapping[str, int]


def read_views() -> tuple[GatewayView, ...]:
    """Every gateway that is wanted or being taken down, in order of name.

    Raises:
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    found = (read_rows(name) for name in sorted(read_names()))
    return tuple(view_of(rows) for rows in found if rows is not None)


def read_rows(gateway: str) -> GatewayRows | None:
    """What is known of `gateway`; None where nobody wants it.

    Raises:
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    desired = read_desired(gateway)
    if desired is None:
        return None
    index = LoadBalancerIndex.read(gateway, INDEX)
    placed = read_placed(gateway)
    own = {int(row.replica_num): row for row in GatewayReplica.read_all(gateway)}
    numbers = {*own, *(int(row.replica_num) for row in placed)}
    targets = {number: _target(GatewayReplicaKey(gateway, number)) for number in numbers}
    return GatewayRows(
        desired=desired,
        placed=placed,
        own=own,
        targets={number: row for number, row in targets.items() if row is not None},
        revisions={} if index is None else index.by_service,
    )


def _target(key: GatewayReplicaKey) -> Target | None:
    return Target.read(bucket_of(key.target_id), key.target_id)


def view_of(rows: GatewayRows) -> GatewayView:
    """How it stands.

    Raises:
        InvalidRowError: the spec, or a phase, cannot be understood.
    """
    spec, desired = spec_of(rows.desired), rows.desired
    placed = {int(row.replica_num): row for row in rows.placed}
    numbers = sorted({*placed, *rows.own})
    replicas = tuple(_replica(number, placed.get(number), rows) for number in numbers)
    first = spec.placements[0]
    spread = {(each.backend, each.region) for each in spec.placements}
    return GatewayView(
        name=desired.name,
        backend=first.backend if len(spread) == 1 else "several",
        region=first.region if len(spread) == 1 else None,
        domain=spec.domain,
        status=_status(rows, replicas, spec),
        wanted=spec.replicas,
        revision=int(desired.revision),
        version=int(desired.version),
        changed_by=desired.changed_by,
        changed_at=desired.changed_at,
        replicas=replicas,
    )


def _status(rows: GatewayRows, replicas: Sequence[ReplicaView], spec: GatewaySpec) -> str:
    if rows.desired.state == GatewayState.DOWN:
        return "stopping"
    serving = [each for each in replicas if each.status == "running"]
    if any(each.version not in (None, int(rows.desired.version)) for each in replicas):
        return "updating"
    if len(serving) >= spec.replicas:
        return "running"
    return "degraded" if serving else "provisioning"


def _replica(number: int, placed: PlacedReplica | None, rows: GatewayRows) -> ReplicaView:
    own, target = rows.own.get(number), rows.targets.get(number)
    hostname = own.hostname if own is not None else None
    if placed is None:
        status = UNPLACED if own is None else f"{own.status} ({UNPLACED})"
        return ReplicaView(number=number, backend=None, region=None, hostname=hostname, status=status)
    backend, _, region = placed.profile.partition("/")
    seen = {} if placed.routes is None else placed.routes.services
    registered = tuple(
        sorted(name for name, at in rows.revisions.items() if name in seen and seen[name].revision == at)
    )
    return ReplicaView(
        number=number,
        backend=backend,
        region=region or None,
        hostname=hostname,
        status=_word(placed, target),
        version=int(placed.version),
        epoch=int(placed.epoch),
        reason=placed.reason or "",
        registered=registered,
        missing=tuple(sorted(set(rows.revisions) - set(registered))),
    )


def _word(placed: PlacedReplica, target: Target | None) -> str:
    phase = placed.word("phase", Phase)
    if phase is not Phase.SERVING:
        return f"{phase} (attempt {int(placed.attempts) + 1})" if placed.attempts else phase.value
    bad = None if target is None else target.bad
    return "running" if bad is None or bad.verdict == Verdict.HEALTHY else f"running ({bad.diagnosis})"
