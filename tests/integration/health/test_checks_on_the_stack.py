"""From a tick to the recovery queue on the deployed stack, with its real permissions."""

import json
import socket
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from paramedic.clock import SystemClock, to_iso
from paramedic.state import tables
from paramedic.state.target_registry import add_target, remove_target
from paramedic.state.targets import BadPeriod, Target, TargetKind, TargetMode, bucket_of
from paramedic_cli.local.stack import FunctionError, LocalStack
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def stack(deployed_stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> LocalStack:
    for name, value in deployed_stack.environment.items():
        monkeypatch.setenv(name, value)
    tables.bind(deployed_stack.outputs.table_prefix)
    return deployed_stack


def _dispatch(stack: LocalStack) -> Any:
    return stack.invoke(stack.outputs.dispatch_function_name, {"tick": to_iso(datetime.now(UTC))})


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def refused(stack: LocalStack) -> Iterator[tuple[str, str]]:
    """A URL and a controller that never beat, both at an address that refuses; gone again after the test."""
    name = uuid.uuid4().hex[:8]
    kinds = {f"url:{name}": TargetKind.URL, f"controller:{name}": TargetKind.CONTROLLER}
    url = f"http://127.0.0.1:{_closed_port()}/"
    for target_id, kind in kinds.items():
        target = Target(bucket_of(target_id), target_id, kind=kind, url=url, mode=TargetMode.OBSERVE)
        add_target(target, SystemClock())
    yield f"url:{name}", f"controller:{name}"
    for target_id in kinds:
        remove_target(target_id, SystemClock())


def test_one_tick_finds_records_and_publishes_what_refuses(stack: LocalStack, refused: tuple[str, str]) -> None:
    assert _dispatch(stack)["ChecksDispatched"] >= 1
    found = [eventually(partial(_published, target_id), f"the finding about {target_id}") for target_id in refused]
    assert [(bad.diagnosis, bad.outcome) for bad in found] == [("unreachable", "refused"), ("dead", "refused")]


def test_a_malformed_message_is_given_back_to_its_queue(stack: LocalStack) -> None:
    event = {"Records": [{"messageId": "m1", "body": json.dumps({"tick": "noon"})}]}
    answer = stack.invoke(stack.outputs.check_function_name, event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_malformed_tick_is_an_error_that_names_the_field(stack: LocalStack) -> None:
    with pytest.raises(FunctionError, match=r"event\.tick"):
        stack.invoke(stack.outputs.dispatch_function_name, {"tick": "noon"})


def _published(target_id: str) -> BadPeriod | None:
    row = Target.read(bucket_of(target_id), target_id)
    return row.bad if row is not None and row.bad is not None and row.bad.unpublished is None else None
