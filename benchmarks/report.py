"""What benchmarks share: figures, the goals they must reach, and the report that ends every run."""

import argparse
import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from types import FrameType
from typing import Protocol

type Figures = Mapping[str, float | None]
"""By name; None is one that could not be measured."""


class NotMeasuredError(Exception):
    """Something that a figure needs is not to be had; the message says what."""


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


class Part[Surroundings](Protocol):
    """A module that measures something in its benchmark's surroundings."""

    @property
    def GOALS(self) -> Mapping[str, Goal]:  # noqa: N802 -- a module's constant
        """What its figures must reach."""

    def measure(self, _surroundings: Surroundings, /) -> Figures:
        """The figures.

        Raises:
            NotMeasuredError: something did not serve.
        """


type Parts[Surroundings] = Mapping[str, Part[Surroundings]]


def run[Surroundings](
    benchmark: str,
    description: str | None,
    parts: Parts[Surroundings],
    surroundings: Callable[[], AbstractContextManager[Surroundings]],
) -> int:
    """Measure the parts that the command line names, all without any; report, and return the exit code."""
    wanted = _wanted(description, list(parts))
    # Whoever ends a run ends it as Ctrl-C does: with all that it has started.
    signal.signal(signal.SIGTERM, _interrupt)
    figures: dict[str, float | None] = {}
    goals: dict[str, Goal] = {}
    with surroundings() as entered:
        for name in wanted:
            print(f"{name} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", flush=True)
            goals |= parts[name].GOALS
            figures |= _measured(parts[name], entered)
    return report(benchmark, figures, goals)


def _wanted(description: str | None, known: Sequence[str]) -> Sequence[str]:
    options = argparse.ArgumentParser(description=description)
    options.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(known)}; all without any")
    wanted: list[str] = options.parse_args().parts or list(known)
    if unknown := [name for name in wanted if name not in known]:
        options.error(f"no part is called {unknown[0]!r}; there are {', '.join(known)}")
    return wanted


def _measured[Surroundings](part: Part[Surroundings], surroundings: Surroundings) -> Figures:
    """The part's figures; none, so that all its goals are missed, when something it needs did not serve."""
    started = time.monotonic()
    try:
        figures = part.measure(surroundings)
    except NotMeasuredError as error:
        print(f"  not measured: {error}")
        return {}
    print(f"  took {time.monotonic() - started:.0f} s", flush=True)
    return figures


def report(benchmark: str, figures: Figures, goals: Mapping[str, Goal]) -> int:
    """Print the figures against their goals, as JSON in the last line; 1 when one is missed."""
    missed = [name for name, goal in goals.items() if not goal.is_met(figures.get(name))]
    for name in missed:
        print(f"missed: {name} is {figures.get(name)}, and must be {goals[name].bound} {goals[name].limit:g}")
    limits = {name: {str(goal.bound): goal.limit} for name, goal in goals.items()}
    print(json.dumps({"benchmark": benchmark, "figures": figures, "goals": limits, "met": not missed}))
    return 1 if missed else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
