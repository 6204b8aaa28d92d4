"""A service is stopped in its planned downtime and back after it, whatever is missed, and people's word goes first."""

from datetime import timedelta
from itertools import pairwise

import pytest

from paramedic.downtime import windows
from paramedic.downtime.passes import DowntimeError
from paramedic.services import verbs
from paramedic.state.autoscalers import Autoscaler, AutoscalerState
from paramedic.state.autoscalers import Window as SecondsWindow
from paramedic.state.downtime_windows import Recurring, Window, Windows
from paramedic.state.downtimes import PlannedDowntime
from paramedic.state.services import DOWN, PAUSED, RUNNING, DesiredService, ServiceFence, desired_item
from paramedic.state.tables import StateUnreachableError
from tests.fakes.downtime_world import CHAT, CONTROLLER, CONTROLLER_ITSELF, SERVICE, DowntimeWorld, one_off
from tests.fakes.dynamodb_faults import Send, faults, reply_lost, silent

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> DowntimeWorld:
    return DowntimeWorld(table_prefix)


def test_a_service_is_paused_for_the_night_and_runs_again_in_the_morning(world: DowntimeWorld) -> None:
    world.plan()
    before = world.desired()
    assert world.tick_at("19:59") == RUNNING
    assert world.tick_at("20:00") == PAUSED
    paused = world.desired()
    assert [paused.changed_by, paused.pause_reason] == ["downtime", "planned downtime: nights are quiet"]
    assert paused.revision == before.revision + 1
    assert world.tick_at("2026-01-06T06:59:59") == PAUSED
    assert world.tick_at("2026-01-06T07:00:00") == RUNNING
    after = world.desired()
    assert (after.uid, after.version, after.port) == (before.uid, before.version, before.port)
    assert not after.paused_by
    assert not after.pause_reason


def test_the_controller_is_told_to_look_when_and_only_when_something_changed(world: DowntimeWorld) -> None:
    world.plan()
    seen = [world.hint()]
    for time in ("12:00", "20:00", "20:01", "2026-01-06T07:00:00", "2026-01-06T07:01:00"):
        world.tick_at(time)
        seen.append(world.hint())
    assert [later - earlier for earlier, later in pairwise(seen)] == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("time", ["12:00", "22:00"])
def test_a_pass_over_what_is_as_it_should_be_writes_nothing(world: DowntimeWorld, time: str) -> None:
    world.plan()
    world.tick_at(time)
    with faults("none") as calls:
        world.tick()
    assert set(calls) == {"Query", "GetItem"}


def test_missed_passes_are_made_up_for_by_the_next(world: DowntimeWorld) -> None:
    world.plan()
    assert world.tick_at("23:17") == PAUSED
    assert world.tick_at("2026-01-06T11:00:00") == RUNNING


def test_what_a_person_paused_stays_paused_when_the_downtime_ends(world: DowntimeWorld) -> None:
    world.plan()
    world.pause()
    assert world.tick_at("20:00") == PAUSED
    assert world.tick_at("2026-01-06T07:00:00") == PAUSED
    assert world.desired().changed_by == "bob"


def test_a_person_can_take_over_a_pause_of_the_downtime(world: DowntimeWorld) -> None:
    world.plan()
    world.tick_at("20:00")
    world.pause()
    assert world.tick_at("2026-01-06T07:00:00") == PAUSED
    assert (world.resume(), world.tick_at("07:01")) == (True, RUNNING)


def test_a_resume_in_a_downtime_holds_until_its_end_and_the_next_one_comes(world: DowntimeWorld) -> None:
    world.plan()
    world.tick_at("20:00")
    world.at("22:00")
    world.resume()
    assert world.tick_at("22:01") == RUNNING
    assert world.tick_at("2026-01-06T06:59:00") == RUNNING
    assert world.tick_at("2026-01-06T20:00:00") == PAUSED


def test_a_resume_by_a_person_whose_clock_is_slow_holds_too(world: DowntimeWorld) -> None:
    world.plan()
    world.tick_at("20:00")
    world.clock.advance(-600)
    world.resume()
    assert world.tick_at("20:01") == RUNNING


