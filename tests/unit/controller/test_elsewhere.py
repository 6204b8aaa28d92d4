"""Replicas of another host or boot: they serve on while they answer, are never counted on and hold nothing up."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.launchers.interface import RunState
from paramedic.services.update_strategy import UpdateMode, UpdateStrategy
from paramedic.state.operations import OperationKind
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.services import DOWN, PAUSED
from paramedic_controller.actions import (
    Action,
    ChangeOver,
    Drive,
    FinishDown,
    Launched,
    LetGo,
    MarkNotReady,
    OpenLaunch,
    OpenStop,
    Stopped,
)
from paramedic_controller.evolve import evolve
from paramedic_controller.model import ReplicaRecord, ServiceState
from paramedic_controller.reconcile import NOT_READY_AFTER, Look, plan
from tests.unit.controller.states import FINE, MOMENT, CountingMint, around, replica, state

ANSWERS = Look(run=RunState.ELSEWHERE, ready=True, detail="it ran on host a")


def silent(failures: int) -> Look:
    return Look(run=RunState.ELSEWHERE, ready=False, failures=failures, detail="connection refused")


def launches(actions: Sequence[Action]) -> int:
    return sum(isinstance(each, OpenLaunch) for each in actions)


def stopped(actions: Sequence[Action]) -> list[int]:
    return [each.replica_id for each in actions if isinstance(each, OpenStop)]


def planned(service: ServiceState, looks: dict[int, Look]) -> tuple[Action, ...]:
    return plan(service, around(looks, drain_seconds=0.0), CountingMint())


def test_while_it_answers_it_keeps_its_route_and_a_replacement_is_launched_beside_it() -> None:
    actions = planned(state(replica(1), replica(2)), {1: ANSWERS, 2: FINE})
    assert (launches(actions), stopped(actions)) == (1, [])


def test_before_it_was_probed_nothing_is_concluded_about_it() -> None:
    actions = planned(state(replica(1), target=1), {1: Look(run=RunState.ELSEWHERE)})
    assert (launches(actions), stopped(actions)) == (1, [])


@pytest.mark.parametrize("failures", range(NOT_READY_AFTER))
def test_one_lost_packet_does_not_end_it(failures: int) -> None:
    assert stopped(planned(state(replica(1), replica(2)), {1: silent(failures), 2: FINE})) == []


@pytest.mark.parametrize("status", [ReplicaStatus.STARTING, ReplicaStatus.READY, ReplicaStatus.NOT_READY])
def test_it_leaves_once_it_does_not_answer_and_that_is_no_failure_of_its_version(status: ReplicaStatus) -> None:
    service = state(replica(1, status), target=1)
    actions = planned(service, {1: silent(NOT_READY_AFTER)})
    assert stopped(actions) == [1]
    after = evolve(service, [each for each in actions if isinstance(each, OpenStop | MarkNotReady)], MOMENT)
    assert after.observed is not None
    assert (after.observed.failures, after.observed.retry_at) == (0, None)
    assert after.balancer is not None
    assert after.balancer.routes == ()


def test_it_leaves_once_its_replacement_is_ready() -> None:
    service, looks = state(replica(1), replica(2), replica(3)), {1: ANSWERS, 2: FINE, 3: FINE}
    (stop,) = planned(service, looks)
    assert isinstance(stop, OpenStop)
    assert stop.replica_id == 1
    assert "another host" in stop.reason
    still_starting = state(replica(1), replica(2), replica(3, ReplicaStatus.STARTING))
    assert planned(still_starting, {**looks, 3: Look(run=RunState.RUNNING)}) == ()


@pytest.mark.parametrize("run", [RunState.UNKNOWN, None])
def test_what_cannot_be_seen_for_a_moment_is_neither_replaced_nor_let_go(run: RunState | None) -> None:
    looks = {1: Look(run=run, ready=True), 2: FINE}
    assert planned(state(replica(1), replica(2)), looks) == ()
    assert stopped(planned(state(replica(1), replica(2)), {**looks, 1: Look(run=run, failures=5)})) == []


def test_that_it_may_still_run_is_told_and_its_row_goes() -> None:
    service = state(replica(1), target=1)
    leaving = evolve(service, [OpenStop(1, "op", "because", failed=False)], MOMENT)
    after = evolve(leaving, [LetGo("op", "it ran on host a: have a person confirm that process 7 is gone")], MOMENT)
    assert (after.replicas, after.operations) == ((), ())
    assert after.observed is not None
    assert after.observed.message.startswith("replica 1 may still run: it ran on host a")


@pytest.mark.parametrize("wanted", [DOWN, PAUSED])
def test_down_and_pause_do_not_wait_for_it(wanted: str) -> None:
    end = settled(state(replica(1), replica(2), wanted=wanted), {1, 2}, {1: True, 2: False})
    assert (end.replicas, end.operations) == ((), ())


def settled(service: ServiceState, elsewhere: set[int], answers: dict[int, bool]) -> ServiceState:
    """The service when nothing is left to do: launches start at once, and what is stopped here ends at once."""
    for _ in range(60):
        looks = {each.replica_id: look_at(each, elsewhere, answers) for each in service.replicas}
        actions = planned(service, looks)
        if not actions or FinishDown() in actions:
            return service
        serving = served(service, answers)
        service = evolve(service, [each for each in actions if not isinstance(each, Drive | FinishDown)], MOMENT)
        for each in (each for each in actions if isinstance(each, Drive)):
            service = evolve(service, [outcome(service, each.operation_id, elsewhere)], MOMENT)
        assert service.scaler is not None
        if not (service.desired.going_down or service.desired.paused):
            assert served(service, answers) >= min(serving, service.scaler.replicas)
    raise AssertionError(f"never settled: {service}")


def look_at(each: ReplicaRecord, elsewhere: set[int], answers: dict[int, bool]) -> Look:
    ready = answers.get(each.replica_id, True)
    run = RunState.ELSEWHERE if each.replica_id in elsewhere else RunState.RUNNING
    return Look(run=run, ready=ready, failures=0 if ready else NOT_READY_AFTER)


def served(service: ServiceState, answers: dict[int, bool]) -> int:
    routes = service.balancer.routes if service.balancer is not None else ()
    return sum(answers.get(route.replica_id, True) for route in routes)


def outcome(service: ServiceState, operation_id: str, elsewhere: set[int]) -> Launched | Stopped | LetGo:
    operation = service.operation(operation_id)
    assert operation is not None
    if operation.kind is OperationKind.LAUNCH:
        receipt = replica(operation.replica_id).receipt
        assert receipt is not None
        return Launched(operation_id, receipt)
    gone = operation.replica_id not in elsewhere
    return Stopped(operation_id, "gone") if gone else LetGo(operation_id, "may still run")


@settings(max_examples=40)
@given(
    numbers=st.tuples(st.integers(0, 4), st.integers(1, 4)),
    target=st.integers(0, 5),
    answering=st.lists(st.booleans(), min_size=4, max_size=4),
    mode=st.sampled_from([None, *UpdateMode]),
)
def test_whatever_is_elsewhere_is_replaced_without_fewer_answering_and_then_let_go(
    numbers: tuple[int, int], target: int, answering: list[bool], mode: UpdateMode | None
) -> None:
    here, away = numbers
    elsewhere = set(range(here + 1, here + away + 1))
    service = state(*(replica(each) for each in range(1, here + away + 1)), target=target)
    service = updating(service, mode) if mode is not None else service
    end = settled(service, elsewhere, dict(zip(sorted(elsewhere), answering, strict=False)))
    assert not elsewhere & {each.replica_id for each in end.replicas}
    assert len(end.replicas) == target
    assert end.operations == ()
    assert not end.is_updating


def updating(service: ServiceState, mode: UpdateMode) -> ServiceState:
    section = service.spec.service.model_copy(update={"update": UpdateStrategy(mode=mode)})
    spec = service.spec.model_copy(update={"service": section})
    return replace(
        service,
        desired=replace(service.desired, version=2, generation=2, revision=2),
        spec=spec,
        older={1: service.spec},
    )


def test_an_update_in_blue_and_green_keeps_what_answers_elsewhere_until_as_many_new_ones_are_ready() -> None:
    service = updating(state(replica(1), replica(2)), UpdateMode.BLUE_GREEN)
    fresh = replace(replica(3), version=2, generation=2)
    actions = planned(replace(service, replicas=(*service.replicas, fresh)), {1: ANSWERS, 2: ANSWERS, 3: FINE})
    assert ChangeOver() not in actions
    assert stopped(actions) == []
