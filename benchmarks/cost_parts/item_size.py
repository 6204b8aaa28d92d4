"""What DynamoDB bills a read by: the size of the items it looked at. Pure; also part of what runs in the functions."""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

READ_UNIT_BYTES = 4096
NESTING_BYTES = 3
ELEMENT_BYTES = 1


def item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """An item's size by the rules of DynamoDB's developer guide ("item sizes and formats"), rounded up for numbers."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def value_bytes(value: Mapping[str, Any]) -> int:
    """The size of one attribute's value, as DynamoDB sends it: a type and what is in it."""
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            # A byte for every two digits and one more; sign and point count as digits here.
            return ceil(len(content) / 2) + 1
        case "SS" | "NS" | "BS":
            return sum(value_bytes({kind[0]: each}) for each in content)
        case "L":
            return NESTING_BYTES + sum(ELEMENT_BYTES + value_bytes(each) for each in content)
        case "M":
            return NESTING_BYTES + sum(ELEMENT_BYTES for _ in content) + item_bytes(content)
        case _:
            return 1


def read_units(items: Iterable[Mapping[str, Mapping[str, Any]]], *, consistent: bool) -> float:
    """Read request units of one call: one for every 4 KB begun, at least one; half of it where it may be stale."""
    units = max(1, ceil(sum(map(item_bytes, items)) / READ_UNIT_BYTES))
    return float(units) if consistent else units / 2
