"""What the crash tests and the explored interleavings store in memory, they would find in DynamoDB as well."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from paramedic.recovery import recoverer
from paramedic.services.changes import update
from paramedic.services.verbs import down
from paramedic.state.fencing import FencedError
from tests.fakes.controller_world import ControllerWorld, make_spec
from tests.fakes.memory_dynamodb import MemoryDynamoDB
from tests.fakes.recovery_world import RecoveryWorld

pytestmark = pytest.mark.integration

TOLD = ("Item", "Items", "Responses")
"""What the code reads of answers."""


class Compared(MemoryDynamoDB):
    """Makes every call of DynamoDB too, and minds any difference."""

    def __init__(self) -> None:
        super().__init__()
        # PynamoDB goes past a client's methods, too.
        self._real: Any = botocore.session.get_session().create_client("dynamodb")
        self.refused = self.calls = 0

    def _make_api_call(self, operation: str, arguments: dict[str, Any]) -> Mapping[str, Any]:
        theirs = _outcome(lambda: self._real._make_api_call(operation, arguments))
        ours = _outcome(lambda: MemoryDynamoDB._make_api_call(self, operation, arguments))
        assert _told(ours) == _told(theirs), f"{operation} {arguments}"
        self.calls += 1
        if isinstance(ours, ClientError):
            self.refused += 1
            raise ours
        return ours


def _outcome(call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | ClientError:
    try:
        return call()
    except ClientError as error:
        return error


def _told(outcome: Mapping[str, Any] | ClientError) -> object:
    """What the code can read of it."""
    if isinstance(outcome, ClientError):
        reasons: Any = outcome.response.get("CancellationReasons", [])
        return outcome.response["Error"]["Code"], [each["Code"] for each in reasons]
    return {name: _plain(outcome[name]) for name in TOLD if outcome.get(name)}


def _plain(value: Any) -> Any:
    """The same for numbers written differently and sets in any order."""
    match value:
        case {"N": number}:
            return Decimal(number)
        case {"SS": words}:
            return set(words)
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
    return value


@pytest.fixture
def compared(table_prefix: str) -> Iterator[Compared]:
    database = Compared()
    with database.bound(table_prefix):
        yield database


def test_a_services_whole_life_reads_and_writes_alike(compared: Compared, table_prefix: str, tmp_path: Path) -> None:
    world = ControllerWorld(table_prefix, tmp_path)
    life = world.start()
    spec = make_spec(min_replicas=2)
    world.up(spec)
    life.settle()
    world.launcher.kill(1)
    life.settle()
    predecessor, life = life, world.start()
    update("main", spec.model_copy(update={"run": "serve --second"}), "ada", clock=world.clock)
    life.settle()
    world.launcher.kill(world.stored().replicas[0].replica_id)
    with pytest.raises(FencedError):
        predecessor.settle()
    down("main", "echo", "ada", clock=world.clock)
    life.settle()
    assert world.launcher.living() == []
    assert compared.refused > 0
    assert compared.calls > 100


def test_a_recovery_and_what_comes_too_late_for_it_read_and_write_alike(compared: Compared, table_prefix: str) -> None:
    world = RecoveryWorld(table_prefix)
    world.first.alive = False
    late = world.found_bad()
    recoverer.on_failure(late, world.around())
    recoverer.on_failure(late, world.around())
    world.says("replace")
    recoverer.sweep(world.around())
    assert world.host.alive() == [3]
    assert compared.calls > 30
