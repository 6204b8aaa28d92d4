"""Whatever is done on purpose leaves as many ready replicas as the service's budget keeps."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.services.disruption import DisruptionBudget
from paramedic.services.update_strategy import UpdateStrategy
from paramedic.state.operations import OperationKind
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.services import PAUSED
from paramedic_controller.actions import OpenStop
from paramedic_controller.model import ServiceState
from paramedic_controller.reconcile import Look, plan
from tests.unit.controller.states import FINE, GONE, CountingMint, around, failing, operation, replica, state

READY = ReplicaStatus.READY


def with_service(before: ServiceState, **changes: Any) -> ServiceState:
    spec = before.spec.model_copy(update={"service": before.spec.service.model_copy(update=changes)})
    return replace(before, spec=spec)


def with_budget(before: ServiceState, **budget: Any) -> ServiceState:
    return with_service(before, disruption_budget=DisruptionBudget.model_validate(budget))


def ended(service: ServiceState, looks: dict[int, Look]) -> list[int]:
    actions = plan(service, around(looks), CountingMint())
    return [action.replica_id for action in actions if isinstance(action, OpenStop) and not action.failed]


def five(target: int) -> tuple[ServiceState, dict[int, Look]]:
    return state(*(replica(each) for each in range(1, 6)), target=target), dict.fromkeys(range(1, 6), FINE)


@pytest.mark.parametrize(
    ("budget", "target", "stopped"),
    [
        ({"min_available": 4}, 2, [5]),
        ({"min_available": 5}, 2, []),
        ({"min_available": "50%"}, 2, [5, 4, 3]),
        ({"max_unavailable": 0}, 3, [5, 4]),
        ({"max_unavailable": 1}, 3, [5, 4]),
    ],
)
def test_fewer_are_wanted(budget: dict[str, Any], target: int, stopped: list[int]) -> None:
    service, looks = five(target)
    assert ended(with_budget(service, **budget), looks) == stopped


def test_who_is_not_ready_is_spared_by_no_budget() -> None:
    service = state(replica(1, ReplicaStatus.STARTING), replica(2), replica(3), target=2)
    assert ended(with_budget(service, min_available=2), {1: Look(), 2: FINE, 3: FINE}) == [1]


def test_who_is_about_to_leave_the_routes_or_has_ended_is_not_counted() -> None:
    service, looks = five(2)
    kept = with_budget(service, min_available=2)
    assert ended(kept, {**looks, 1: failing(3), 2: GONE}) == [5]


def test_old_versions_are_ended_before_the_newest_replicas() -> None:
    old, new = replica(2), replace(replica(1), version=2)
    assert ended(state(old, new, target=1), {1: FINE, 2: FINE}) == [2]
    unready = replace(replica(3, ReplicaStatus.STARTING), version=2)
    assert ended(state(old, new, unready, target=1), {1: FINE, 2: FINE}) == [3, 2]


def test_a_paused_service_keeps_none() -> None:
    service, looks = five(5)
    paused = replace(service, desired=replace(service.desired, state=PAUSED))
    assert ended(with_budget(paused, min_available=5), looks) == [5, 4, 3, 2, 1]


STATUSES = st.sampled_from([status for status in ReplicaStatus if status is not ReplicaStatus.LAUNCHING])
LOOKS = st.sampled_from([FINE, FINE, FINE, failing(2), failing(3), failing(40), GONE, Look()])
AMOUNTS = st.one_of(st.integers(0, 8), st.sampled_from(["0%", "30%", "50%", "100%"]))
BUDGETS = st.one_of(
    st.builds(lambda amount: {"min_available": amount}, AMOUNTS),
    st.builds(lambda amount: {"max_unavailable": amount}, AMOUNTS),
)
STRATEGIES = st.sampled_from(
    [
        {"mode": "blue_green"},
        {"max_surge": 1},
        {"max_surge": 0, "max_unavailable": 2},
        {"max_surge": "25%", "max_unavailable": "100%"},
    ]
)


@settings(max_examples=200)
@given(
    found=st.lists(st.tuples(STATUSES, st.integers(1, 3), LOOKS), max_size=9),
    target=st.integers(0, 9),
    budget=BUDGETS,
    strategy=STRATEGIES,
    serving=st.integers(1, 3),
)
def test_no_plan_ends_a_ready_replica_that_the_budget_needs(
    found: list[tuple[ReplicaStatus, int, Look]],
    target: int,
    budget: dict[str, Any],
    strategy: dict[str, Any],
    serving: int,
) -> None:
    replicas = [
        replace(replica(number, status), generation=generation, version=generation)
        for number, (status, generation, _) in enumerate(found, 1)
    ]
    stops = tuple(
        operation(f"s{each.replica_id}", OperationKind.STOP, each.replica_id)
        for each in replicas
        if each.status is ReplicaStatus.STOPPING
    )
    looks = {number: look for number, (_, _, look) in enumerate(found, 1)}
    service = state(*replicas, target=target, operations=stops)
    assert service.observed is not None
    service = replace(
        with_budget(with_service(service, update=UpdateStrategy.model_validate(strategy)), **budget),
        desired=replace(service.desired, generation=3, version=3),
        observed=replace(service.observed, generation=serving, version=serving),
    )
    working = {
        each.replica_id
        for each in replicas
        if each.status is READY and looks[each.replica_id] not in (GONE, failing(3), failing(40))
    }
    gone = working & set(ended(service, looks))
    kept = DisruptionBudget.model_validate(budget).floor(target)
    assert not gone or len(working - gone) >= kept
