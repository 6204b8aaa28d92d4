"""Looks twice at the heartbeats of every failing controller of a group, with one wait for all of them."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.health.diagnosis import Heartbeat
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.tables import InvalidRowError, StateUnreachableError

LOG = logging.getLogger(__name__)

READERS = 16


@dataclass(frozen=True)
class HeartbeatReading:
    """What the two looks said; `sequence` is the second one's, None where there is none."""

    state: Heartbeat
    sequence: int | None = None


NOT_WATCHED = HeartbeatReading(Heartbeat.NOT_APPLICABLE)


@dataclass(frozen=True)
class _Look:
    readable: bool
    epoch: int | None = None
    sequence: int | None = None


def watch_heartbeats(
    controller_ids: Sequence[str], clock: Clock, stale_seconds: float
) -> Mapping[str, HeartbeatReading]:
    """What each controller's heartbeat does while at least `stale_seconds` pass on the monotonic clock.

    Both looks are strongly consistent and belong to this call; a heartbeat that cannot be read is UNKNOWN.
    """
    if not controller_ids:
        return {}
    with ThreadPoolExecutor(max_workers=min(READERS, len(controller_ids))) as readers:
        before = list(readers.map(_look, controller_ids))
        _wait(clock, stale_seconds)
        after = list(readers.map(_look, controller_ids))
    return {name: _compare(*looks) for name, *looks in zip(controller_ids, before, after, strict=True)}


def _wait(clock: Clock, seconds: float) -> None:
    until = clock.monotonic() + seconds
    while (left := until - clock.monotonic()) > 0:
        clock.sleep(left)


def _look(controller_id: str) -> _Look:
    try:
        row = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    except (StateUnreachableError, InvalidRowError) as error:
        LOG.warning("heartbeat of controller %s cannot be read: %s", controller_id, error)
        return _Look(readable=False)
    if row is None:
        return _Look(readable=True)
    return _Look(readable=True, epoch=int(row.sealed_epoch), sequence=int(row.sequence))


def _compare(before: _Look, after: _Look) -> HeartbeatReading:
    if not (before.readable and after.readable):
        return HeartbeatReading(Heartbeat.UNKNOWN)
    if before != after:
        return HeartbeatReading(Heartbeat.MOVING, after.sequence)
    if after.sequence is None:
        return HeartbeatReading(Heartbeat.NONE)
    return HeartbeatReading(Heartbeat.STALE, after.sequence)
