"""Whether a large part of all targets went bad together. Pure.

Then what they share is the likelier cause: the network, a region, or whatever looks at them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    """The `bad` targets, of `targets` in all, that went bad together and still are; in the order of their beginning."""

    bad: Sequence[BadTarget]
    targets: int

    def takes_in(self, since: datetime) -> bool:
        """Whether what has been bad since then is part of it, as far as people are concerned."""
        return self.bad[0].since <= since <= self.bad[-1].since + SAME

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
    return MassFailure(largest, targets) if enough else None
