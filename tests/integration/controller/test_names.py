"""One gateway serves one service of a name, whoever keeps it, and its routes only ever go forward."""

from pathlib import Path

import pytest

from paramedic.services.verbs import NameTakenError, down
from paramedic.state.load_balancers import INDEX, LoadBalancer, LoadBalancerIndex
from paramedic.state.services import DesiredService, NameReservation, desired_item, gateway_partition, name_item
from tests.fakes.controller_world import ControllerWorld, Life, make_spec

pytestmark = pytest.mark.integration


@pytest.fixture
def second(world: ControllerWorld, table_prefix: str, tmp_path: Path) -> ControllerWorld:
    """Another controller over the same tables and the same gateway."""
    other = ControllerWorld(table_prefix, tmp_path / "second", controller_id="second")
    other.launcher = world.launcher
    return other


def revision(world: ControllerWorld) -> int:
    balancer = world.stored().balancer
    assert balancer is not None
    return balancer.revision


def take_down(world: ControllerWorld, life: Life) -> None:
    down(world.controller_id, "echo", "ada", clock=world.clock)
    life.settle()


def test_a_name_belongs_to_one_controller_per_gateway_until_its_service_has_ended(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    life, other = world.start(), second.start()
    world.up(make_spec())
    with pytest.raises(NameTakenError, match=r"'default' serves 'echo' for controller 'main'"):
        second.up(make_spec())
    assert DesiredService.read("second", desired_item("echo")) is None
    life.settle()
    take_down(world, life)
    service = second.up(make_spec())
    other.settle()
    row = NameReservation.read(gateway_partition("default"), name_item("echo"))
    assert row is not None
    assert (row.owner, row.uid) == ("second", service.uid)
    assert second.stored().balancer is not None


def test_revisions_of_routes_never_go_back_under_one_name(world: ControllerWorld, second: ControllerWorld) -> None:
    life, other = world.start(), second.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    before = revision(world)
    take_down(world, life)
    world.up(make_spec())
    life.run_pass()
    again = revision(world)
    assert again > before
    life.settle()
    last = revision(world)
    take_down(world, life)
    second.up(make_spec())
    other.run_pass()
    assert revision(second) > last


def test_routes_whose_row_was_lost_continue_after_what_the_gateway_was_told(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec())
    life.settle()
    before = revision(world)
    LoadBalancer("default", "echo").delete()
    world.start().settle()
    assert revision(world) > before


def test_the_row_of_another_controllers_service_is_neither_changed_nor_removed(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec())
    life.settle()
    row = LoadBalancer.read("default", "echo")
    assert row is not None
    row.update(actions=[LoadBalancer.uid.set("theirs"), LoadBalancer.revision.set(7)])
    world.launcher.kill(1)
    life.run_pass()
    assert "LoadBalancer[default, echo]" in life.fleet.quarantined["echo"]
    down("main", "echo", "ada", clock=world.clock)
    life.settle()
    row = LoadBalancer.read("default", "echo")
    assert row is not None
    assert (row.uid, row.revision) == ("theirs", 7)
    assert DesiredService.read("main", desired_item("echo")) is None
    index = LoadBalancerIndex.read("default", INDEX)
    assert index is not None
    assert "echo" in index.revisions


def test_a_service_taken_down_before_it_was_ever_looked_at_leaves_its_name_free(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec())
    down("main", "echo", "ada", clock=world.clock)
    life.settle()
    assert LoadBalancer.read("default", "echo") is None
    world.up(make_spec())
    life.settle()
    assert len(world.launcher.living()) == 1
