"""The autoscaler's window: requests per second of wall time, with what is not known kept apart from zero."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from paramedic.state.autoscalers import Window


class Figures(BaseModel):
    """Traffic that became known since the last tick.

    `requests` are counted nowhere yet: second → count. Every known gateway replica has reported all of the seconds
    in [`complete_from`, `complete_until`). `cursors` replaces the ones the requests were counted from.
    """

    model_config = ConfigDict(frozen=True)

    requests: Mapping[int, int] = {}
    complete_from: int = 0
    complete_until: int = 0
    cursors: Mapping[str, int] = {}


def advance(window: Window, figures: Figures, seconds: range) -> Window:
    """The window over `seconds`: what was known of them, plus `figures`.

    One that moves back takes nobody's word for what it did not know: requests may have been counted where it comes
    from.
    """
    moves_back = bool(window.counts) and seconds.start < window.start
    unknown_before = window.counted_until if moves_back else window.unknown_before
    covered = range(max(figures.complete_from, unknown_before), figures.complete_until)
    counts: list[int | None] = []
    incomplete: list[int] = []
    known_incomplete = frozenset(window.incomplete)
    for second in seconds:
        before = _count_at(window, second)
        total = (before or 0) + figures.requests.get(second, 0)
        if second in covered or (before is not None and second not in known_incomplete):
            counts.append(total)
        elif total > 0:
            counts.append(total)
            incomplete.append(second)
        else:
            counts.append(None)
    return Window(
        start=seconds.start,
        counts=tuple(counts),
        incomplete=tuple(incomplete),
        counted_until=max(window.counted_until, max(figures.requests, default=0) + 1),
        unknown_before=unknown_before,
    )


def is_complete(window: Window, until: int) -> bool:
    """Whether every second from the window's start up to `until` is known in full."""
    incomplete = frozenset(window.incomplete)
    seconds = range(window.start, until)
    return all(_count_at(window, second) is not None and second not in incomplete for second in seconds)


def known_requests(window: Window) -> int:
    """Requests known to have been made: a lower bound wherever the window is not complete."""
    return sum(count for count in window.counts if count is not None)


def _count_at(window: Window, second: int) -> int | None:
    index = second - window.start
    return window.counts[index] if 0 <= index < len(window.counts) else None
