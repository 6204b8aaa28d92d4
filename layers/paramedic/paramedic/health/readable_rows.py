"""Reads a partition in which one malformed row must not hide the others."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pynamodb.exceptions import AttributeDeserializationError, PynamoDBException
from pynamodb.expressions.condition import Condition

from paramedic.state.connection import patiently
from paramedic.state.tables import InvalidRowError, Row, StateUnreachableError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Readable[R: Row]:
    """The rows this release understands, and the range keys of those it does not."""

    rows: Sequence[R]
    invalid: Sequence[str]


def read_readable[R: Row](
    model: type[R], hash_key: object, range_name: str, wanted: Condition | None = None
) -> Readable[R]:
    """Every row of a partition that is `wanted`, strongly consistent; malformed ones are logged and named, not raised.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    rows: list[R] = []
    invalid: list[str] = []
    try:
        items = patiently(lambda: _items(model, hash_key, wanted), PynamoDBException)
    except PynamoDBException as error:
        raise StateUnreachableError(f"querying {model.Meta.table_name}[{hash_key}]: {error}") from error
    for item in items:
        try:
            rows.append(model.checked(model.from_raw_data(item)))
        except (AttributeDeserializationError, ValidationError, InvalidRowError) as error:
            key = str(item[range_name]["S"])
            LOG.warning("%s[%s, %s] is skipped: %s", model.Meta.table_name, hash_key, key, error)
            invalid.append(key)
    return Readable(rows, invalid)


def _items(model: type[Row], hash_key: object, wanted: Condition | None) -> list[dict[str, Any]]:
    # Page by page: the raw item still has its key when the row cannot be built from it.
    pages = model.query(hash_key, filter_condition=wanted, consistent_read=True).page_iter
    return [item for page in pages for item in page["Items"]]


def read_readable_of[R: Row](model: type[R], keys: Sequence[tuple[object, str]]) -> Readable[R]:
    """Those rows of `keys` that there are, strongly consistent; malformed ones are logged and named, not raised.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    found = model.read_many(keys)
    invalid = {key: row for key, row in found.items() if isinstance(row, InvalidRowError)}
    for key, error in invalid.items():
        LOG.warning("%s is skipped: %s", key[1], error)
    rows = [row for row in found.values() if not isinstance(row, InvalidRowError)]
    return Readable(rows, [key[1] for key in invalid])
