"""Where the secrets of a service's replicas come from: a spec names places, never values."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from paramedic.services.invalid_spec import SECRETS, InvalidSpecError, Unshown

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
"""Of a variable."""

_PLACES = ("env", "file", "secretsmanager")
_WRITE = "write where it comes from: {env: NAME}, {file: /run/secrets/NAME} or {secretsmanager: ID}"
_HIDDEN = Unshown("a value that is not shown")


class SecretSource(BaseModel):
    """One place, as the controller of the service sees it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"oneOf": [{"required": [place]} for place in _PLACES]},
    )

    env: str | None = Field(default=None, pattern=NAME_PATTERN)
    """The controller's variable PARAMEDIC_SECRET_<env>."""
    file: str | None = Field(default=None, pattern=r"^/\S+$")
    """A file in the controller's folder of secrets, /run/secrets unless set otherwise."""
    secretsmanager: str | None = Field(default=None, pattern=r"^[A-Za-z0-9/_+=.@:-]{1,2048}$")
    """Name or ARN of a secret of AWS Secrets Manager."""
    key: str | None = Field(default=None, min_length=1)
    """Of `secretsmanager`: which text of the JSON object in it, in place of the whole."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [place for place in _PLACES if getattr(self, place) is not None]
        if len(given) != 1:
            raise ValueError(f"must name one place, of {', '.join(_PLACES)}")
        if self.key is not None and self.secretsmanager is None:
            raise ValueError("key goes with secretsmanager only")
        return self

    def __str__(self) -> str:
        """The place in words."""
        if self.env is not None:
            return f"variable {self.env}"
        if self.file is not None:
            return f"file {self.file}"
        return f"Secrets Manager's {self.secretsmanager}" + (f", key {self.key}" if self.key is not None else "")


def _sources(secrets: object) -> object:
    """Refuses values themselves; a name alone is that variable."""
    if not isinstance(secrets, Mapping):
        raise InvalidSpecError(SECRETS, _HIDDEN, f"must be a mapping of names; for each name {_WRITE}")
    return {name: {"env": name} if source is None else _place(name, source) for name, source in secrets.items()}


def _place(name: object, source: object) -> object:
    if isinstance(source, Mapping | SecretSource):
        return source
    problem = f"is a value itself, which would be kept for others to read; {_WRITE}"
    raise InvalidSpecError(f"{SECRETS}.{name}", _HIDDEN, problem)


Secrets = Annotated[
    Mapping[Annotated[str, Field(pattern=NAME_PATTERN)], SecretSource],
    BeforeValidator(
        _sources, json_schema_input_type=Mapping[Annotated[str, Field(pattern=NAME_PATTERN)], SecretSource | None]
    ),
]
"""Sources by the variable of a replica's environment that gets the value."""
