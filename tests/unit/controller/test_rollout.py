"""An update replaces replicas without ever serving from fewer than promised, whatever happens on its way."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from paramedic.clock import to_iso
from paramedic.launchers.interface import RunState
from paramedic.services.disruption import DisruptionBudget
from paramedic.services.spec import ServiceSpec
from paramedic.services.update_strategy import UpdateStrategy
from paramedic.state.operations import OperationKind
from paramedic.state.receipt import Receipt
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.services import PAUSED
from paramedic_controller.actions import Change, Drive, FinishDown, Launched, OpenStop, Stopped
from paramedic_controller.backoff import FAILED_AFTER
from paramedic_controller.evolve import Moment, completed, evolve
from paramedic_controller.model import ServiceState
from paramedic_controller.reconcile import Circumstances, Look, plan
from tests.unit.controller.states import NOW, SPEC, CountingMint, around, replica, state

ROLLING = UpdateStrategy()
BLUE_GREEN = UpdateStrategy.model_validate({"mode": "blue_green"})
RECEIPT = Receipt(launcher="fake", workload="w", key="k", epoch=1, identity={})


def spec(strategy: UpdateStrategy) -> ServiceSpec:
    return SPEC.model_copy(update={"service": SPEC.service.model_copy(update={"update": strategy})})


def asked_for(service: ServiceState, strategy: UpdateStrategy, generation: int | None = None) -> ServiceState:
    """`service` once its user wants another version, whose replicas run differently unless `generation` is told."""
    before = service.desired
    version = before.version + 1
    wanted = replace(before, revision=before.revision + 1, version=version, generation=generation or version)
    return completed(replace(service, desired=wanted, spec=spec(strategy)), host="127.0.0.1", interval=5, now_second=0)


def unwatched(_: ServiceState) -> None:
    """Nobody looks."""


@dataclass
class World:
    """A host on which everything starts and ends at once; what starts is fine unless it is in `broken`."""

    service: ServiceState
    mint: CountingMint = field(default_factory=CountingMint)
    broken: frozenset[int] = frozenset()
    dead: set[int] = field(default_factory=set)
    seconds: float = 0.0
    watch: Callable[[ServiceState], None] = field(default=unwatched)

    def turn(self) -> bool:
        """One pass; whether there was anything to do."""
        self.seconds += 1
        now = NOW + timedelta(seconds=self.seconds)
        looks = {each.replica_id: self._look(each.replica_id, each.generation) for each in self.service.replicas}
        around = Circumstances(now, looks, frozenset(), may_launch=True, drain_seconds=0.0)
        actions = plan(self.service, around, self.mint)
        changes: list[Change] = []
        for action in actions:
            if isinstance(action, Drive):
                changes.append(self._outcome(action.operation_id))
            elif not isinstance(action, FinishDown):
                changes.append(action)
        self.service = evolve(self.service, changes, Moment(to_iso(now), epoch=1))
        self.watch(self.service)
        return bool(actions)

    def settle(self, turns: int = 300) -> None:
        for _ in range(turns):
            if not self.turn():
                return
        raise AssertionError(f"still at work after {turns} passes: {self.service}")

    def _look(self, replica_id: int, generation: int) -> Look:
        if replica_id in self.dead or generation in self.broken:
            return Look(run=RunState.ABSENT, detail="exit status 1")
        return Look(run=RunState.RUNNING, ready=True)

    def _outcome(self, operation_id: str) -> Change:
        operation = self.service.operation(operation_id)
        assert operation is not None
        if operation.kind is OperationKind.LAUNCH:
            return Launched(operation_id, RECEIPT)
        return Stopped(operation_id, "ended")


def of(service: ServiceState, status: ReplicaStatus) -> list[int]:
    return [each.replica_id for each in service.replicas if each.status is status]


def generations(service: ServiceState) -> set[int]:
    return {each.generation for each in service.replicas}


def routed_generations(service: ServiceState) -> set[int]:
    assert service.balancer is not None
    routed = {route.replica_id for route in service.balancer.routes}
    return {each.generation for each in service.replicas if each.replica_id in routed}


def three() -> ServiceState:
    return state(replica(1), replica(2), replica(3), target=3)


def check_end(world: World) -> None:
    service = world.service
    assert service.observed is not None
    assert service.scaler is not None
    assert generations(service) <= {service.desired.generation}
    assert len(of(service, ReplicaStatus.READY)) == len(service.replicas) == service.scaler.target
    assert service.observed.settled_revision == service.desired.revision
    assert service.observed.version == service.desired.version
    assert not world.turn()


@pytest.mark.parametrize("strategy", [ROLLING, BLUE_GREEN])
def test_an_update_ends_with_the_new_version_alone(strategy: UpdateStrategy) -> None:
    world = World(asked_for(three(), strategy))
    world.settle()
    check_end(world)
    assert {each.version for each in world.service.replicas} == {2}


SHARES = st.one_of(st.integers(0, 4), st.sampled_from(["0%", "10%", "25%", "50%", "100%"]))
STRATEGIES = st.builds(
    lambda surge, unavailable: {"max_surge": surge, "max_unavailable": unavailable}, SHARES, SHARES
).filter(lambda each: any(value not in (0, "0%") for value in each.values()))


@settings(max_examples=150)
@given(wanted=st.integers(1, 12), rolling=STRATEGIES)
def test_a_rolling_update_never_has_fewer_ready_nor_more_in_all_than_promised(
    wanted: int, rolling: dict[str, int | str]
) -> None:
    strategy = UpdateStrategy.model_validate(rolling)
    surge = allowed(strategy.max_surge, wanted, up=True)
    missing = allowed(strategy.max_unavailable, wanted, up=False) or (0 if surge else 1)
    before = state(*(replica(number) for number in range(1, wanted + 1)), target=wanted)

    def watch(service: ServiceState) -> None:
        living = [each for each in service.replicas if each.status is not ReplicaStatus.STOPPING]
        assert wanted - missing <= len(of(service, ReplicaStatus.READY))
        assert len(living) <= wanted + surge

    world = World(asked_for(before, strategy), watch=watch)
    world.settle()
    check_end(world)


def allowed(value: int | str, whole: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value[:-1]) * whole
    return -(-share // 100) if up else share // 100


@pytest.mark.parametrize("mode", ["rolling", "blue_green"])
def test_what_is_ready_for_a_moment_and_then_dies_replaces_nobody(mode: str) -> None:
    world = World(asked_for(three(), UpdateStrategy.model_validate({"mode": mode, "min_ready_seconds": 10})))
    for _ in range(120):
        world.turn()
        for each in world.service.replicas:
            ready_for = each.ready_seconds(NOW + timedelta(seconds=world.seconds))
            if each.generation == 2 and ready_for is not None and ready_for >= 5:
                world.dead.add(each.replica_id)
    assert {1, 2, 3} <= set(of(world.service, ReplicaStatus.READY))
    assert len([each for each in world.service.replicas if each.generation == 1]) == 3
    assert world.service.observed is not None
    assert world.service.observed.generation == 1


def test_who_stays_ready_counts_from_when_it_became_so_and_others_are_ended_then() -> None:
    world = World(asked_for(three(), UpdateStrategy.model_validate({"min_ready_seconds": 10})))
    while len(of(world.service, ReplicaStatus.READY)) < 4:
        world.turn()
    began = world.seconds
    while not of(world.service, ReplicaStatus.STOPPING):
        world.turn()
    assert world.seconds - began == 10
    for _ in range(50):
        world.turn()
    check_end(world)


@pytest.mark.parametrize(("ready_for", "stopped"), [(None, [1]), (9.9, []), (10, [1]), (-3, []), (-86400, [1])])
def test_a_ready_time_that_is_unknown_or_far_ahead_holds_up_no_update(
    ready_for: float | None, stopped: list[int]
) -> None:
    since = None if ready_for is None else to_iso(NOW - timedelta(seconds=ready_for))
    new = replace(replica(2), generation=2, version=2, ready_at=since)
    asked = asked_for(state(replica(1), target=1), UpdateStrategy.model_validate({"min_ready_seconds": 10}))
    both = replace(asked, replicas=(*asked.replicas, new))
    looks = {number: Look(run=RunState.RUNNING, ready=True) for number in (1, 2)}
    actions = plan(both, around(looks), CountingMint())
    assert [action.replica_id for action in actions if isinstance(action, OpenStop)] == stopped


BUDGETS = st.one_of(
    st.builds(lambda amount: {"min_available": amount}, SHARES),
    st.builds(lambda amount: {"max_unavailable": amount}, SHARES),
)


@settings(max_examples=100)
@given(wanted=st.integers(1, 8), strategy=st.one_of(STRATEGIES, st.just({"mode": "blue_green"})), budget=BUDGETS)
def test_no_update_leaves_fewer_ready_than_the_disruption_budget_keeps_and_each_ends(
    wanted: int, strategy: dict[str, Any], budget: dict[str, Any]
) -> None:
    kept = DisruptionBudget.model_validate(budget)
    assume(kept.floor(wanted) <= wanted)
    before = state(*(replica(number) for number in range(1, wanted + 1)), target=wanted)
    asked = asked_for(before, UpdateStrategy.model_validate(strategy))
    section = asked.spec.service.model_copy(update={"disruption_budget": kept})

    def watch(service: ServiceState) -> None:
        assert len(of(service, ReplicaStatus.READY)) >= kept.floor(wanted)

    world = World(replace(asked, spec=asked.spec.model_copy(update={"service": section})), watch=watch)
    world.settle()
    check_end(world)


def test_in_blue_and_green_requests_change_over_in_one_step_and_the_old_ones_finish_theirs() -> None:
    routed: list[tuple[set[int], int]] = []

    def watch(service: ServiceState) -> None:
        assert service.balancer is not None
        routed.append((routed_generations(service), len(service.balancer.routes)))

    world = World(asked_for(three(), BLUE_GREEN), watch=watch)
    while routed_generations(world.service) == {1}:
        world.turn()
    assert world.service.balancer is not None
    assert [route.replica_id for route in world.service.balancer.draining] == [1, 2, 3]
    world.settle()
    check_end(world)
    assert all(generations in ({1}, {2}) and number == 3 for generations, number in routed)


def test_while_the_new_version_does_not_start_the_old_one_serves_and_the_update_counts_as_failed() -> None:
    for strategy in (ROLLING, BLUE_GREEN):
        world = World(asked_for(three(), strategy), broken=frozenset({2}))
        for _ in range(10 * FAILED_AFTER):
            world.turn()
        assert routed_generations(world.service) == {1}
        assert len(of(world.service, ReplicaStatus.READY)) == 3
        assert world.service.observed is not None
        assert world.service.observed.failed_revision == 2
        assert "in a row, next launch after 2026-" in world.service.observed.message
        world.service = asked_for(world.service, strategy, generation=1)
        assert world.service.observed is not None
        assert world.service.observed.failures == 0
        world.settle()
        check_end(world)
        assert [each.replica_id for each in world.service.replicas] == [1, 2, 3]


def test_a_version_that_runs_alike_replaces_nobody() -> None:
    world = World(asked_for(three(), ROLLING, generation=1))
    before = world.service.replicas
    world.settle()
    check_end(world)
    assert world.service.replicas == before


def test_a_paused_service_has_no_replica_and_comes_back_with_as_many_as_it_had() -> None:
    service = three()
    paused = replace(service, desired=replace(service.desired, state=PAUSED, revision=2))
    world = World(completed(paused, host="127.0.0.1", interval=5, now_second=0))
    world.settle()
    assert world.service.replicas == ()
    assert world.service.observed is not None
    assert (world.service.observed.status, world.service.observed.settled_revision) == ("PAUSED", 2)
    resumed = replace(world.service, desired=replace(service.desired, revision=3))
    world.service = completed(resumed, host="127.0.0.1", interval=5, now_second=0)
    world.settle()
    check_end(world)
    assert len(world.service.replicas) == 3


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("update"), st.sampled_from([ROLLING, BLUE_GREEN])),
        st.tuples(st.just("back"), st.sampled_from([ROLLING, BLUE_GREEN])),
        st.tuples(st.just("scale"), st.integers(0, 6)),
        st.tuples(st.just("kill"), st.integers(0, 5)),
        st.tuples(st.just("pass"), st.integers(1, 6)),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_whatever_users_and_hosts_do_on_the_way_it_ends_with_what_is_wanted(events: list[tuple[str, object]]) -> None:
    world = World(three())
    for event in events:
        match event:
            case ("update", UpdateStrategy() as strategy):
                world.service = asked_for(world.service, strategy)
            case ("back", UpdateStrategy() as strategy):
                observed = world.service.observed
                assert observed is not None
                world.service = asked_for(world.service, strategy, generation=observed.generation)
            case ("scale", int(target)):
                scaler = world.service.scaler
                assert scaler is not None
                world.service = replace(world.service, scaler=scaler.model_copy(update={"target": target}))
            case ("kill", int(index)):
                ready = of(world.service, ReplicaStatus.READY)
                world.dead |= set(ready[index : index + 1])
            case (_, int(turns)):
                for _ in range(turns):
                    world.turn()
    world.settle()
    check_end(world)
