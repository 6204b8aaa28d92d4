"""Downtimes that a service's YAML asks for come and go with its versions; those that people planned stay."""

from collections.abc import Sequence

import pytest

from paramedic.downtime import windows
from paramedic.downtime.stored import Subject
from paramedic.services import changes, verbs
from paramedic.services.desired import ServiceChangedError
from paramedic.services.spec import ServiceSpec, parse_spec
from paramedic.state.downtime_windows import Recurring
from paramedic.state.downtimes import PARTITION, PlannedDowntime
from paramedic.state.services import PAUSED, RUNNING
from tests.fakes.downtime_world import CHAT, CONTROLLER, NIGHTS, SERVICE, SPEC, DowntimeWorld
from tests.fakes.dynamodb_faults import Send, faults, reply_lost

pytestmark = pytest.mark.integration

AT_NIGHT = {"stop": "0 20 * * *", "start": "0 7 * * *", "timezone": "UTC", "reason": "nobody asks"}
AT_NOON = {"stop": "0 12 * * *", "start": "0 13 * * *", "timezone": "UTC"}


@pytest.fixture
def world(table_prefix: str) -> DowntimeWorld:
    return DowntimeWorld(table_prefix)


def asking_for(*downtime: dict[str, str], name: str = SERVICE) -> ServiceSpec:
    section = {"readiness_probe": "/", "replicas": 1, "downtime": downtime}
    return parse_spec({**SPEC, "name": name, "service": section})


def update(world: DowntimeWorld, *downtime: dict[str, str]) -> None:
    changes.update(CONTROLLER, asking_for(*downtime), "grace", clock=world.clock)


def planned() -> Sequence[tuple[int, str, str]]:
    return [
        (window.number, window.owner, window.plan.stop)
        for window in windows.read_windows(CHAT)
        if isinstance(window.plan, Recurring)
    ]


def test_a_service_is_paused_for_the_night_that_its_yaml_asks_for(world: DowntimeWorld) -> None:
    update(world, AT_NIGHT)
    assert world.tick_at("20:00") == PAUSED
    assert world.desired().pause_reason == "planned downtime: nobody asks"
    assert world.tick_at("2026-01-06T07:00:00") == RUNNING


def test_a_new_service_has_the_windows_of_its_yaml_at_once(world: DowntimeWorld) -> None:
    spec = asking_for(AT_NIGHT, AT_NOON, name="other")
    verbs.up(CONTROLLER, spec, "grace", clock=world.clock, new_id=lambda: "uid-other")
    found = windows.read_windows(Subject(CONTROLLER, "other"))
    assert [(each.number, each.owner, each.from_spec) for each in found] == [(1, "grace", True), (2, "grace", True)]


def test_the_next_version_replaces_the_windows_of_the_last_and_no_one_elses(world: DowntimeWorld) -> None:
    world.plan(NIGHTS)
    update(world, AT_NOON)
    assert planned() == [(1, "ada", NIGHTS.stop), (2, "grace", AT_NOON["stop"])]
    update(world, AT_NIGHT)
    assert planned() == [(1, "ada", NIGHTS.stop), (3, "grace", AT_NIGHT["stop"])]
    update(world)
    assert planned() == [(1, "ada", NIGHTS.stop)]


def test_an_update_of_something_else_leaves_the_night_as_it_is(world: DowntimeWorld) -> None:
    update(world, AT_NIGHT)
    world.tick_at("20:00")
    before = windows.read_windows(CHAT)
    update(world, AT_NIGHT)
    assert windows.read_windows(CHAT) == before
    assert world.tick_at("21:00") == PAUSED


def test_a_service_in_downtime_runs_again_once_its_yaml_asks_for_none(world: DowntimeWorld) -> None:
    update(world, AT_NIGHT)
    world.tick_at("20:00")
    update(world)
    assert world.tick_at("20:01") == RUNNING


def test_windows_changed_in_the_same_moment_are_a_conflict_and_nothing_is_half_written(world: DowntimeWorld) -> None:
    world.plan(NIGHTS)
    before = world.desired()

    def eve_first(send: Send) -> object:
        PlannedDowntime(PARTITION, CHAT.item).update(
            actions=[PlannedDowntime.revision.add(1), PlannedDowntime.changed_by.set("eve")]
        )
        return send()

    with faults("TransactWriteItems", eve_first), pytest.raises(ServiceChangedError, match="planned downtimes of"):
        update(world, AT_NOON)
    assert world.desired().revision == before.revision
    assert planned() == [(1, "ada", NIGHTS.stop)]


def test_an_update_whose_answer_was_lost_plans_its_windows_once(world: DowntimeWorld) -> None:
    with faults("TransactWriteItems", reply_lost):
        update(world, AT_NIGHT)
    assert planned() == [(1, "grace", AT_NIGHT["stop"])]
