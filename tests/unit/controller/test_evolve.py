"""Every change of state derives its routes and status, and equal states need no write."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from paramedic.clock import to_iso
from paramedic.state.load_balancers import LoadBalancer, LoadBalancerIndex
from paramedic.state.operations import Operation, OperationKind
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic.state.request_handling import Route
from paramedic.state.services import ObservedService
from paramedic.state.transactions import MAX_CHANGES, Check
from paramedic_controller.actions import (
    Change,
    Launched,
    LaunchFailed,
    MarkNotReady,
    MarkReady,
    OpenLaunch,
    OpenStop,
    Stopped,
)
from paramedic_controller.evolve import Moment, completed, evolve
from paramedic_controller.model import ServiceState
from paramedic_controller.persist import Recorder
from paramedic_controller.reconcile import plan
from tests.unit.controller.states import (
    FINE,
    GONE,
    MOMENT,
    NOW,
    CountingMint,
    around,
    failing,
    operation,
    replica,
    state,
)

RECEIPT = Receipt(launcher="fake", workload="replica:u/3", key="o", epoch=1, identity={})


def after(before: ServiceState, *changes: Change) -> ServiceState:
    return evolve(before, changes, MOMENT)


def written(before: ServiceState, later: ServiceState) -> list[type]:
    changes = Recorder("main").changes(before, later, {}, NOW)
    return [change.model if isinstance(change, Check) else type(change.row) for change in changes]


def test_an_intended_launch_reserves_its_id_for_good() -> None:
    later = after(state(replica(1)), OpenLaunch(2, "o", "http://127.0.0.1:9", "why", version=1, generation=1))
    assert later.observed is not None
    assert later.observed.next_replica_id == 3
    assert [each.status for each in later.replicas] == [ReplicaStatus.READY, ReplicaStatus.LAUNCHING]
    assert [each.operation_id for each in later.operations] == ["o"]


def test_routes_follow_the_ready_replicas_in_the_same_change_with_a_new_revision() -> None:
    before = state(replica(1), replica(2, ReplicaStatus.STARTING))
    later = after(before, MarkReady(2))
    assert before.balancer is not None
    assert later.balancer is not None
    assert [route.replica_id for route in later.balancer.routes] == [1, 2]
    assert later.balancer.revision == before.balancer.revision + 1
    assert written(before, later) == [Replica, LoadBalancer, LoadBalancerIndex]


def test_a_change_that_moves_no_route_leaves_the_revision_alone() -> None:
    before = state(replica(1), replica(2, ReplicaStatus.STARTING))
    later = after(before, OpenStop(2, "s", "why", failed=False))
    assert later.balancer == before.balancer


def test_an_intended_stop_takes_the_route_away_before_anything_is_stopped() -> None:
    later = after(state(replica(1), replica(2)), OpenStop(1, "s", "why", failed=False))
    assert later.balancer is not None
    assert [route.replica_id for route in later.balancer.routes] == [2]


def ids(routes: tuple[Route, ...]) -> list[int]:
    return [route.replica_id for route in routes]


@given(st.lists(st.sampled_from((MarkReady(1), MarkNotReady(1, "busy"), MarkReady(2), MarkNotReady(2, "busy")))))
def test_whoever_was_routed_to_keeps_its_requests_until_it_has_ended(marks: list[Change]) -> None:
    service = after(state(replica(1), replica(2)), *marks)
    stopping = after(service, OpenStop(1, "s", "fewer are wanted", failed=False))
    for each in (service, stopping):
        assert each.balancer is not None
        assert sorted([*ids(each.balancer.routes), *ids(each.balancer.draining)]) == [1, 2]
        ready = [record.replica_id for record in each.replicas if record.status is ReplicaStatus.READY]
        assert ids(each.balancer.routes) == ready
    ended = after(stopping, Stopped("s", "ended"))
    assert ended.balancer is not None
    assert 1 not in ids(ended.balancer.draining)


def test_whoever_was_never_routed_to_has_nothing_to_finish() -> None:
    later = after(state(replica(1, ReplicaStatus.STARTING)), OpenStop(1, "s", "never ready", failed=True))
    assert later.balancer is not None
    assert later.balancer.draining == ()


def test_a_launch_that_was_made_gives_its_replica_a_receipt() -> None:
    launch = operation("o", OperationKind.LAUNCH, 3)
    before = state(replica(3, ReplicaStatus.LAUNCHING), operations=(launch,))
    later = after(before, Launched("o", RECEIPT))
    assert (later.replicas[0].status, later.replicas[0].receipt) == (ReplicaStatus.STARTING, RECEIPT)
    assert later.operations == ()
    assert written(before, later) == [Replica, Operation, Operation]


def test_a_replica_that_waited_for_its_launch_has_all_its_initial_delay_from_then_on() -> None:
    launch = operation("o", OperationKind.LAUNCH, 3, age_seconds=3600)
    before = state(replica(3, ReplicaStatus.LAUNCHING, age_seconds=3600), operations=(launch,))
    later = after(before, Launched("o", RECEIPT))
    assert later.replicas[0].age_seconds(NOW) == 0
    assert written(before, later) == [Replica, Operation, Operation]
    planned = plan(later, around({3: failing(5)}), CountingMint())
    assert not any(isinstance(action, OpenStop) for action in planned)


def test_a_launch_that_failed_leaves_a_message_and_no_replica() -> None:
    launch = operation("o", OperationKind.LAUNCH, 3)
    later = after(state(replica(3, ReplicaStatus.LAUNCHING), operations=(launch,)), LaunchFailed("o", "no such file"))
    assert later.observed is not None
    assert (later.replicas, later.observed.message) == ((), "replica 3 was not launched: no such file")


def test_launches_that_were_tried_at_once_fail_once_whenever_it_is_known() -> None:
    launching = [replica(number, ReplicaStatus.LAUNCHING) for number in (1, 2, 3)]
    tried = [operation(f"op{number}", OperationKind.LAUNCH, number, age_seconds=5) for number in (1, 2, 3)]
    after = state(*launching, operations=tuple(tried))
    for seconds, each in enumerate(tried):
        known_at = Moment(to_iso(NOW + timedelta(seconds=seconds)), epoch=1)
        after = evolve(after, [LaunchFailed(each.operation_id, "no such command")], known_at)
    assert after.observed is not None
    assert (after.observed.failures, after.observed.retry_at) == (1, to_iso(NOW))


def test_a_stopped_replica_is_gone() -> None:
    stop = operation("s", OperationKind.STOP, 2)
    later = after(state(replica(1), replica(2, ReplicaStatus.STOPPING), operations=(stop,)), Stopped("s", "ended"))
    assert [each.replica_id for each in later.replicas] == [1]


def test_a_fact_about_an_operation_that_is_closed_already_changes_nothing() -> None:
    before = state(replica(1))
    assert after(before, Stopped("s", "ended"), LaunchFailed("o", "x")) == before


def test_the_message_disappears_once_all_replicas_are_ready() -> None:
    troubled = after(state(replica(1), replica(2)), MarkNotReady(2, "3 probes failed"))
    assert troubled.observed is not None
    assert troubled.observed.message == "replica 2: 3 probes failed"
    healed = after(troubled, MarkReady(2))
    assert healed.observed is not None
    assert healed.observed.message == ""


def test_equal_states_need_no_write() -> None:
    before = state(replica(1), replica(2))
    again = completed(before, host="127.0.0.1", interval=5, now_second=99)
    assert written(before, again) == []


@given(ahead=st.integers(0, 10), has_balancer=st.booleans(), route_floor=st.integers(0, 10))
def test_routes_go_on_above_whatever_a_gateway_may_hold_and_never_back(
    ahead: int, has_balancer: bool, route_floor: int
) -> None:
    full = state(replica(1), replica(2))
    assert full.balancer is not None
    known = replace(full.balancer, revision=5) if has_balancer else None
    before = replace(full, balancer=known, route_floor=0 if has_balancer else route_floor)
    later = completed(before, host="127.0.0.1", interval=5, now_second=0, ahead=ahead)
    assert later.balancer is not None
    assert later.balancer.revision >= ahead
    assert later.balancer.revision > route_floor or has_balancer
    if has_balancer:
        assert later.balancer.revision >= 5
        assert (later == before) == (ahead <= 5)
    again = completed(later, host="127.0.0.1", interval=5, now_second=0, ahead=ahead)
    assert again == later


def test_the_first_write_creates_what_is_missing() -> None:
    full = state(replica(1))
    bare = ServiceState(full.desired, full.spec, full.replicas)
    assert ObservedService in written(bare, full)
    assert LoadBalancer in written(bare, full)


def test_the_busiest_pass_fits_one_transaction() -> None:
    many = state(*(replica(number) for number in range(1, 41)), target=50)
    looks = {number: GONE if number % 2 else FINE for number in range(1, 41)}
    actions = plan(many, around(looks), CountingMint())
    changes = [action for action in actions if isinstance(action, OpenLaunch | OpenStop | MarkReady)]
    later = after(many, *changes)
    assert len(Recorder("main").changes(many, later, {}, NOW)) < MAX_CHANGES