def test_a_resume_of_a_persons_pause_in_a_downtime_holds_until_its_end(world: DowntimeWorld) -> None:
    world.plan()
    world.pause()
    world.tick_at("20:00")
    world.at("21:00")
    world.resume()
    assert world.tick_at("21:01") == RUNNING


def test_a_resume_before_a_downtime_does_not_keep_it_away(world: DowntimeWorld) -> None:
    world.plan()
    world.pause()
    world.at("19:00")
    world.resume()
    assert world.tick_at("20:00") == PAUSED


def test_a_downtime_does_not_bring_back_what_is_being_taken_down(world: DowntimeWorld) -> None:
    world.plan()
    world.tick_at("20:00")
    verbs.down(CONTROLLER, SERVICE, "ada", clock=world.clock)
    assert world.tick_at("21:00") == DOWN
    assert world.tick_at("2026-01-06T07:00:00") == DOWN


def test_removing_the_window_ends_its_downtime_and_leaves_no_row(world: DowntimeWorld) -> None:
    number = world.plan()
    world.tick_at("20:00")
    windows.remove_window(CHAT, number, "ada", world.clock)
    assert world.tick_at("20:01") == RUNNING
    world.observe("READY")
    world.tick()
    world.tick()
    assert world.row() is None


def test_a_one_off_that_is_over_leaves_no_row(world: DowntimeWorld) -> None:
    world.plan(one_off(world.clock.now() + timedelta(hours=1), hours=2))
    assert world.tick_at("04:00") == PAUSED
    assert world.tick_at("06:00") == RUNNING
    world.observe("READY")
    world.tick()
    assert world.tick() == 1
    assert world.tick() == 0


def test_two_windows_that_overlap_are_one_downtime(world: DowntimeWorld) -> None:
    world.plan()
    world.plan(Recurring(stop="0 6 * * *", start="0 9 * * *", timezone="UTC"))
    assert world.tick_at("20:00") == PAUSED
    assert world.tick_at("2026-01-06T08:59:00") == PAUSED
    assert world.tick_at("2026-01-06T09:00:00") == RUNNING


def test_the_windows_of_an_earlier_service_of_that_name_stop_no_later_one(world: DowntimeWorld) -> None:
    world.plan()
    DesiredService(CONTROLLER, desired_item(SERVICE)).update(actions=[DesiredService.uid.set("uid-of-another")])
    assert world.tick_at("20:00") == RUNNING
    assert world.row() is None


def test_a_service_that_is_ready_in_time_bothers_nobody(world: DowntimeWorld) -> None:
    world.plan()
    world.tick_at("20:00")
    world.tick_at("2026-01-06T07:00:00")
    world.observe("READY")
    world.tick_at("07:01")
    world.observe("NOT_READY")
    world.tick_at("07:30")
    assert world.pages == []


@pytest.mark.parametrize("status", ["PAUSED", "REPLICA_INIT", "NOT_READY", "NO_REPLICA"])
def test_a_service_not_ready_ten_minutes_after_its_downtime_alarms_once(world: DowntimeWorld, status: str) -> None:
    world.plan()
    world.tick_at("20:00")
    world.tick_at("2026-01-06T07:00:00")
    world.observe(status)
    world.tick_at("07:09")
    assert world.pages == []
    world.tick_at("07:10")
    world.tick_at("07:11")
    [(subject, text)] = world.pages
    assert subject == "Service chat is not ready after its downtime"
    assert status in text


def test_a_controller_that_never_noticed_the_end_alarms_too(world: DowntimeWorld) -> None:
    world.plan()
    world.observe("READY")
    world.tick_at("20:00")
    world.tick_at("2026-01-06T07:00:00")
    world.tick_at("07:10")
    [(_, text)] = world.pages
    assert "not yet taken up by its controller" in text


def test_an_alarm_that_nobody_took_is_tried_again(world: DowntimeWorld) -> None:
    world.plan()
    world.tick_at("20:00")
    world.tick_at("2026-01-06T07:00:00")
    world.pages_fail = True
    world.tick_at("07:10")
    world.pages_fail = False
    world.tick_at("07:11")
    assert len(world.pages) == 1


