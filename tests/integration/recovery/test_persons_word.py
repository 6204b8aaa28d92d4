"""A person's word that a predecessor is gone: it counts where nobody can look, whatever keeps them from it."""

import pytest

from paramedic.recovery.messages import Status
from paramedic.state.recoveries import Step
from paramedic.state.targets import Target, bucket_of
from tests.fakes.host import FakeHost
from tests.fakes.recovery_world import TARGET, RecoveryWorld

pytestmark = pytest.mark.integration

WORD = {"predecessor_gone": "its instance is terminated"}


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    """A controller that a recovery launched by profile `local`, and that is to be launched elsewhere from now on."""
    world = RecoveryWorld(table_prefix)
    world.says("replace")
    world.clock.advance(60)
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.profile.set("elsewhere")])
    world.other_hosts["elsewhere"] = FakeHost(world.clock)
    return world


def test_a_predecessor_whose_profile_is_gone_from_the_stack_is_gone_by_a_persons_word(world: RecoveryWorld) -> None:
    world.newest().alive = False
    world.gone_profiles.add("local")
    assert world.says("recover").status is Status.RECOVERING
    assert "launcher profile 'local' does not exist" in world.texts[-1]
    world.says("recover", **WORD)
    assert world.other_hosts["elsewhere"].alive() == [3]


def test_a_launch_that_nobody_can_look_for_is_gone_by_a_persons_word(world: RecoveryWorld) -> None:
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.profile.set("local")])
    world.newest().alive = False
    world.host.broken_command = True
    assert world.says("recover").status is Status.FAILED
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.profile.set("elsewhere")])
    world.host.silent = True
    assert world.says("recover").status is Status.RECOVERING
    assert world.recovery(4).waits_for == "unconfirmed"
    world.says("recover", **WORD)
    assert world.other_hosts["elsewhere"].alive() == [4]


def test_one_predecessor_that_nobody_can_look_at_keeps_no_other_from_being_ended(world: RecoveryWorld) -> None:
    world.host.stand_by("main").hangs_on_grant = True
    world.host.broken_command = True
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.profile.set("local")])
    world.says("replace")
    standby = world.host.processes["standby"]
    standby.alive = True
    assert world.recovery(3).step == Step.FAILED
    world.host.silent = True
    world.says("recover")
    assert world.recovery(4).waits_for == "unconfirmed"
    assert not standby.alive


def test_a_hold_while_a_withdrawn_standby_is_ended_keeps_the_successor_from_being_launched(
    world: RecoveryWorld,
) -> None:
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.profile.set("local")])
    standby = world.host.stand_by("main")
    standby.hangs_on_grant = True

    def hold_once_it_is_ended() -> None:
        if not standby.alive:
            world.says("hold", reason="wait")

    world.host.after_stop = hold_once_it_is_ended
    assert world.says("replace").status is Status.RECOVERING
    assert (world.recovery(3).step, world.recovery(3).waits_for) == (Step.LAUNCH, "held")
    assert world.host.alive() == []
