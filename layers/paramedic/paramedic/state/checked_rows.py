"""Rows as they must be to be understood: of a schema that this release reads, complete, each field what it says.

One that is not raises an error naming the table, the key and the field; it never turns into a default.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ValidationError
from pynamodb.attributes import Attribute, NumberAttribute
from pynamodb.exceptions import AttributeDeserializationError
from pynamodb.models import Model

from paramedic.clock import from_iso
from paramedic.state.errors import InvalidRowError

SCHEMA = 1
"""Schema number this release writes."""

READS_UP_TO = 1
"""Highest `min_reader` this release understands."""


class CheckedRow(Model):
    """A stored row; existing rows change by UpdateItem, so attributes of other releases survive.

    A row that an update created carries no numbers, which means the first ones.
    """

    schema_number = NumberAttribute(attr_name="schema", default_for_new=SCHEMA, null=True)
    min_reader = NumberAttribute(default_for_new=1, null=True)

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


def invalid_row(
    model: type[CheckedRow], key: str, error: AttributeDeserializationError | ValidationError
) -> InvalidRowError:
    """What keeps a row from being built, in words that name it."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        field = ".".join([error.title, *(str(part) for part in first["loc"])])
        return InvalidRowError(model.Meta.table_name, key, field, first.get("input"), first["msg"])
    # Only the message says which attribute it is: "Cannot deserialize 'epoch' attribute from type: N".
    _, field, rest = str(error).split("'")
    expected = rest.rpartition(" ")[2]
    return InvalidRowError(model.Meta.table_name, key, field, "another type", f"must be of DynamoDB's type {expected}")
