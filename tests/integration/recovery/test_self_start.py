"""A controller that nobody gave an epoch recovers itself by the rules of every recovery, or leaves all alone."""

from dataclasses import replace

import pytest

from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import StopOutcome, StopResult
from paramedic.launchers.profiles import UnknownProfileError
from paramedic.recovery import recoverer
from paramedic.recovery.by_hand import by_hand
from paramedic.recovery.messages import Status
from paramedic.recovery.records import STEP_SECONDS
from paramedic.recovery.self_start import (
    ACTOR,
    PredecessorStaysError,
    RecoveryUnderWayError,
    SelfStartRefusedError,
    StillBeatingError,
)
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state.claims import EpochMovedError, end_claim
from paramedic.state.incidents import GLOBAL_TARGET, SWITCH_ITEM, HoldSwitch, SwitchState
from paramedic.state.recoveries import Step, open_recoveries
from paramedic.state.targets import Target, TargetMode, bucket_of
from tests.fakes.recovery_world import CONTROLLER, TARGET, RecoveryWorld, by_hand_request

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


def elsewhere(world: RecoveryWorld) -> Surroundings:
    """The recovery function's, where it cannot reach the controller's host."""

    def no_profile(name: str) -> LaunchPlan:
        raise UnknownProfileError(f"launcher profile {name!r} does not exist")

    return replace(world.around(), profile=no_profile)


def test_a_controller_started_again_after_a_crash_recovers_itself_and_completes_the_record(
    world: RecoveryWorld,
) -> None:
    world.first.alive = False
    process = world.self_start(world.around())
    record = world.recovery(2)
    assert world.epoch().claimed_by == process.receipt.key
    assert (record.step, record.story.actor, record.story.reason) == (Step.DONE, ACTOR, "started without an epoch")
    assert record.story.evidence == "connections are refused and its heartbeat stands still"
    assert record.story.launched == process.receipt
    assert [each.receipt for each in record.story.predecessors] == [world.first.receipt]
    assert [entry.step for entry in record.story.entries] == ["gate", "launch", "verify", "done"]


def test_people_are_told_by_the_sweeper_which_closes_the_record(world: RecoveryWorld) -> None:
    world.first.alive = False
    world.self_start(replace(world.around(), page=lambda *_: False))
    assert world.pages == []
    recoverer.sweep(elsewhere(world))
    assert world.pages == [f"Recovered {TARGET}"]
    assert open_recoveries() == []


def test_beside_a_controller_that_beats_a_start_changes_nothing(world: RecoveryWorld) -> None:
    with pytest.raises(StillBeatingError):
        world.self_start()
    assert (world.epoch().epoch, world.epoch().claimed_by) == (1, world.first.receipt.key)
    assert world.host.alive() == [1]


def test_a_suspended_predecessor_is_killed_before_the_epoch_is_claimed(world: RecoveryWorld) -> None:
    world.first.suspended = True
    process = world.begin_self_start(world.around())
    assert not world.first.alive
    assert world.epoch().claimed_by is None
    assert world.recovery(2).step == Step.VERIFY
    assert world.recovery(2).story.launched == process.receipt


def test_a_predecessor_that_is_busy_without_a_heartbeat_is_not_killed(world: RecoveryWorld) -> None:
    world.first.suspended = True

    def no_answer(request: ProbeRequest) -> ProbeOutcome:
        world.first.suspended = False
        return ProbeOutcome(target_id=request.target_id, kind=OutcomeKind.TIMEOUT)

    with pytest.raises(SelfStartRefusedError, match="its process is working"):
        world.self_start(replace(world.around(), probe=no_answer))
    assert world.first.alive
    assert world.epoch().epoch == 1


def test_a_predecessor_whose_end_is_not_confirmed_keeps_the_successor_from_starting(world: RecoveryWorld) -> None:
    world.first.alive = False
    world.host.unstoppable = True
    for _ in range(2):
        with pytest.raises(PredecessorStaysError, match="unconfirmed: the host does not answer"):
            world.self_start()
    assert world.epoch().epoch == 2
    assert not world.epoch().claimed_by
    assert world.recovery(2).waits_for == "unconfirmed"
    assert world.pages.count(f"Recovery of {TARGET} waits") == 0
    recoverer.sweep(elsewhere(world))
    assert world.pages == [f"Recovery of {TARGET} waits"]
    world.host.unstoppable = False
    world.self_start()
    assert (world.recovery(2).step, world.host.alive()) == (Step.DONE, [2])


def test_what_the_recovery_function_cannot_stop_from_where_it_runs_a_start_on_the_host_takes_further(
    world: RecoveryWorld,
) -> None:
    world.first.alive = False
    assert by_hand(by_hand_request(), elsewhere(world)).status is Status.RECOVERING
    assert world.recovery(2).waits_for == "unconfirmed"
    process = world.self_start()
    assert (world.recovery(2).step, world.epoch().claimed_by) == (Step.DONE, process.receipt.key)


def test_a_recovery_that_somebody_works_on_is_left_alone(world: RecoveryWorld) -> None:
    world.first.alive = False

    def start_beside() -> None:
        with pytest.raises(RecoveryUnderWayError):
            world.self_start()

    world.host.after_stop = start_beside
    by_hand(by_hand_request(), world.around())
    assert world.recovery(2).step == Step.DONE
    assert world.host.alive() == [2]


def test_a_recovery_that_has_launched_is_waited_for(world: RecoveryWorld) -> None:
    world.first.alive = False
    slow = replace(world.around(), verify_seconds_per_invocation=0.0)
    by_hand(by_hand_request(), slow)
    assert world.recovery(2).step == Step.VERIFY
    with pytest.raises(RecoveryUnderWayError, match="step verify"):
        world.self_start()


