"""Traffic figures as gateways' rows have them, in the terms that figures are merged in."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paramedic.autoscaling.traffic import CounterReading, Coverage, cursor_key
from paramedic.state.ring import unpack_ring
from paramedic.state.tables import InvalidRowError
from paramedic.state.traffic import TrafficCounter, TrafficReport, read_counters


@dataclass(frozen=True)
class Traffic:
    """What all replicas of one gateway say of one service."""

    reports: Sequence[Coverage]
    counters: Sequence[CounterReading]


class ServiceTraffic:
    """Figures of one service, whose counters are read again only when a report says that they may differ."""

    def __init__(self, gateway: str, service_uid: str) -> None:
        self.service_uid = service_uid
        self._gateway = gateway
        self._counters: Sequence[CounterReading] | None = None
        self._known_after: Mapping[str, int] = {}

    def read(self, rows: Sequence[TrafficReport], now: float) -> Traffic:
        """What the reports `rows`, read before, cover, and every counter. What has expired by `now` covers nothing.

        Raises:
            InvalidRowError: a row is malformed.
            StateUnreachableError: DynamoDB did not answer.
        """
        counters, lives = self._counters, {_life_of(row) for row in rows}
        # Whoever is gone may have written its last figures since: nobody vouches for them any more, and they count.
        if counters is None or any(self._may_differ(row) for row in rows) or not lives >= self._known_after.keys():
            counters = [reading_of(row) for row in read_counters(self._gateway, self.service_uid)]
        # A report speaks for the counters that were written before it: they were read after it, or are what they were.
        self._counters = counters
        self._known_after = {_life_of(row): int(row.sequence) for row in rows}
        return Traffic([coverage_of(row) for row in rows if row.expires_at > now], counters)

    def _may_differ(self, row: TrafficReport) -> bool:
        known_after = self._known_after.get(_life_of(row))
        if row.moved is None or known_after is None or row.sequence < known_after:
            return True
        return row.moved.may_differ(self.service_uid, known_after)


def _life_of(row: TrafficReport) -> str:
    return cursor_key(row.replica, row.incarnation)


def coverage_of(row: TrafficReport) -> Coverage:
    """What the report `row` vouches for."""
    return Coverage(
        replica=row.replica,
        incarnation=row.incarnation,
        covers_from=int(row.covers_from),
        covers_until=int(row.covers_until),
    )


def reading_of(row: TrafficCounter) -> CounterReading:
    """What the counter `row` says.

    Raises:
        InvalidRowError: its ring is malformed.
    """
    try:
        ring = unpack_ring(row.ring)
    except struct.error as error:
        problem = "is no sequence of 32-bit numbers"
        raise InvalidRowError(row.Meta.table_name, row.key_text(), "ring", len(row.ring), problem) from error
    return CounterReading(
        replica=row.replica, incarnation=row.incarnation, total=int(row.total), ring=ring, ring_end=int(row.ring_end)
    )
