"""What people can do by hand, what none of it skips, and that what is refused or only rehearsed writes nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from paramedic.errors import InvalidInputError
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import Description, RunState
from paramedic.recovery import recoverer
from paramedic.recovery.answering import act, tell
from paramedic.recovery.by_hand import UnknownTargetError
from paramedic.recovery.messages import AskHistory, AskStatus, ManualForce, Planned, Status
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.targets import Target, TargetMode, bucket_of
from tests.fakes.backup import take_backup
from tests.fakes.recovery_world import TARGET, RecoveryWorld, asks

pytestmark = pytest.mark.integration

WRITTEN = ("controllers", "incidents", "recoveries", "targets")
"""The tables that a verb may write, and that of what it is about."""


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


def busy(world: RecoveryWorld) -> Surroundings:
    """Surroundings in which the controller times out and works on, with a heartbeat that stands still."""
    around = world.around()
    world.clock.on_sleep = lambda: setattr(world.first, "cpu_seconds", world.first.cpu_seconds + 1)

    def timing_out(request: ProbeRequest) -> ProbeOutcome:
        dead = not world.first.alive
        return around.probe(request) if dead else ProbeOutcome(target_id=request.target_id, kind=OutcomeKind.TIMEOUT)

    return replace(around, probe=timing_out)


def block(world: RecoveryWorld) -> None:
    world.first.alive = False
    world.host.broken_command = True
    for wait in (0, 60, 300):
        world.clock.advance(wait)
        recoverer.on_failure(world.found_bad(), world.around())
    world.host.broken_command = False


def test_what_is_well_is_replaced_by_its_successor_once_it_is_gone(world: RecoveryWorld) -> None:
    reply = world.says("replace")
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 2)
    assert world.host.log[:2] == ["kill 1", "launch 2 beside []"]
    assert world.recovery(2).story.evidence == "its health endpoint answers"


def test_what_is_well_and_cannot_be_stopped_from_here_is_left_as_it_is(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = take_backup(WRITTEN)
    monkeypatch.setattr(
        world.host, "describe", lambda receipt: Description(state=RunState.ELSEWHERE, detail="other boot")
    )
    reply = world.says("replace")
    assert (reply.status, "other boot" in reply.message) == (Status.REFUSED, True)
    assert take_backup(WRITTEN) == before
    assert world.host.alive() == [1]


@pytest.mark.parametrize("action", ["replace", "force"])
def test_a_successor_never_starts_before_its_predecessor_is_confirmed_gone(world: RecoveryWorld, action: str) -> None:
    world.host.unstoppable = True
    assert world.says(action).status is Status.RECOVERING
    assert world.host.alive() == [1]
    assert world.recovery(2).step == Step.STOP
    world.host.unstoppable = False
    recoverer.sweep(world.around())
    assert world.host.log == ["kill 1", "launch 2 beside []"]


def test_what_is_busy_is_neither_recovered_nor_replaced_but_forced(world: RecoveryWorld) -> None:
    around = busy(world)
    before = take_backup(WRITTEN)
    for action in ("recover", "replace"):
        request = asks(action)
        reply = act(request, around)  # type: ignore[arg-type]
        assert "process is working; look at its host, or force it" in reply.message  # type: ignore[attr-defined]
    assert take_backup(WRITTEN) == before
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.paused.set(True), Target.mode.set(TargetMode.OBSERVE)])
    force = asks("force")
    assert isinstance(force, ManualForce)
    act(force, around)
    world.clock.on_sleep = world.host.go_on
    recoverer.sweep(world.around())
    assert world.host.log[:2] == ["kill 1", "launch 2 beside []"]


def before_an_approval(world: RecoveryWorld) -> dict[str, object]:
    world.set_mode(TargetMode.ASK)
    world.first.alive = False
    event = world.found_bad()
    recoverer.on_failure(event, world.around())
    return {"plan": f"{event.since}/2"}


def nothing(world: RecoveryWorld) -> dict[str, object]:
    return {}


def held(world: RecoveryWorld) -> dict[str, object]:
    world.says("hold")
    return {}


def blocked(world: RecoveryWorld) -> dict[str, object]:
    block(world)
    return {}


def dead(world: RecoveryWorld) -> dict[str, object]:
    world.first.alive = False
    return {"predecessor_gone": "its host is scrap"}


@pytest.mark.parametrize(
    ("action", "prepare"),
    [
        ("recover", dead),
        ("replace", nothing),
        ("force", nothing),
        ("drill", nothing),
        ("approve", before_an_approval),
        ("acknowledge", blocked),
        ("hold", nothing),
        ("release", held),
    ],
)
def test_a_dry_run_says_what_it_would_do_and_writes_nothing(
    world: RecoveryWorld, action: str, prepare: Callable[[RecoveryWorld], dict[str, object]]
) -> None:
    fields = prepare(world)
    before, log = take_backup(WRITTEN), list(world.host.log)
    told = len(world.pages)
    reply = world.says(action, dry_run=True, **fields)
    assert reply.status is Status.PLANNED
    assert "would" in reply.message
    assert (take_backup(WRITTEN), world.host.log, len(world.pages)) == (before, log, told)


def test_a_dry_run_names_each_step_and_each_process(world: RecoveryWorld) -> None:
    world.first.alive = False
    reply = world.says("recover", dry_run=True)
    assert isinstance(reply, Planned)
    opened, stopped, launched, verified = reply.plan
    assert opened == "open epoch 2, because connections are refused and its heartbeat stands still"
    assert stopped == f"stop {world.first.receipt.called} (epoch 1) and go on only once it can act no more"
    assert "launch by profile local" in launched
    assert "beats and answers" in verified


@pytest.mark.parametrize(
    ("action", "fields"),
    [("recover", {}), ("approve", {"plan": "2026-01-05T03:00:00.000Z/2"}), ("acknowledge", {}), ("release", {})],
)
def test_a_verb_with_nothing_to_do_says_so_and_writes_nothing(
    world: RecoveryWorld, action: str, fields: dict[str, object]
) -> None:
    before = take_backup(WRITTEN)
    reply = world.says(action, **fields)
    assert reply.status is (Status.DONE if action == "release" else Status.REFUSED)
    assert take_backup(WRITTEN) == before


def test_a_verb_about_nobody_names_the_field_and_writes_nothing(world: RecoveryWorld) -> None:
    before = take_backup(WRITTEN)
    for action, fields in [
        ("replace", {}),
        ("force", {}),
        ("approve", {"plan": "p"}),
        ("acknowledge", {}),
        ("hold", {}),
    ]:
        with pytest.raises(UnknownTargetError, match="target: is not registered"):
            world.says(action, target="controller:nobody", **fields)
    assert take_backup(WRITTEN) == before


def test_acknowledging_lifts_the_block_and_three_attempts_are_counted_anew(world: RecoveryWorld) -> None:
    block(world)
    assert "blocked" in recoverer.on_failure(world.found_bad(), world.around()).message
    assert world.says("acknowledge").status is Status.DONE
    world.host.broken_command = True
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.FAILED
    world.host.broken_command = False
    world.clock.advance(60)
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.RECOVERED


def test_the_history_of_a_target_is_told_newest_first_and_a_spoilt_record_hides_no_other(world: RecoveryWorld) -> None:
    for reason in ("one", "two", "three"):
        world.says("replace", reason=reason)
    Recovery(TARGET, 3).update(actions=[Recovery.story.remove()])
    history = tell(AskHistory(action="history", target=TARGET, limit=2), world.around())
    newest, spoilt = history.recoveries  # type: ignore[attr-defined]
    assert (newest.epoch, newest.reason, newest.actor, newest.step) == (4, "three", "ada", "done")
    assert [entry.step for entry in newest.steps] == ["gate", "launch", "verify", "done"]
    assert newest.evidence == "its health endpoint answers"
    assert (spoilt.epoch, "story" in spoilt.problem) == (3, True)
    assert history.left_out == 1  # type: ignore[attr-defined]


def test_the_status_of_a_target_says_what_keeps_it_from_being_recovered(world: RecoveryWorld) -> None:
    block(world)
    world.says("hold", reason="its disk")
    world.set_mode(TargetMode.ASK)
    standing = tell(AskStatus(action="status", target=TARGET), world.around())
    message = standing.message  # type: ignore[attr-defined]
    assert message.startswith(f"{TARGET} is dead, mode ask; the target's own switch is hold (ada: its disk)")
    assert "blocked until 2026-01-05T04:" in message


def test_a_drill_ends_what_is_well_times_its_recovery_and_is_kept_as_a_drill(world: RecoveryWorld) -> None:
    reply = world.says("drill", reason="the quarter's")
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 2)
    assert "drill: ended after 0.0 s, its successor launched after" in reply.message
    assert world.host.log[:2] == ["kill 1", "launch 2 beside []"]
    assert (world.recovery(2).story.drill, world.recovery(2).story.manual) == (True, True)
    assert world.recovery(2).story.entries[0].text.startswith("drill, opened by ada")


def test_a_drill_ignores_a_block_and_starts_a_fresh_count(world: RecoveryWorld) -> None:
    block(world)
    assert "is down already" in world.says("drill").message
    world.says("recover")
    world.newest().alive = False
    world.host.broken_command = True
    for wait in (0, 60, 300):
        world.clock.advance(wait)
        recoverer.on_failure(world.found_bad(), world.around())
    world.host.broken_command = False
    world.says("recover")
    assert world.says("drill").status is Status.RECOVERED
    assert "attempts=0" in str(tell(AskStatus(action="status", target=TARGET), world.around()))


def test_no_drill_is_made_outside_its_window_nor_goes_on_there(world: RecoveryWorld) -> None:
    row = Target(bucket_of(TARGET), TARGET)
    row.update(actions=[Target.drill_window.set("04:00-05:00")])
    before = take_backup(WRITTEN)
    assert "its drills are made at 04:00-05:00 UTC, and it is 03:0" in world.says("drill").message
    assert take_backup(WRITTEN) == before
    row.update(actions=[Target.drill_window.set("03:00-04:00")])
    world.host.unstoppable = True
    assert world.says("drill").status is Status.RECOVERING
    assert "no drill meanwhile" in world.says("drill").message
    world.host.unstoppable = False
    world.clock.advance(3600)
    recoverer.sweep(world.around())
    assert (world.host.alive(), world.recovery(2).waits_for) == ([1], "held")


def test_a_window_that_is_none_is_an_error_that_names_the_field(world: RecoveryWorld) -> None:
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.drill_window.set("at night")])
    with pytest.raises(InvalidInputError, match="drill_window"):
        world.says("drill")
    assert world.epoch().epoch == 1


@pytest.mark.parametrize("action", ["recover", "force"])
def test_a_person_goes_on_with_what_automation_was_called_off_from(world: RecoveryWorld, action: str) -> None:
    world.first.suspended = True
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.paused.set(True), Target.mode.set(TargetMode.OBSERVE)])
    world.host.unstoppable = False
    recoverer.sweep(world.around())
    assert world.host.alive() == [1]
    assert world.says(action, reason="it is needed").status is Status.RECOVERED
    assert "wanted by ada: it is needed" in [entry.text for entry in world.recovery(2).story.entries]
