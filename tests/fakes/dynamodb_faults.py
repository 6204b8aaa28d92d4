"""Trouble on the way to DynamoDB that the emulator never makes by itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError

SEND = "_make_api_call"

type Send = Callable[[], Any]
type Fault = Callable[[Send], Any]


@contextmanager
def faults(operation: str, *planned: Fault) -> Iterator[list[str]]:
    """Let the next calls of `operation` meet the planned faults, one each; yields what was called."""
    real: Callable[[BaseClient, str, dict[str, Any]], Any] = getattr(BaseClient, SEND)
    left, calls = list(planned), []

    def send(client: BaseClient, name: str, arguments: dict[str, Any]) -> Any:
        calls.append(name)
        if name == operation and left:
            return left.pop(0)(lambda: real(client, name, arguments))
        return real(client, name, arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BaseClient, SEND, send)
        yield calls


@contextmanager
def watched() -> Iterator[list[tuple[str, str]]]:
    """What is called meanwhile: the operation with the name of its table, without the prefix, or `many`."""
    real: Callable[[BaseClient, str, dict[str, Any]], Any] = getattr(BaseClient, SEND)
    calls: list[tuple[str, str]] = []

    def send(client: BaseClient, name: str, arguments: dict[str, Any]) -> Any:
        calls.append((name, arguments.get("TableName", "-many").rpartition("-")[2]))
        return real(client, name, arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BaseClient, SEND, send)
        yield calls


def reply_lost(send: Send) -> Any:
    """The call is applied; its answer never arrives."""
    send()
    raise ReadTimeoutError(endpoint_url="dynamodb")


def silent(send: Send) -> Any:
    """Nothing arrives and nothing comes back."""
    raise ReadTimeoutError(endpoint_url="dynamodb")


def conflict(send: Send) -> Any:
    """Another transaction was under way on the same item."""
    response = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled [TransactionConflict]"},
        "CancellationReasons": [{"Code": "TransactionConflict", "Message": "conflict"}, {"Code": "None"}],
    }
    raise ClientError(response, "TransactWriteItems")  # type: ignore[arg-type]


def throttled(send: Send) -> Any:
    """DynamoDB asks to slow down."""
    response = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}
    raise ClientError(response, "TransactWriteItems")  # type: ignore[arg-type]
