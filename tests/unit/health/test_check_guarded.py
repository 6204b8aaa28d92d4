"""What checks make of URLs that something can relaunch: recovery is told at every tick, people once."""

import json
from collections.abc import Iterator

import pytest

from paramedic.health.outcomes import OutcomeKind
from paramedic.recovery.queue import received_failure
from tests.fakes.check_world import URL_TARGET, CheckWorld
from tests.fakes.memory_dynamodb import MemoryDynamoDB

PEER = "url:peer"


@pytest.fixture
def world() -> Iterator[CheckWorld]:
    with MemoryDynamoDB().bound():
        world = CheckWorld()
        world.add(PEER, "url", profile="peer")  # type: ignore[arg-type]
        world.beat()
        yield world


def received(world: CheckWorld) -> list[str]:
    """The targets that recovery is told of, each event as the queue brings it."""
    of_cures = [entry for entry in world.bus.entries if json.loads(entry["Detail"])["cures"]]
    bodies = [
        {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
        for entry in of_cures
    ]
    return [received_failure(json.dumps(body)).target_id for body in bodies]


def found(world: CheckWorld) -> str | None:
    bad = world.row(PEER).bad
    return None if bad is None else bad.diagnosis


def notices(world: CheckWorld) -> list[str | None]:
    return [detail["notice"] for detail in world.bus.details() if detail["target_id"] == PEER]


@pytest.mark.parametrize("kind", [OutcomeKind.REFUSED, OutcomeKind.STATUS, OutcomeKind.RESET, OutcomeKind.DNS])
def test_recovery_is_told_at_every_tick_of_one_that_fails_and_people_once(world: CheckWorld, kind: OutcomeKind) -> None:
    world.prober.kinds[PEER] = kind
    for minute in range(3):
        world.check(minute)
    assert world.bus.types() == ["Target Down"] * 3
    assert received(world) == [PEER] * 3
    assert notices(world) == ["open", None, None]
    world.prober.kinds[PEER] = OutcomeKind.OK
    world.check(3)
    assert (world.bus.types()[-1], notices(world)[-1], world.row(PEER).bad) == ("Target Recovered", "close", None)


def test_recovery_is_told_of_one_that_times_out_only_once_that_has_lasted(world: CheckWorld) -> None:
    world.prober.kinds[PEER] = OutcomeKind.TIMEOUT
    for minute in range(2):
        world.check(minute)
    assert world.bus.types() == []
    assert found(world) == "suspect"
    world.check(2)
    assert (received(world), notices(world)) == ([PEER], ["open"])
    assert found(world) == "hung"


def test_an_answer_between_two_timeouts_starts_the_count_anew(world: CheckWorld) -> None:
    for minute, kind in enumerate([OutcomeKind.TIMEOUT, OutcomeKind.TIMEOUT, OutcomeKind.OK] * 2):
        world.prober.kinds[PEER] = kind
        world.check(minute)
    assert received(world) == []


def test_recovery_is_never_told_of_a_url_that_nothing_relaunches(world: CheckWorld) -> None:
    for minute, kind in enumerate([OutcomeKind.REFUSED, OutcomeKind.TIMEOUT, OutcomeKind.STATUS]):
        world.prober.kinds[URL_TARGET] = kind
        world.check(minute)
    assert received(world) == []


def test_one_that_is_gone_is_asked_with_its_whole_time_at_every_tick(world: CheckWorld) -> None:
    world.prober.kinds[PEER] = world.prober.kinds[URL_TARGET] = OutcomeKind.REFUSED
    for minute in range(2):
        world.check(minute)
    asked = {each.target_id: each.timeout_seconds for each in world.prober.asked[-1]}
    assert (asked[PEER], asked[URL_TARGET]) == (3.0, 1.0)