def test_what_people_said_of_the_target_holds_for_a_start_too(world: RecoveryWorld) -> None:
    world.first.alive = False
    target = Target(bucket_of(TARGET), TARGET)
    for mode in (TargetMode.OBSERVE, TargetMode.ASK):
        target.update(actions=[Target.mode.set(mode)])
        with pytest.raises(SelfStartRefusedError, match=f"mode is {mode}"):
            world.self_start()
    target.update(actions=[Target.mode.set(TargetMode.AUTO)])
    HoldSwitch(GLOBAL_TARGET, SWITCH_ITEM, state=SwitchState.HOLD, actor="ada", reason="test").save()
    with pytest.raises(SelfStartRefusedError, match="the global switch is hold"):
        world.self_start()
    assert world.epoch().epoch == 1


def test_a_controller_that_keeps_crashing_is_started_three_times_and_then_left_to_people(world: RecoveryWorld) -> None:
    process = world.first
    for pause in (0, 60, 300):
        process.alive = False
        if pause:
            with pytest.raises(SelfStartRefusedError, match="of this incident waits until"):
                world.self_start()
        world.clock.sleep(pause)
        process = world.self_start()
    process.alive = False
    with pytest.raises(SelfStartRefusedError, match="blocked until"):
        world.self_start()
    assert world.epoch().epoch == 4


def test_a_controller_restarted_on_purpose_again_and_again_is_never_blocked(world: RecoveryWorld) -> None:
    process = world.first
    for epoch in range(1, 5):
        end_claim(CONTROLLER, epoch, process.receipt.key, world.clock)
        process.alive = False
        process = world.self_start()
    assert world.epoch().epoch == 5
    assert "ended when it was asked to" in world.recovery(5).story.evidence


def test_who_said_that_it_had_ended_needs_no_look_at_its_host(world: RecoveryWorld) -> None:
    end_claim(CONTROLLER, 1, world.first.receipt.key, world.clock)
    world.first.alive = False
    unseen = StopResult(outcome=StopOutcome.UNCONFIRMED, detail="it ran on host b")
    world.host.stop = lambda *_, **__: unseen  # type: ignore[method-assign]
    started = world.clock.monotonic()
    world.begin_self_start(world.around())
    assert world.clock.monotonic() - started < world.around().stale_seconds
    stopped = next(entry.text for entry in world.recovery(2).story.entries if entry.step == "launch")
    assert stopped == "stopped: epoch 1 said itself that it had ended; it ran on host b"


def test_of_two_starts_at_once_one_goes_on(world: RecoveryWorld) -> None:
    world.first.alive = False
    rival = world.around()

    def probe(request: ProbeRequest) -> ProbeOutcome:
        seen = world.host.probe(request)
        world.self_start(rival)
        return seen

    with pytest.raises(EpochMovedError):
        world.self_start(replace(world.around(), probe=probe))
    assert world.host.alive() == [2]


def test_a_start_that_died_is_taken_further_by_the_next_once_its_time_is_up(world: RecoveryWorld) -> None:
    world.first.alive = False
    world.host.stop = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.self_start()
    del world.host.stop
    with pytest.raises(RecoveryUnderWayError):
        world.self_start()
    world.clock.sleep(STEP_SECONDS)
    world.self_start()
    assert (world.recovery(2).step, world.host.alive()) == (Step.DONE, [2])


def dies(*_: object, **__: object) -> StopResult:
    raise KeyboardInterrupt


WORD = by_hand_request(predecessor_gone="node n-17 was terminated")


def test_where_nothing_can_tell_a_persons_word_lets_the_next_start_go_on(world: RecoveryWorld) -> None:
    world.first.alive = False
    world.host.unstoppable = True
    with pytest.raises(PredecessorStaysError):
        world.self_start()
    assert by_hand(WORD, elsewhere(world)).status is Status.RECOVERING
    world.self_start()
    record = world.recovery(2)
    assert record.step == Step.DONE
    texts = [entry.text for entry in record.story.entries]
    assert "its predecessor is gone by the word of ada: node n-17 was terminated" in texts
    assert any(text.startswith("stopped: gone by the word of ada") for text in texts)


def test_a_word_opens_a_recovery_of_a_controller_whose_host_does_not_answer(world: RecoveryWorld) -> None:
    world.first.alive = False

    def no_answer(request: ProbeRequest) -> ProbeOutcome:
        return ProbeOutcome(target_id=request.target_id, kind=OutcomeKind.TIMEOUT)

    cut_off = replace(elsewhere(world), probe=no_answer)
    assert by_hand(by_hand_request(), cut_off).status is Status.REFUSED
    assert by_hand(WORD, cut_off).status is Status.RECOVERING
    assert "gone by the word of ada" in world.recovery(2).story.evidence
    world.host.unstoppable = True
    world.self_start()
    assert world.host.alive() == [2]


def test_nobodys_word_makes_a_process_gone_that_its_host_shows(world: RecoveryWorld) -> None:
    world.first.suspended = True
    world.host.unstoppable = True
    by_hand(WORD, world.around())
    assert world.recovery(2).waits_for == "unconfirmed"
    with pytest.raises(PredecessorStaysError):
        world.self_start()
    assert world.host.alive() == [1]


def test_a_word_is_about_one_recovery_and_a_beating_controller_is_alive_whatever_anyone_says(
    world: RecoveryWorld,
) -> None:
    assert by_hand(WORD, world.around()).status is Status.REFUSED
    assert world.host.alive() == [1]
    world.first.alive = False
    by_hand(WORD, world.around())
    world.newest().alive = False
    world.host.unstoppable = True
    world.clock.sleep(60)
    with pytest.raises(PredecessorStaysError):
        world.self_start()
    assert world.recovery(3).story.predecessor_gone == ""
