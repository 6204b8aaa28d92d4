"""What a process is told by its environment: one frozen class each, read once at its start."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from paramedic.errors import InvalidInputError

ENVIRONMENT = "environment"
"""What is named when variables contradict each other."""


class InvalidSettingError(InvalidInputError):
    """An environment variable is missing or malformed; `field` is its name, or "environment" for a contradiction."""


def _split(value: object) -> object:
    return tuple(each.strip() for each in value.split(",")) if isinstance(value, str) else value


type CommaList = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Texts separated by commas."""


class EnvironmentSettings(BaseModel):
    """Base of settings: a field is read from the variable its alias names, or else from its own name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The settings in `environ`; variables that are unset or empty keep their field's default.

        Raises:
            InvalidSettingError: a variable is missing or malformed, or two contradict each other; shows no secret.
        """
        fields = {field.alias or name.upper(): field for name, field in cls.model_fields.items()}
        keys = {field.alias or name.upper(): field.alias or name for name, field in cls.model_fields.items()}
        given = {keys[variable]: environ[variable] for variable in keys if environ.get(variable)}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            variable = next((each for each, key in keys.items() if first["loc"][:1] == (key,)), ENVIRONMENT)
            problem = "is not set" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
            hidden = variable in fields and _is_secret(fields[variable])
            raise InvalidSettingError(variable, None if hidden else environ.get(variable), problem) from None


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
