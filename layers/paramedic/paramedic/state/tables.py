"""What every table's model shares: naming, schema numbers, checked reads.

Reads are strongly consistent, but for glances at hints, and fully paginated. A row that cannot be understood raises an
error naming the table, the key and the field; it never turns into a default.
"""

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from itertools import batched
from types import ModuleType
from typing import Any, Self, cast

from pydantic import BaseModel, ValidationError
from pynamodb.attributes import Attribute, NumberAttribute
from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.constants import STRING
from pynamodb.exceptions import AttributeDeserializationError, GetError, PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model
from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from paramedic.clock import Clock, SystemClock, from_iso
from paramedic.errors import InvalidInputError, ParamedicError

SCHEMA = 1
"""Schema number this release writes."""

READS_UP_TO = 1
"""Highest `min_reader` this release understands."""

CONNECT_TIMEOUT_SECONDS = 0.5
READ_TIMEOUT_SECONDS = 1.0
"""One try of a DynamoDB call gives up after this."""

RETRY_SECONDS = 1.5
"""A call is not tried again once this has passed."""

LONGEST_CALL_SECONDS = RETRY_SECONDS + CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS
"""What a call that is retried takes at most: heartbeat + 2 x this stays below the self-fence lease."""


class InvalidRowError(InvalidInputError):
    """A stored row is malformed or was written for newer readers."""

    def __init__(self, table: str, key: str, field: str, value: object, problem: str) -> None:
        self.table = table
        self.key = key
        super().__init__(f"{table}[{key}].{field}", value, problem)


class StateUnreachableError(ParamedicError):
    """DynamoDB did not answer. Says nothing about what is stored, least of all that it is stale."""


_CONNECTING = threading.Lock()


class _Surroundings:
    """The variables that say where AWS is and as whom to ask, as they were at the last `bind`."""

    variables: frozenset[tuple[str, str]] = frozenset()


def shared_connection() -> Connection:
    """The process's one connection to DynamoDB: a client costs as much as forty calls and much memory."""
    with _CONNECTING:
        return _connection(_Surroundings.variables)


@lru_cache(maxsize=1)
def _connection(_variables: frozenset[tuple[str, str]]) -> Connection:
    connection = Connection(
        connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds=READ_TIMEOUT_SECONDS,
        # Retries are ours, so that their sum stays bounded.
        max_retry_attempts=0,
        max_pool_connections=32,
    )
    # Threads that all make the first call at once would each make a client of their own.
    _ = connection.client
    return connection


def patiently[T](call: Callable[[], T], transient: type[Exception], clock: Clock | None = None) -> T:
    """Repeat `call` while it raises `transient` and the retry budget lasts, then let that through."""
    clock = clock or SystemClock()
    begun = clock.monotonic()
    retrying = Retrying(
        retry=retry_if_exception_type(transient),
        stop=lambda _: clock.monotonic() - begun >= RETRY_SECONDS,
        wait=wait_random_exponential(multiplier=0.05, max=0.5),
        sleep=clock.sleep,
        reraise=True,
    )
    return retrying(call)


type Key = tuple[Any, ...]
"""A row's hash key and, where its table has one, its range key."""

type _Item = Mapping[str, Mapping[str, Any]]
"""A row as DynamoDB sends it: type and value by attribute."""

MOST_KEYS_PER_CALL = 100
"""DynamoDB's own limit."""


