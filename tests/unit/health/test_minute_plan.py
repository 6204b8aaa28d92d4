"""What one scheduled tick is made of: each target as often as it is due, each message at its own tick."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.health.bucket_counts import BucketCounts
from paramedic.health.minute_plan import messages_of
from paramedic.state.targets import BUCKETS, bucket_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SQS_TAKES = 256 * 1024
LONGEST_DELAY = 900

CHECKS = st.sampled_from([1, 2, 3, 6])
FAST = st.integers(0, 900).map(lambda number: tuple(f"url:{n:063d}" for n in range(number)))
COUNTS = st.builds(
    BucketCounts, st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(-1, 400), max_size=BUCKETS), FAST
)


@given(COUNTS, CHECKS)
def test_every_target_is_checked_once_at_the_tick_and_fast_ones_once_at_each_further_one(
    counts: BucketCounts, checks: int
) -> None:
    planned = messages_of(NOON, counts, checks)
    whole = [bucket for each in planned if not each.message.targets for bucket in each.message.buckets]
    assert sorted(whole) == sorted(bucket for bucket, count in counts.targets.items() if count > 0)
    looked_at = Counter((each.message.tick, target) for each in planned for target in each.message.targets)
    further = [NOON + timedelta(seconds=60 / checks * number) for number in range(1, checks)]
    assert looked_at == Counter((tick, target) for tick in further for target in counts.fast)


@given(COUNTS, CHECKS)
def test_a_message_is_handed_out_when_its_own_tick_is_due_in_order_and_before_the_next_minute(
    counts: BucketCounts, checks: int
) -> None:
    planned = messages_of(NOON, counts, checks)
    delays = [each.delay_seconds for each in planned]
    assert delays == sorted(delays)
    assert all(each.message.tick == NOON + timedelta(seconds=each.delay_seconds) for each in planned)
    assert all(0 <= delay < 60 < LONGEST_DELAY for delay in delays)


@given(COUNTS, CHECKS)
def test_a_message_names_the_buckets_of_its_targets_and_is_no_larger_than_a_queue_takes(
    counts: BucketCounts, checks: int
) -> None:
    for each in messages_of(NOON, counts, checks):
        assert len(each.message.model_dump_json().encode()) < SQS_TAKES / 10
        if each.message.targets:
            assert set(each.message.buckets) == {bucket_of(target) for target in each.message.targets}
            assert len(each.message.targets) <= 200


@pytest.mark.parametrize("checks", [1, 2, 3, 6])
def test_where_nothing_is_fast_a_tick_costs_what_it_always_did(checks: int) -> None:
    assert messages_of(NOON, BucketCounts({0: 150, 1: 150}), checks) == messages_of(
        NOON, BucketCounts({0: 150, 1: 150}), 1
    )
