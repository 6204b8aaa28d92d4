"""Looks twice at the heartbeats of whatever fails, with one wait for all of a group."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.health.diagnosis import Heartbeat
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.traffic import TrafficReport, report_item

LOG = logging.getLogger(__name__)

READERS = 16


@dataclass(frozen=True)
class HeartbeatReading:
    """What the two looks said; `sequence` is the second one's, None where there is none."""

    state: Heartbeat
    sequence: int | None = None


NOT_WATCHED = HeartbeatReading(Heartbeat.NOT_APPLICABLE)


@dataclass(frozen=True)
class Beat:
    """`sequence` grows within one `life`."""

    life: str
    sequence: int


type ReadBeat = Callable[[], Beat | None]
"""Strongly consistent; None for what never beat. Raises InvalidRowError and StateUnreachableError."""


@dataclass(frozen=True)
class _Look:
    readable: bool
    beat: Beat | None = None


def controller_beat(controller_id: str) -> Beat | None:
    """A controller's heartbeat; each epoch is another life."""
    row = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    return None if row is None else Beat(str(int(row.sealed_epoch)), int(row.sequence))


def gateway_beat(key: GatewayReplicaKey) -> Beat | None:
    """The reports of a gateway replica's agent, which come every few seconds whether there is traffic or not."""
    replica = GatewayReplica.read(key.gateway, key.number)
    report = None if replica is None else TrafficReport.read(key.gateway, report_item(replica.name))
    return None if report is None else Beat(report.incarnation, int(report.sequence))


class HeartbeatWatch:
    """Two looks at each heartbeat, at least `stale_seconds` of the monotonic clock apart, with one wait for all.

    Both looks are strongly consistent and belong to this watch; a heartbeat that cannot be read is UNKNOWN. Whatever is
    watched goes by the name under which it is given.
    """

    def __init__(self, clock: Clock, stale_seconds: float) -> None:
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._first: dict[str, _Look] = {}
        self._last_first_look_at = 0.0

    def begin(self, reads: Mapping[str, ReadBeat]) -> None:
        """Take the first look at those that have had none."""
        new = {name: read for name, read in reads.items() if name not in self._first}
        if new:
            self._first.update(zip(new, _looks(new), strict=True))
            self._last_first_look_at = self._clock.monotonic()

    def readings(self, reads: Mapping[str, ReadBeat]) -> Mapping[str, HeartbeatReading]:
        """What each heartbeat does, once it has been looked at for long enough."""
        if not reads:
            return {}
        self.begin(reads)
        self._wait_until(self._last_first_look_at + self._stale_seconds)
        second = zip(reads, _looks(reads), strict=True)
        return {name: _compare(self._first[name], look) for name, look in second}

    def _wait_until(self, moment: float) -> None:
        while (left := moment - self._clock.monotonic()) > 0:
            self._clock.sleep(left)


def _looks(reads: Mapping[str, ReadBeat]) -> Sequence[_Look]:
    with ThreadPoolExecutor(max_workers=min(READERS, len(reads))) as readers:
        return list(readers.map(_look, reads, reads.values()))


def _look(name: str, read: ReadBeat) -> _Look:
    try:
        return _Look(readable=True, beat=read())
    except (StateUnreachableError, InvalidRowError) as error:
        LOG.warning("heartbeat of %s cannot be read: %s", name, error)
        return _Look(readable=False)


def _compare(before: _Look, after: _Look) -> HeartbeatReading:
    if not (before.readable and after.readable):
        return HeartbeatReading(Heartbeat.UNKNOWN)
    if before != after:
        return HeartbeatReading(Heartbeat.MOVING, None if after.beat is None else after.beat.sequence)
    if after.beat is None:
        return HeartbeatReading(Heartbeat.NONE)
    return HeartbeatReading(Heartbeat.STALE, after.beat.sequence)
