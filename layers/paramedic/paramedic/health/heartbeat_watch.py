"""Looks twice at the heartbeats of controllers that fail, with one wait for all of a group."""

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


class HeartbeatWatch:
    """Two looks at each heartbeat, at least `stale_seconds` of the monotonic clock apart, with one wait for all.

    Both looks are strongly consistent and belong to this watch; a heartbeat that cannot be read is UNKNOWN.
    """

    def __init__(self, clock: Clock, stale_seconds: float) -> None:
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._first: dict[str, _Look] = {}
        self._last_first_look_at = 0.0

    def begin(self, controller_ids: Sequence[str]) -> None:
        """Take the first look at those that have had none."""
        new = [name for name in controller_ids if name not in self._first]
        if new:
            self._first.update(zip(new, _looks(new), strict=True))
            self._last_first_look_at = self._clock.monotonic()

    def readings(self, controller_ids: Sequence[str]) -> Mapping[str, HeartbeatReading]:
        """What each heartbeat does, once it has been looked at for long enough."""
        if not controller_ids:
            return {}
        self.begin(controller_ids)
        self._wait_until(self._last_first_look_at + self._stale_seconds)
        second = zip(controller_ids, _looks(controller_ids), strict=True)
        return {name: _compare(self._first[name], look) for name, look in second}

    def _wait_until(self, moment: float) -> None:
        while (left := moment - self._clock.monotonic()) > 0:
            self._clock.sleep(left)


def _looks(controller_ids: Sequence[str]) -> Sequence[_Look]:
    with ThreadPoolExecutor(max_workers=min(READERS, len(controller_ids))) as readers:
        return list(readers.map(_look, controller_ids))


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
