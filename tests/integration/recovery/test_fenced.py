"""A predecessor whose end nobody can confirm is fenced off, where that is enough, and never while that is not sure."""

from dataclasses import replace

import pytest

from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.process.launcher import LOCK_SECONDS
from paramedic.recovery import recoverer
from paramedic.recovery.fencing_off import CALL_SECONDS, OUTLAST_SECONDS
from paramedic.recovery.messages import Status
from paramedic.recovery.records import STEP_SECONDS
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.autoscalers import Autoscaler, AutoscalerState, Window
from paramedic.state.fencing import FencedError, FencedWriter
from paramedic.state.recoveries import Recovery, Step, open_recoveries
from paramedic.state.sealing import NotSealedError, seal_for_recovery
from paramedic.state.services import ServiceFence, fence_item
from paramedic.state.tables import StateUnreachableError
from paramedic.state.transactions import Put, Update, put_new, transact
from tests.fakes.dynamodb_faults import faults, reply_lost, silent
from tests.fakes.recovery_world import CONTROLLER, TARGET, RecoveryWorld

pytestmark = pytest.mark.integration

SERVICES = [f"service-{number:03}" for number in range(101)]
"""More than one transaction holds."""


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    """Its controller neither answers nor runs as far as its host can tell, and would go on if it could."""
    world = RecoveryWorld(table_prefix)
    world.fences_on_host = True
    world.first.suspended = True
    world.host.lost.add("first")
    for group in (SERVICES[:60], SERVICES[60:]):
        fences = [ServiceFence(CONTROLLER, fence_item(name), owner_epoch=1, seq=0) for name in group]
        transact([put_new(fence) for fence in fences], world.clock)
    return world


def around(world: RecoveryWorld) -> Surroundings:
    """Surroundings in which the predecessor's port is closed."""

    def probe(request: ProbeRequest) -> ProbeOutcome:
        found = world.host.probe(request)
        healthy = any(each.claimed and each is not world.first for each in world.host.processes.values())
        return replace(found, kind=OutcomeKind.OK if healthy else OutcomeKind.REFUSED)

    return replace(world.around(), probe=probe)


def owners() -> set[int]:
    fences = ServiceFence.read_all(CONTROLLER, ServiceFence.item.startswith(fence_item("")))
    assert len(fences) == len(SERVICES)
    return {int(fence.owner_epoch) for fence in fences}


def waiting_at_stop(world: RecoveryWorld) -> Recovery:
    """A recovery of epoch 2 whose step `stop` an invocation holds."""
    world.fences_on_host = False
    invocation = around(world)
    recoverer.on_failure(world.found_bad(), invocation)
    transact([Update(Recovery(TARGET, 2), (Recovery.owner.set("me"),))], world.clock)
    return world.recovery(2)


def test_a_predecessor_that_its_host_cannot_tell_of_is_fenced_and_its_successor_launched(world: RecoveryWorld) -> None:
    before = world.clock.monotonic()
    reply = recoverer.on_failure(world.found_bad(), around(world))
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 2)
    assert world.clock.monotonic() - before >= OUTLAST_SECONDS
    assert owners() == {2}
    (fenced,) = [entry.text for entry in world.recovery(2).story.entries if entry.text.startswith("fenced")]
    assert "101 services and the heartbeat are sealed" in fenced
    assert not [page for page in world.pages if "waits" in page]


def test_a_predecessor_that_wakes_up_after_the_fence_is_refused_on_every_row_and_exits(world: RecoveryWorld) -> None:
    stale = FencedWriter(CONTROLLER, 1, "first", clock=world.clock, new_id=lambda: "late")
    recovery = waiting_at_stop(world)
    seal_for_recovery(recovery, "me", world.clock)
    late = AutoscalerState(version=1, target=2, window=Window(start=0))
    for name in SERVICES:
        with pytest.raises(FencedError):
            stale.commit(name, [Put(Autoscaler("late", state=late))])
    assert Autoscaler.read("late") is None
    world.first.suspended = False
    world.host.go_on()
    assert world.host.log == ["epoch 1 exits: FencedError"]


