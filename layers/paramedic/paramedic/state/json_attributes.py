"""Models that rows keep as JSON text."""

from typing import Any

from pydantic import BaseModel
from pynamodb.attributes import Attribute
from pynamodb.constants import STRING


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
