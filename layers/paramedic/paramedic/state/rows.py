"""Reading rows: strongly consistent, but for glances at hints, and fully paginated."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import batched
from typing import Any, Self, cast

from pydantic import ValidationError
from pynamodb.attributes import Attribute
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import AttributeDeserializationError, GetError, PynamoDBException
from pynamodb.expressions.condition import Condition

from paramedic.state.checked_rows import CheckedRow, invalid_row
from paramedic.state.connection import patiently, shared_connection
from paramedic.state.errors import InvalidRowError, StateUnreachableError

type Key = tuple[Any, ...]
"""A row's hash key and, where its table has one, its range key."""

type _Item = Mapping[str, Mapping[str, Any]]
"""A row as DynamoDB sends it: type and value by attribute."""

MOST_KEYS_PER_CALL = 100
"""DynamoDB's own limit."""


class Row(CheckedRow):
    """A row of one of the tables, and how it is read."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        table = super()._get_connection()
        shared = shared_connection()
        if table.connection is not shared:
            # Models of one table have one key schema; whichever came first has described it.
            with suppress(ValueError):
                shared.add_meta_table(table.connection.get_meta_table(table.table_name))
            table.connection = shared
        return table

    @classmethod
    def read(cls, hash_key: object, range_key: object | None = None) -> Self | None:
        """The row, or None when there is none.

        Raises:
            InvalidRowError: the row is malformed.
            StateUnreachableError: DynamoDB did not answer.
        """
        return cls._read(hash_key, range_key, consistent=True)

    @classmethod
    def glance(cls, hash_key: object, range_key: object | None = None) -> Self | None:
        """The row as it was a moment ago, for half the price of `read`: for hints, never for what decides.

        Raises:
            InvalidRowError: the row is malformed.
            StateUnreachableError: DynamoDB did not answer.
        """
        return cls._read(hash_key, range_key, consistent=False)

    @classmethod
    def _read(cls, hash_key: object, range_key: object | None, *, consistent: bool) -> Self | None:
        try:
            row = patiently(lambda: cls._get_or_none(hash_key, range_key, consistent=consistent), PynamoDBException)
        except (AttributeDeserializationError, ValidationError) as error:
            raise invalid_row(cls, f"{hash_key}, {range_key}", error) from error
        except PynamoDBException as error:
            raise StateUnreachableError(f"reading {cls.Meta.table_name}[{hash_key}, {range_key}]: {error}") from error
        return None if row is None else cls.checked(row)

    @classmethod
    def _get_or_none(cls, hash_key: object, range_key: object | None, *, consistent: bool) -> Self | None:
        try:
            return cls.get(hash_key, range_key, consistent_read=consistent)
        except cls.DoesNotExist:
            return None

    @classmethod
    def read_all(cls, hash_key: object, condition: Condition | None = None) -> list[Self]:
        """Every row of a partition, in key order.

        Raises:
            InvalidRowError: one row is malformed.
            StateUnreachableError: DynamoDB did not answer.
        """
        try:
            # Page by page: the raw item still has its range key when no row can be built from it.
            items = patiently(lambda: cls._query_items(hash_key, condition), PynamoDBException)
            return [cls._understood(hash_key, item) for item in items]
        except PynamoDBException as error:
            raise StateUnreachableError(f"querying {cls.Meta.table_name}[{hash_key}]: {error}") from error

    @classmethod
    def read_each(cls, hash_key: object, condition: Condition | None = None) -> Mapping[str, Self | InvalidRowError]:
        """Every row of a partition by its range key, or why it cannot be understood: none hides the others.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        try:
            items = patiently(lambda: cls._query_items(hash_key, condition), PynamoDBException)
        except PynamoDBException as error:
            raise StateUnreachableError(f"querying {cls.Meta.table_name}[{hash_key}]: {error}") from error
        return {cls._range_key_of(item): cls._understood_or_why_not(hash_key, item) for item in items}

    @classmethod
    def read_range_keys(cls, hash_key: object, condition: Condition | None = None) -> list[str]:
        """The range key of every row of a partition, and nothing else of them.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        names = [attribute.attr_name for attribute in cls._key_attributes()]
        try:
            items = patiently(lambda: cls._query_items(hash_key, condition, only=names), PynamoDBException)
        except PynamoDBException as error:
            raise StateUnreachableError(f"querying {cls.Meta.table_name}[{hash_key}]: {error}") from error
        return [cls._range_key_of(item) for item in items]

    @classmethod
    def read_many(cls, keys: Collection[Key]) -> Mapping[Key, Self | InvalidRowError]:
        """The rows with these keys, or why one cannot be understood; absent ones are left out.

        Raises:
            StateUnreachableError: DynamoDB did not answer for all of them.
        """
        found: dict[Key, Self | InvalidRowError] = {}
        for some in batched(keys, MOST_KEYS_PER_CALL, strict=False):
            for item in cls._get_items(some):
                key = cls._key_of(item)
                found[key] = cls._understood_or_why_not(key[0], item)
        return found

    @classmethod
    def _get_items(cls, keys: Sequence[Key]) -> list[_Item]:
        items: list[_Item] = []
        left: list[Mapping[str, Any]] = [cls._key_item(key) for key in keys]

        def get_the_rest() -> None:
            # PynamoDB takes keys by attribute, whatever its hint says.
            answer = cls._get_connection().batch_get_item(cast(Any, left), consistent_read=True)
            items.extend(answer["Responses"].get(cls.Meta.table_name, ()))
            left[:] = answer["UnprocessedKeys"].get(cls.Meta.table_name, {}).get("Keys", ())
            if left:
                raise GetError(f"{len(left)} rows were left out")

        try:
            patiently(get_the_rest, PynamoDBException)
        except PynamoDBException as error:
            raise StateUnreachableError(f"reading {len(left)} rows of {cls.Meta.table_name}: {error}") from error
        return items

    @classmethod
    def _key_attributes(cls) -> list[Attribute[Any]]:
        attributes = [a for a in cls.get_attributes().values() if a.is_hash_key or a.is_range_key]
        return sorted(attributes, key=lambda attribute: attribute.is_range_key)

    @classmethod
    def _key_item(cls, key: Key) -> Mapping[str, Any]:
        return {a.attr_name: a.serialize(value) for a, value in zip(cls._key_attributes(), key, strict=True)}

    @classmethod
    def _key_of(cls, item: _Item) -> Key:
        return tuple(a.deserialize(a.get_value(dict(item[a.attr_name]))) for a in cls._key_attributes())

    @classmethod
    def _understood_or_why_not(cls, hash_key: object, item: _Item) -> Self | InvalidRowError:
        try:
            return cls._understood(hash_key, item)
        except InvalidRowError as error:
            return error

    @classmethod
    def _range_key_of(cls, item: _Item) -> str:
        names = [a.attr_name for a in cls.get_attributes().values() if a.is_range_key]
        return ", ".join(str(value) for name in names for value in item[name].values())

    @classmethod
    def _query_items(
        cls, hash_key: object, condition: Condition | None, *, only: Sequence[str] | None = None
    ) -> list[Mapping[str, Any]]:
        pages = cls.query(hash_key, condition, consistent_read=True, attributes_to_get=only).page_iter
        return [item for page in pages for item in page["Items"]]

    @classmethod
    def _understood(cls, hash_key: object, item: _Item) -> Self:
        try:
            row = cls.from_raw_data(dict(item))
        except (AttributeDeserializationError, ValidationError) as error:
            raise invalid_row(cls, f"{hash_key}, {cls._range_key_of(item)}", error) from error
        return cls.checked(row)


class TableMeta:
    """Settings every model's Meta inherits."""

    table_name = "unbound"
