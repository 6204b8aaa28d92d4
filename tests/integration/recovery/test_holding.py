"""What people hold, nobody stops or launches: neither automation nor a person, before the stop or after it."""

import pytest

from paramedic.recovery import recoverer
from paramedic.recovery.messages import Status
from paramedic.state.incidents import GLOBAL_TARGET, SWITCH_ITEM, HoldSwitch
from paramedic.state.recoveries import Step
from paramedic.state.targets import Target, TargetMode, bucket_of
from tests.fakes.recovery_world import TARGET, RecoveryWorld

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


@pytest.mark.parametrize("target", [TARGET, "everything"])
def test_nobody_recovers_what_is_held_until_it_is_released(world: RecoveryWorld, target: str) -> None:
    reply = world.says("hold", target=target, reason="moving its disk")
    assert reply.message == f"{target} is held (ada: moving its disk) until `paramedic release {target}`"
    world.first.alive = False
    event = world.found_bad()
    for _ in range(2):
        assert "ada: moving its disk" in recoverer.on_failure(event, world.around()).message
    for action in ("recover", "replace", "force", "drill"):
        assert "ada: moving its disk" in world.says(action).message
    assert (world.epoch().epoch, world.pages) == (1, [f"{TARGET} is down and not being recovered"])
    assert world.says("release", target=target).status is Status.DONE
    assert recoverer.on_failure(event, world.around()).status is Status.RECOVERED


@pytest.mark.parametrize("target", [TARGET, "everything"])
def test_a_hold_after_the_stop_keeps_the_successor_from_starting_and_pages(world: RecoveryWorld, target: str) -> None:

    told = []

    def hold() -> None:
        told.append(world.says("hold", target=target).message)

    world.host.after_stop = hold
    assert world.says("replace").status is Status.RECOVERING
    assert told[0].endswith(f"may finish what it has begun: {TARGET} (step stop)")
    assert (world.host.alive(), world.recovery(2).step, world.recovery(2).waits_for) == ([], Step.LAUNCH, "held")
    assert world.pages[-1] == f"Recovery of {TARGET} waits"
    recoverer.sweep(world.around())
    assert world.host.alive() == []
    world.says("release", target=target)
    recoverer.sweep(world.around())
    assert world.host.alive() == [2]


def test_after_the_stop_neither_mode_nor_pause_keeps_a_target_without_a_controller(world: RecoveryWorld) -> None:
    world.first.suspended = True

    def change() -> None:
        row = Target(bucket_of(TARGET), TARGET)
        row.update(actions=[Target.paused.set(True), Target.mode.set(TargetMode.OBSERVE)])

    world.host.after_stop = change
    assert recoverer.on_failure(world.found_bad("hung"), world.around()).status is Status.RECOVERED


def test_who_held_it_first_stays_its_holder_until_somebody_releases_it(world: RecoveryWorld) -> None:
    world.says("hold", reason="first")
    assert "held already (ada: first)" in world.says("hold", actor="bob", reason="second").message
    assert "is released" in world.says("release", actor="bob").message


def test_a_switch_of_a_newer_release_is_not_said_to_be_released(world: RecoveryWorld) -> None:
    HoldSwitch(GLOBAL_TARGET, SWITCH_ITEM).update(actions=[HoldSwitch.state.set("hold"), HoldSwitch.min_reader.set(99)])
    reply = world.says("release", target="everything")
    assert (reply.status, "unreadable all the same" in reply.message) == (Status.FAILED, True)


def test_a_switch_that_lost_its_word_holds_until_it_is_released(world: RecoveryWorld) -> None:
    HoldSwitch(TARGET, SWITCH_ITEM).update(actions=[HoldSwitch.actor.set("somebody")])
    assert "unreadable" in world.says("replace").message
    assert world.says("release").status is Status.DONE
    assert world.says("replace").status is Status.RECOVERED
