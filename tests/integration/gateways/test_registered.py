"""Which services are registered with which replica: seen through its data plane, and never waited for."""

import pytest

from tests.fakes.gateway_replica import point_index_at, publish
from tests.fakes.gateway_world import GATEWAY, GatewayWorld

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> GatewayWorld:
    """A gateway whose two replicas serve `chat`."""
    world = GatewayWorld(table_prefix)
    world.serve("chat")
    world.up(replicas=2)
    world.run()
    return world


def test_a_replica_that_is_not_there_keeps_no_service_from_being_added_and_converges_when_it_is_back(
    world: GatewayWorld,
) -> None:
    world.hosts["a"].mute = {2}
    world.serve("vision")
    world.run()
    assert world.replica(1).registered == ("chat", "vision")
    assert (world.replica(2).registered, world.replica(2).missing) == (("chat",), ("vision",))
    world.hosts["a"].mute = set()
    world.run()
    assert world.replica(2).registered == ("chat", "vision")


def test_a_service_whose_routes_changed_is_registered_only_once_it_was_reached_again(world: GatewayWorld) -> None:
    world.hosts["a"].lost = {2: {"chat"}}
    world.serve("chat", revision=2)
    world.run()
    assert (world.replica(1).registered, world.replica(2).missing) == (("chat",), ("chat",))
    world.hosts["a"].lost = {}
    world.run()
    assert world.replica(2).registered == ("chat",)


def test_what_a_relaunched_replica_serves_is_seen_anew(world: GatewayWorld) -> None:
    world.kill(2)
    world.fails(2)
    world.found_well(2)
    world.asked.clear()
    world.run()
    assert "gateway:web/2#chat" in [request.target_id for request in world.asked]
    assert world.replica(2).registered == ("chat",)


def test_a_service_without_a_ready_replica_is_nothing_to_reach_and_holds_nobody_up(world: GatewayWorld) -> None:
    world.hosts["a"].lost = {number: {"vision"} for number in (1, 2, 3)}
    publish("vision", 1, [], gateway=GATEWAY)
    world.update(replicas=3)
    world.run()
    assert world.view().status == "running"
    world.asked.clear()
    world.run()
    assert world.asked == []


def test_an_index_that_names_a_service_whose_row_is_gone_registers_nothing(world: GatewayWorld) -> None:
    world.hosts["a"].lost = {number: {"ghost"} for number in (1, 2)}
    point_index_at("ghost", 1, GATEWAY)
    world.run()
    assert world.replica(1).missing == ("ghost",)
