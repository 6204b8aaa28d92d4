"""Grouping buckets into messages."""

from hypothesis import given
from hypothesis import strategies as st

from paramedic.health.groups import group_buckets

COUNTS = st.dictionaries(st.integers(0, 63), st.integers(-1, 2000), max_size=64)


def test_small_buckets_share_a_message_and_full_ones_do_not() -> None:
    assert group_buckets({0: 450, 1: 450, 2: 450, 3: 2500, 4: 0, 5: 1}) == [(0, 1), (2,), (3,), (5,)]


def test_no_targets_are_no_messages() -> None:
    assert group_buckets({}) == []
    assert group_buckets({3: 0}) == []


@given(COUNTS)
def test_every_bucket_with_targets_is_in_exactly_one_group(counts: dict[int, int]) -> None:
    grouped = [bucket for group in group_buckets(counts) for bucket in group]
    assert grouped == sorted(bucket for bucket, count in counts.items() if count > 0)


@given(COUNTS)
def test_no_group_is_empty_and_only_a_bucket_alone_exceeds_the_limit(counts: dict[int, int]) -> None:
    for group in group_buckets(counts):
        assert group
        assert len(group) == 1 or sum(counts[bucket] for bucket in group) <= 1000


@given(COUNTS)
def test_the_order_of_the_counts_does_not_matter(counts: dict[int, int]) -> None:
    assert group_buckets(dict(reversed(counts.items()))) == group_buckets(counts)
