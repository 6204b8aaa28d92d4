"""Merging what gateway replicas counted: each request once, whoever restarts."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from paramedic.autoscaling.window import Figures


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


def cursor_key(replica: str, incarnation: str) -> str:
    """The name a counter's cursor is kept under."""
    return f"{replica}#{incarnation}"


def merge(cursors: Mapping[str, int], reports: Sequence[Coverage], counters: Sequence[CounterReading]) -> Figures:
    """What the counters hold beyond `cursors`, and the seconds that all `reports` cover.

    A reported incarnation without a counter counted nothing for this service: its cursor is 0. A counter that lags
    behind its cursor (an old read) adds nothing and moves no cursor back.
    """
    requests: dict[int, int] = {}
    moved = {cursor_key(report.replica, report.incarnation): 0 for report in reports}
    for counter in counters:
        key = cursor_key(counter.replica, counter.incarnation)
        seen = cursors.get(key, 0)
        moved[key] = max(seen, counter.total)
        for second, count in _newest(counter, counter.total - seen):
            requests[second] = requests.get(second, 0) + count
    kept = {key: max(total, cursors.get(key, 0)) for key, total in moved.items()}
    return Figures(
        requests=requests,
        complete_from=max((report.covers_from for report in reports), default=0),
        complete_until=min((report.covers_until for report in reports), default=0),
        cursors=kept,
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
