"""What services that rest cost: DynamoDB bills every look."""

from collections import Counter

import pytest

from paramedic_controller.hint import HINT_SECONDS, HintReader
from tests.fakes.controller_world import ControllerWorld, Life, make_spec
from tests.fakes.dynamodb_faults import faults, watched
from tests.fakes.traffic_reporter import TrafficReporter

pytestmark = pytest.mark.integration

TICK_SECONDS = 5
HINT, REPORTS = "GetItem", "Query"


def tick(world: ControllerWorld, life: Life, reporter: TrafficReporter) -> list[str]:
    """The calls of one pass with a tick, after a fresh report."""
    world.clock.advance(TICK_SECONDS)
    reporter.flush()
    with faults("") as calls:
        life.run_pass()
    return calls


def test_services_at_rest_share_one_look_at_their_gateway(world: ControllerWorld) -> None:
    life = world.start()
    for name in ("one", "two", "three"):
        world.up(make_spec(name, min_replicas=1, max_replicas=3, target_qps_per_replica=1))
    life.settle()
    reporter = TrafficReporter("default", "replica-1", "life-1", world.clock)
    tick(world, life, reporter)
    assert tick(world, life, reporter) == [HINT, REPORTS]
    reporter.count(life.state("two").desired.uid, 90)
    calls = tick(world, life, reporter)
    assert [calls.count(each) for each in (HINT, REPORTS, "TransactWriteItems")] == [1, 2, 1]
    assert sum(count or 0 for count in _window(life, "two")) == 90
    assert tick(world, life, reporter)[:2] == [HINT, REPORTS]


def _window(life: Life, service: str) -> tuple[int | None, ...]:
    scaler = life.state(service).scaler
    assert scaler is not None
    return scaler.window.counts


def test_whether_users_changed_anything_is_asked_every_other_second(world: ControllerWorld) -> None:
    world.start()
    hint = HintReader(world.controller_id, world.clock)
    with faults("") as calls:
        assert hint.read() == 0
        world.clock.advance(HINT_SECONDS / 2)
        assert hint.read() == 0
    assert calls == [HINT]
    world.up(make_spec())
    assert hint.read() == 0
    world.clock.advance(HINT_SECONDS / 2)
    assert hint.read() == 1


def test_a_successor_has_read_every_service_before_it_looks_after_the_first(world: ControllerWorld) -> None:
    first = world.start()
    for name in ("one", "two"):
        world.up(make_spec(name, min_replicas=2))
    first.settle()
    second = world.start()
    with faults("") as calls:
        second.fleet.follow_desired()
    assert calls == [HINT, "Query"]
    assert [second.state(name) for name in ("one", "two")] == [world.stored(name) for name in ("one", "two")]


def test_a_successor_reads_the_rows_of_services_at_rest_together_but_for_their_replicas(world: ControllerWorld) -> None:
    first = world.start()
    for name in ("one", "two", "three"):
        world.up(make_spec(name, min_replicas=2))
    first.settle()
    with watched() as calls:
        world.start()
    read = Counter(table for name, table in calls if name == "Query")
    assert (read["replicas"], read["operations"]) == (3, 0)
    # One for all autoscalers, one for all specs.
    assert [name for name, _ in calls].count("BatchGetItem") == 2
