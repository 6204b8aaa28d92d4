"""Targets that come and go: people hear of it once, and again when it is over. Pure.

A first failure is told at once. What waits is the word that it is over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from paramedic.clock import from_iso, to_iso
from paramedic.health.verdict import Verdict
from paramedic.state.targets import BadPeriod, Beginnings

WITHIN = timedelta(minutes=10)
"""Bad, healthy and bad again within this is flapping."""

STEADY = timedelta(minutes=5)
"""What stayed as it is for so long flaps no more."""


def with_another(beginnings: Beginnings | None, tick: datetime) -> Beginnings:
    """The beginnings that count at `tick`, when another bad period begins."""
    earlier: Sequence[str] = () if beginnings is None else beginnings.ticks
    recent = [text for text in earlier if timedelta(0) < tick - from_iso(text) < WITHIN]
    return Beginnings(ticks=(*recent, to_iso(tick)))


def is_flapping(beginnings: Beginnings) -> bool:
    """Whether the last period began too soon after another one."""
    return len(beginnings.ticks) > 1


def recovery_waits(recorded: BadPeriod, tick: datetime) -> bool:
    """Whether people are not to hear yet that a target is healthy, as it was seen to be at `tick`.

    They have heard of the period that `recorded` ended or may end, and it flaps; one that lasted is over when it is.
    """
    changed_at = recorded.last_tick if recorded.verdict == Verdict.HEALTHY else recorded.since
    return recorded.flapping and recorded.told_by is not None and tick - from_iso(changed_at) < STEADY