def test_nothing_is_launched_before_all_that_the_predecessor_may_have_begun_is_over(world: RecoveryWorld) -> None:
    sealed_since: list[float] = []
    launched: list[float] = []

    def look() -> None:
        now = world.clock.monotonic()
        if owners() == {2} and not sealed_since:
            sealed_since.append(now)
        if world.host.alive() != [1] and not launched:
            launched.append(now)
        world.host.go_on()

    world.clock.on_sleep = look
    recoverer.on_failure(world.found_bad(), around(world))
    # The first look comes a second after the seal.
    assert launched[0] - sealed_since[0] >= OUTLAST_SECONDS - 1
    assert CALL_SECONDS == 3 * LOCK_SECONDS
    assert OUTLAST_SECONDS < STEP_SECONDS


@pytest.mark.parametrize("why", ["the profile", "the predecessor"])
def test_where_a_launcher_does_not_fence_on_its_host_nothing_is_sealed_and_people_are_told(
    world: RecoveryWorld, why: str
) -> None:
    if why == "the profile":
        world.fences_on_host = False
    else:
        epoch = world.epoch()
        assert epoch.claimant is not None
        claimant = epoch.claimant.model_copy(update={"launcher": "ecs"})
        transact([Update(epoch, (type(epoch).claimant.set(claimant),))], world.clock)
    recoverer.on_failure(world.found_bad(), around(world))
    assert (world.recovery(2).step, world.recovery(2).waits_for) == (Step.STOP, "unconfirmed")
    assert owners() == {1}
    assert len([page for page in world.pages if "waits" in page]) == 1


def test_a_process_that_its_host_shows_and_cannot_end_is_left_to_people(world: RecoveryWorld) -> None:
    world.host.lost.clear()
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad(), around(world))
    assert (world.recovery(2).waits_for, owners()) == ("unconfirmed", {1})


def test_fences_that_cannot_be_sealed_confirm_nothing(world: RecoveryWorld) -> None:
    ahead = ServiceFence(CONTROLLER, fence_item(SERVICES[7]))
    transact([Update(ahead, (ServiceFence.owner_epoch.set(9),))], world.clock)
    recoverer.on_failure(world.found_bad(), around(world))
    record = world.recovery(2)
    assert (record.step, record.waits_for) == (Step.STOP, "unconfirmed")
    assert f"ServiceFence[{CONTROLLER}, fence#{SERVICES[7]}]" in record.story.entries[-1].text


def test_only_the_invocation_that_holds_the_step_seals(world: RecoveryWorld) -> None:
    recovery = waiting_at_stop(world)
    with pytest.raises(NotSealedError, match="Recovery"):
        seal_for_recovery(recovery, "another", world.clock)
    assert owners() == {1}


def test_sealing_outlasts_a_lost_reply_and_says_when_dynamodb_is_silent(world: RecoveryWorld) -> None:
    recovery = waiting_at_stop(world)
    with faults("TransactWriteItems", reply_lost):
        assert seal_for_recovery(recovery, "me", world.clock) == len(SERVICES)
    with faults("TransactWriteItems", *[silent] * 1000), pytest.raises(StateUnreachableError):
        seal_for_recovery(recovery, "me", world.clock)
    assert owners() == {2}


def test_a_successor_that_was_fenced_for_is_healthy_by_its_own_beats_alone(world: RecoveryWorld) -> None:
    world.first.suspended = False
    world.host.go_on()
    world.first.suspended = True
    world.host.broken_command = True
    reply = recoverer.on_failure(world.found_bad(), around(world))
    # What the predecessor had restored, and its beats, are not taken for its successor's.
    assert reply.status is Status.FAILED
    assert open_recoveries() == []