def test_a_service_that_is_scaled_to_none_is_back_with_none(world: DowntimeWorld) -> None:
    world.plan()
    world.tick_at("20:00")
    world.tick_at("2026-01-06T07:00:00")
    world.observe("NO_REPLICA")
    _scale(world, 0)
    world.tick_at("07:10")
    assert world.pages == []


def test_a_service_that_a_person_paused_after_its_downtime_is_not_waited_for(world: DowntimeWorld) -> None:
    world.plan()
    world.tick_at("20:00")
    world.tick_at("2026-01-06T07:00:00")
    world.pause()
    world.tick_at("07:10")
    assert world.pages == []


def test_a_malformed_row_is_named_and_hides_no_other(world: DowntimeWorld) -> None:
    world.plan()
    broken = Window(
        number=1,
        plan=Recurring(stop="0 25 * * *", start="0 7 * * *", timezone="UTC"),
        owner="eve",
        reason="",
        added_at=world.clock.now(),
    )
    world.plan(subject=CONTROLLER_ITSELF)
    PlannedDowntime("downtime/", CONTROLLER_ITSELF.item).update(
        actions=[PlannedDowntime.windows.set(Windows(windows=(broken,)))]
    )
    world.at("20:00")
    with pytest.raises(DowntimeError, match=r"controller#main: stop: .*bad hour"):
        world.tick()
    assert world.desired().state == PAUSED


def test_a_row_for_newer_readers_is_named_and_hides_no_other(world: DowntimeWorld) -> None:
    world.plan()
    world.plan(subject=CONTROLLER_ITSELF)
    PlannedDowntime("downtime/", CONTROLLER_ITSELF.item).update(actions=[PlannedDowntime.min_reader.set(9)])
    world.at("20:00")
    with pytest.raises(DowntimeError, match="controller#main"):
        world.tick()
    assert world.desired().state == PAUSED


def test_a_silent_database_changes_nothing_and_says_so(world: DowntimeWorld) -> None:
    world.plan()
    world.at("20:00")
    with faults("Query", *[silent] * 1000), pytest.raises(StateUnreachableError):
        world.tick()
    assert world.tick_at("20:01") == PAUSED


def test_a_person_who_acts_while_a_pass_is_under_way_wins(world: DowntimeWorld) -> None:
    world.plan()

    def bob_first(send: Send) -> object:
        world.pause("bob")
        return send()

    world.at("20:00")
    with faults("TransactWriteItems", bob_first):
        world.tick()
    assert world.desired().changed_by == "bob"
    assert world.tick_at("2026-01-06T07:00:00") == PAUSED


@pytest.mark.parametrize("time", ["20:00", "2026-01-06T07:00:00", "2026-01-06T07:10:00"])
def test_a_write_whose_answer_was_lost_is_not_done_twice(world: DowntimeWorld, time: str) -> None:
    world.plan()
    times = ["20:00", "2026-01-06T07:00:00", "2026-01-06T07:10:00"]
    for earlier in times[: times.index(time)]:
        world.tick_at(earlier)
    revision = world.desired().revision
    world.at(time)
    with faults("TransactWriteItems", reply_lost):
        world.tick()
    world.tick()
    assert world.desired().revision - revision == (0 if time.endswith("07:10:00") else 1)
    assert len(world.pages) == (1 if time.endswith("07:10:00") else 0)


def test_no_fence_is_touched(world: DowntimeWorld) -> None:
    world.plan()
    before = ServiceFence.read(CONTROLLER, "fence#chat")
    world.tick_at("20:00")
    after = ServiceFence.read(CONTROLLER, "fence#chat")
    assert before is not None
    assert after is not None
    assert (before.owner_epoch, before.seq) == (after.owner_epoch, after.seq)


def _scale(world: DowntimeWorld, target: int) -> None:
    state = AutoscalerState(version=1, target=target, window=SecondsWindow(start=0))
    Autoscaler(world.desired().uid, state=state).save()
