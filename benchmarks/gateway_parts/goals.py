"""What the gateway must reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Bound(StrEnum):
    """On which side of a goal a figure must lie; on it is enough."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


@dataclass(frozen=True)
class Goal:
    """One figure's limit."""

    bound: Bound
    limit: float

    def is_met(self, figure: float | None) -> bool:
        """A figure that could not be measured misses every goal."""
        if figure is None:
            return False
        return figure >= self.limit if self.bound is Bound.AT_LEAST else figure <= self.limit


def at_least(limit: float) -> Goal:
    """A goal for figures that should be high."""
    return Goal(Bound.AT_LEAST, limit)


def at_most(limit: float) -> Goal:
    """A goal for figures that should be low."""
    return Goal(Bound.AT_MOST, limit)


type Figures = Mapping[str, float | None]
