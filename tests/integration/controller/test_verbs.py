"""Users' verbs are single transactions that hold whether or not the controller is alive."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from paramedic.services.desired import ServiceMissingError
from paramedic.services.spec import ServiceSpec, parse_spec
from paramedic.services.verbs import (
    CHOSEN_PORTS,
    NoPortLeftError,
    PortTakenError,
    ServiceExistsError,
    UnknownControllerError,
    UpResult,
    down,
    up,
)
from paramedic.state.controllers import HINT, ControllerHint
from paramedic.state.load_balancers import INDEX, LoadBalancerIndex
from paramedic.state.services import (
    DOWN,
    DesiredService,
    PortReservation,
    ServiceFence,
    desired_item,
    fence_item,
    gateway_partition,
    port_item,
)
from tests.fakes.controller_world import ControllerWorld, make_spec
from tests.fakes.dynamodb_faults import faults
from tests.fakes.epochs import claim_next_epoch

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def registered(world: ControllerWorld) -> None:
    claim_next_epoch("main", "p", world.clock)


def on_port(name: str, port: int | None) -> ServiceSpec:
    section = {"readiness_probe": "/health", "replicas": 1, "ports": port}
    return parse_spec({"name": name, "run": "serve", "service": section})


def test_up_writes_everything_a_controller_will_need(world: ControllerWorld) -> None:
    result = world.up(make_spec())
    desired = DesiredService.read("main", desired_item("echo"))
    assert desired is not None
    assert (desired.uid, desired.revision, desired.version, desired.port) == (result.uid, 1, 1, result.port)
    fence = ServiceFence.read("main", fence_item("echo"))
    assert fence is not None
    assert (fence.owner_epoch, fence.seq) == (0, 0)
    hint = ControllerHint.read("main", HINT)
    assert hint is not None
    assert hint.revision == 1
    assert LoadBalancerIndex.read("default", INDEX) is not None


def test_a_second_up_of_the_same_name_is_refused_with_what_there_is(world: ControllerWorld) -> None:
    world.up(make_spec())
    with pytest.raises(ServiceExistsError, match="'echo' exists"):
        world.up(make_spec())


def test_up_for_a_controller_that_never_started_is_refused_and_leaves_nothing(world: ControllerWorld) -> None:
    with pytest.raises(UnknownControllerError, match="'typo'"):
        up("typo", make_spec(), "ada", clock=world.clock, new_id=lambda: "u")
    assert DesiredService.read("typo", desired_item("echo")) is None


def test_a_port_that_is_taken_names_its_owner(world: ControllerWorld) -> None:
    world.up(on_port("first", 8080))
    with pytest.raises(PortTakenError, match="belongs to service 'first'"):
        world.up(on_port("second", 8080))
    assert DesiredService.read("main", desired_item("second")) is None


def test_services_without_a_port_are_given_free_ones(world: ControllerWorld) -> None:
    taken = world.up(on_port("first", None)).port
    with faults("") as calls:
        ports = [world.up(on_port(name, None)).port for name in ("second", "third")]
    assert len({taken, *ports}) == 3
    assert all(port in CHOSEN_PORTS for port in ports)
    assert calls.count("TransactWriteItems") == 2


def test_a_service_gets_the_port_again_that_its_name_had_before(world: ControllerWorld) -> None:
    life, port = world.start(), world.up(make_spec()).port
    life.settle()
    down("main", "echo", "ada", clock=world.clock)
    life.settle()
    assert world.up(make_spec()).port == port


def test_when_every_port_is_taken_up_says_so(world: ControllerWorld) -> None:
    world.up(on_port("first", 9000))
    with pytest.raises(NoPortLeftError, match="no port left between 9000 and 9000"):
        up("main", on_port("second", None), "ada", clock=world.clock, new_id=lambda: "u", chosen_ports=[9000])


def test_services_started_at_the_same_time_get_different_ports(world: ControllerWorld) -> None:
    def start(number: int) -> UpResult:
        return world.up(on_port(f"service-{number}", None))

    with ThreadPoolExecutor(6) as pool:
        ports = [result.port for result in pool.map(start, range(6))]
    assert len(set(ports)) == 6


def test_of_several_ups_of_one_name_exactly_one_wins(world: ControllerWorld) -> None:
    def start(_: int) -> UpResult | None:
        try:
            return world.up(make_spec())
        except ServiceExistsError:
            return None

    with ThreadPoolExecutor(6) as pool:
        winners = [result for result in pool.map(start, range(6)) if result is not None]
    desired = DesiredService.read("main", desired_item("echo"))
    assert desired is not None
    assert [winner.uid for winner in winners] == [desired.uid]


def test_down_is_a_wish_that_may_be_repeated(world: ControllerWorld) -> None:
    world.up(make_spec())
    down("main", "echo", "bob", clock=world.clock)
    down("main", "echo", "bob", clock=world.clock)
    desired = DesiredService.read("main", desired_item("echo"))
    assert desired is not None
    assert (desired.state, desired.revision, desired.changed_by) == (DOWN, 2, "bob")


def test_down_of_nothing_is_an_error(world: ControllerWorld) -> None:
    with pytest.raises(ServiceMissingError, match="no service 'echo'"):
        down("main", "echo", "bob", clock=world.clock)


def test_a_name_is_in_use_until_its_down_is_finished(world: ControllerWorld) -> None:
    world.up(make_spec())
    down("main", "echo", "bob", clock=world.clock)
    with pytest.raises(ServiceExistsError, match="still being taken down"):
        world.up(make_spec())


def test_after_a_down_the_port_is_free_and_the_fence_stays_where_it_was(world: ControllerWorld) -> None:
    life = world.start()
    first = world.up(make_spec())
    life.settle()
    down("main", "echo", "bob", clock=world.clock)
    life.settle()
    assert life.fleet.supervisors == {}
    assert DesiredService.read("main", desired_item("echo")) is None
    assert PortReservation.read(gateway_partition("default"), port_item(first.port)) is None
    fence = ServiceFence.read("main", fence_item("echo"))
    assert fence is not None
    seq = fence.seq
    second = world.up(make_spec())
    assert second.uid != first.uid
    fence = ServiceFence.read("main", fence_item("echo"))
    assert fence is not None
    assert (fence.owner_epoch, fence.seq) == (life.epoch, seq)


def test_ids_are_whatever_the_caller_says(world: ControllerWorld) -> None:
    chosen = uuid.uuid4().hex
    assert up("main", make_spec(), "ada", clock=world.clock, new_id=lambda: chosen).uid == chosen
