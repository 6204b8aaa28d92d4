"""`pause` and `resume`: conditional writes that name whoever was first."""

import pytest

from paramedic.services import pausing, verbs
from paramedic.services.desired import ServiceChangedError, ServiceGoingDownError, ServiceMissingError
from paramedic.state.services import PAUSED, RUNNING, DesiredService
from tests.fakes.downtime_world import CONTROLLER, SERVICE, DowntimeWorld
from tests.fakes.dynamodb_faults import Send, faults, reply_lost

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> DowntimeWorld:
    return DowntimeWorld(table_prefix)


def test_a_paused_service_keeps_who_and_why_until_it_is_resumed(world: DowntimeWorld) -> None:
    hint = world.hint()
    world.pause("bob")
    paused = world.desired()
    assert (paused.state, paused.changed_by, paused.pause_reason) == (PAUSED, "bob", "on purpose (by bob)")
    assert world.resume("eve")
    resumed = world.desired()
    assert (resumed.state, resumed.changed_by) == (RUNNING, "eve")
    assert not resumed.pause_reason
    assert (resumed.revision, world.hint()) == (3, hint + 2)


def test_pausing_what_is_paused_and_resuming_what_runs_changes_nothing(world: DowntimeWorld) -> None:
    assert not world.resume()
    world.pause("bob")
    world.pause("eve")
    assert (world.desired().revision, world.desired().changed_by) == (2, "bob")


def test_what_is_not_there_or_going_cannot_be_paused_or_resumed(world: DowntimeWorld) -> None:
    with pytest.raises(ServiceMissingError, match="no service 'nosuch'"):
        pausing.pause(CONTROLLER, "nosuch", "bob", "r", clock=world.clock)
    verbs.down(CONTROLLER, SERVICE, "ada", clock=world.clock)
    with pytest.raises(ServiceGoingDownError, match="by ada"):
        world.pause()
    with pytest.raises(ServiceGoingDownError, match="by ada"):
        world.resume()


def test_who_changed_the_service_meanwhile_is_named(world: DowntimeWorld) -> None:
    def eve_first(send: Send) -> object:
        desired = world.desired()
        DesiredService(CONTROLLER, desired.item).update(
            actions=[DesiredService.revision.set(desired.revision + 1), DesiredService.changed_by.set("eve")]
        )
        return send()

    with faults("TransactWriteItems", eve_first), pytest.raises(ServiceChangedError, match="by eve"):
        world.pause("bob")
    assert world.desired().state == RUNNING


def test_a_pause_whose_answer_was_lost_is_done_and_done_once(world: DowntimeWorld) -> None:
    with faults("TransactWriteItems", reply_lost):
        world.pause("bob")
    assert (world.desired().state, world.desired().revision) == (PAUSED, 2)
