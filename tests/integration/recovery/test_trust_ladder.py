"""Observe records, ask waits for one yes, auto acts: and a yes is for one plan, once, and not for long."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from paramedic.recovery import recoverer
from paramedic.recovery.history import Doings, read_doings
from paramedic.recovery.messages import Status
from paramedic.recovery.standing import read_standing
from paramedic.state.recoveries import Step
from paramedic.state.targets import Target, TargetMode, bucket_of
from tests.fakes.recovery_world import TARGET, RecoveryWorld

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


def doings(world: RecoveryWorld) -> Doings:
    now = world.clock.now()
    return read_doings(TARGET, now - timedelta(days=7), now)


def asked(world: RecoveryWorld) -> str:
    """The plan that people are asked about once the controller has died in mode ask."""
    world.set_mode(TargetMode.ASK)
    world.first.alive = False
    event = world.found_bad()
    assert recoverer.on_failure(event, world.around()).status is Status.REFUSED
    return f"{event.since}/{int(world.epoch().epoch) + 1}"


def goes_on(world: RecoveryWorld, since: str, minutes: float = 1) -> Status:
    """The same bad period, announced again so much later."""
    world.clock.advance(60 * minutes)
    event = world.found_bad()
    bad = world.target().bad
    assert bad is not None
    same = bad.model_copy(update={"since": since})
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.set(same)])
    return recoverer.on_failure(event, world.around()).status


def test_observe_records_once_in_each_bad_period_what_would_have_been_done_and_does_nothing(
    world: RecoveryWorld,
) -> None:
    world.set_mode(TargetMode.OBSERVE)
    world.first.alive = False
    event = world.found_bad()
    recoverer.on_failure(event, world.around())
    goes_on(world, event.since)
    (would,) = doings(world).observed
    assert would.text.startswith(
        "mode is observe; would have relaunched at 2026-01-05 03:00Z because connections are refused"
    )
    assert world.pages == [f"{TARGET} is down and not being recovered"]
    world.clock.advance(3600)
    recoverer.on_failure(world.found_bad(), world.around())
    assert len(doings(world).observed) == 2
    assert (world.epoch().epoch, world.host.log) == (1, [])


def test_ask_sends_one_message_with_the_plan_and_how_to_approve_it(world: RecoveryWorld) -> None:
    plan = asked(world)
    goes_on(world, plan.rpartition("/")[0])
    assert world.pages == [f"{TARGET} waits for approval"]
    (text,) = world.texts
    assert f"paramedic approve {TARGET} --plan {plan} --reason WHY" in text
    assert "until 2026-01-05 03:30:" in text
    assert f"stop {world.first.receipt.called} (epoch 1)" in text
    assert world.epoch().epoch == 1


def test_a_question_that_could_not_be_sent_is_sent_with_the_next_event(world: RecoveryWorld) -> None:
    world.pages_fail = True
    plan = asked(world)
    world.pages_fail = False
    goes_on(world, plan.rpartition("/")[0])
    assert world.pages == [f"{TARGET} waits for approval"]


def test_a_yes_opens_the_recovery_at_once_in_the_name_of_who_said_it(world: RecoveryWorld) -> None:
    plan = asked(world)
    reply = world.says("approve", plan=plan, actor="grace", reason="looked at it")
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 2)
    story = world.recovery(2).story
    assert (story.actor, story.reason, story.plan, story.manual) == ("grace", "looked at it", plan, False)
    assert "grace approved it, and it was done as epoch 2" in doings(world).asked[0].outcome


def test_the_same_yes_twice_opens_nothing_more(world: RecoveryWorld) -> None:
    plan = asked(world)
    world.says("approve", plan=plan)
    world.newest().alive = False
    world.found_bad()
    reply = world.says("approve", plan=plan)
    assert (reply.status, "carried out already, as epoch 2" in reply.message) == (Status.REFUSED, True)
    assert world.epoch().epoch == 2


def test_a_yes_that_comes_late_opens_nothing(world: RecoveryWorld) -> None:
    plan = asked(world)
    world.clock.advance(30 * 60)
    reply = world.says("approve", plan=plan)
    assert (reply.status, "it was good until 2026-01-05 03:30:" in reply.message) == (Status.REFUSED, True)
    assert world.says("recover").status is Status.RECOVERED


def test_a_yes_for_an_incident_that_is_over_opens_nothing_in_the_next_one(world: RecoveryWorld) -> None:
    plan = asked(world)
    world.clock.advance(120)
    event = world.found_bad()
    recoverer.on_failure(event, world.around())
    reply = world.says("approve", plan=plan)
    assert (reply.status, f"what would be done now is {event.since}/2" in reply.message) == (Status.REFUSED, True)
    assert world.pages == [f"{TARGET} waits for approval"] * 2
    assert world.epoch().epoch == 1


def test_each_attempt_is_asked_about_anew(world: RecoveryWorld) -> None:
    plan = asked(world)
    since = plan.rpartition("/")[0]
    world.host.broken_command = True
    assert world.says("approve", plan=plan).status is Status.FAILED
    world.host.broken_command = False
    assert goes_on(world, since) is Status.REFUSED
    assert world.says("approve", plan=plan).status is Status.REFUSED
    assert world.says("approve", plan=f"{since}/3").status is Status.RECOVERED


def test_a_yes_lifts_no_other_rule_and_is_carried_out_once_they_allow_it(world: RecoveryWorld) -> None:
    plan = asked(world)
    world.says("hold")
    reply = world.says("approve", plan=plan, actor="grace")
    assert (reply.status, "own switch is hold" in reply.message) == (Status.APPROVED, True)
    refused = world.says("approve", plan=plan, actor="bob")
    assert "grace has approved it already" in refused.message
    world.says("release")
    assert goes_on(world, plan.rpartition("/")[0], minutes=5) is Status.RECOVERED
    assert world.recovery(2).story.actor == "grace"


def test_a_yes_that_was_not_carried_out_in_time_is_no_yes_any_more(world: RecoveryWorld) -> None:
    plan = asked(world)
    world.says("hold")
    world.says("approve", plan=plan)
    world.says("release")
    assert goes_on(world, plan.rpartition("/")[0], minutes=31) is Status.REFUSED
    assert "approved it; it was not needed in time" in doings(world).asked[0].outcome


def test_a_late_event_does_not_make_a_yes_good_again(world: RecoveryWorld) -> None:
    plan = asked(world)
    event = world.found_bad()
    same = world.target().bad
    assert same is not None
    same = same.model_copy(update={"since": plan.rpartition("/")[0]})
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.set(same)])
    world.says("hold")
    world.says("approve", plan=plan)
    world.says("release")
    world.clock.advance(31 * 60)
    assert recoverer.on_failure(event, world.around()).status is Status.REFUSED


def test_nothing_waits_for_a_yes_in_another_mode(world: RecoveryWorld) -> None:
    plan = asked(world)
    world.set_mode(TargetMode.OBSERVE)
    assert "mode is observe, so nothing waits" in world.says("approve", plan=plan).message
    assert world.epoch().epoch == 1


def test_a_mode_that_was_taken_back_before_the_stop_holds_what_was_approved(world: RecoveryWorld) -> None:
    world.set_mode(TargetMode.ASK)
    world.first.suspended = True
    world.host.unstoppable = True
    event = world.found_bad("hung")
    recoverer.on_failure(event, world.around())
    assert world.says("approve", plan=f"{event.since}/2").status is Status.RECOVERING
    world.set_mode(TargetMode.OBSERVE)
    world.host.unstoppable = False
    recoverer.sweep(world.around())
    assert (world.host.alive(), world.recovery(2).waits_for) == ([1], "held")
    world.set_mode(TargetMode.ASK)
    recoverer.sweep(world.around())
    assert world.recovery(2).step == Step.DONE


def test_a_yes_and_the_minutes_event_at_once_open_one_recovery(world: RecoveryWorld) -> None:
    plan = asked(world)
    event = world.found_bad()
    since = plan.rpartition("/")[0]
    bad = world.target().bad
    assert bad is not None
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.set(bad.model_copy(update={"since": since}))])
    with ThreadPoolExecutor(6) as pool:
        yes = [pool.submit(world.says, "approve", plan=plan, actor=name) for name in ("ada", "bob", "grace")]
        events = [pool.submit(recoverer.on_failure, event, world.around()) for _ in range(3)]
        replies = [each.result() for each in [*yes, *events]]
    recoverer.sweep(world.around())
    assert {reply.epoch for reply in replies} <= {None, 2}
    assert [line for line in world.host.log if line.startswith("launch")] == ["launch 2 beside []"]


def test_the_status_of_a_target_names_the_plan_that_waits(world: RecoveryWorld) -> None:
    plan = asked(world)
    standing = read_standing(TARGET, world.clock.now())
    assert (standing.plan, standing.mode) == (plan, "ask")
    assert f"plan {plan} waits for approval until 2026-01-05T03:30:" in standing.message
