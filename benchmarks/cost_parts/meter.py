"""Runs inside the deployed functions, as a layer: notes what each invocation took and asked of AWS.

Deployed as the handler, it hands everything to the function's own one. COST_JOURNAL names the file it adds a line to.
"""

import importlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.handlers import BUILTIN_HANDLERS

from benchmarks.cost_parts.item_size import read_units

READS = {"GetItem", "Query", "Scan"}

_calls: list[dict[str, Any]] = []
_own_seconds: list[float] = []
"""What the meter itself worked, which the function would not have."""


def handler(event: Any, context: Any) -> Any:
    """The function's own answer."""
    _calls.clear()
    _own_seconds.clear()
    begun, worked, queued = time.perf_counter(), time.process_time(), _queued_seconds()
    try:
        return _of_function(event, context)
    finally:
        line = {
            "function": context.function_name,
            "wall_seconds": time.perf_counter() - begun,
            "queued_seconds": _queued_seconds() - queued,
            "cpu_seconds": time.process_time() - worked - sum(_own_seconds),
            "calls": [{**call, "begin": call["begin"] - begun, "end": call["end"] - begun} for call in _calls],
        }
        with Path(os.environ["COST_JOURNAL"]).open("a") as journal:
            journal.write(json.dumps(line) + "\n")


def _queued_seconds() -> float:
    """For how long this thread could have run and had no processor of this machine."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


def _before(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    context["cost_begin"] = time.perf_counter()
    context["cost_consistent"] = params.get("ConsistentRead", False)
    members = model.input_shape.members if model.input_shape else {}
    if "ReturnConsumedCapacity" in members:
        params["ReturnConsumedCapacity"] = "TOTAL"


def _after(parsed: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
    end, worked = time.perf_counter(), time.thread_time()
    service = model.service_model.service_name
    _calls.append(
        {
            "service": service,
            "operation": model.name,
            "begin": context["cost_begin"],
            "end": end,
            "units": _units(parsed, model.name, consistent=context["cost_consistent"]) if service == "dynamodb" else 0,
        }
    )
    _own_seconds.append(time.thread_time() - worked)


def _units(parsed: Mapping[str, Any], operation: str, *, consistent: bool) -> float:
    if operation in READS:
        # The embedded AWS bills every read as one unit, however much it reads.
        items = parsed.get("Items", [parsed["Item"]] if "Item" in parsed else [])
        return read_units(items, consistent=consistent)
    consumed = parsed.get("ConsumedCapacity", [])
    return float(sum(each["CapacityUnits"] for each in (consumed if isinstance(consumed, list) else [consumed])))


# Every client that is made from now on has these, so they come before the function makes its own.
BUILTIN_HANDLERS.append(("provide-client-params", _before))
BUILTIN_HANDLERS.append(("after-call", _after))
_of_function = importlib.import_module("app").handler
