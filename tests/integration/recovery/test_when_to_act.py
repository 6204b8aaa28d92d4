"""What keeps a recovery from acting, before and after it was opened, and what people hear of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pynamodb.expressions.update import Action

from paramedic.errors import InvalidInputError
from paramedic.health.event_details import ControllerFailed
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.profiles import UnknownProfileError
from paramedic.recovery import recoverer
from paramedic.recovery.by_hand import by_hand
from paramedic.recovery.messages import Status
from paramedic.recovery.opening import remember_refusal
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.incidents import CURRENT_ITEM, GLOBAL_TARGET, SWITCH_ITEM, HoldSwitch, Incident, SwitchState
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.recoveries import Recovery, Step, open_recoveries
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, TargetMode, bucket_of
from tests.fakes.recovery_world import CONTROLLER, TARGET, RecoveryWorld, by_hand_request
from tests.fakes.targets import bad_target

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


def switch(state: SwitchState) -> None:
    HoldSwitch(GLOBAL_TARGET, SWITCH_ITEM, state=state, actor="ada", reason="test").save()


def recovered_by_itself(world: RecoveryWorld) -> None:
    world.first.alive = True
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.remove()])
    world.clock.advance(86_400)


def cut_off(world: RecoveryWorld) -> Surroundings:
    """Surroundings from which connections are refused, whatever runs."""

    def refused(request: ProbeRequest) -> ProbeOutcome:
        return ProbeOutcome(target_id=request.target_id, kind=OutcomeKind.REFUSED)

    return replace(world.around(), probe=refused)


def found(world: RecoveryWorld, diagnosis: str) -> ControllerFailed:
    """A finding whose row has changed to `diagnosis` since it was sent."""
    event = world.found_bad()
    bad = world.target().bad
    assert bad is not None
    changed = bad.model_copy(update={"diagnosis": diagnosis, "verdict": "suspect"})
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.set(changed)])
    return event


def test_a_claimant_nothing_is_recorded_of_is_never_taken_for_gone(world: RecoveryWorld) -> None:
    ControllerEpoch(CONTROLLER, EPOCH).update(actions=[ControllerEpoch.claimant.remove()])
    world.first.suspended = True
    recoverer.on_failure(world.found_bad(), cut_off(world))
    assert world.host.alive() == [1]
    assert world.recovery(2).step == Step.STOP
    assert world.recovery(2).waits_for == "unconfirmed"


def test_a_sequence_stored_while_it_moved_proves_nothing(world: RecoveryWorld) -> None:
    reply = recoverer.on_failure(found(world, "unreachable"), cut_off(world))
    assert reply.status is Status.REFUSED
    assert world.host.alive() == [1]


def test_a_person_cannot_kill_a_beating_controller_through_a_fresh_busy_finding(world: RecoveryWorld) -> None:
    found(world, "busy")
    assert by_hand(by_hand_request(), cut_off(world)).status is Status.REFUSED
    assert world.host.alive() == [1]


def in_downtime(world: RecoveryWorld, begins: float, ends: float) -> Action:
    """Planned from so many hours ahead until so many hours ahead."""
    now = world.clock.now()
    since, until = now + timedelta(hours=begins), now + timedelta(hours=ends)
    return Target.downtime.set(PlannedPeriod(since=since, until=until, reason="nights"))


def test_a_controller_that_is_off_on_purpose_is_left_off_and_nobody_is_paged(world: RecoveryWorld) -> None:
    world.first.alive = False
    event = world.found_bad()
    Target(bucket_of(TARGET), TARGET).update(actions=[in_downtime(world, -1, 1)])
    reply = recoverer.on_failure(event, world.around())
    assert (reply.status, world.host.alive(), world.pages) == (Status.REFUSED, [], [])
    assert "planned downtime until 2026-01-05 04:00:" in reply.message


def test_an_event_from_just_before_a_downtime_opens_nothing_once_that_has_begun(world: RecoveryWorld) -> None:
    world.first.alive = False
    event = world.found_bad()
    Target(bucket_of(TARGET), TARGET).update(actions=[in_downtime(world, 0.01, 1)])
    world.clock.advance(60)
    reply = recoverer.on_failure(event, world.around())
    assert (reply.status, world.pages, world.epoch().epoch) == (Status.REFUSED, [], 1)


def test_a_controller_that_dies_before_its_downtime_is_recovered(world: RecoveryWorld) -> None:
    world.first.alive = False
    event = world.found_bad()
    Target(bucket_of(TARGET), TARGET).update(actions=[in_downtime(world, 1, 2)])
    assert recoverer.on_failure(event, world.around()).status is Status.RECOVERED
    assert world.recovery(2).story.reason == "found bad"


def test_a_controller_still_off_after_its_downtime_comes_back_through_recovery_for_that_reason(
    world: RecoveryWorld,
) -> None:
    world.first.alive = False
    event = world.found_bad()
    Target(bucket_of(TARGET), TARGET).update(actions=[in_downtime(world, -9, 0)])
    assert recoverer.on_failure(event, world.around()).status is Status.RECOVERED
    assert world.recovery(2).story.reason.startswith("downtime: it ended at 2026-01-05T03:00:")


def test_a_controller_that_dies_long_after_its_downtime_died_of_something_else(world: RecoveryWorld) -> None:
    world.first.alive = False
    event = world.found_bad()
    Target(bucket_of(TARGET), TARGET).update(actions=[in_downtime(world, -9, -0.5)])
    assert recoverer.on_failure(event, world.around()).status is Status.RECOVERED
    assert world.recovery(2).story.reason == "found bad"


def test_a_recovery_still_waiting_when_a_downtime_begins_stops_nothing(world: RecoveryWorld) -> None:
    world.first.suspended = True
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    Target(bucket_of(TARGET), TARGET).update(actions=[in_downtime(world, 0, 1)])
    world.host.unstoppable = False
    recoverer.sweep(world.around())
    assert world.host.alive() == [1]
    world.clock.advance(3600)
    recoverer.sweep(world.around())
    assert world.recovery(2).step == Step.DONE


@pytest.mark.parametrize(
    "change", [Target.paused.set(True), Target.mode.set(TargetMode.OBSERVE)], ids=["paused", "observe"]
)
def test_a_recovery_called_off_before_its_stop_stops_nothing(world: RecoveryWorld, change) -> None:  # type: ignore[no-untyped-def]
    world.first.suspended = True
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    Target(bucket_of(TARGET), TARGET).update(actions=[change])
    world.host.unstoppable = False
    recoverer.sweep(world.around())
    assert world.host.alive() == [1]
    assert world.recovery(2).waits_for == "held"


def test_a_hold_between_stop_and_launch_pages_although_one_before_the_stop_did(world: RecoveryWorld) -> None:
    world.first.suspended = True
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    switch(SwitchState.HOLD)
    recoverer.sweep(world.around())
    waiting = [page for page in world.pages if "waits" in page]
    assert len(waiting) == 2
    switch(SwitchState.RUN)
    world.host.unstoppable = False
    world.host.after_stop = lambda: switch(SwitchState.HOLD)
    recoverer.sweep(world.around())
    assert world.recovery(2).step == Step.LAUNCH
    assert len([page for page in world.pages if "waits" in page]) == 3


def test_a_profile_that_is_gone_from_the_stack_pages_and_launches_nothing(world: RecoveryWorld) -> None:
    world.first.suspended = True
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    world.host.unstoppable = False
    Recovery(TARGET, 2).update(actions=[Recovery.waits_for.remove()])

    def gone(name: str) -> LaunchPlan:
        raise UnknownProfileError(f"launcher profile {name!r} does not exist")

    recoverer.sweep(replace(world.around(), profile=gone))
    assert world.recovery(2).waits_for == "unconfirmed"
    assert "does not exist" in world.recovery(2).story.entries[-1].text
    assert len([page for page in world.pages if "waits" in page]) == 2
    assert world.host.alive() == [1]


def test_a_page_that_cannot_be_sent_delays_no_recovery_and_is_sent_later(world: RecoveryWorld) -> None:
    world.first.alive = False
    world.pages_fail = True
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.RECOVERED
    assert open_recoveries() == [(TARGET, 2)]
    world.pages_fail = False
    recoverer.sweep(world.around())
    assert world.pages == [f"Recovered {TARGET}"]
    assert open_recoveries() == []


def test_the_same_refusal_in_a_later_bad_period_is_paged_again(world: RecoveryWorld) -> None:
    switch(SwitchState.HOLD)
    world.first.alive = False
    event = world.found_bad()
    for _ in range(3):
        recoverer.on_failure(event, world.around())
    assert len(world.pages) == 1
    recovered_by_itself(world)
    world.first.alive = False
    recoverer.on_failure(world.found_bad(), world.around())
    assert len(world.pages) == 2


def test_a_refusal_that_comes_after_an_opening_changes_nothing(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.first.alive = False
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.paused.set(True)])
    event = world.found_bad()

    def late(*arguments) -> None:  # type: ignore[no-untyped-def]
        monkeypatch.undo()
        by_hand(by_hand_request(), world.around())
        remember_refusal(*arguments)

    monkeypatch.setattr("paramedic.recovery.recoverer.remember_refusal", late)
    recoverer.on_failure(event, world.around())
    incident = Incident.read(TARGET, CURRENT_ITEM)
    assert incident is not None
    assert not incident.last_refusal
    assert incident.incident_id == world.recovery(2).incident
    assert world.recovery(2).step == Step.DONE


def test_an_event_from_the_future_is_refused_and_counts_for_nothing(world: RecoveryWorld) -> None:
    world.first.alive = False
    event = world.found_bad()
    with pytest.raises(InvalidInputError, match="tick"):
        recoverer.on_failure(event.model_copy(update={"tick": "2099-01-01T00:00:00Z"}), world.around())
    assert recoverer.on_failure(event, world.around()).status is Status.RECOVERED


@pytest.mark.parametrize(("field", "value"), [("mode", "bogus"), ("timeout_seconds", 99)])
def test_a_malformed_target_row_is_an_error_that_names_the_field(
    world: RecoveryWorld, field: str, value: object
) -> None:
    world.first.alive = False
    event = world.found_bad()
    Target(bucket_of(TARGET), TARGET).update(actions=[getattr(Target, field).set(value)])
    with pytest.raises(InvalidInputError, match=field):
        recoverer.on_failure(event, world.around())
    assert world.epoch().epoch == 1


def test_a_malformed_incident_row_is_an_error_that_names_the_field(world: RecoveryWorld) -> None:
    world.first.alive = False
    event = world.found_bad()
    Incident(TARGET, CURRENT_ITEM, incident_id="i", attempts=1, last_attempt_at="yesterday").save()
    with pytest.raises(InvalidInputError, match="last_attempt_at"):
        recoverer.on_failure(event, world.around())


def test_a_record_nobody_understands_is_reported_and_keeps_no_other_from_being_swept(world: RecoveryWorld) -> None:
    world.first.suspended = True
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    broken = Recovery.read(TARGET, 2)
    assert broken is not None
    broken.target_id = "controller:aaa"
    broken.step = "dancing"
    broken.save()
    world.host.unstoppable = False
    replies = {reply.target: reply for reply in recoverer.sweep(world.around())}
    assert replies["controller:aaa"].status is Status.FAILED
    assert "step" in replies["controller:aaa"].message
    assert replies[TARGET].status is Status.RECOVERED


def a_fleet_of_twenty_with_bad(number: int, world: RecoveryWorld) -> None:
    TargetCount(COUNTS_BUCKET, f"{bucket_of(TARGET):02d}").update(actions=[TargetCount.targets.set(1)])
    TargetCount(COUNTS_BUCKET, "63", targets=19).save()
    for each in range(number):
        bad_target(f"url:{each}", world.clock.now(), bucket=63).save()


def test_in_a_mass_failure_a_hung_controller_is_left_to_people_and_recovered_once_the_others_are_back(
    world: RecoveryWorld,
) -> None:
    a_fleet_of_twenty_with_bad(4, world)
    world.first.suspended = True
    failure = world.found_bad("hung")
    reply = recoverer.on_failure(failure, world.around())
    assert reply.status is Status.REFUSED
    assert "5 of 20 targets went bad within three minutes" in reply.message
    assert world.pages == []
    bad_target("url:0", world.clock.now(), bucket=63).update(actions=[Target.bad.remove()])
    assert recoverer.on_failure(failure, world.around()).status is Status.RECOVERED


def test_in_a_mass_failure_a_dead_controller_is_recovered(world: RecoveryWorld) -> None:
    a_fleet_of_twenty_with_bad(9, world)
    world.first.alive = False
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.RECOVERED


def test_in_a_mass_failure_a_person_recovers_what_is_hung(world: RecoveryWorld) -> None:
    a_fleet_of_twenty_with_bad(9, world)
    world.first.suspended = True
    world.found_bad("hung")
    assert by_hand(by_hand_request(), world.around()).status is Status.RECOVERED


@pytest.mark.parametrize(
    ("beats", "seconds", "step"), [(True, 90, Step.VERIFY), (False, 90, Step.FAILED), (True, 240, Step.FAILED)]
)
def test_a_successor_that_does_not_answer_gets_more_time_while_its_heartbeat_moves_and_not_for_ever(
    world: RecoveryWorld, beats: bool, seconds: float, step: Step
) -> None:
    world.first.alive = False
    found = world.found_bad()
    deaf = replace(
        world.around(), probe=lambda asked: ProbeOutcome(target_id=asked.target_id, kind=OutcomeKind.REFUSED)
    )
    recoverer.on_failure(found, deaf)
    assert world.recovery(2).step == Step.VERIFY
    world.newest().suspended = not beats
    for _ in range(int(seconds / 3)):
        world.clock.sleep(3)
    recoverer.sweep(replace(deaf, invocation="another"))
    assert world.recovery(2).step == step


@pytest.mark.parametrize(("seconds", "step"), [(120, Step.VERIFY), (160, Step.FAILED)])
def test_a_launch_has_three_times_as_long_as_the_last_one_took_whatever_its_profile_says(
    world: RecoveryWorld, seconds: float, step: Step
) -> None:
    deaf = replace(
        world.around(), probe=lambda asked: ProbeOutcome(target_id=asked.target_id, kind=OutcomeKind.REFUSED)
    )
    world.first.alive = False
    recoverer.on_failure(world.found_bad(), deaf)
    waited = (world.clock.now() - world.recovery(2).moment("step_at")).total_seconds()
    world.clock.sleep(50 - waited)
    recoverer.sweep(world.around())
    assert world.recovery(2).step == Step.DONE
    world.newest().alive = False
    world.clock.sleep(120)
    recoverer.on_failure(world.found_bad(), replace(deaf, invocation="another"))
    world.newest().suspended = True
    world.clock.sleep(seconds - (world.clock.now() - world.recovery(3).moment("step_at")).total_seconds())
    recoverer.sweep(replace(deaf, invocation="a third"))
    assert world.recovery(3).step == step