class Row(Model):
    """A stored row; existing rows change by UpdateItem, so attributes of other releases survive.

    A row that an update created carries no numbers, which means the first ones.
    """

    schema_number = NumberAttribute(attr_name="schema", default_for_new=SCHEMA, null=True)
    min_reader = NumberAttribute(default_for_new=1, null=True)

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
            raise _invalid(cls, f"{hash_key}, {range_key}", error) from error
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
            raise _invalid(cls, f"{hash_key}, {cls._range_key_of(item)}", error) from error
        return cls.checked(row)

    @classmethod
    def checked(cls, row: Self) -> Self:
        """`row`, when this release can read it and every required attribute is there.

        Raises:
            InvalidRowError: otherwise.
        """
        if (row.min_reader or 0) > READS_UP_TO:
            problem = f"needs a reader of schema {row.min_reader}; this release reads up to {READS_UP_TO}: upgrade it"
            raise InvalidRowError(cls.Meta.table_name, row.key_text(), "min_reader", row.min_reader, problem)
        for name, attribute in cls.get_attributes().items():
            if not attribute.null and getattr(row, name) is None:
                raise InvalidRowError(cls.Meta.table_name, row.key_text(), name, None, "is missing")
        return row

    def moment(self, field: str) -> datetime:
        """The time kept as text in `field`.

        Raises:
            InvalidRowError: it is no time.
        """
        text = getattr(self, field)
        try:
            return from_iso(text)
        except (TypeError, ValueError) as error:
            raise self._refused(field, text, "is not an ISO 8601 time with an offset") from error

    def word[W: StrEnum](self, field: str, words: type[W]) -> W:
        """The one of `words` in `field`.

        Raises:
            InvalidRowError: it is none of them.
        """
        text = getattr(self, field)
        try:
            return words(text)
        except ValueError as error:
            raise self._refused(field, text, f"must be one of {', '.join(words)}") from error

    def parsed[M: BaseModel](self, field: str, model: type[M]) -> M:
        """The model kept as JSON text in `field`.

        Raises:
            InvalidRowError: the text is no such model; the error names the field within it.
        """
        try:
            return model.model_validate_json(getattr(self, field))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join([field, *(str(part) for part in first["loc"])])
            raise self._refused(path, first.get("input"), first["msg"]) from error

    def _refused(self, field: str, value: object, problem: str) -> InvalidRowError:
        return InvalidRowError(type(self).Meta.table_name, self.key_text(), field, value, problem)

    @classmethod
    def hash_key_attribute(cls) -> Attribute[Any]:
        """The attribute that is the hash key."""
        return next(attribute for attribute in cls.get_attributes().values() if attribute.is_hash_key)

    def key_text(self) -> str:
        """The key as people write it in messages."""
        attributes = type(self).get_attributes().items()
        keys = [name for name, a in attributes if a.is_hash_key] + [name for name, a in attributes if a.is_range_key]
        return ", ".join(str(getattr(self, name)) for name in keys)


def _invalid(model: type[Row], key: str, error: AttributeDeserializationError | ValidationError) -> InvalidRowError:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        field = ".".join([error.title, *(str(part) for part in first["loc"])])
        return InvalidRowError(model.Meta.table_name, key, field, first.get("input"), first["msg"])
    # Only the message says which attribute it is: "Cannot deserialize 'epoch' attribute from type: N".
    _, field, rest = str(error).split("'")
    expected = rest.rpartition(" ")[2]
    return InvalidRowError(model.Meta.table_name, key, field, "another type", f"must be of DynamoDB's type {expected}")


class _JsonText[V](Attribute[V]):
    """A pydantic model kept as JSON text and validated on every read; an absent one is never asked to serialize."""

    attr_type = STRING

    def __init__(self, model: type[BaseModel], *, null: bool) -> None:
        self._model = model
        super().__init__(null=null)

    def serialize(self, value: Any) -> str:
        """JSON text of a model."""
        return str(value.model_dump_json())

    def deserialize(self, value: Any) -> Any:
        """The validated model; raises pydantic's ValidationError."""
        return self._model.model_validate_json(value)


class JsonAttribute[T: BaseModel](_JsonText[T]):
    """A model that every row has."""

    def __init__(self, model: type[T]) -> None:
        super().__init__(model, null=False)


class OptionalJsonAttribute[T: BaseModel](_JsonText[T | None]):
    """A model that may be absent: absent reads as None."""

    def __init__(self, model: type[T]) -> None:
        super().__init__(model, null=True)


def all_models() -> Mapping[str, tuple[type[Row], ...]]:
    """Every model by the logical name of its table."""
    from paramedic.state import (  # the table modules import this one
        autoscalers,
        controllers,
        drills,
        gateways,
        incidents,
        load_balancers,
        operations,
        recoveries,
        replicas,
        reports,
        services,
        target_downtimes,
        targets,
        traffic,
    )

    modules = (
        autoscalers,
        controllers,
        drills,
        gateways,
        incidents,
        load_balancers,
        operations,
        recoveries,
        replicas,
        reports,
        services,
        target_downtimes,
        targets,
        traffic,
    )
    return _models_of(modules)


def _models_of(modules: Sequence[ModuleType]) -> Mapping[str, tuple[type[Row], ...]]:
    models: dict[str, tuple[type[Row], ...]] = {}
    for module in modules:
        models[module.TABLE] = models.get(module.TABLE, ()) + cast(tuple[type[Row], ...], module.MODELS)
    return models


def bind(table_prefix: str, *modules: ModuleType) -> None:
    """Point models at the tables named `<table_prefix><logical name>`, where the environment now says AWS is.

    All models, or only those of the table modules given: whoever needs few of them is spared importing the others. Call
    it before any read.
    """
    _Surroundings.variables = frozenset(pair for pair in os.environ.items() if pair[0].startswith("AWS_"))
    wanted = _models_of(modules) or all_models()
    for table, models in wanted.items():
        for model in models:
            model.Meta.table_name = f"{table_prefix}{table}"


class TableMeta:
    """Settings every model's Meta inherits."""

    table_name = "unbound"
