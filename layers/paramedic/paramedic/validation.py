"""Turns pydantic's report on malformed input into Paramedic's own error."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from paramedic.errors import InvalidInputError

LONGEST_SHOWN_VALUE = 200


def validated[M: BaseModel](model: type[M], data: object, root: str = "event") -> M:
    """`data` as a `model`; `root` is what the input is called in messages.

    Raises:
        InvalidInputError: `data` does not fit; `field` is the dotted path of the first thing wrong with it.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid_input(error, root) from None


def validated_json[M: BaseModel](model: type[M], text: str | bytes, root: str) -> M:
    """Like `validated`, for JSON text.

    Raises:
        InvalidInputError: `text` is not JSON or does not fit the model.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise invalid_input(error, root) from None


def invalid_input(error: ValidationError, root: str) -> InvalidInputError:
    """The `InvalidInputError` that says what `error` says, every problem with its path."""
    first, *others = error.errors(include_url=False)
    problem = str(first["msg"])
    if others:
        problem += "; also " + ", ".join(f"{_path(root, other['loc'])}: {other['msg']}" for other in others)
    return InvalidInputError(_path(root, first["loc"]), _shown(first), problem)


def _path(root: str, location: tuple[int | str, ...]) -> str:
    return ".".join([root, *(str(part) for part in location)])


def _shown(problem: Mapping[str, Any]) -> object:
    # The input of a missing field is the whole object around it, which may be large or hold a secret.
    if problem["type"] == "missing":
        return None
    value: object = problem["input"]
    text = repr(value)
    return value if len(text) <= LONGEST_SHOWN_VALUE else text[:LONGEST_SHOWN_VALUE] + "…"
