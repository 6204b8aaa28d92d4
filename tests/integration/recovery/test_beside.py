"""What automation looks at beside the target: how much is under way in the stack, and whether it may be starting."""

from dataclasses import replace

import pytest

from paramedic.recovery import recoverer
from paramedic.recovery.messages import Status
from paramedic.recovery.standing import read_standing
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.recoveries import Recovery, Step
from tests.fakes.recovery_world import CONTROLLER, TARGET, RecoveryWorld

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


def opened_elsewhere(world: RecoveryWorld, waits_for: str | None = None) -> None:
    """A recovery of another target that is under way, or waits for people."""
    world.says("replace")
    story = world.recovery(2).story
    Recovery(
        "controller:other",
        7,
        incident="i",
        profile="local",
        step=Step.STOP,
        opened_at="2026-01-05T03:00:00Z",
        step_at="2026-01-05T03:00:00Z",
        version=0,
        waits_for=waits_for,
        story=story,
        open_marker="open",
    ).save()
    world.clock.advance(3600)
    world.newest().alive = False


def test_one_recovery_more_than_the_stack_has_at_once_waits_for_its_turn_and_says_so(world: RecoveryWorld) -> None:
    opened_elsewhere(world)
    around = replace(world.around(), most_open_recoveries=1)
    reply = recoverer.on_failure(world.found_bad(), around)
    assert (reply.status, world.epoch().epoch) == (Status.REFUSED, 2)
    standing = read_standing(TARGET, world.clock.now())
    assert "not recovered by itself: 1 recoveries are under way, as many as this stack has" in standing.message
    assert "raise MostOpenRecoveries, or recover by hand" in standing.refused
    assert world.says("recover").status is Status.RECOVERED


def test_a_recovery_that_waits_for_people_takes_nobodys_turn(world: RecoveryWorld) -> None:
    opened_elsewhere(world, waits_for="unconfirmed")
    around = replace(world.around(), most_open_recoveries=1)
    assert recoverer.on_failure(world.found_bad(), around).status is Status.RECOVERED


def test_a_recovery_whose_record_is_spoilt_takes_nobodys_turn(world: RecoveryWorld) -> None:
    opened_elsewhere(world)
    Recovery("controller:other", 7).update(actions=[Recovery.story.remove()])
    around = replace(world.around(), most_open_recoveries=1)
    assert recoverer.on_failure(world.found_bad(), around).status is Status.RECOVERED


def test_a_first_start_is_left_two_minutes_and_recovered_if_it_comes_to_nothing(world: RecoveryWorld) -> None:
    world.first.alive = False
    ControllerHeartbeat(CONTROLLER, HEARTBEAT).update(actions=[ControllerHeartbeat.beats.set(0)])
    reply = recoverer.on_failure(world.found_bad(), world.around())
    assert (reply.status, "it has never been well yet, and may be starting until 03:02:" in reply.message) == (
        Status.REFUSED,
        True,
    )
    assert (world.epoch().epoch, world.pages) == (1, [])
    world.clock.advance(120)
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.RECOVERED
