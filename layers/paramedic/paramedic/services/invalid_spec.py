"""What is said about a service YAML that cannot be used; nothing that may be a secret is ever shown."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from paramedic.errors import InvalidInputError
from paramedic.services.skypilot_fields import refusal

SECRETS = "secrets"

_LIKE_SECRETS = 0.75
"""`secret`, `Secrets` and `secerts` are this close to `secrets` by difflib's measure; no known field is."""

_REQUIRED: Mapping[tuple[str, ...], str] = {
    ("service", "replica_policy"): "is required, or `replicas` for a fixed number of them"
}

_NO_MAPPING = frozenset({"dict_type", "mapping_type", "model_type"})


class InvalidSpecError(InvalidInputError):
    """The service YAML cannot be used; the message names the field, the value and, for a typo, the nearest name."""


class Unshown:
    """Stands for a value that no message may hold."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __repr__(self) -> str:
        return self._what


def invalid_spec(error: ValidationError, model: type[BaseModel], within: tuple[str, ...] = ()) -> InvalidSpecError:
    """The problem to mend first, in words; `within` is which part of the whole `model` was to be validated."""
    problems = error.errors(include_url=False)
    # A misspelt field is also a missing one: naming the typo helps more.
    unknown = [problem for problem in problems if problem["type"] == "extra_forbidden"]
    first, *others = unknown or problems[:1]
    path = (*within, *_path(first))
    text = _problem(first, path, model)
    if others:
        text += f"; nor can be used: {', '.join('.'.join(_path(other)) for other in others)}"
    return InvalidSpecError(".".join(path) or "(document)", shown(path, first), text)


def shown(path: tuple[str, ...], problem: Mapping[str, Any]) -> object:
    """The offending value where it is plain and cannot be a secret."""
    value = problem["input"]
    if problem["type"] == "missing":
        return None
    if path and difflib.SequenceMatcher(None, path[0].lower(), SECRETS).ratio() >= _LIKE_SECRETS:
        return Unshown("a value that is not shown")
    if isinstance(value, Mapping):
        return Unshown("a mapping")
    if not path:
        return Unshown("something else")
    return Unshown("a list") if isinstance(value, list) else value


def _path(problem: Mapping[str, Any]) -> tuple[str, ...]:
    """The field's; a word in angle brackets is one of several forms that it may have, and nobody wrote it."""
    return tuple(str(part) for part in problem["loc"] if not str(part).startswith("<"))


def _problem(problem: Mapping[str, Any], path: tuple[str, ...], model: type[BaseModel]) -> str:
    known_elsewhere = refusal(path, problem["input"])
    if known_elsewhere is not None:
        return known_elsewhere
    if problem["type"] == "extra_forbidden":
        return f"is not a known field{_nearest(path, model)}"
    if problem["type"] == "missing":
        return _REQUIRED.get(path, "is required")
    if problem["type"] in _NO_MAPPING:
        return "must be a mapping"
    return str(problem["msg"]).removeprefix("Value error, ")


def _nearest(path: tuple[str, ...], model: type[BaseModel]) -> str:
    names = known_names(model.model_json_schema(), path[:-1])
    close = difflib.get_close_matches(path[-1], names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known fields are {', '.join(names)}" if names else ""


def known_names(schema: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """The fields that a JSON Schema has at `path`, in order of name."""
    places = [schema]
    for part in path:
        places = [below for place in places for each in _meant(place, schema) for below in _below(each, part)]
    return sorted({name for place in places for each in _meant(place, schema) for name in each.get("properties", {})})


def _meant(place: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What may stand at `place`: references and alternatives followed."""
    if "$ref" in place:
        yield from _meant(schema["$defs"][place["$ref"].rpartition("/")[2]], schema)
    yield place
    for choice in (*place.get("anyOf", ()), *place.get("oneOf", ())):
        yield from _meant(choice, schema)


def _below(place: Mapping[str, Any], part: str) -> Iterator[Mapping[str, Any]]:
    anything = place.get("items") if part.isdecimal() else place.get("additionalProperties")
    for found in (place.get("properties", {}).get(part), *place.get("patternProperties", {}).values(), anything):
        if isinstance(found, Mapping):
            yield found
