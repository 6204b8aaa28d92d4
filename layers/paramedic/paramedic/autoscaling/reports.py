"""Traffic figures as gateways' rows have them, in the terms that figures are merged in."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from paramedic.autoscaling.traffic import CounterReading, Coverage
from paramedic.state.ring import unpack_ring
from paramedic.state.tables import InvalidRowError
from paramedic.state.traffic import TrafficCounter, TrafficReport, read_counters, read_reports


@dataclass(frozen=True)
class Traffic:
    """What all replicas of one gateway say of one service."""

    reports: Sequence[Coverage]
    counters: Sequence[CounterReading]


def read_traffic(gateway: str, service_uid: str, now: float) -> Traffic:
    """The reports that have not expired by `now`, and every counter.

    Raises:
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    # A report speaks for the counters that were written before it, so it is to be read before them.
    reports = [coverage_of(row) for row in read_reports(gateway) if row.expires_at > now]
    return Traffic(reports, [reading_of(row) for row in read_counters(gateway, service_uid)])


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
