"""Merging what gateway replicas counted: each request once, whoever restarts."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from paramedic.autoscaling.window import Figures

MAX_CLOCK_LEAD_SECONDS = 5
"""How far beyond the present a report may vouch: one that goes further comes from a clock that is wrong."""


class CounterReading(BaseModel):
    """One service's counter in one life of one gateway replica.

    `total` requests were counted in the seconds before `ring_end`; `ring` are the last of these seconds, in order.
    """

    model_config = ConfigDict(frozen=True)

    replica: str
    incarnation: str
    total: int
    ring: Sequence[int]
    ring_end: int


class Coverage(BaseModel):
    """A gateway replica's report: its counters hold all it served in the seconds [`covers_from`, `covers_until`)."""

    model_config = ConfigDict(frozen=True)

    replica: str
    incarnation: str
    covers_from: int
    covers_until: int

    def is_ahead(self, now: int) -> bool:
        """Whether it vouches for seconds that cannot be over yet."""
        return self.covers_until > now + MAX_CLOCK_LEAD_SECONDS


def cursor_key(replica: str, incarnation: str) -> str:
    """The name a counter's cursor is kept under."""
    return f"{replica}#{incarnation}"


def merge(
    cursors: Mapping[str, int],
    reports: Sequence[Coverage],
    counters: Sequence[CounterReading],
    *,
    seconds: range,
    now: int,
) -> Figures:
    """What the counters hold of `seconds` beyond `cursors`, and which of them all `reports`, read at `now`, cover.

    A reported incarnation without a counter counted nothing for this service: its cursor is 0. A counter that lags
    behind its cursor (an old read) adds nothing and moves no cursor back. A gateway's clock may be wrong: no cursor
    passes requests of seconds after `seconds`, nor moves for requests that are all before, so that they are counted
    when the clocks agree; and one report that is ahead leaves nothing covered.
    """
    requests: dict[int, int] = {}
    moved = {cursor_key(report.replica, report.incarnation): 0 for report in reports}
    for counter in counters:
        key = cursor_key(counter.replica, counter.incarnation)
        seen = cursors.get(key, 0)
        over = _before(counter, seconds.stop)
        counted = [(second, count) for second, count in _newest(over, over.total - seen) if second in seconds]
        for second, count in counted:
            requests[second] = requests.get(second, 0) + count
        moved[key] = over.total if counted else seen
    kept = {key: max(total, cursors.get(key, 0)) for key, total in moved.items()}
    complete_from, complete_until = _covered(reports, seconds, now)
    return Figures(requests=requests, complete_from=complete_from, complete_until=complete_until, cursors=kept)


def _covered(reports: Sequence[Coverage], seconds: range, now: int) -> tuple[int, int]:
    if not reports or any(report.is_ahead(now) for report in reports):
        return 0, 0
    covered = min(report.covers_until for report in reports)
    return max(report.covers_from for report in reports), min(covered, seconds.stop)


def _before(counter: CounterReading, end: int) -> CounterReading:
    """The counter as it was at `end`, as far as its ring goes back."""
    kept = max(0, len(counter.ring) - max(0, counter.ring_end - end))
    total = counter.total - sum(counter.ring[kept:])
    return counter.model_copy(
        update={"total": total, "ring": counter.ring[:kept], "ring_end": min(counter.ring_end, end)}
    )


def _newest(counter: CounterReading, wanted: int) -> Iterator[tuple[int, int]]:
    """The newest `wanted` requests of the ring by second; what is older than the ring is older than any window."""
    second = counter.ring_end
    for count in reversed(counter.ring):
        if wanted <= 0:
            return
        second -= 1
        taken = min(count, wanted)
        wanted -= taken
        if taken:
            yield second, taken
