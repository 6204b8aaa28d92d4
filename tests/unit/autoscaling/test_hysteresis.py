"""More and fewer replicas come after their delays; a stray sample takes a little of what was counted, never all."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.autoscaling.tick import ScalingPolicy, initial_state, tick, window_at, with_policy
from paramedic.autoscaling.window import Figures
from paramedic.services.replica_policy import ReplicaPolicy
from paramedic.state.autoscalers import AutoscalerState, Window

START = 1_000_000
STEP = 5
POLICY = ScalingPolicy(minimum=1, maximum=5, target_qps=2.0, upscale_ticks=3, downscale_ticks=4, interval=STEP)
TO_ZERO = replace(POLICY, minimum=0)

MISSING = "?"


def sample(now: int, wanted: str) -> Figures:
    """A whole window that wants so many replicas; `?` is one that nobody reported; `3?` wants three and is partial."""
    rate = 2 * int(wanted.rstrip(MISSING) or 0)
    complete = (0, 0) if wanted.endswith(MISSING) else (now - 500, now)
    requests = dict.fromkeys(window_at(now), rate) if rate else {}
    return Figures(requests=requests, complete_from=complete[0], complete_until=complete[1])


def step(policy: ScalingPolicy, state: AutoscalerState, now: int, wanted: str) -> AutoscalerState:
    """One tick at which the whole window is as `sample` says, whatever it was before."""
    return tick(policy, state.model_copy(update={"window": Window(start=now)}), sample(now, wanted), now)[0]


def began(policy: ScalingPolicy, target: int) -> AutoscalerState:
    return initial_state(policy, 1, START).model_copy(update={"target": target})


def targets(policy: ScalingPolicy, target: int, samples: list[str]) -> list[int]:
    state, seen = began(policy, target), []
    for number, wanted in enumerate(samples):
        state = step(policy, state, START + STEP * number, wanted)
        seen.append(state.target)
    return seen


TABLE = [
    ("more for the whole delay", POLICY, "2  3 3 3", "2 2 2 3"),
    ("the newest number counts when the delay is over", POLICY, "2  3 5 4", "2 2 2 4"),
    ("one calm tick takes one back", POLICY, "2  3 3 2 3 3", "2 2 2 2 2 3"),
    ("one tick for fewer takes one back", POLICY, "2  3 3 1 3 3", "2 2 2 2 2 3"),
    ("missing figures take nothing back of more", POLICY, "2  3 3 ? ? 3", "2 2 2 2 2 3"),
    ("partial figures may want more", POLICY, "2  3? 3? 3?", "2 2 2 3"),
    ("fewer for the whole delay", POLICY, "3  1 1 1 1", "3 3 3 3 1"),
    ("one calm tick takes one back of fewer", POLICY, "3  1 1 1 3 1 1", "3 3 3 3 3 3 1"),
    ("one tick for more takes one back of fewer", POLICY, "3  1 1 1 5 1 1", "3 3 3 3 3 3 1"),
    ("one tick without figures takes one back of fewer", POLICY, "3  1 1 1 ? 1 1", "3 3 3 3 3 3 1"),
    ("partial figures never want fewer", POLICY, "3  1? 1? 1? 1? 1? 1?", "3 3 3 3 3 3 3"),
    ("half of the time is not enough", POLICY, "2  3 2 3 2 3 2 3 2", "2 2 2 2 2 2 2 2 2"),
    ("after a step both counts begin anew", POLICY, "1  2 2 2 3 3 3", "1 1 1 2 2 2 3"),
    ("from zero at once", TO_ZERO, "0  0 3", "0 0 3"),
    ("from zero at once by partial figures", TO_ZERO, "0  ? 1?", "0 0 1"),
    ("to zero after the delay", TO_ZERO, "1  0 0 0 0", "1 1 1 1 0"),
    ("from many to zero after the delay", TO_ZERO, "3  0 0 0 0", "3 3 3 3 0"),
    ("the last one goes by idle ticks alone", TO_ZERO, "3  1 1 0 0 0 0", "3 3 3 3 1 1 0"),
    ("not to zero without figures", TO_ZERO, "1  0 0 0 ? ? ? ? ?", "1 1 1 1 1 1 1 1 1"),
    ("what was idle before it woke counts no more", TO_ZERO, "1  0 0 0 0 1 0 0 0 0", "1 1 1 1 0 1 1 1 1 0"),
]


@pytest.mark.parametrize(("policy", "ticks", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_table_of_the_rule(policy: ScalingPolicy, ticks: str, expected: str) -> None:
    first, *samples = ticks.split()
    assert [int(first), *targets(policy, int(first), samples)] == [int(each) for each in expected.split()]


def test_spare_replicas_serve_whoever_comes_while_the_target_is_zero() -> None:
    assert targets(replace(TO_ZERO, overprovision=1), 0, ["1", "1", "1"]) == [0, 0, 1]


def test_a_service_at_zero_that_nobody_calls_counts_nothing() -> None:
    state = began(TO_ZERO, 1)
    for number in range(6):
        state = step(TO_ZERO, state, START + STEP * number, "0")
    assert (state.target, state.upscale_count, state.downscale_count, state.idle_count) == (0, 0, 0, 0)


contrary = st.sampled_from(["1", "2", "3", "?", "1?"])


@given(up=st.booleans(), at=st.integers(0, 9), sample=contrary)
def test_one_contrary_sample_costs_two_ticks_at_most(up: bool, at: int, sample: str) -> None:
    policy = replace(POLICY, upscale_ticks=8, downscale_ticks=8)
    steady, reached = ("3", 3) if up else ("1", 1)
    samples = [steady] * 10
    samples[at] = sample
    assert targets(policy, 2, samples)[-1] == reached


samples = st.lists(st.sampled_from(["0", "1", "2", "4", "9", "?", "1?", "9?"]), min_size=1, max_size=60)


@given(samples)
@settings(max_examples=50)
def test_the_target_never_leaves_its_bounds_and_never_falls_at_a_tick_without_figures(ticks: list[str]) -> None:
    seen = targets(TO_ZERO, 3, ticks)
    assert all(0 <= target <= 5 for target in seen)
    fell = [wanted for wanted, before, after in zip(ticks, [3, *seen], seen, strict=False) if after < before]
    assert not [wanted for wanted in fell if wanted.endswith(MISSING)]


@given(samples)
@settings(max_examples=50)
def test_zero_is_reached_only_after_as_many_idle_ticks_as_the_delay_has(ticks: list[str]) -> None:
    seen = targets(TO_ZERO, 3, ticks)
    for at in [at for at, (before, after) in enumerate(zip([3, *seen], seen, strict=False)) if before > after == 0]:
        assert ticks[: at + 1].count("0") >= TO_ZERO.downscale_ticks


@given(samples, st.frozensets(st.integers(0, 59)))
@settings(max_examples=50)
def test_a_restart_between_any_two_ticks_changes_no_decision(ticks: list[str], restarts: frozenset[int]) -> None:
    lived = restarted = began(TO_ZERO, 3)
    for number, wanted in enumerate(ticks):
        if number in restarts:
            restarted = AutoscalerState.model_validate_json(restarted.model_dump_json())
        now = START + STEP * number
        lived, restarted = step(TO_ZERO, lived, now, wanted), step(TO_ZERO, restarted, now, wanted)
        assert restarted == lived


def of_spec(**changes: object) -> ScalingPolicy:
    policy = {"min_replicas": 1, "max_replicas": 5, "target_qps_per_replica": 2.0, "upscale_delay_seconds": 60}
    validated = ReplicaPolicy.model_validate({**policy, "downscale_delay_seconds": 60, **changes})
    return ScalingPolicy.of(validated, STEP, START)


@pytest.mark.parametrize(
    ("changes", "target", "wanted", "expected"),
    [
        ({"upscale_delay_seconds": 25}, 2, "4", 4),
        ({"upscale_delay_seconds": 30}, 2, "4", 2),
        ({"downscale_delay_seconds": 25}, 2, "1", 1),
        ({"downscale_delay_seconds": 30}, 2, "1", 2),
        ({"downscale_delay_seconds": 5}, 2, "1?", 2),
        ({"downscale_delay_seconds": 5}, 2, "2", 2),
        ({"min_replicas": 3}, 2, "1", 3),
        ({"max_replicas": 3}, 5, "5", 3),
        ({"target_qps_per_replica": 1.0, "upscale_delay_seconds": 25}, 2, "2", 4),
        ({"target_qps_per_replica": 8.0, "downscale_delay_seconds": 25}, 2, "2", 1),
        ({"target_qps_per_replica": None, "max_replicas": None, "min_replicas": 4}, 2, "9", 4),
    ],
)
def test_all_of_a_new_spec_counts_at_the_next_tick(
    changes: dict[str, object], target: int, wanted: str, expected: int
) -> None:
    """Four ticks were counted in the direction that `wanted` goes by the old spec; that makes five."""
    counted = began(of_spec(), target).model_copy(update={"upscale_count": 4, "downscale_count": 4})
    policy = of_spec(**changes)
    state = with_policy(policy, counted, 2, START)
    assert step(policy, state, START, wanted).target == expected


def test_bounds_and_spare_replicas_of_a_new_spec_count_before_any_tick() -> None:
    raised = with_policy(of_spec(min_replicas=3, num_overprovision=2), began(of_spec(), 1), 2, START)
    assert (raised.target, raised.replicas) == (3, 5)
    lowered = with_policy(of_spec(max_replicas=3), began(of_spec(), 5), 2, START)
    assert (lowered.target, lowered.replicas) == (3, 3)


def test_a_new_spec_of_the_same_policy_goes_on_counting() -> None:
    counted = began(POLICY, 2).model_copy(update={"upscale_count": 2})
    assert step(POLICY, with_policy(POLICY, counted, 2, START), START, "4").target == 4
