"""How many targets each bucket has, and which are fast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paramedic.health.groups import TARGETS_PER_GROUP
from paramedic.health.readable_rows import read_readable
from paramedic.state.targets import BUCKETS, COUNTS_BUCKET, TargetCount


@dataclass(frozen=True)
class BucketCounts:
    """The number of targets by bucket, the ids of those that are fast, and how many rows could not be understood."""

    targets: Mapping[int, int]
    fast: Sequence[str] = ()
    invalid: int = 0


def read_counts() -> BucketCounts:
    """What there is to check. One query.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    readable = read_readable(TargetCount, COUNTS_BUCKET, "target_id")
    counts = {int(row.target_id): int(row.targets) for row in readable.rows if _names_bucket(row.target_id)}
    # A bucket whose count cannot be read still has targets: it is checked alone, as if it were full.
    broken = [int(name) for name in readable.invalid if _names_bucket(name)]
    unnamed = len(readable.rows) - len(counts)
    return BucketCounts(
        targets=counts | dict.fromkeys(broken, TARGETS_PER_GROUP),
        fast=sorted(target_id for row in readable.rows for target_id in row.fast or ()),
        invalid=unnamed + len(readable.invalid),
    )


def _names_bucket(name: str) -> bool:
    return name.isdecimal() and int(name) < BUCKETS
