"""How many targets each bucket has."""

from collections.abc import Mapping

from paramedic.health.groups import TARGETS_PER_GROUP
from paramedic.health.readable_rows import read_readable
from paramedic.state.targets import BUCKETS, COUNTS_BUCKET, TargetCount


def read_counts() -> tuple[Mapping[int, int], int]:
    """The number of targets by bucket, and how many rows could not be understood. One query.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    readable = read_readable(TargetCount, COUNTS_BUCKET, "target_id")
    counts = {int(row.target_id): int(row.targets) for row in readable.rows if _names_bucket(row.target_id)}
    # A bucket whose count cannot be read still has targets: it is checked alone, as if it were full.
    broken = [int(name) for name in readable.invalid if _names_bucket(name)]
    unnamed = len(readable.rows) - len(counts)
    return counts | dict.fromkeys(broken, TARGETS_PER_GROUP), unnamed + len(readable.invalid)


def _names_bucket(name: str) -> bool:
    return name.isdecimal() and int(name) < BUCKETS
