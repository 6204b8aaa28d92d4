"""However much many services have to do at once, the controller says that it lives, and serves them in turn."""

import pytest

from paramedic.state.heartbeat import seal_heartbeat
from paramedic.state.replicas import ReplicaStatus
from paramedic_controller.board import STALLED_AFTER_SECONDS, Board, Identity
from paramedic_controller.fleet import SLICE_SECONDS
from paramedic_controller.loop import MainLoop
from tests.fakes.controller_world import ControllerWorld, make_spec
from tests.fakes.dynamodb_faults import Fault, Send, faults

pytestmark = pytest.mark.integration

SERVICES = 12


def slow(world: ControllerWorld) -> Fault:
    """Each write takes longer than a pass may."""

    def send_slowly(send: Send) -> object:
        world.clock.advance(SLICE_SECONDS * 1.1)
        return send()

    return send_slowly


def test_services_that_all_have_much_to_do_are_served_in_turn_and_the_heartbeat_moves(world: ControllerWorld) -> None:
    life = world.start()
    life.settle()
    seal_heartbeat("main", life.epoch, life.process_id, world.clock)
    board = Board(
        Identity(controller_id="main", epoch=life.epoch, process_id="p", pid=1, recover_mode=False), world.clock
    )
    loop = MainLoop(life.fleet, board, epoch=life.epoch, pass_seconds=1, clock=world.clock, warn=world.messages.append)
    names = [f"echo-{number}" for number in range(SERVICES)]
    for name in names:
        world.up(make_spec(name))
    world.clock.advance(5)
    begun: list[str] = []
    with faults("TransactWriteItems", *[slow(world)] * 100):
        while len(begun) < SERVICES:
            began = world.clock.monotonic()
            loop.run_pass()
            assert world.clock.monotonic() - began < STALLED_AFTER_SECONDS
            started = {each for each in names if each in life.fleet.supervisors and life.state(each).replicas}
            begun += sorted(started - set(begun))
    assert board.heartbeat_sequence >= 2
    life.settle()
    assert not life.fleet.is_behind
    assert all(each.status is ReplicaStatus.READY for name in names for each in world.stored(name).replicas)
