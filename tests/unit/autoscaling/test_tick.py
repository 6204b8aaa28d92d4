"""The autoscaler decides from its state, the traffic and the tick's time alone, and never down on missing figures."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.autoscaling.tick import (
    MAX_REPORT_LAG_SECONDS,
    ScalingPolicy,
    differs_in_substance,
    initial_state,
    tick,
    window_at,
)
from paramedic.autoscaling.traffic import CounterReading, Coverage, merge
from paramedic.autoscaling.window import Figures
from paramedic.services.replica_policy import ReplicaPolicy
from paramedic.state.autoscalers import AutoscalerState

START = 1_000_000
POLICY = ScalingPolicy(minimum=1, maximum=5, target_qps=2.0, upscale_ticks=3, downscale_ticks=4, interval=5)


def reported(now: int, rate: int, cursors: Mapping[str, int] | None = None) -> Figures:
    """Every second so far was reported, the last five had `rate` requests each."""
    return Figures(
        requests=dict.fromkeys(range(now - 5, now), rate),
        complete_from=now - 500,
        complete_until=now,
        cursors=cursors or {},
    )


MISSING = Figures()


def test_a_clock_that_was_ahead_for_one_tick_does_not_freeze_the_autoscaler() -> None:
    start = initial_state(POLICY, 1, START)
    waiting = start.model_copy(update={"downscale_count": 3, "upscale_count": 2, "target": 3})
    ahead, _ = tick(POLICY, waiting.model_copy(update={"last_tick": START}), MISSING, START + 3600)
    after, decision = tick(POLICY, ahead, reported(START + 5, 100), START + 5)
    assert decision.wanted == POLICY.maximum
    assert (after.last_tick, after.target, after.downscale_count) == (START + 5, POLICY.maximum, 0)


@pytest.mark.parametrize("back", [0, 5, 10])
def test_a_tick_that_was_made_or_comes_late_changes_nothing(back: int) -> None:
    made, _ = tick(POLICY, initial_state(POLICY, 1, START), reported(START, 4), START)
    assert tick(POLICY, made, reported(START, 4), START - back)[0] == made


def test_a_tiny_rate_per_replica_wants_the_most_replicas_there_may_be() -> None:
    tiny = replace(POLICY, target_qps=1e-310)
    _, decision = tick(tiny, initial_state(tiny, 1, START), reported(START + 60, 4), START + 60)
    assert decision.wanted == tiny.maximum


def run(state: AutoscalerState, figures: list[Figures], start: int, step: int = 5) -> list[AutoscalerState]:
    states = []
    for number, each in enumerate(figures):
        state, _ = tick(POLICY, state, each, start + step * number)
        states.append(state)
    return states


def fresh(target: int = 1) -> AutoscalerState:
    return initial_state(POLICY, 1, START).model_copy(update={"target": target})


def test_delays_become_whole_ticks() -> None:
    policy = ReplicaPolicy(
        min_replicas=1,
        max_replicas=4,
        target_qps_per_replica=1,
        upscale_delay_seconds=12,
        downscale_delay_seconds=0,
    )
    scaling = ScalingPolicy.of(policy, 5, START)
    assert (scaling.upscale_ticks, scaling.downscale_ticks, scaling.maximum) == (3, 1, 4)


def test_spare_replicas_run_on_top_of_what_the_traffic_wants_and_of_the_maximum() -> None:
    spare = replace(POLICY, overprovision=2)
    state = initial_state(spare, 1, START)
    assert (state.target, state.replicas) == (1, 3)
    for number in range(3):
        state, _ = tick(spare, state, reported(START + 5 * number, 100), START + 5 * number)
    assert (state.target, state.replicas) == (5, 7)
    fewer, _ = tick(POLICY, state, reported(START + 15, 100), START + 15)
    assert (fewer.target, fewer.replicas) == (5, 5)
    assert differs_in_substance(state, fewer)


def test_more_replicas_come_after_the_delay_and_not_before() -> None:
    ticks = [reported(START + 5 * n, 100) for n in range(3)]
    targets = [state.target for state in run(fresh(), ticks, START)]
    assert targets == [1, 1, 5]


def test_fewer_replicas_come_after_the_delay_and_not_before() -> None:
    ticks = [reported(START + 5 * n, 0) for n in range(5)]
    targets = [state.target for state in run(fresh(target=4), ticks, START)]
    assert targets == [4, 4, 4, 1, 1]


def test_known_requests_scale_up_even_when_figures_are_missing() -> None:
    partial = Figures(requests=dict.fromkeys(range(START - 60, START), 50))
    states = run(fresh(), [partial, MISSING, MISSING], START)
    assert [state.upscale_count for state in states] == [1, 2, 0]
    assert states[-1].target == 5


def test_missing_figures_keep_the_up_count_and_take_one_back_of_the_down_count() -> None:
    state = fresh(target=3).model_copy(update={"upscale_count": 2, "downscale_count": 3})
    after, decision = tick(POLICY, state, MISSING, START)
    assert (after.upscale_count, after.downscale_count, after.target) == (2, 2, 3)
    assert "missing" in decision.reason


def test_reports_that_lag_are_missing_and_reports_a_moment_old_are_not() -> None:
    def at(until: int) -> bool:
        figures = Figures(complete_from=START - 500, complete_until=until)
        return tick(POLICY, fresh(), figures, START)[1].complete

    assert at(START - MAX_REPORT_LAG_SECONDS)
    assert not at(START - MAX_REPORT_LAG_SECONDS - 1)


@pytest.mark.parametrize("skew", [-120, -60, -30, -15, -5, -1, 0, 1, 3, 5, 30, 120, 200, 3600])
def test_a_loaded_service_is_never_scaled_down_whatever_its_gateways_clock_says(skew: int) -> None:
    rate = 10
    state = fresh(target=POLICY.maximum)
    for now in range(START + 300, START + 600, 5):
        there = now + skew
        ring = [rate] * 180
        reading = CounterReading(replica="0", incarnation="a", total=rate * (there - START), ring=ring, ring_end=there)
        cover = Coverage(replica="0", incarnation="a", covers_from=START, covers_until=there)
        figures = merge(state.cursors, [cover], [reading], seconds=window_at(now), now=now)
        state, decision = tick(POLICY, state, figures, now)
        assert decision.target == POLICY.maximum


def test_seconds_not_reported_yet_do_not_dilute_the_rate() -> None:
    figures = Figures(
        requests=dict.fromkeys(range(START - 60, START - 10), 4),
        complete_from=START - 500,
        complete_until=START - 10,
    )
    _, decision = tick(POLICY, fresh(), figures, START)
    assert (decision.rate, decision.complete) == (4.0, True)


@pytest.mark.parametrize(("gap", "down"), [(10, 3), (11, 1)])
def test_a_gap_of_more_than_two_ticks_resets_the_down_count(gap: int, down: int) -> None:
    state = fresh(target=4).model_copy(update={"downscale_count": 2, "last_tick": START})
    after, _ = tick(POLICY, state, reported(START + gap, 0), START + gap)
    assert after.downscale_count == down


def test_a_gap_keeps_the_up_count() -> None:
    state = fresh().model_copy(update={"upscale_count": 2, "last_tick": START})
    after, _ = tick(POLICY, state, reported(START + 600, 1000), START + 600)
    assert after.target == 5


def test_a_tick_made_twice_changes_nothing() -> None:
    once, _ = tick(POLICY, fresh(), reported(START, 100), START)
    twice, _ = tick(POLICY, once, reported(START, 100), START)
    assert twice == once


def test_the_target_stays_within_a_policy_that_changed() -> None:
    after, _ = tick(POLICY, fresh(target=9), MISSING, START)
    assert after.target == 5


def test_a_fixed_number_of_replicas_ignores_traffic() -> None:
    fixed = ScalingPolicy(2, 2, None, 1, 1, 5)
    after, decision = tick(fixed, fresh(target=7), reported(START, 1000), START)
    assert (after.target, decision.target) == (2, 2)


def test_idle_ticks_are_not_worth_a_write() -> None:
    first, second = run(fresh(), [reported(START, 0), reported(START + 5, 0)], START)
    assert not differs_in_substance(first, second)
    assert differs_in_substance(first, run(first, [reported(START + 5, 0, {"a#b": 3})], START + 5)[0])


figures_of_a_tick = st.one_of(st.just((0, False)), st.tuples(st.integers(min_value=0, max_value=20), st.booleans()))
histories = st.lists(st.tuples(figures_of_a_tick, st.integers(min_value=1, max_value=30)), min_size=1, max_size=40)


def replay(
    history: list[tuple[tuple[int, bool], int]], restart_before: frozenset[int]
) -> list[tuple[int, AutoscalerState]]:
    state, now, decided = fresh(target=3), START, []
    for number, ((rate, complete), step) in enumerate(history):
        now += step
        if number in restart_before:
            state = AutoscalerState.model_validate_json(state.model_dump_json())
        requests = dict.fromkeys(range(now - 3, now), rate)
        covered = (now - 100, now) if complete else (0, 0)
        figures = Figures(requests=requests, complete_from=covered[0], complete_until=covered[1])
        state, decision = tick(POLICY, state, figures, now)
        decided.append((decision.target, state))
    return decided


@given(histories, st.frozensets(st.integers(min_value=0, max_value=39)))
def test_a_restart_between_any_two_ticks_decides_identically(
    history: list[tuple[tuple[int, bool], int]], restarts: frozenset[int]
) -> None:
    assert replay(history, restarts) == replay(history, frozenset())


@given(histories)
def test_without_complete_figures_nothing_is_ever_scaled_down(
    history: list[tuple[tuple[int, bool], int]],
) -> None:
    incomplete = [((rate, False), step) for (rate, _), step in history]
    targets = [3, *(target for target, _ in replay(incomplete, frozenset()))]
    assert targets == sorted(targets)


@given(histories)
def test_the_target_never_leaves_its_bounds(history: list[tuple[tuple[int, bool], int]]) -> None:
    assert all(1 <= target <= 5 for target, _ in replay(history, frozenset()))


def targets_of_a_run(arrivals: list[int], *, from_what_was_written: bool) -> list[int]:
    """Ticks every five seconds over one gateway's figures; only what `differs_in_substance` is ever written."""
    state = written = fresh(target=3)
    targets = []
    for end in range(5, len(arrivals) + 1, 5):
        if from_what_was_written:
            state = AutoscalerState.model_validate_json(written.model_dump_json())
        ring, now = arrivals[max(0, end - 120) : end], START + end
        reading = CounterReading(replica="0", incarnation="a", total=sum(arrivals[:end]), ring=ring, ring_end=now)
        cover = Coverage(replica="0", incarnation="a", covers_from=START, covers_until=now)
        figures = merge(state.cursors, [cover], [reading], seconds=window_at(now), now=now)
        state, decision = tick(POLICY, state, figures, now)
        if differs_in_substance(written, state):
            written = state
        targets.append(decision.target)
    return targets


bursts = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 60)), min_size=1, max_size=8)


@given(bursts)
def test_what_was_not_worth_a_write_is_not_needed_after_a_restart(periods: list[tuple[int, int]]) -> None:
    arrivals = [rate for rate, length in periods for _ in range(length)]
    lived = targets_of_a_run(arrivals, from_what_was_written=False)
    assert targets_of_a_run(arrivals, from_what_was_written=True) == lived
