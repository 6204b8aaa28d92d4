"""What a test's own process writes, as it is sent to DynamoDB."""

from typing import Any

import pytest
from botocore.client import BaseClient


def writes_noted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """From now on, every change that a transaction sends."""
    sent: list[dict[str, Any]] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noting(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "TransactWriteItems":
            sent.extend(arguments["TransactItems"])
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noting)
    return sent


def changes_of(sent: list[dict[str, Any]], table: str) -> list[tuple[str, set[str]]]:
    """Kind and attributes of every change of a table."""
    changes = [change for item in sent for change in item.items() if change[1].get("TableName") == table]
    return [
        (kind, {*change.get("Key", change.get("Item", {})), *change.get("ExpressionAttributeNames", {}).values()})
        for kind, change in changes
    ]
