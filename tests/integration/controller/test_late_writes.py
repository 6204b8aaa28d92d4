"""A write that was given up on, and that DynamoDB makes all the same, later."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from paramedic.state.replicas import ReplicaStatus
from paramedic.state.tables import StateUnreachableError
from tests.fakes.controller_world import ControllerWorld, make_spec
from tests.fakes.dynamodb_faults import Send, faults

pytestmark = pytest.mark.integration


@contextmanager
def held_up() -> Iterator[list[Send]]:
    """Transactions get no answer and are on their way for as long as a test likes."""
    under_way: list[Send] = []

    def hold(send: Send) -> Any:
        under_way.append(send)
        raise ReadTimeoutError(endpoint_url="dynamodb")

    with faults("TransactWriteItems", *[hold] * 1000):
        yield under_way


def arrive(under_way: list[Send]) -> None:
    for send in under_way:
        with suppress(ClientError):
            send()


def test_a_write_that_was_given_up_on_never_arrives_behind_its_controllers_back(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    life.prober.failures[1] = 3
    with held_up() as under_way, pytest.raises(StateUnreachableError):
        life.run_pass()
    del life.prober.failures[1]
    life.settle()
    arrive(under_way)
    life.settle()
    assert [each.status for each in world.stored().replicas] == [ReplicaStatus.READY] * 2
    assert world.stored().balancer == life.state().balancer


def test_a_write_that_arrives_before_its_rows_are_read_again_is_taken_for_what_it_is(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    world.launcher.kill(1)
    with held_up() as under_way, pytest.raises(StateUnreachableError):
        life.run_pass()
    arrive(under_way)
    life.settle()
    assert [each.replica_id for each in world.stored().replicas] == [2, 3]
    assert len(world.launcher.living()) == 2
    assert life.fleet.quarantined == {}


def test_a_write_that_arrives_while_its_rows_are_read_again_is_not_written_over(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    read = life.fleet.tools.read_service
    life.prober.failures[1] = 3
    with held_up() as under_way, pytest.raises(StateUnreachableError):
        life.run_pass()
    del life.prober.failures[1]

    def interrupted(desired: Any) -> Any:
        state = read(desired)
        arrive(under_way)
        under_way.clear()
        return state

    object.__setattr__(life.fleet.tools, "read_service", interrupted)
    world.launcher.kill(2)
    life.settle()
    assert replace(world.stored(), scaler=None) == replace(life.state(), scaler=None)
    assert life.fleet.quarantined == {}
