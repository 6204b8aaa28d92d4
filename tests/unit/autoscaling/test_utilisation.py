"""Replicas by what they use: Kubernetes' numbers, and never fewer before all that is known agrees."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.autoscaling.tick import Decision, ScalingPolicy, differs_in_substance, initial_state, with_policy
from paramedic.autoscaling.tick import tick as rate_tick
from paramedic.autoscaling.utilisation import Usages, recommendation, tick
from paramedic.autoscaling.window import Figures
from paramedic.services.utilization import MAX_STABILIZATION_SECONDS, TargetUtilization
from paramedic.state.autoscalers import AutoscalerState

START = 1_000_000
POLICY = ScalingPolicy(minimum=1, maximum=8, target_qps=None, upscale_ticks=1, downscale_ticks=1, interval=5)
CPU = TargetUtilization(metric="cpu", target=0.1)
AT_ONCE = CPU.model_copy(update={"downscale_stabilization_seconds": 0})


def using(*known: float, missing: int = 0) -> Usages:
    return Usages(known, missing)


def at(target: int, second: int | None = None) -> AutoscalerState:
    return initial_state(POLICY, 1, START).model_copy(update={"target": target, "last_tick": second})


@dataclass
class Service:
    """One whose ready replicas share a load, given in replicas at the target."""

    state: AutoscalerState
    wanted: TargetUtilization = CPU
    policy: ScalingPolicy = POLICY
    now: int = START
    decisions: list[Decision] = field(default_factory=list)

    def tick(self, load: float, missing: int = 0, step: int = 5) -> int:
        ready = max(self.state.replicas - missing, 0)
        usages = Usages((self.wanted.target * load / ready,) * ready if ready else (), missing)
        self.state, decision = tick(self.policy, self.wanted, self.state, usages, self.now)
        self.decisions.append(decision)
        self.now += step
        return decision.target

    def ticks(self, seconds: int, load: float, missing: int = 0) -> list[int]:
        return [self.tick(load, missing) for _ in range(0, seconds, 5)]


@pytest.mark.parametrize(
    ("current", "usages", "recommended"),
    [
        # The examples of Kubernetes' documentation: 200m where 100m are wanted doubles the replicas, 50m halve them.
        (2, using(0.2, 0.2), 4),
        (4, using(0.05, 0.05, 0.05, 0.05), 2),
        (3, using(0.05, 0.05, 0.05), 2),
        (1, using(0.2), 2),
        # Its tolerance of 0.1, to both sides.
        (3, using(0.11, 0.11, 0.11), 3),
        (3, using(0.09, 0.09, 0.09), 3),
        (3, using(0.112, 0.112, 0.112), 4),
        (10, using(*[0.089] * 10), 9),
        (3, using(0.1, 0.1, 0.1), 3),
        # Only the average counts.
        (2, using(0.4, 0.0), 4),
        (2, using(0.2, 0.0), 2),
        # Missing ones use nothing where more are needed; nothing is known where fewer may be.
        (3, using(0.2, 0.2, missing=1), 4),
        (3, using(0.5, missing=2), 5),
        (2, using(0.2, missing=1), None),
        (2, using(0.1, missing=1), None),
        (3, using(0.01, 0.01, missing=1), None),
        (3, using(missing=3), None),
        # Surging replicas share the load, they are not needed by it.
        (3, using(0.08, 0.08, 0.08, 0.08), 3),
        (1, using(1e308), 1000),
        (1, using(1e308, 1e308), 1000),
    ],
)
def test_as_many_replicas_are_recommended_as_kubernetes_would(
    current: int, usages: Usages, recommended: int | None
) -> None:
    assert recommendation(current, usages, CPU) == recommended


def test_without_tolerance_a_load_that_is_just_right_changes_nothing() -> None:
    exact = CPU.model_copy(update={"tolerance": 0.0})
    assert [recommendation(n, using(*[0.1] * n), exact) for n in range(1, 50)] == list(range(1, 50))


def test_spare_replicas_share_the_load_and_are_not_used_up_by_it() -> None:
    spare = Service(at(1), policy=replace(POLICY, overprovision=1))
    assert spare.tick(1.0) == 1
    assert spare.state.replicas == 2
    assert spare.tick(2.0) == 2
    assert spare.state.replicas == 3


def test_more_replicas_come_at_once_and_fewer_after_five_minutes() -> None:
    service = Service(at(2))
    assert service.tick(6.0) == 6
    assert service.ticks(300, 2.0) == [6] * 60
    assert service.tick(2.0) == 2


def test_the_highest_recommendation_of_the_window_is_what_a_service_shrinks_to() -> None:
    service = Service(at(8))
    service.ticks(100, 2.0)
    service.ticks(100, 5.0)
    service.ticks(100, 2.0)
    assert service.tick(2.0) == 5
    assert set(service.ticks(195, 2.0)) == {5}
    assert service.tick(2.0) == 2


def test_with_an_upscale_window_its_lowest_recommendation_comes() -> None:
    service = Service(at(1), CPU.model_copy(update={"upscale_stabilization_seconds": 30}))
    assert service.tick(8.0) == 1
    assert set(service.ticks(25, 4.0)) == {1}
    assert service.tick(8.0) == 4
    assert service.tick(8.0) == 4
    assert set(service.ticks(20, 8.0)) == {4}
    assert service.tick(8.0) == 8


def test_without_a_downscale_window_fewer_replicas_remain_at_once() -> None:
    assert Service(at(6), AT_ONCE).tick(2.0) == 2


@pytest.mark.parametrize(("pause", "left"), [(10, 2), (15, 8)])
def test_after_a_gap_of_more_than_two_ticks_the_downscale_window_begins_anew(pause: int, left: int) -> None:
    service = Service(at(8))
    service.ticks(285, 2.0)
    service.tick(2.0, step=pause)
    assert service.ticks(10, 2.0)[-1] == left
    service.ticks(280, 2.0)
    assert service.ticks(15, 2.0)[-1] == 2


def test_figures_that_are_missing_for_longer_than_two_ticks_count_as_a_gap() -> None:
    service = Service(at(8))
    service.ticks(290, 2.0)
    service.tick(2.0, missing=1)
    assert service.tick(2.0) == 8
    assert service.tick(2.0) == 2
    service = Service(at(8))
    service.ticks(290, 2.0)
    service.ticks(10, 2.0, missing=1)
    assert set(service.ticks(300, 2.0)) == {8}
    assert service.tick(2.0) == 2
    assert "missing" in service.decisions[59].reason


def test_a_new_specs_parameters_count_at_once() -> None:
    service = Service(at(4))
    assert set(service.ticks(60, 2.0)) == {4}
    service.wanted = AT_ONCE
    assert service.tick(2.0) == 2
    service.wanted = AT_ONCE.model_copy(update={"target": 0.05})
    service.state, decision = tick(POLICY, service.wanted, service.state, using(0.1, 0.1), service.now)
    assert decision.target == 4
    service.wanted = AT_ONCE.model_copy(update={"tolerance": 0.5})
    assert service.tick(6.0, step=0) == 4
    fewer = replace(POLICY, maximum=3, overprovision=2)
    changed = with_policy(fewer, service.state, 2, service.now)
    assert (changed.target, changed.overprovision) == (3, 2)


def test_a_longer_downscale_window_counts_what_was_recommended_before_it() -> None:
    service = Service(at(8), CPU.model_copy(update={"downscale_stabilization_seconds": 30}))
    service.ticks(30, 7.0)
    assert service.tick(2.0) == 7
    service.ticks(15, 2.0)
    service.wanted = CPU
    assert set(service.ticks(275, 2.0)) == {7}
    assert service.ticks(15, 2.0)[-1] == 2


def test_a_policy_that_was_another_kind_meanwhile_begins_its_window_anew() -> None:
    service = Service(at(8))
    service.ticks(290, 2.0)
    by_rate = replace(POLICY, target_qps=1.0, upscale_ticks=99, downscale_ticks=99)
    service.state, _ = rate_tick(by_rate, service.state, Figures(), service.now)
    service.now += 5
    assert set(service.ticks(295, 2.0)) == {8}
    assert service.ticks(10, 2.0)[-1] == 2


def test_a_tick_made_twice_or_late_changes_nothing() -> None:
    service = Service(at(2))
    service.tick(8.0)
    before = service.state
    for second in (START, START - 5, START - 10):
        assert tick(POLICY, AT_ONCE, before, using(*[0.0] * 8), second)[0] == before


def test_a_clock_that_was_ahead_neither_freezes_nor_shrinks_a_service() -> None:
    service = Service(at(4), now=START + 3600)
    service.ticks(20, 2.0)
    service.now = START
    assert set(service.ticks(300, 2.0)) == {4}
    assert service.tick(8.0) == 8


def test_a_load_that_stays_costs_no_write_and_a_pending_change_one_for_each_tick() -> None:
    service = Service(at(4))
    service.tick(4.0)
    stored = service.state
    service.ticks(MAX_STABILIZATION_SECONDS + 60, 4.0)
    assert not differs_in_substance(stored, service.state)
    service.ticks(100, 4.0, missing=1)
    assert not differs_in_substance(stored, service.state)
    for _ in range(3):
        service.tick(2.0)
        assert differs_in_substance(stored, service.state)
        stored = service.state


def test_the_memory_of_an_hour_of_noise_stays_small() -> None:
    service = Service(at(8), CPU.model_copy(update={"downscale_stabilization_seconds": MAX_STABILIZATION_SECONDS}))
    for number in range(720):
        service.tick(1 + (number * 7919) % 8)
    assert len(service.state.recommendations.model_dump_json()) < 500


LOADS = st.floats(0, 12)
TICK = st.tuples(LOADS, st.sampled_from([0, 0, 0, 0, 1, 3, 99]), st.sampled_from([5, 5, 5, 5, 5, 10, 15, 60]))
WINDOW = st.sampled_from([0, 5, 30, 60])


def policies(up: int, down: int) -> TargetUtilization:
    return CPU.model_copy(update={"upscale_stabilization_seconds": up, "downscale_stabilization_seconds": down})


@settings(max_examples=60)
@given(st.lists(TICK, max_size=40), WINDOW, WINDOW, st.integers(1, 8))
def test_whatever_is_measured_the_bounds_hold_and_missing_figures_never_lower(
    ticks: Sequence[tuple[float, int, int]], up: int, down: int, first: int
) -> None:
    service = Service(at(first), policies(up, down))
    for load, missing, step in ticks:
        before = service.state.target
        target = service.tick(load, missing, step)
        assert POLICY.minimum <= target <= POLICY.maximum
        assert not missing or target >= before


@settings(max_examples=60)
@given(st.lists(TICK, max_size=60), WINDOW, WINDOW, st.integers(1, 8), st.data())
def test_a_controller_restarted_between_any_two_ticks_decides_as_if_it_had_not(
    ticks: Sequence[tuple[float, int, int]], up: int, down: int, first: int, data: st.DataObject
) -> None:
    lasting, restarted = Service(at(first), policies(up, down)), Service(at(first), policies(up, down))
    stored = restarted.state
    for number, (load, missing, step) in enumerate(ticks):
        if data.draw(st.booleans(), label=f"restart before tick {number}"):
            restarted.state = AutoscalerState.model_validate(json.loads(stored.model_dump_json()))
        assert restarted.tick(load, missing, step) == lasting.tick(load, missing, step)
        if differs_in_substance(stored, restarted.state):
            stored = restarted.state


@settings(max_examples=60)
@given(st.lists(TICK, max_size=60), st.sampled_from([30, 60]), st.integers(2, 8))
def test_fewer_replicas_never_come_before_the_whole_window_agreed(
    ticks: Sequence[tuple[float, int, int]], window: int, first: int
) -> None:
    service = Service(at(first), policies(0, window))
    made: list[tuple[int, int]] = []
    for load, missing, step in ticks:
        before, now = service.state.target, service.now
        target = service.tick(load, missing, step)
        if service.state.last_tick == now:
            made.append((now, service.decisions[-1].wanted))
        if target < before:
            began = now - window
            assert made[0][0] <= began
            assert all(recommended <= target for second, recommended in made if second >= began)
            pauses = itertools.pairwise(made)
            assert not [pause for pause in pauses if pause[1][0] > began + 5 and pause[1][0] - pause[0][0] > 10]
