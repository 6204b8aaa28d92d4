"""Gateway replicas become targets once, under a number of their own, whatever becomes of DynamoDB's replies."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from paramedic.state import tables
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateway_registry import (
    NumberTakenError,
    ReplicaPassedError,
    RunningReplica,
    note_departure,
    note_route,
    register_replica,
)
from paramedic.state.gateways import GatewayReplica
from paramedic.state.tables import InvalidRowError
from paramedic.state.target_registry import TargetMissingError, remove_target
from paramedic.state.targets import COUNTS_BUCKET, RouteToTry, Target, TargetCount, bucket_of
from tests.fakes.clock import UnhurriedClock
from tests.fakes.dynamodb_faults import faults, reply_lost, silent, watched

pytestmark = pytest.mark.integration

CLOCK = UnhurriedClock()
FIRST = GatewayReplicaKey("default", 1)
ROUTE = RouteToTry(service="echo", host="echo.models.test")


@pytest.fixture(autouse=True)
def _tables(table_prefix: str) -> None:
    tables.bind(table_prefix)


def running(name: str = "edge-a", address: str = "10.0.0.4") -> RunningReplica:
    url = f"http://{address}:8080/.paramedic/health"
    return RunningReplica(gateway="default", name=name, hostname=address, port=8080, health_url=url)


def target() -> Target:
    row = Target.read(bucket_of(FIRST.target_id), FIRST.target_id)
    assert row is not None
    return row


def standing(number: int = 1) -> tuple[str, str | None, str]:
    row = GatewayReplica.read("default", number)
    assert row is not None
    return row.name, row.hostname, row.status


def counted() -> int:
    return sum(int(row.targets) for row in TargetCount.read_all(COUNTS_BUCKET))


@pytest.mark.parametrize("trouble", [reply_lost, silent])
def test_a_replica_registered_in_trouble_is_registered_once(trouble) -> None:  # type: ignore[no-untyped-def]
    with faults("TransactWriteItems", trouble):
        assert register_replica(running(), CLOCK).key == FIRST
    assert standing() == ("edge-a", "10.0.0.4", "serving")
    assert (target().url, target().mode) == ("http://10.0.0.4:8080/.paramedic/health", "observe")
    assert counted() == 1


def test_one_that_was_killed_and_is_back_finds_its_row_and_writes_nothing() -> None:
    register_replica(running(), CLOCK)
    note_route(FIRST, ROUTE, CLOCK)
    with watched() as calls:
        again = register_replica(running(), CLOCK)
    assert (again.key, again.route) == (FIRST, ROUTE)
    assert calls == [("Query", "gateways"), ("GetItem", "targets")]


def test_one_that_moved_is_looked_for_where_it_is_and_what_was_found_of_it_stays() -> None:
    register_replica(running(), CLOCK)
    target().update(actions=[Target.bad_version.set(3)])
    register_replica(running(address="10.0.0.5"), CLOCK)
    assert standing() == ("edge-a", "10.0.0.5", "serving")
    assert (target().url, target().bad_version) == ("http://10.0.0.5:8080/.paramedic/health", 3)
    assert counted() == 1


@pytest.mark.parametrize("trouble", [reply_lost, silent])
def test_one_that_leaves_says_so_and_is_checked_again_when_it_is_back(trouble) -> None:  # type: ignore[no-untyped-def]
    register_replica(running(), CLOCK)
    with faults("TransactWriteItems", trouble):
        note_departure(FIRST, CLOCK)
    assert (standing()[2], bool(target().left_at)) == ("left", True)
    register_replica(running(), CLOCK)
    assert standing()[2] == "serving"
    assert not target().left_at


def test_replicas_that_come_at_once_have_numbers_of_their_own() -> None:
    names = [f"edge-{n}" for n in range(8)]
    with ThreadPoolExecutor(len(names)) as pool:
        found = list(pool.map(lambda name: register_replica(running(name), CLOCK).key.number, names))
    assert sorted(found) == list(range(1, 9))
    assert [standing(number)[0] for number in found] == names
    assert counted() == 8


def test_a_number_that_another_replica_has_is_not_taken_though_it_left() -> None:
    register_replica(running(), CLOCK)
    note_departure(FIRST, CLOCK)
    assert register_replica(running("edge-b"), CLOCK).key.number == 2


def test_one_that_people_had_removed_is_made_again_by_its_next_start_and_by_nothing_else() -> None:
    register_replica(running(), CLOCK)
    remove_target(FIRST.target_id, CLOCK)
    with pytest.raises(TargetMissingError, match="gateway:default/1 was removed"):
        note_route(FIRST, ROUTE, CLOCK)
    with pytest.raises(TargetMissingError, match="gateway:default/1 was removed"):
        note_departure(FIRST, CLOCK)
    assert counted() == 0
    register_replica(running(), CLOCK)
    assert counted() == 1


def test_a_row_that_cannot_be_understood_is_an_error_that_names_the_field_and_nothing_is_written() -> None:
    GatewayReplica("default", 1, name="edge-a", status="serving", min_reader=99).save()
    with pytest.raises(InvalidRowError, match=r"gateways\[default, 1\]\.min_reader"):
        register_replica(running(), CLOCK)
    assert counted() == 0


def launched(epoch: int, name: str = "default-4") -> RunningReplica:
    return replace(running(name), number=4, epoch=epoch)


def test_one_that_was_launched_has_the_number_it_was_launched_as_and_says_under_which_epoch() -> None:
    assert register_replica(launched(2), CLOCK).key.number == 4
    register_replica(launched(3), CLOCK)
    row = GatewayReplica.read("default", 4)
    assert row is not None
    assert row.epoch == 3


def test_one_whose_epoch_was_passed_does_not_register() -> None:
    register_replica(launched(3), CLOCK)
    with pytest.raises(ReplicaPassedError, match="launched under epoch 2, and epoch 3 has registered"):
        register_replica(launched(2), CLOCK)


def test_one_whose_number_is_anothers_says_whose() -> None:
    register_replica(launched(2, name="by-hand"), CLOCK)
    with pytest.raises(NumberTakenError, match="number 4 is that of by-hand, not default-4"):
        register_replica(launched(2), CLOCK)
