"""How a replica is asked whether it is ready."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from paramedic.services.invalid_spec import InvalidSpecError, Unshown
from paramedic.state.request_handling import HEADER_NAME_PATTERN

FIELD = "service.readiness_probe"

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
"""As in SkyServe: $NAME or ${NAME}."""

_SENT_PATH = re.compile(r"/[!-\"$-~]*")
_SENT_VALUE = re.compile(r"[ -~]*")

_OUR_HEADERS = frozenset({"connection", "content-length", "expect", "transfer-encoding", "upgrade"})
"""What the probe itself decides, or what would have something else than the answer come first."""


def _from_json_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"is text that is not JSON: {error}") from None


@dataclass(frozen=True)
class ProbeRequest:
    """What is sent to a replica: POST where there is a `body`, else GET."""

    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @property
    def method(self) -> str:
        """The request's method."""
        return "GET" if self.body is None else "POST"


class ReadinessProbe(BaseModel):
    """A replica is ready when it answers 200 in time.

    $NAME and ${NAME} in `path`, `post_data` and the values of `headers` stand for variables of `envs`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    path: str = Field(pattern=r"^/\S*$")
    """What is asked for."""
    initial_delay_seconds: int = Field(default=1200, ge=1)
    """How long a new replica may take to answer for the first time."""
    timeout_seconds: int = Field(default=15, ge=1, le=300)
    """How long an answer may take."""
    post_data: Annotated[
        Mapping[str, Any] | None,
        BeforeValidator(_from_json_text, json_schema_input_type=Mapping[str, Any] | str | None),
    ] = None
    """Sent as JSON by POST; without it, the request is a GET. As text it must be a JSON object."""
    headers: Mapping[Annotated[str, Field(pattern=HEADER_NAME_PATTERN)], str] = {}
    """Sent with the request."""

    @field_validator("headers")
    @classmethod
    def _names_are_free_and_differ(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        names = [name.lower() for name in headers]
        for name in names:
            if name in _OUR_HEADERS:
                raise ValueError(f"may not set {name}, which the probe itself does")
            if names.count(name) > 1:
                raise ValueError(f"set {name} twice: capitals make no difference")
        return headers

    @field_validator("post_data")
    @classmethod
    def _is_json(cls, post_data: Mapping[str, Any] | None) -> Any:
        try:
            # What is stored reads back as JSON has it.
            return json.loads(json.dumps(post_data, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ValueError(f"is not JSON: {error}") from None

    def request(self, envs: Mapping[str, str], secrets: Collection[str] = ()) -> ProbeRequest:
        """What to send, its variables filled in from `envs`.

        Raises:
            InvalidSpecError: a variable is not in `envs`, or its value cannot stand in a path or a header.
        """
        fill = partial(_filled, envs=envs, secrets=secrets)
        path = _checked(f"{FIELD}.path", fill(f"{FIELD}.path", self.path), _SENT_PATH)
        headers = {}
        for name, value in self.headers.items():
            field = f"{FIELD}.headers.{name}"
            headers[name] = _checked(field, fill(field, value), _SENT_VALUE)
        if self.post_data is None:
            return ProbeRequest(path, tuple(headers.items()))
        if "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "application/json"
        data = _filled_json(f"{FIELD}.post_data", self.post_data, fill)
        return ProbeRequest(path, tuple(headers.items()), json.dumps(data).encode())


def _checked(field: str, text: str, allowed: re.Pattern[str]) -> str:
    if allowed.fullmatch(text) is None:
        value = Unshown("a value that holds something else")
        raise InvalidSpecError(field, value, "must be of printable ASCII characters, in a path without blanks and #")
    return text


def _filled(field: str, text: str, envs: Mapping[str, str], secrets: Collection[str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name in secrets:
            problem = f"{found[0]} is one of `secrets`, which only replicas get; have the path answer without it"
            raise InvalidSpecError(field, text, problem)
        if name not in envs:
            problem = f"{found[0]} is none of `envs` (for the sign itself put DOLLAR: $ into `envs`, write ${{DOLLAR}})"
            raise InvalidSpecError(field, text, problem)
        return envs[name]

    return _VARIABLE.sub(value, text)


def _filled_json(field: str, data: object, fill: Callable[[str, str], str]) -> object:
    match data:
        case str():
            return fill(field, data)
        case list():
            return [_filled_json(field, each, fill) for each in data]
        case dict():
            return {fill(field, key): _filled_json(f"{field}.{key}", each, fill) for key, each in data.items()}
        case _:
            return data
