"""Planning downtimes: what people write, and what they are told when it cannot be."""

from datetime import timedelta

import pytest

from paramedic.downtime import windows
from paramedic.downtime.stored import MOST_WINDOWS, Subject, TooManyWindowsError
from paramedic.downtime.windows import DowntimeChangedError, WindowMissingError
from paramedic.errors import InvalidInputError
from paramedic.services.desired import ServiceMissingError
from paramedic.services.verbs import UnknownControllerError
from paramedic.state.downtime_windows import Recurring
from paramedic.state.downtimes import PARTITION, PlannedDowntime
from paramedic.state.services import DesiredService, desired_item
from tests.fakes.downtime_world import CHAT, CONTROLLER, CONTROLLER_ITSELF, SERVICE, DowntimeWorld, one_off
from tests.fakes.dynamodb_faults import Send, faults, reply_lost

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> DowntimeWorld:
    return DowntimeWorld(table_prefix)


def numbers(subject: Subject = CHAT) -> list[int]:
    return [window.number for window in windows.read_windows(subject)]


def test_windows_are_numbered_listed_and_removed_one_by_one(world: DowntimeWorld) -> None:
    assert (world.plan(), world.plan(one_off(world.clock.now(), 1))) == (1, 2)
    assert windows.remove_window(CHAT, 1, "bob", world.clock).owner == "ada"
    assert (world.plan(), numbers()) == (4, [2, 4])
    with pytest.raises(WindowMissingError, match="no window 1 is planned; known: 2, 4"):
        windows.remove_window(CHAT, 1, "bob", world.clock)


def test_a_service_and_its_controller_have_windows_of_their_own(world: DowntimeWorld) -> None:
    world.plan()
    assert (numbers(CHAT), numbers(CONTROLLER_ITSELF)) == ([1], [])


def test_windows_that_are_over_are_dropped_by_the_next_change(world: DowntimeWorld) -> None:
    world.plan(one_off(world.clock.now(), 1))
    world.clock.advance(7200)
    world.plan()
    assert numbers() == [2]


@pytest.mark.parametrize(
    ("stop", "start", "timezone", "named"),
    [
        ("0 25 * * *", "0 7 * * *", "UTC", "stop: .*bad hour"),
        ("0 20 * * *", "7", "UTC", "start: .*wrong number of fields"),
        ("0 20 * * *", "0 7 * * *", "Berlin", "timezone: .*Europe/Berlin.*'Berlin'"),
        ("0 7 * * *", "0 7 * * *", "UTC", "stop: always comes together with start"),
    ],
)
def test_a_malformed_window_is_refused_by_the_name_of_its_field(
    world: DowntimeWorld, stop: str, start: str, timezone: str, named: str
) -> None:
    with pytest.raises(InvalidInputError, match=named):
        world.plan(Recurring(stop=stop, start=start, timezone=timezone))
    assert world.row() is None


@pytest.mark.parametrize(("hours_ahead", "hours"), [(1, -0.5), (-2, 1)])
def test_a_one_off_that_ends_before_it_begins_or_is_over_is_refused(
    world: DowntimeWorld, hours_ahead: float, hours: float
) -> None:
    with pytest.raises(InvalidInputError, match="until: must be later than from, and in the future"):
        world.plan(one_off(world.clock.now() + timedelta(hours=hours_ahead), hours))


def test_nothing_is_planned_for_what_is_not_there(world: DowntimeWorld) -> None:
    with pytest.raises(ServiceMissingError, match="no service 'nosuch'"):
        world.plan(subject=Subject(CONTROLLER, "nosuch"))
    with pytest.raises(UnknownControllerError, match="'nosuch' is registered"):
        world.plan(subject=Subject("nosuch"))


def test_there_is_an_end_to_how_many_are_planned(world: DowntimeWorld) -> None:
    for _ in range(MOST_WINDOWS):
        world.plan()
    with pytest.raises(TooManyWindowsError, match="21 windows would be planned, 20 may be; remove some"):
        world.plan()


def test_whoever_changed_the_windows_meanwhile_is_named(world: DowntimeWorld) -> None:
    world.plan()

    def eve_first(send: Send) -> object:
        PlannedDowntime(PARTITION, CHAT.item).update(
            actions=[PlannedDowntime.revision.add(1), PlannedDowntime.changed_by.set("eve")]
        )
        return send()

    with faults("TransactWriteItems", eve_first), pytest.raises(DowntimeChangedError, match="changed by eve"):
        world.plan()
    assert numbers() == [1]


def test_rows_that_vanished_and_were_made_again_are_not_taken_for_the_ones_that_were_read(world: DowntimeWorld) -> None:
    world.plan()

    def gone_and_made_again(send: Send) -> object:
        PlannedDowntime(PARTITION, CHAT.item).delete()
        world.clock.advance(1)
        windows.add_window(CHAT, one_off(world.clock.now(), 1), "eve", "", world.clock)
        return send()

    with faults("TransactWriteItems", gone_and_made_again), pytest.raises(DowntimeChangedError, match="eve"):
        world.plan()
    assert [window.owner for window in windows.read_windows(CHAT)] == ["eve"]


def test_a_window_whose_answer_was_lost_is_planned_and_planned_once(world: DowntimeWorld) -> None:
    with faults("TransactWriteItems", reply_lost):
        world.plan()
    assert numbers() == [1]


def test_the_windows_of_an_earlier_service_of_that_name_are_not_the_new_ones(world: DowntimeWorld) -> None:
    world.plan()
    DesiredService(CONTROLLER, desired_item(SERVICE)).update(actions=[DesiredService.uid.set("uid-of-another")])
    assert numbers() == []
    assert world.plan() == 2
    assert numbers() == [2]
