"""Writer of traffic figures: what whoever serves a gateway's requests uses to report them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.update import Action

from paramedic.state.ring import pack_ring
from paramedic.state.tables import StateUnreachableError
from paramedic.state.traffic import Ahead, Draining, Moved, TrafficCounter, TrafficReport, counter_item, report_item

ROWS_LIVE_SECONDS = 3600
"""Figures are only of use for the length of a window; the rest is for people looking into an incident."""

UNFINISHED_EXAMPLES = 100
"""How many requests under way are named to people; the rest are counted."""


REMEMBERED_REPORTS = 6
"""Several ticks of an autoscaler: one that missed more reads every counter again. Every report costs by its length."""


class CounterWrites:
    """Notes for which report each service's counter was last written; `sequence` is that of the last report so far."""

    def __init__(self, sequence: int) -> None:
        self._begun = sequence
        self._written: dict[str, int] = {}

    def note(self, service_uid: str, sequence: int) -> None:
        """The counter is about to be written for the report `sequence`."""
        self._written[service_uid] = sequence

    def moved(self, sequence: int) -> Moved:
        """What the report `sequence` says of it."""
        since = max(self._begun, sequence - REMEMBERED_REPORTS)
        self._written = {uid: at for uid, at in self._written.items() if at > since}
        return Moved(since=since, services=dict(self._written))


@dataclass(frozen=True)
class Standing:
    """Where a gateway replica stands: its counters hold all of the seconds [`covers_from`, `covers_until`).

    `draining` has the requests that each leaving replica it knows of still has, by `draining_key`; None when nobody
    is to wait for it: it has ended, or never tells. `ahead` has the route revisions it applied, by service uid, where
    the tables have a lower one. `moved` names the counters that were written lately, None where nobody noted them.
    """

    sequence: int
    covers_from: int
    covers_until: int
    unfinished_count: int
    unfinished_examples: Sequence[str]
    draining: Mapping[str, int] | None
    ahead: Mapping[str, int] = field(default_factory=dict)
    moved: Moved | None = None


@dataclass(frozen=True)
class TrafficWriter:
    """Writes the rows of one gateway replica."""

    gateway: str
    replica: str

    def write_counter(self, service_uid: str, incarnation: str, total: int, ring: Sequence[int], until: int) -> None:
        """One service's figures of the seconds before `until`.

        Raises:
            StateUnreachableError: DynamoDB did not answer; writing again is harmless.
        """
        row = TrafficCounter(self.gateway, counter_item(service_uid, self.replica, incarnation))
        actions: list[Action] = [
            TrafficCounter.replica.set(self.replica),
            TrafficCounter.incarnation.set(incarnation),
            TrafficCounter.service_uid.set(service_uid),
            TrafficCounter.total.set(total),
            TrafficCounter.ring.set(pack_ring(ring)),
            TrafficCounter.ring_end.set(until),
            TrafficCounter.expires_at.set(until + ROWS_LIVE_SECONDS),
        ]
        _update(row, actions)

    def write_report(self, incarnation: str, standing: Standing) -> None:
        """What vouches for the counters; to be written after them.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        row = TrafficReport(self.gateway, report_item(self.replica))
        actions: list[Action] = [
            TrafficReport.replica.set(self.replica),
            TrafficReport.incarnation.set(incarnation),
            TrafficReport.sequence.set(standing.sequence),
            TrafficReport.covers_from.set(standing.covers_from),
            TrafficReport.covers_until.set(standing.covers_until),
            TrafficReport.unfinished_count.set(standing.unfinished_count),
            TrafficReport.unfinished_examples.set(list(standing.unfinished_examples[:UNFINISHED_EXAMPLES])),
            TrafficReport.expires_at.set(standing.covers_until + ROWS_LIVE_SECONDS),
            _draining(standing.draining),
            _moved(standing.moved),
            _ahead(standing.ahead),
        ]
        _update(row, actions)


def _draining(requests: Mapping[str, int] | None) -> Action:
    """Nothing an earlier report said of leaving replicas may stay."""
    if requests is None:
        return TrafficReport.draining.remove()
    return TrafficReport.draining.set(Draining(requests=requests))


def _moved(moved: Moved | None) -> Action:
    return TrafficReport.moved.remove() if moved is None else TrafficReport.moved.set(moved)


def _ahead(revisions: Mapping[str, int]) -> Action:
    if not revisions:
        return TrafficReport.ahead.remove()
    return TrafficReport.ahead.set(Ahead(revisions=revisions))


def _update(row: TrafficCounter | TrafficReport, actions: list[Action]) -> None:
    try:
        row.update(actions=actions)
    except PynamoDBException as error:
        raise StateUnreachableError(f"reporting {row.key_text()}: {error}") from error
