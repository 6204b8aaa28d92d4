"""Recoveries from opening to closing, over real DynamoDB semantics."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import Launch, LauncherError
from paramedic.recovery import recoverer
from paramedic.recovery.by_hand import by_hand
from paramedic.recovery.messages import Status
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.incidents import GLOBAL_TARGET, SWITCH_ITEM, HoldSwitch, SwitchState
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Step, open_recoveries
from paramedic.state.targets import Target, bucket_of
from tests.fakes.backup import restore, take_backup
from tests.fakes.host import FakeHost
from tests.fakes.recovery_world import TARGET, RecoveryWorld, by_hand_request

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> RecoveryWorld:
    return RecoveryWorld(table_prefix)


def test_a_dead_controller_is_relaunched_under_the_next_epoch(world: RecoveryWorld) -> None:
    world.first.alive = False
    reply = recoverer.on_failure(world.found_bad(), world.around())
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 2)
    assert world.host.alive() == [2]
    assert world.recovery(2).step == Step.DONE
    assert open_recoveries() == []


def test_a_hung_controller_is_killed_before_its_successor_starts(world: RecoveryWorld) -> None:
    world.first.suspended = True
    reply = recoverer.on_failure(world.found_bad("hung"), world.around())
    assert reply.status is Status.RECOVERED
    assert world.host.log[:2] == ["kill 1", "launch 2 beside []"]


def test_a_controller_that_times_out_but_uses_cpu_is_left_alone(world: RecoveryWorld) -> None:
    failure = world.found_bad("hung")
    around = world.around()
    working = around.probe

    def timing_out(request: ProbeRequest) -> ProbeOutcome:
        return replace(working(request), kind=OutcomeKind.TIMEOUT)

    world.first.stage = 99
    world.clock.on_sleep = lambda: setattr(world.first, "cpu_seconds", world.first.cpu_seconds + 1)
    reply = recoverer.on_failure(failure, around.__class__(**{**around.__dict__, "probe": timing_out}))
    assert reply.status is Status.REFUSED
    assert world.host.alive() == [1]


def test_a_late_event_about_a_controller_that_recovered_does_nothing(world: RecoveryWorld) -> None:
    failure = world.found_bad()
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.bad.remove()])
    assert recoverer.on_failure(failure, world.around()).status is Status.REFUSED
    assert world.epoch().epoch == 1


def test_a_duplicate_event_after_a_recovery_does_not_start_another(world: RecoveryWorld) -> None:
    world.first.alive = False
    failure = world.found_bad()
    recoverer.on_failure(failure, world.around())
    reply = recoverer.on_failure(failure, world.around())
    assert reply.status is Status.REFUSED
    assert world.host.alive() == [2]


def test_a_busy_controller_whose_heartbeat_moves_is_left_alone(world: RecoveryWorld) -> None:
    failure = world.found_bad()
    world.host.go_on()
    world.first.claimed = False
    reply = recoverer.on_failure(failure, world.around())
    assert reply.status is Status.REFUSED
    assert "heartbeat moves" in reply.message
    assert world.epoch().epoch == 1


def test_two_recoveries_at_once_launch_once(world: RecoveryWorld) -> None:
    world.first.alive = False
    failure = world.found_bad()
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: recoverer.on_failure(failure, world.around()), range(8)))
    assert {reply.status for reply in replies} <= {Status.RECOVERED, Status.RECOVERING, Status.REFUSED}
    assert [line for line in world.host.log if line.startswith("launch")] == ["launch 2 beside []"]
    assert world.host.alive() == [2]


def test_an_unconfirmed_stop_never_launches_and_pages_once(world: RecoveryWorld) -> None:
    world.first.suspended = True
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    for _ in range(3):
        recoverer.sweep(world.around())
    assert world.host.alive() == [1]
    assert world.recovery(2).step == Step.STOP
    assert len([page for page in world.pages if "waits" in page]) == 1


def test_the_sweeper_goes_on_once_the_predecessor_can_be_stopped(world: RecoveryWorld) -> None:
    world.first.suspended = True
    world.host.unstoppable = True
    recoverer.on_failure(world.found_bad("hung"), world.around())
    world.host.unstoppable = False
    assert [reply.status for reply in recoverer.sweep(world.around())] == [Status.RECOVERED]
    assert world.host.alive() == [2]


def test_a_launch_that_fails_is_tried_again_after_a_minute_under_a_new_epoch(world: RecoveryWorld) -> None:
    world.first.alive = False
    world.host.broken_command = True
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.FAILED
    world.host.broken_command = False
    early = recoverer.on_failure(world.found_bad(), world.around())
    assert early.status is Status.REFUSED
    assert "waits until" in early.message
    world.clock.advance(60)
    assert recoverer.on_failure(world.found_bad(), world.around()).epoch == 3
    assert world.host.alive() == [3]


def test_three_failed_attempts_block_automation_and_page_once_but_not_a_person(world: RecoveryWorld) -> None:
    world.first.alive = False
    world.host.broken_command = True
    for wait in (0, 60, 300):
        world.clock.advance(wait)
        assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.FAILED
    world.clock.advance(600)
    world.host.broken_command = False
    for _ in range(3):
        assert "blocked" in recoverer.on_failure(world.found_bad(), world.around()).message
    assert len([page for page in world.pages if "not being recovered" in page]) == 1
    assert by_hand(by_hand_request(), world.around()).status is Status.RECOVERED


def test_a_held_switch_opens_no_recovery_and_pages(world: RecoveryWorld) -> None:
    HoldSwitch(GLOBAL_TARGET, SWITCH_ITEM, state=SwitchState.HOLD, actor="ada", reason="migration").save()
    world.first.alive = False
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.REFUSED
    assert world.epoch().epoch == 1
    assert world.pages == ["controller:main is down and not being recovered"]


def test_an_unreadable_switch_holds(world: RecoveryWorld) -> None:
    row = HoldSwitch(GLOBAL_TARGET, SWITCH_ITEM)
    row.update(actions=[HoldSwitch.state.set("run"), HoldSwitch.min_reader.set(99)])
    world.first.alive = False
    reply = recoverer.on_failure(world.found_bad(), world.around())
    assert "unreadable" in reply.message
    assert world.epoch().epoch == 1


def test_recover_by_hand_leaves_a_healthy_controller_alone(world: RecoveryWorld) -> None:
    reply = by_hand(by_hand_request(), world.around())
    assert reply.status is Status.REFUSED
    assert world.host.alive() == [1]


def test_recover_by_hand_watches_the_heartbeat_itself(world: RecoveryWorld) -> None:
    world.first.alive = False
    assert by_hand(by_hand_request(), world.around()).status is Status.RECOVERED


@pytest.mark.parametrize("tables", [["controllers"], ["controllers", "recoveries", "incidents", "targets"]])
def test_after_a_restore_with_raised_epochs_a_controller_is_recovered_by_hand_as_usual(
    world: RecoveryWorld, tables: list[str]
) -> None:
    backup = take_backup(tables)
    for number in range(2):
        world.newest().alive = False
        reply = by_hand(by_hand_request(f"request-{number}"), world.around())
        assert reply.status is Status.RECOVERED
    world.newest().alive = False
    restore(backup)
    world.epoch().update(actions=[ControllerEpoch.epoch.add(1_000_000)])
    reply = by_hand(by_hand_request("request-2"), world.around())
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 1_000_002)
    assert len(world.host.alive()) == 1


def test_recover_by_hand_is_not_misled_by_what_a_check_stored_before_the_last_recovery(world: RecoveryWorld) -> None:
    world.first.alive = False
    recoverer.on_failure(world.found_bad(), world.around())
    world.newest().alive = False
    reply = by_hand(by_hand_request(), world.around())
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 3)


def test_a_launch_whose_process_dies_at_once_is_reported_and_superseded_by_the_next_attempt(
    world: RecoveryWorld,
) -> None:
    world.first.alive = False
    stillborn = {"left": True}

    def die_young() -> None:
        if stillborn["left"] and world.newest().receipt.epoch == 2:
            world.newest().alive = False
            stillborn["left"] = False
        world.host.go_on()

    world.clock.on_sleep = die_young
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.FAILED
    world.clock.advance(60)
    assert recoverer.on_failure(world.found_bad(), world.around()).epoch == 3
    assert world.host.alive() == [3]


def test_what_an_earlier_profile_may_have_launched_is_looked_for_and_stopped_there(
    world: RecoveryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.first.alive = False
    launch = world.host.launch

    def with_its_reply_lost(request: Launch) -> Receipt:
        launch(request)
        world.newest().suspended = True
        raise LauncherError("no reply")

    monkeypatch.setattr(world.host, "launch", with_its_reply_lost)
    assert recoverer.on_failure(world.found_bad(), world.around()).status is Status.FAILED
    assert world.host.alive() == [2]
    other = world.other_hosts["other"] = FakeHost(world.clock)
    world.clock.on_sleep = other.go_on
    Target(bucket_of(TARGET), TARGET).update(actions=[Target.profile.set("other")])
    reply = by_hand(by_hand_request(), replace(world.around(), probe=other.probe))
    assert (reply.status, reply.epoch) == (Status.RECOVERED, 3)
    assert (world.host.alive(), other.alive()) == ([], [3])
