"""Which buckets are checked by the same message."""

from collections.abc import Mapping, Sequence

TARGETS_PER_GROUP = 1000
"""A check waits for its slowest target, and that wait is paid for once for so many of them."""


def group_buckets(counts: Mapping[int, int], limit: int = TARGETS_PER_GROUP) -> Sequence[tuple[int, ...]]:
    """Divide buckets into groups of at most `limit` targets, in the order of their numbers.

    `counts` is the number of targets by bucket. Empty buckets are in no group; a bucket above the limit is one alone.
    """
    groups: list[tuple[int, ...]] = []
    group: tuple[int, ...] = ()
    size = 0
    for bucket, count in sorted(counts.items()):
        if count <= 0:
            continue
        if group and size + count > limit:
            groups.append(group)
            group, size = (), 0
        group, size = (*group, bucket), size + count
    return [*groups, group] if group else groups
