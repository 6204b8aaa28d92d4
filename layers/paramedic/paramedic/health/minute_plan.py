"""Which messages one scheduled tick is made of. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched

from paramedic.health.bucket_counts import BucketCounts
from paramedic.health.check_messages import CheckMessage
from paramedic.health.groups import group_buckets
from paramedic.state.targets import bucket_of

FAST_TARGETS_PER_MESSAGE = 200
"""They are named one by one: so many make a message of 15 KB, far below what a queue takes."""

MINUTE_SECONDS = 60
"""What lies between two scheduled ticks."""


@dataclass(frozen=True)
class PlannedMessage:
    """`message` is to be handed out `delay_seconds` after it was sent, which is when its own tick is due."""

    message: CheckMessage
    delay_seconds: int


def messages_of(tick: datetime, counts: BucketCounts, fast_checks_per_minute: int) -> Sequence[PlannedMessage]:
    """Every bucket with targets once, at `tick`, and fast targets at evenly spaced further ticks before the next one.

    `fast_checks_per_minute` divides a minute into whole seconds; the one at `tick` is among them.
    """
    whole = [PlannedMessage(CheckMessage(tick=tick, buckets=each), 0) for each in group_buckets(counts.targets)]
    step = MINUTE_SECONDS // fast_checks_per_minute
    return [*whole, *(each for delay in range(step, MINUTE_SECONDS, step) for each in _further(tick, counts, delay))]


def _further(tick: datetime, counts: BucketCounts, delay: int) -> Iterator[PlannedMessage]:
    own_tick = tick + timedelta(seconds=delay)
    for targets in batched(counts.fast, FAST_TARGETS_PER_MESSAGE, strict=False):
        buckets = tuple(sorted({bucket_of(each) for each in targets}))
        yield PlannedMessage(CheckMessage(tick=own_tick, buckets=buckets, targets=targets), delay)
