"""Whether a large part of all targets went bad together. Pure.

Then what they share is the likelier cause: the network, a region, or whatever looks at them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

LEAST_TARGETS = 10
"""Smaller fleets are judged by the evidence of each target alone."""

LEAST_BAD = 5
ONE_IN = 5

TOGETHER = timedelta(minutes=3)
"""Bad periods that began within three ticks, the last of them not included, began together."""

SAME = timedelta(minutes=30)
"""Targets that go bad this soon after others belong to the mass failure that people know of."""


@dataclass(frozen=True)
class BadTarget:
    """A target that is not healthy now, and since when."""

    target_id: str
    since: datetime


@dataclass(frozen=True)
class MassFailure:
    """The `bad` targets, of `targets` in all, that went bad together and still are; in the order of their beginning.

    `all_bad` are those and the others that are bad now.
    """

    bad: Sequence[BadTarget]
    targets: int
    all_bad: Sequence[BadTarget]

    def takes_in(self, since: datetime) -> bool:
        """Whether what has been bad since then is part of it, as far as people are concerned."""
        own = self.bad[0].since <= since <= self.bad[-1].since + SAME
        return own or (self._beside is not None and self._beside.takes_in(since))

    @cached_property
    def _beside(self) -> "MassFailure | None":
        """The largest one among those that are bad and not in this one."""
        rest = set(self.all_bad) - set(self.bad)
        return mass_failure(list(rest), self.targets)

    def was_there(self, moment: datetime) -> bool:
        """Whether what was bad by that `moment`, and still is, is one."""
        by_then = [each for each in self.all_bad if each.since <= moment]
        return self.bad[0].since <= moment or mass_failure(by_then, self.targets) is not None

    @property
    def sentence(self) -> str:
        """What people are told."""
        first = self.bad[0].since
        return (
            f"{len(self.bad)} of {self.targets} targets went bad within three minutes, from {first:%H:%M:%SZ} on: look "
            "for what they share. Only controllers that are surely dead are recovered, three at a time."
        )


def mass_failure(bad: Sequence[BadTarget], targets: int) -> MassFailure | None:
    """The largest mass failure among targets that are `bad` now, of `targets` in all, or None.

    It lasts for as long as enough of those that went bad together are not healthy again.
    """
    if targets < LEAST_TARGETS:
        return None
    ordered = sorted(bad, key=lambda each: (each.since, each.target_id))
    largest: Sequence[BadTarget] = ()
    begin = 0
    for end, last in enumerate(ordered, 1):
        while last.since - ordered[begin].since >= TOGETHER:
            begin += 1
        # Of two equally large ones the later is the one that people have not heard of yet.
        if end - begin >= len(largest):
            largest = ordered[begin:end]
    enough = len(largest) >= LEAST_BAD and len(largest) * ONE_IN >= targets
    return MassFailure(largest, targets, ordered) if enough else None
