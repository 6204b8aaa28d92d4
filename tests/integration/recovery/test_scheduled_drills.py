"""Drills that are made by themselves: when each is due, and all that keeps one from being made."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from paramedic.recovery import recoverer
from paramedic.recovery.each_minute import each_minute
from paramedic.recovery.messages import Reply, Status
from paramedic.recovery.recoverer import sweep
from paramedic.state.claims import register
from paramedic.state.drills import DRILLS, DrillSchedule, NoDrillsScheduledError, end_drills, schedule_drills
from paramedic.state.incidents import CURRENT_ITEM, Incident
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.recoveries import Step
from paramedic.state.target_registry import add_target, remove_target
from paramedic.state.targets import Target, TargetKind, TargetMode, bucket_of
from tests.fakes.recovery_world import TARGET, RecoveryWorld
from tests.fakes.targets import bad_target

pytestmark = pytest.mark.integration

OTHER = "controller:other"
SHOP = "url:shop"


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    """Drilled every seven days between three and four, and due since three o'clock."""
    made = RecoveryWorld(table_prefix)
    change(Target.drill_window.set("03:00-04:00"))
    schedule_drills(made.target(), 7, "ada", "so that it is known to work", made.clock)
    made.clock.advance(7 * 86_400)
    return made


def change(*actions: object, target_id: str = TARGET) -> None:
    Target(bucket_of(target_id), target_id).update(actions=list(actions))  # type: ignore[arg-type]


def tick(world: RecoveryWorld) -> list[Reply]:
    return each_minute(world.clock.now(), world.around())


def schedule() -> DrillSchedule:
    row = DrillSchedule.read(DRILLS, TARGET)
    assert row is not None
    return row


def add_shop(world: RecoveryWorld) -> None:
    add_target(
        Target(bucket_of(SHOP), SHOP, kind=TargetKind.URL, url="http://a/", mode=TargetMode.OBSERVE), world.clock
    )


def test_a_drill_is_made_when_it_is_due_timed_and_due_again_after_its_days(world: RecoveryWorld) -> None:
    begun = world.clock.now()
    (reply,) = tick(world)
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 2)
    assert world.host.log[:2] == ["kill 1", "launch 2 beside []"]
    story = world.recovery(2).story
    assert (story.drill, story.manual, story.actor) == (True, False, "ada's schedule")
    assert [entry.step for entry in story.entries] == ["gate", "launch", "verify", "done"]
    assert schedule().moment("last_at") == begun
    assert schedule().moment("due_at") == begun + timedelta(days=7)
    world.clock.advance(60)
    assert tick(world) == []
    world.clock.advance(7 * 86_400)
    assert [each.epoch for each in tick(world)] == [3]


def test_a_drill_counts_as_no_attempt_of_automation(world: RecoveryWorld) -> None:
    tick(world)
    row = Incident.read(TARGET, CURRENT_ITEM)
    assert row is not None
    assert row.attempts == 0


@pytest.mark.parametrize("minutes", [-1, 60, 120])
def test_nothing_is_drilled_outside_its_window_and_that_is_no_news(world: RecoveryWorld, minutes: int) -> None:
    world.clock.advance(86_400 + minutes * 60)
    assert tick(world) == []
    assert world.host.log == []
    assert schedule().waits_for is None


def test_nothing_is_drilled_before_it_is_due(world: RecoveryWorld) -> None:
    world.clock.advance(-60)
    change(Target.drill_window.set("00:00-23:59"))
    assert tick(world) == []
    assert world.host.log == []


def paused_elsewhere(world: RecoveryWorld) -> None:
    add_shop(world)
    change(Target.paused.set(True), target_id=SHOP)


def in_downtime_elsewhere(world: RecoveryWorld) -> None:
    add_shop(world)
    now = world.clock.now()
    period = PlannedPeriod(since=now, until=now + timedelta(hours=1), reason="nights")
    change(Target.downtime.set(period), target_id=SHOP)


def bad_elsewhere(world: RecoveryWorld) -> None:
    add_shop(world)
    bad = bad_target(SHOP, world.clock.now(), bucket=bucket_of(SHOP)).bad
    change(Target.bad.set(bad), target_id=SHOP)


def spoilt_elsewhere(world: RecoveryWorld) -> None:
    bad_elsewhere(world)
    change(Target.min_reader.set(99), target_id=SHOP)


def held_elsewhere(world: RecoveryWorld) -> None:
    register("other", "127.0.0.1", 18081, "local", world.clock)
    world.says("hold", target=OTHER, reason="its disk")


