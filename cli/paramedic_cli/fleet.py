"""Everything a stack looks after, as its tables say it now."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from paramedic.clock import SystemClock, to_iso
from paramedic.health.verdict import Verdict
from paramedic.recovery.holds import read_switch
from paramedic.recovery.standing import TargetStanding, read_standing
from paramedic.services.status import ControllerView, build_status, read_controller, read_failure
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.gateway_keys import GatewayReplicaKey, gateway_replica_of
from paramedic.state.gateways import GatewayReplica
from paramedic.state.recoveries import OPEN_STEPS, Recovery
from paramedic.state.standbys import read_standby
from paramedic.state.targets import Target, TargetKind, controller_id_of, controller_target_id
from paramedic_cli.target_rows import read_target_rows


class RecoveryView(BaseModel):
    """The recovery that opened a controller's present epoch; `latest` is the last line of its record."""

    model_config = ConfigDict(frozen=True)

    step: str
    is_open: bool
    opened_at: str
    closed_at: str | None
    actor: str
    reason: str
    latest: str


class StandbyView(BaseModel):
    """The process that waits to take over; it shows every minute that it is there."""

    model_config = ConfigDict(frozen=True)

    process: str
    since: str
    seen_at: str


class Watched(BaseModel):
    """A controller with what brought it where it is; `restored` is its own report of what it took up.

    `held` is what its own switch says, empty while that says run; `plan` is the one that waits for approval;
    `refused` is why automation has not recovered it.
    """

    model_config = ConfigDict(frozen=True)

    controller: ControllerView
    recovery: RecoveryView | None
    restored: str | None
    standby: StandbyView | None = None
    held: str = ""
    plan: str | None = None
    refused: str = ""


class GatewayReplicaView(BaseModel):
    """A gateway replica as it is checked: `found` is what was found of it last, `tries` the service that is asked for.

    One that has left, at `left_at`, was asked to, and is not checked until it is back.
    """

    model_config = ConfigDict(frozen=True)

    gateway: str
    number: int
    name: str | None
    url: str
    found: str
    since: str | None
    tries: str | None
    left_at: str | None


class Fleet(BaseModel):
    """All controllers in order of name, their services with them, all gateway replicas and all guarded URLs.

    `held` is what the global switch says, empty while that says run; `unreadable` says which targets' rows nobody
    understands.
    """

    model_config = ConfigDict(frozen=True)

    watched: tuple[Watched, ...]
    gateways: tuple[GatewayReplicaView, ...] = ()
    guarded: tuple[TargetStanding, ...] = ()
    held: str = ""
    unreadable: tuple[str, ...] = ()


def read_fleet() -> Fleet:
    """The whole stack.

    Raises:
        InvalidRowError: a row of a controller or of a gateway is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    read = read_target_rows()
    targets = read.rows
    found = (_watched(controller_id) for controller_id in _controller_ids(targets))
    return Fleet(
        watched=tuple(watched for watched in found if watched is not None),
        gateways=_gateways(targets),
        guarded=_guarded(targets),
        held=read_switch().said_of("the global switch"),
        unreadable=tuple(read.unreadable),
    )


def controller_ids() -> tuple[str, ...]:
    """Every registered controller, in order of name.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    return _controller_ids(read_target_rows().rows)


def relaunched_targets() -> tuple[str, ...]:
    """The ids of all targets that something can relaunch, in order.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    return tuple(str(target.target_id) for target in read_target_rows().rows if target.profile)


def _controller_ids(targets: Sequence[Target]) -> tuple[str, ...]:
    found = (controller_id_of(target.target_id) for target in targets)
    return tuple(sorted(controller_id for controller_id in found if controller_id is not None))


def _guarded(targets: Sequence[Target]) -> tuple[TargetStanding, ...]:
    names = sorted(str(target.target_id) for target in targets if target.kind == TargetKind.URL and target.profile)
    now = SystemClock().now()
    return tuple(read_standing(name, now) for name in names)


def _gateways(targets: Sequence[Target]) -> tuple[GatewayReplicaView, ...]:
    keys = {target.target_id: gateway_replica_of(target.target_id) for target in targets}
    replicas = [(key, target) for target in targets if (key := keys[target.target_id]) is not None]
    rows = [row for gateway in {key.gateway for key, _ in replicas} for row in GatewayReplica.read_all(gateway)]
    names = {(row.gateway, int(row.replica_num)): row.name for row in rows}
    views = [_gateway(key, names.get((key.gateway, key.number)), target) for key, target in replicas]
    return tuple(sorted(views, key=lambda view: (view.gateway, view.number)))


def _gateway(key: GatewayReplicaKey, name: str | None, target: Target) -> GatewayReplicaView:
    bad = None if target.bad is None or target.bad.verdict == Verdict.HEALTHY else target.bad
    return GatewayReplicaView(
        gateway=key.gateway,
        number=key.number,
        name=name,
        url=target.url,
        found="healthy" if bad is None else bad.diagnosis,
        since=None if bad is None else bad.since,
        tries=None if target.route is None else target.route.service,
        left_at=target.left_at,
    )


def _watched(controller_id: str) -> Watched | None:
    rows = read_controller(controller_id)
    if rows is None:  # removed since its target was read
        return None
    heartbeat = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    standing = _standing_of_bad(controller_id)
    return Watched(
        controller=build_status(rows),
        recovery=_recovery(controller_id, int(rows.epoch.epoch)),
        restored=heartbeat.restored if heartbeat else None,
        standby=_standby(controller_id),
        held=read_switch(controller_target_id(controller_id)).said_of("its own switch"),
        plan=None if standing is None else standing.plan,
        refused="" if standing is None else standing.refused,
    )


def _standing_of_bad(controller_id: str) -> TargetStanding | None:
    # Nothing is asked about what is well, and nothing refused.
    bad = read_failure(controller_id) is not None
    return read_standing(controller_target_id(controller_id), SystemClock().now()) if bad else None


def _standby(controller_id: str) -> StandbyView | None:
    row = read_standby(controller_id)
    if row is None or row.receipt is None:
        return None
    since, seen_at = to_iso(row.moment("since")), to_iso(row.moment("seen_at"))
    return StandbyView(process=row.receipt.called, since=since, seen_at=seen_at)


def _recovery(controller_id: str, epoch: int) -> RecoveryView | None:
    row = Recovery.read(controller_target_id(controller_id), epoch)
    if row is None:
        return None
    return RecoveryView(
        step=row.step,
        is_open=row.step in OPEN_STEPS,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        actor=row.story.actor,
        reason=row.story.reason,
        latest=row.story.entries[-1].text if row.story.entries else "",
    )
