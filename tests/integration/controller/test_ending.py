"""The end of a service that had many versions: all of it goes, and nothing a service that stays needs."""

import pytest

from paramedic.services.verbs import down
from paramedic.state.services import (
    DesiredService,
    PortReservation,
    ServiceSpecRow,
    desired_item,
    gateway_partition,
    port_item,
    spec_item,
)
from paramedic_controller.restore import read_desired
from tests.fakes.controller_world import ControllerWorld, make_spec

pytestmark = pytest.mark.integration

VERSIONS = 230


def with_versions(world: ControllerWorld, number: int) -> None:
    """A service that goes down, at its last version, and a neighbour whose name begins alike."""
    spec = make_spec(gateway=world.controller_id)
    uid = world.up(spec).uid
    world.up(make_spec("echo-two", gateway=world.controller_id))
    with ServiceSpecRow.batch_write() as rows:
        for version in range(2, number + 1):
            item = spec_item("echo", version)
            rows.save(ServiceSpecRow(world.controller_id, item, uid=uid, spec=spec.model_dump_json()))
    row = DesiredService(world.controller_id, desired_item("echo"))
    row.update(actions=[DesiredService.version.set(number), DesiredService.revision.add(1)])
    down(world.controller_id, "echo", "ada", clock=world.clock)


def stored_versions(world: ControllerWorld, service: str) -> list[str]:
    prefix = ServiceSpecRow.item.startswith(f"spec#{service}#")
    return [row.item for row in ServiceSpecRow.read_all(world.controller_id, prefix)]


@pytest.mark.parametrize("number", [1, 98, 99, 100, VERSIONS])
def test_a_service_with_any_number_of_versions_ends_and_leaves_its_neighbour_alone(
    world: ControllerWorld, number: int
) -> None:
    life = world.start()
    with_versions(world, number)
    life.settle()
    assert list(life.fleet.supervisors) == ["echo-two"]
    assert life.fleet.quarantined == {}
    assert stored_versions(world, "echo") == []
    assert stored_versions(world, "echo-two") == [spec_item("echo-two", 1)]


def test_a_service_whose_port_was_given_back_by_somebody_else_ends_all_the_same(world: ControllerWorld) -> None:
    life = world.start()
    port = world.up(make_spec(gateway="main")).port
    life.settle()
    PortReservation(gateway_partition("main"), port_item(port)).delete()
    down("main", "echo", "ada", clock=world.clock)
    life.settle()
    assert life.fleet.supervisors == {}


def test_a_service_that_cannot_be_removed_says_what_is_in_the_way(world: ControllerWorld) -> None:
    life = world.start()
    port = world.up(make_spec(gateway="main")).port
    life.settle()
    row = PortReservation(gateway_partition("main"), port_item(port))
    row.update(actions=[PortReservation.uid.set("somebody-else")])
    down("main", "echo", "ada", clock=world.clock)
    for _ in range(3):
        life.run_pass()
    assert any("echo is not removed" in message and "PortReservation" in message for message in world.messages)


class DiedError(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("writes", range(1, 8))
def test_a_controller_that_dies_while_it_ends_a_service_leaves_what_its_successor_needs_to_finish(
    world: ControllerWorld, writes: int
) -> None:
    world.start()
    with_versions(world, VERSIONS)
    written = 0

    def die(point: str) -> None:
        nonlocal written
        written += point == "after write"
        if written == writes:
            raise DiedError

    life = world.start(die)
    with pytest.raises(DiedError):
        life.settle()
    if (desired := read_desired(world.controller_id, "echo")) is not None:
        assert spec_item("echo", desired.version) in stored_versions(world, "echo")
    world.start().settle()
    assert read_desired(world.controller_id, "echo") is None
    assert stored_versions(world, "echo") == []
