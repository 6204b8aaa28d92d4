"""Checks that run twice at once over a real DynamoDB: queues deliver at least once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from paramedic.health.outcomes import OutcomeKind
from paramedic.state import tables
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from tests.fakes.check_world import CONTROLLER, TARGET, CheckWorld

pytestmark = pytest.mark.integration

AT_ONCE = 8


@pytest.fixture
def world(table_prefix: str) -> CheckWorld:
    tables.bind(table_prefix)
    world = CheckWorld()
    world.beat()
    return world


def _check_at_once(world: CheckWorld, minute: float) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda _: world.check(minute, arrives=0), range(AT_ONCE)))


def test_one_death_seen_by_many_checks_is_one_finding(world: CheckWorld) -> None:
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    _check_at_once(world, 0)
    row = world.row()
    assert row.bad is not None
    assert (row.bad.diagnosis, row.bad.unpublished) == ("dead", None)
    assert {event["event_id"] for event in world.bus.details()} == {row.bad.event_id}
    assert row.bad_version == 2


def test_one_recovery_seen_by_many_checks_is_announced_and_forgotten(world: CheckWorld) -> None:
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    world.check(0)
    world.prober.kinds.clear()
    _check_at_once(world, 1)
    assert world.row().bad is None
    recovered = [e["event_id"] for e in world.bus.details() if e["verdict"] == "healthy"]
    assert len(set(recovered)) == 1


def test_the_heartbeat_is_read_as_it_is_now(world: CheckWorld) -> None:
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    world.clock.on_sleep = world.beat
    assert world.check(0).down == 0
    row = ControllerHeartbeat.read(CONTROLLER, HEARTBEAT)
    assert row is not None
    assert world.bus.details()[0]["heartbeat_sequence"] == row.sequence
