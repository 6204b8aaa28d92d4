"""Recoveries with a standby at hand: the epoch is granted to it, or to another process once it does not claim."""

import pytest

from paramedic.launchers.interface import launch_key
from paramedic.recovery import recoverer
from paramedic.recovery.messages import Status
from paramedic.recovery.predecessors import predecessors_of
from paramedic.state.claims import ClaimRefusedError, claim_granted
from paramedic.state.recoveries import Step, open_recoveries
from tests.fakes.host import FakeProcess, granted_epoch
from tests.fakes.recovery_world import CONTROLLER, TARGET, RecoveryWorld

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


@pytest.fixture
def standby(world: RecoveryWorld) -> FakeProcess:
    return world.host.stand_by(CONTROLLER)


def launches(world: RecoveryWorld) -> list[str]:
    return [line for line in world.host.log if line.startswith("launch")]


def test_a_standby_takes_over_and_nothing_is_launched(world: RecoveryWorld, standby: FakeProcess) -> None:
    world.first.alive = False
    reply = recoverer.on_failure(world.found_bad(), world.around())
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 2)
    assert world.epoch().claimed_by == standby.receipt.key
    assert launches(world) == []
    assert "granted to the standby" in [entry.text for entry in world.recovery(2).story.entries][2]
    assert open_recoveries() == []


def test_a_hung_controller_is_killed_before_the_standby_may_claim(world: RecoveryWorld, standby: FakeProcess) -> None:
    world.first.suspended = True
    world.host.after_stop = lambda: world.host.log.append(f"granted: {granted_epoch(CONTROLLER, 'standby')}")
    assert recoverer.on_failure(world.found_bad("hung"), world.around()).status is Status.RECOVERED
    assert world.host.log == ["kill 1", "granted: None"]


def test_a_standby_does_nothing_while_its_controller_lives_or_waits_to_be_stopped(
    world: RecoveryWorld, standby: FakeProcess
) -> None:
    world.host.go_on()
    world.first.suspended = True
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    world.host.go_on()
    assert world.recovery(2).step == Step.STOP
    assert standby.waits


@pytest.mark.parametrize("sick", ["dead", "suspended"])
def test_a_standby_that_its_host_does_not_show_running_is_passed_over(
    world: RecoveryWorld, standby: FakeProcess, sick: str
) -> None:
    standby.alive = sick != "dead"
    standby.suspended = True
    world.first.alive = False
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.RECOVERED
    assert launches(world) == ["launch 2 beside []"]
    assert world.recovery(2).story.granted is None


def test_a_standby_that_does_not_claim_gives_way_to_a_launch_and_can_never_claim_again(
    world: RecoveryWorld, standby: FakeProcess
) -> None:
    world.first.alive = False

    def suspended_once_granted() -> None:
        standby.suspended = standby.suspended or granted_epoch(CONTROLLER, "standby") is not None
        world.host.go_on()

    world.clock.on_sleep = suspended_once_granted
    reply = recoverer.on_failure(world.found_bad(), world.around())
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 2)
    assert launches(world) == ["launch 2 beside []"]
    assert world.epoch().claimed_by == launch_key(TARGET, 2)
    assert not standby.alive
    with pytest.raises(ClaimRefusedError):
        claim_granted(CONTROLLER, 2, "standby", standby.receipt, world.clock)


def test_a_standby_that_dies_on_its_grant_is_not_waited_for(world: RecoveryWorld, standby: FakeProcess) -> None:
    world.first.alive = False

    def dead_once_granted() -> None:
        standby.alive = standby.alive and granted_epoch(CONTROLLER, "standby") is None
        world.host.go_on()

    world.clock.on_sleep = dead_once_granted
    began = world.clock.monotonic()
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.RECOVERED
    assert launches(world) == ["launch 2 beside []"]
    assert world.clock.monotonic() - began < 5


def test_a_standby_that_claims_while_its_grant_is_being_withdrawn_is_not_killed(
    world: RecoveryWorld, standby: FakeProcess
) -> None:
    world.first.alive = False
    world.clock.on_sleep = lambda: None
    around = world.around()
    describe = world.host.describe

    def claims_at_the_last_moment(receipt):  # type: ignore[no-untyped-def]
        late = world.clock.monotonic() > began + 10
        answer = describe(receipt)
        if late and standby.waits:
            world.host.go_on()
        return answer

    world.host.describe = claims_at_the_last_moment  # type: ignore[method-assign]
    began = world.clock.monotonic()
    recoverer.on_failure(world.found_bad(), around)
    world.host.go_on()
    world.host.go_on()
    recoverer.sweep(world.around())
    assert launches(world) == []
    assert world.epoch().claimed_by == "standby"
    record = world.recovery(2)
    assert record.step == Step.DONE
    assert "claimed before the grant was withdrawn" in [entry.text for entry in record.story.entries]


def test_a_recovery_that_takes_over_stops_a_standby_that_was_granted_the_epoch_before(
    world: RecoveryWorld, standby: FakeProcess
) -> None:
    world.first.alive = False
    world.clock.on_sleep = lambda: None
    around = world.around()
    impatient = around.__class__(**{**around.__dict__, "verify_seconds_per_invocation": 1.0})
    recoverer.on_failure(world.found_bad(), impatient)
    granted = world.recovery(2)
    assert (granted.step, granted.granted_to) == (Step.VERIFY, "standby")
    predecessors = predecessors_of(world.epoch(), granted)
    assert [(each.receipt, each.launch_key) for each in predecessors] == [
        (standby.receipt, None),
        (None, launch_key(TARGET, 2)),
    ]