def held(world: RecoveryWorld) -> None:
    world.says("hold", target="everything", reason="migration")


def paused(world: RecoveryWorld) -> None:
    change(Target.paused.set(True))


def asked_about(world: RecoveryWorld) -> None:
    world.set_mode(TargetMode.ASK)


def without_window(world: RecoveryWorld) -> None:
    change(Target.drill_window.remove())


def down(world: RecoveryWorld) -> None:
    world.first.alive = False


def recovered_lately(world: RecoveryWorld) -> None:
    world.says("replace")
    world.host.log.clear()


def registered_anew(world: RecoveryWorld) -> None:
    change(Target.registration.set("another"))


def removed(world: RecoveryWorld) -> None:
    remove_target(TARGET, world.clock)


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (paused_elsewhere, "url:shop is paused"),
        (in_downtime_elsewhere, "url:shop is in planned downtime"),
        (bad_elsewhere, "url:shop is unreachable"),
        (spoilt_elsewhere, "the row of url:shop cannot be understood"),
        (held_elsewhere, "the switch of controller:other is hold (ada: its disk)"),
        (held, "the global switch is hold (ada: migration)"),
        (paused, "controller:main is paused"),
        (asked_about, "its mode is ask"),
        (without_window, "it has no drill window"),
        (down, "it is down already"),
        (recovered_lately, "it was recovered at 03:00"),
        (registered_anew, "it is not registered any more, or anew"),
        (removed, "it is not registered any more, or anew"),
    ],
)
def test_nothing_is_drilled_while_anything_is_amiss_and_the_reason_is_kept_once(
    world: RecoveryWorld, trouble: Callable[[RecoveryWorld], None], why: str
) -> None:
    trouble(world)
    pages = len(world.pages)
    (reply,) = tick(world)
    assert (reply.status, why in reply.message) == (Status.REFUSED, True), reply.message
    assert why in (schedule().waits_for or "")
    world.clock.advance(60)
    assert tick(world) == []
    assert (world.host.log, len(world.pages)) == ([], pages)


def test_a_drill_that_waited_is_made_once_all_is_well(world: RecoveryWorld) -> None:
    paused_elsewhere(world)
    tick(world)
    change(Target.paused.set(False), target_id=SHOP)
    assert [each.epoch for each in tick(world)] == [2]
    assert schedule().waits_for is None


def test_nothing_is_drilled_while_a_recovery_is_under_way(world: RecoveryWorld) -> None:
    world.host.unstoppable = True
    world.says("replace")
    world.clock.advance(3600 * 24)
    assert [each.epoch for each in tick(world)] == [2]
    assert not world.recovery(2).story.drill


def test_many_sweeps_at_once_make_one_drill(world: RecoveryWorld) -> None:
    now = world.clock.now()
    with ThreadPoolExecutor(8) as sweeps:
        list(sweeps.map(lambda _: each_minute(now, world.around()), range(8)))
    assert [line for line in world.host.log if line.startswith("launch")] == ["launch 2 beside []"]
    assert world.epoch().epoch == 2


def test_a_drill_whose_predecessor_does_not_end_is_called_off_where_a_person_says_so_meanwhile(
    world: RecoveryWorld,
) -> None:
    world.host.unstoppable = True
    tick(world)
    change(Target.paused.set(True))
    world.host.unstoppable = False
    sweep(world.around())
    assert (world.recovery(2).step, world.recovery(2).waits_for, world.host.alive()) == (Step.STOP, "held", [1])


def test_automation_cures_what_a_drill_has_left_down(world: RecoveryWorld) -> None:
    world.host.broken_command = True
    assert [each.status for each in tick(world)] == [Status.FAILED]
    world.host.broken_command = False
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.RECOVERED


def test_drills_are_scheduled_only_where_there_is_a_window_and_end_when_they_are_told_to(world: RecoveryWorld) -> None:
    end_drills(TARGET, world.clock)
    assert tick(world) == []
    with pytest.raises(NoDrillsScheduledError, match="is not drilled by itself"):
        end_drills(TARGET, world.clock)
    change(Target.drill_window.remove())
    with pytest.raises(NoDrillsScheduledError, match="has no drill window; set one first"):
        schedule_drills(world.target(), 7, "ada", "again", world.clock)
    assert not schedule().every_days


def test_a_schedule_that_cannot_be_understood_keeps_no_other_from_being_kept(world: RecoveryWorld) -> None:
    DrillSchedule(DRILLS, OTHER, every_days=1, due_at="soon").save()
    assert [each.epoch for each in tick(world)] == [2]
