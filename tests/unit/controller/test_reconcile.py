"""What the controller does next follows from what is stored and seen, and converged state asks for nothing."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from paramedic.launchers.interface import RunState
from paramedic.state.operations import OperationKind
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.services import DOWN
from paramedic_controller.actions import (
    Action,
    Drive,
    FinishDown,
    MarkNotReady,
    MarkReady,
    OpenLaunch,
    OpenStop,
)
from paramedic_controller.model import ServiceState
from paramedic_controller.reconcile import MAX_OPENED_PER_PASS, REPLACE_AFTER, Circumstances, Look, plan
from tests.unit.controller.states import (
    FINE,
    GONE,
    SILENT,
    CountingMint,
    around,
    failing,
    operation,
    replica,
    state,
)

LAUNCHING, STARTING, READY, NOT_READY, STOPPING = (
    ReplicaStatus.LAUNCHING,
    ReplicaStatus.STARTING,
    ReplicaStatus.READY,
    ReplicaStatus.NOT_READY,
    ReplicaStatus.STOPPING,
)
TWO_READY = state(replica(1), replica(2))
TWO_FINE = around({1: FINE, 2: FINE})


def planned(service: ServiceState, circumstances: Circumstances) -> tuple[Action, ...]:
    return plan(service, circumstances, CountingMint())


def launched_ids(actions: Sequence[Action]) -> list[int]:
    return [action.replica_id for action in actions if isinstance(action, OpenLaunch)]


def stopped_ids(actions: Sequence[Action]) -> list[int]:
    return [action.replica_id for action in actions if isinstance(action, OpenStop)]


@pytest.mark.parametrize(
    ("converged", "circumstances"),
    [
        (TWO_READY, TWO_FINE),
        (TWO_READY, around()),
        (TWO_READY, around({1: SILENT, 2: Look(run=RunState.UNKNOWN)})),
        (TWO_READY, around({1: failing(2), 2: FINE})),
        (state(replica(1, STARTING), replica(2)), around({1: failing(50), 2: FINE})),
        (state(replica(1, NOT_READY), replica(2)), around({1: failing(5), 2: FINE})),
        (state(target=0), around()),
    ],
)
def test_converged_state_plans_nothing(converged: ServiceState, circumstances: Circumstances) -> None:
    assert planned(converged, circumstances) == ()


def test_missing_replicas_are_launched_with_ids_that_continue() -> None:
    actions = planned(state(replica(7), target=3), around({7: FINE}))
    assert launched_ids(actions) == [8, 9]
    urls = [action.url for action in actions if isinstance(action, OpenLaunch)]
    assert len(set(urls)) == 2


def test_no_id_is_given_out_twice_though_the_next_one_was_forgotten() -> None:
    known = state(replica(7), replica(3), target=4)
    assert known.observed is not None
    forgetful = replace(known, observed=replace(known.observed, next_replica_id=1))
    assert launched_ids(planned(forgetful, around({3: FINE, 7: FINE}))) == [8, 9]


def test_one_pass_opens_a_bounded_number_of_launches() -> None:
    assert len(planned(state(target=40), around())) == MAX_OPENED_PER_PASS


def test_while_backing_off_nothing_is_launched_but_the_rest_goes_on() -> None:
    actions = planned(state(replica(1, STARTING), target=3), around({1: FINE}, may_launch=False))
    assert actions == (MarkReady(1),)


def test_the_newest_are_ended_first() -> None:
    four = state(*(replica(number) for number in (1, 2, 3, 4)))
    assert stopped_ids(planned(four, around(dict.fromkeys((1, 2, 3, 4), FINE)))) == [4, 3]


def test_what_serves_nobody_is_ended_before_what_serves() -> None:
    three = state(replica(1, STARTING), replica(2), replica(3))
    assert stopped_ids(planned(three, around({1: SILENT, 2: FINE, 3: FINE}))) == [1]


def test_a_launch_under_way_is_one_of_those_to_end_and_is_waited_for() -> None:
    launch = operation("o", OperationKind.LAUNCH, 3)
    service = state(replica(1), replica(2), replica(3, LAUNCHING), operations=(launch,))
    circumstances = around({1: FINE, 2: FINE}, busy=frozenset({"o"}))
    assert planned(service, circumstances) == ()
    fewer = state(replica(1), replica(2), replica(3, LAUNCHING), target=1, operations=(launch,))
    assert stopped_ids(planned(fewer, circumstances)) == [2]


def test_a_dead_replica_is_ended_for_good_and_replaced_under_a_new_id() -> None:
    actions = planned(TWO_READY, around({1: GONE, 2: FINE}))
    assert (stopped_ids(actions), launched_ids(actions)) == ([1], [3])
    assert isinstance(actions[0], OpenStop)
    assert actions[0].failed


def test_a_replica_being_ended_does_not_count_as_one() -> None:
    stop = operation("s", OperationKind.STOP, 2)
    service = state(replica(1), replica(2, STOPPING), operations=(stop,))
    assert launched_ids(planned(service, around({1: FINE, 2: FINE}))) == [3]


@pytest.mark.parametrize(
    ("status", "look", "mark"),
    [
        (STARTING, FINE, MarkReady(1)),
        (NOT_READY, FINE, MarkReady(1)),
        (READY, failing(3), MarkNotReady(1, "3 probes failed, the last one: GET /health answered 500")),
    ],
)
def test_readiness_follows_the_probes(status: ReplicaStatus, look: Look, mark: Action) -> None:
    assert planned(state(replica(1, status), target=1), around({1: look})) == (mark,)


def test_a_replica_not_ready_after_its_initial_delay_is_replaced() -> None:
    late = state(replica(1, STARTING, age_seconds=61), target=1)
    actions = planned(late, around({1: failing(3)}))
    assert (stopped_ids(actions), launched_ids(actions)) == ([1], [2])


def test_a_replica_that_does_not_come_back_while_others_answer_is_replaced() -> None:
    service = state(replica(1, NOT_READY), replica(2))
    actions = planned(service, around({1: failing(REPLACE_AFTER), 2: FINE}))
    assert (stopped_ids(actions), launched_ids(actions)) == ([1], [3])


@pytest.mark.parametrize("run", [RunState.RUNNING, RunState.UNKNOWN, None])
@pytest.mark.parametrize("number", [1, 3])
def test_while_all_fail_and_run_none_is_ended_and_one_more_shows_whether_it_is_them(
    run: RunState | None, number: int
) -> None:
    ids = range(1, number + 1)
    service = state(*(replica(each, NOT_READY) for each in ids), target=number)
    look = Look(run=run, ready=False, failures=REPLACE_AFTER, detail="timeout")
    actions = planned(service, around(dict.fromkeys(ids, look)))
    assert (stopped_ids(actions), launched_ids(actions)) == ([], [number + 1])


def test_one_more_is_enough_however_long_all_fail() -> None:
    service = state(replica(1, NOT_READY), replica(2, STARTING), target=1)
    assert planned(service, around({1: failing(5 * REPLACE_AFTER), 2: SILENT})) == ()


def test_when_one_more_answers_it_was_them() -> None:
    service = state(replica(1, NOT_READY), replica(2, STARTING), target=1)
    actions = planned(service, around({1: failing(REPLACE_AFTER), 2: FINE}))
    assert stopped_ids(actions) == [1]
    assert MarkReady(2) in actions
    assert launched_ids(actions) == []


def test_when_those_that_failed_answer_again_the_one_more_goes() -> None:
    service = state(replica(1, NOT_READY), replica(2, STARTING), target=1)
    actions = planned(service, around({1: FINE, 2: SILENT}))
    assert stopped_ids(actions) == [2]
    assert MarkReady(1) in actions


def test_a_suspended_process_is_a_second_signal() -> None:
    suspended = Look(run=RunState.SUSPENDED, ready=False, failures=REPLACE_AFTER)
    actions = planned(state(replica(1, NOT_READY), target=1), around({1: suspended}))
    assert (stopped_ids(actions), launched_ids(actions)) == ([1], [2])


def test_all_failing_at_once_still_leave_the_routes() -> None:
    actions = planned(TWO_READY, around({1: failing(REPLACE_AFTER), 2: failing(REPLACE_AFTER)}))
    assert [type(action) for action in actions] == [MarkNotReady, MarkNotReady]


def test_an_open_operation_is_driven_unless_its_call_is_under_way() -> None:
    launch = operation("o", OperationKind.LAUNCH, 1)
    service = state(replica(1, LAUNCHING), target=1, operations=(launch,))
    assert planned(service, around()) == (Drive("o"),)
    assert planned(service, around(busy=frozenset({"o"}))) == ()


@pytest.mark.parametrize(
    ("age", "look", "due"), [(0, FINE, False), (1.9, FINE, False), (2, FINE, True), (0, GONE, True)]
)
def test_a_stop_waits_until_gateways_have_dropped_the_route(age: float, look: Look, due: bool) -> None:
    stop = operation("s", OperationKind.STOP, 2, age_seconds=age)
    service = state(replica(1), replica(2, STOPPING), target=1, operations=(stop,))
    assert planned(service, around({1: FINE, 2: look})) == ((Drive("s"),) if due else ())


@pytest.mark.parametrize(
    ("age", "look", "drained", "due"),
    [
        (2, FINE, {2}, True),
        (1.9, FINE, {2}, False),
        (599, FINE, set(), False),
        (600, FINE, set(), True),
        (599, SILENT, set(), False),
        (0, GONE, set(), True),
    ],
)
def test_a_replica_that_has_not_finished_gets_all_the_time_its_service_grants(
    age: float, look: Look, drained: set[int], due: bool
) -> None:
    stop = operation("s", OperationKind.STOP, 2, age_seconds=age)
    service = state(replica(1), replica(2, STOPPING), target=1, operations=(stop,))
    circumstances = around({1: FINE, 2: look}, drained=frozenset(drained))
    assert planned(service, circumstances) == ((Drive("s"),) if due else ())


def test_going_down_ends_every_replica_and_launches_none() -> None:
    service = state(replica(1), replica(2, STARTING), target=4, wanted=DOWN)
    actions = planned(service, around({1: FINE, 2: GONE}))
    assert (stopped_ids(actions), launched_ids(actions)) == ([1, 2], [])


def test_going_down_waits_for_launches_under_way() -> None:
    launch = operation("o", OperationKind.LAUNCH, 1)
    service = state(replica(1, LAUNCHING), operations=(launch,), wanted=DOWN)
    assert planned(service, around(busy=frozenset({"o"}))) == ()


def test_a_service_without_replicas_that_goes_down_is_removed() -> None:
    assert planned(state(wanted=DOWN), around()) == (FinishDown(),)
