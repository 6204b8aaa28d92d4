"""A standby that dies anywhere on its way to being the controller leaves everything as it was to the next one."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from paramedic.state.heartbeat import seal_heartbeat
from tests.fakes.controller_world import Chosen, ControllerWorld, Life, make_spec
from tests.fakes.memory_dynamodb import MemoryDynamoDB

pytestmark = pytest.mark.crash

SEND = "_make_api_call"
SERVICES = ["one", "two"]


class DiedError(BaseException):
    """The process is gone; nothing it had in memory is left."""


def dies_before_call(number: int, live: Callable[[], object]) -> bool:
    """Run `live` until its n-th call of AWS; False when it got to the end instead."""
    real: Callable[[MemoryDynamoDB, str, dict[str, Any]], Any] = getattr(MemoryDynamoDB, SEND)
    left = number

    def send(client: MemoryDynamoDB, operation: str, arguments: dict[str, Any]) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise DiedError
        return real(client, operation, arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MemoryDynamoDB, SEND, send)
        try:
            live()
        except DiedError:
            return True
    return False


def take_over(world: ControllerWorld, chosen: Chosen) -> Life:
    successor = world.succeed(chosen)
    seal_heartbeat(world.controller_id, successor.epoch, successor.process_id, world.clock)
    successor.run_pass()
    return successor


def test_a_standby_that_dies_at_any_call_of_its_take_over_loses_and_duplicates_nothing(
    memory_prefix: str, tmp_path: Path
) -> None:
    world = ControllerWorld(memory_prefix, tmp_path)
    first = world.start()
    for name in SERVICES:
        world.up(make_spec(name, min_replicas=2))
    first.settle()
    started = set(world.launcher.started)
    before = [(state.replicas, state.balancer, state.operations) for state in map(world.stored, SERVICES)]
    for number in count(1):
        chosen = world.choose(world.stand_by())
        died = dies_before_call(number, lambda chosen=chosen: take_over(world, chosen))  # type: ignore[misc]
        after = [(state.replicas, state.balancer, state.operations) for state in map(world.stored, SERVICES)]
        assert after == before
        assert set(world.launcher.started) == started
        assert len(world.launcher.living()) == len(started)
        if not died:
            break
    assert number > 8
    last = take_over(world, world.choose(world.stand_by()))
    world.launcher.kill(1)
    last.settle()
    assert sorted(len(world.stored(name).replicas) for name in SERVICES) == [2, 2]
    assert len(world.launcher.living()) == len(started)
