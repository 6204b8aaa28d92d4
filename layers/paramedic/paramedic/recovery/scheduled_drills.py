"""Drills that are made by themselves: one at a time, within their windows, and only while all else is well."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from paramedic.health.bucket_counts import read_counts
from paramedic.health.readable_rows import Readable, read_readable
from paramedic.health.ticks import require_due
from paramedic.recovery import records
from paramedic.recovery.cases import Opener, read_incident
from paramedic.recovery.drills import why_not_beside, why_not_now, why_not_so_soon
from paramedic.recovery.gate import Finding
from paramedic.recovery.holds import read_switch
from paramedic.recovery.messages import Reply, Status
from paramedic.recovery.recoverer import recover, refused_reply
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.drills import DRILLS, TURN, TURN_ITEM, DrillSchedule, DrillTurn, note_waiting, taking_turn
from paramedic.state.recoveries import Recovery, open_recoveries
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import Target, TargetMode, bucket_of, epoch_key_of
from paramedic.state.transactions import ConditionFailedError

LOG = logging.getLogger(__name__)

READERS = 16


def drill_what_is_due(tick: datetime, around: Surroundings) -> list[Reply]:
    """Make the drill that has been due longest, if one may be made at all; what was made or is refused anew.

    Raises:
        InvalidInputError: the tick lies in the future.
        StateUnreachableError: DynamoDB did not answer; the next tick looks again.
    """
    require_due(tick, around.clock.now())
    replies = []
    for schedule in _due(tick):
        reply = _try(schedule, tick, around)
        if reply is not None:
            replies.append(reply)
            if reply.status is not Status.REFUSED:
                break
    return replies


def _due(tick: datetime) -> Sequence[DrillSchedule]:
    due = []
    for row in read_readable(DrillSchedule, DRILLS, "opened").rows:
        try:
            if row.is_due(tick):
                due.append(row)
        except InvalidRowError as error:
            LOG.warning("no drill: %s", error)
    return sorted(due, key=lambda row: (row.due_at or "", row.opened))


def _try(schedule: DrillSchedule, tick: datetime, around: Surroundings) -> Reply | None:
    """How it went; None while nothing is new about why it cannot be made."""
    target = Target.read(bucket_of(schedule.opened), schedule.opened)
    if target is None or target.registration != schedule.registration:
        return _refused(schedule, "it is not registered any more, or anew; schedule its drills again", around)
    if not target.drill_window:
        return _refused(schedule, "it has no drill window; set one, or end its drills", around)
    if why_not_now(target.drill_window, around.clock.now()):
        return None
    turn = DrillTurn.read(TURN, TURN_ITEM)
    why = next(_reasons(target, turn, around), None)
    if why is not None:
        return _refused(schedule, why, around)
    reply = recover(target, _opener(schedule, turn, tick), around)
    return _refused(schedule, reply.message, around) if reply.status is Status.REFUSED else reply


def _opener(schedule: DrillSchedule, turn: DrillTurn | None, tick: datetime) -> Opener:
    return Opener(
        actor=f"{schedule.actor}'s schedule",
        reason=schedule.reason or "",
        now=tick,
        manual=False,
        accepts=frozenset({Finding.ALIVE}),
        drill=True,
        beside=taking_turn(schedule, turn, tick),
    )


def _refused(schedule: DrillSchedule, why: str, around: Surroundings) -> Reply | None:
    if schedule.waits_for == why:
        return None
    # Whoever changed it meanwhile is looked at by the next tick.
    with suppress(ConditionFailedError):
        note_waiting(schedule, why, around.clock)
    return refused_reply(schedule.opened, f"no drill: {why}")


def _reasons(target: Target, turn: DrillTurn | None, around: Surroundings) -> Iterator[str]:
    """What keeps it from being drilled now, apart from the gate: itself, what is under way, and all other targets."""
    now = around.clock.now()
    mode = target.word("mode", TargetMode)
    if mode is not TargetMode.AUTO:
        yield f"its mode is {mode}: what automation may not recover, it does not end"
    if lately := why_not_so_soon(read_incident(str(target.target_id)), now):
        yield lately
    # The list may lag, and whoever was drilled last is known.
    under_way = {name for name, _ in open_recoveries()} | ({turn.drilled} if turn and _is_open(turn.drilled) else set())
    yield from (f"{name} is being recovered" for name in sorted(under_way))
    yield from filter(None, [read_switch().said_of("the global switch")])
    readable = _noteworthy()
    yield from (f"the row of {name} cannot be understood" for name in readable.invalid)
    yield from filter(None, (why_not_beside(row, now) for row in readable.rows))
    relaunchable = [str(row.target_id) for row in readable.rows if row.profile]
    yield from filter(None, (read_switch(name).said_of(f"the switch of {name}") for name in relaunchable))


def _is_open(target_id: str) -> bool:
    epoch = ControllerEpoch.read(epoch_key_of(target_id), EPOCH)
    recovery = None if epoch is None else Recovery.read(target_id, int(epoch.epoch))
    return recovery is not None and records.is_open(recovery)


def _noteworthy() -> Readable[Target]:
    """All targets that can be relaunched or are not simply well."""
    wanted = (
        Target.profile.exists() | Target.bad.exists() | (Target.paused == True) | Target.downtime.exists()  # noqa: E712 -- a condition of DynamoDB
    )
    filled = [bucket for bucket, count in read_counts().targets.items() if count > 0]
    with ThreadPoolExecutor(max_workers=READERS) as readers:
        found = list(readers.map(lambda bucket: read_readable(Target, bucket, "target_id", wanted), filled))
    return Readable([row for each in found for row in each.rows], [name for each in found for name in each.invalid])
