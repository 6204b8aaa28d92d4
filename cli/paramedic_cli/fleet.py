"""Everything a stack looks after, as its tables say it now."""

from pydantic import BaseModel, ConfigDict

from paramedic.clock import to_iso
from paramedic.services.status import ControllerView, build_status, read_controller
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.recoveries import OPEN_STEPS, Recovery
from paramedic.state.standbys import read_standby
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, controller_id_of, controller_target_id


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
    """A controller with what brought it where it is; `restored` is its own report of what it took up."""

    model_config = ConfigDict(frozen=True)

    controller: ControllerView
    recovery: RecoveryView | None
    restored: str | None
    standby: StandbyView | None = None


class Fleet(BaseModel):
    """All controllers in order of name, their services with them."""

    model_config = ConfigDict(frozen=True)

    watched: tuple[Watched, ...]


def read_fleet() -> Fleet:
    """The whole stack.

    Raises:
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    found = (_watched(controller_id) for controller_id in controller_ids())
    return Fleet(watched=tuple(watched for watched in found if watched is not None))


def controller_ids() -> tuple[str, ...]:
    """Every registered controller, in order of name.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    counts = TargetCount.read_all(COUNTS_BUCKET)
    targets = [target for count in counts if count.targets for target in Target.read_all(int(count.target_id))]
    found = (controller_id_of(target.target_id) for target in targets)
    return tuple(sorted(controller_id for controller_id in found if controller_id is not None))


def _watched(controller_id: str) -> Watched | None:
    rows = read_controller(controller_id)
    if rows is None:  # removed since its target was read
        return None
    heartbeat = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    return Watched(
        controller=build_status(rows),
        recovery=_recovery(controller_id, int(rows.epoch.epoch)),
        restored=heartbeat.restored if heartbeat else None,
        standby=_standby(controller_id),
    )


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
