"""Every target's row, where one that nobody understands hides no other."""

from collections.abc import Sequence
from dataclasses import dataclass

from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount


@dataclass(frozen=True)
class TargetRows:
    """The rows in order of their ids, and a sentence for each that cannot be understood and so is not checked."""

    rows: Sequence[Target]
    unreadable: Sequence[str]


def read_target_rows() -> TargetRows:
    """All of them.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    counts = TargetCount.read_each(COUNTS_BUCKET).values()
    buckets = [int(each.target_id) for each in counts if isinstance(each, TargetCount) and each.targets]
    found = [*counts, *(row for bucket in buckets for row in Target.read_each(bucket).values())]
    rows = [each for each in found if isinstance(each, Target)]
    errors = [each for each in found if isinstance(each, InvalidRowError)]
    return TargetRows(
        rows=sorted(rows, key=lambda row: str(row.target_id)),
        unreadable=[f"{each}; what it names is not checked until that is mended" for each in errors],
    )
