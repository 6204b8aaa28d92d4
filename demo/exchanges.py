"""What clients of the service saw: every request they sent, and what came of it."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass
class Exchange:
    """One request; times in seconds since 1970. `problem` says why it failed."""

    sent_at: float
    answered_at: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Tally:
    """Some of the requests in figures."""

    sent: int
    failed: int
    slowest_seconds: float

    @classmethod
    def of(cls, exchanges: Iterable[Exchange]) -> "Tally":
        """The figures of `exchanges`."""
        each = list(exchanges)
        took = [one.answered_at - one.sent_at for one in each if one.answered_at is not None]
        return cls(len(each), sum(bool(one.problem) for one in each), max(took, default=0.0))

    def __str__(self) -> str:
        return f"{self.sent} requests sent, {self.failed} failed, the slowest took {self.slowest_seconds * 1000:.0f} ms"


def sent_between(exchanges: Iterable[Exchange], start: float, end: float) -> list[Exchange]:
    """Those sent in [start, end)."""
    return [each for each in exchanges if start <= each.sent_at < end]


@dataclass(frozen=True)
class Bounds:
    """How many requests a gateway can have begun to serve, by the second, going by its clients' clocks alone."""

    sent: Sequence[float]
    answered: Sequence[float]

    @classmethod
    def of(cls, exchanges: Iterable[Exchange]) -> "Bounds":
        """The bounds that `exchanges` set."""
        each = list(exchanges)
        answered = sorted(one.answered_at for one in each if one.answered_at is not None)
        return cls(sorted(one.sent_at for one in each), answered)

    def allow(self, begun: int, before: float) -> bool:
        """Whether `begun` requests before then is possible: no more than were sent, no fewer than were answered."""
        return bisect_left(self.answered, before) <= begun <= bisect_left(self.sent, before)
