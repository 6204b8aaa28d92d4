"""Counts what DynamoDB bills a process: the capacity units that each of its answers names."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from paramedic.state.connection import shared_connection

DAY_SECONDS = 86_400
_KEY = "benchmark_key"
"""Where a call's own key is kept until its answer says what it cost."""

READS = frozenset({"BatchGetItem", "GetItem", "Query", "Scan", "TransactGetItems"})


class Spent(BaseModel):
    """One call, at `at` on the machine's monotonic clock; `key` is the last part of the item's, where it has one."""

    model_config = ConfigDict(frozen=True)

    at: float
    operation: str
    table: str
    units: float
    key: str = ""

    @property
    def is_read(self) -> bool:
        """Whether read units are what it cost."""
        return self.operation in READS


def count_units(journal: Path) -> None:
    """Let every further call of this process's DynamoDB client add what it cost to `journal`."""
    events = shared_connection().client.meta.events
    events.register("provide-client-params.dynamodb", _ask)
    output = journal.open("a", buffering=1)

    def note(parsed: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            spent = Spent(
                at=time.monotonic(),
                operation=model.name,
                table=each["TableName"],
                units=each["CapacityUnits"],
                key=context.get(_KEY, ""),
            )
            output.write(spent.model_dump_json() + "\n")

    events.register("after-call.dynamodb", note)


def read_journal(journal: Path, since: float, until: float) -> list[Spent]:
    """What was spent in [`since`, `until`)."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    spent = [Spent.model_validate_json(line) for line in lines]
    return [each for each in spent if since <= each.at < until]


def _ask(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    key: Mapping[str, Mapping[str, str]] = params.get("Key", {})
    context[_KEY] = next((text for value in reversed(list(key.values())) for text in value.values()), "")
    if "ReturnConsumedCapacity" in model.input_shape.members:
        params["ReturnConsumedCapacity"] = "TOTAL"
