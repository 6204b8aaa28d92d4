"""What a function is told by its environment: one frozen class per function, read once at its start."""

import os
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from paramedic.errors import InvalidInputError
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS


class InvalidSettingError(InvalidInputError):
    """An environment variable is missing or malformed; `field` is its name."""


class EnvironmentSettings(BaseModel):
    """Base of a function's settings: the field `probe_function_name` is read from PROBE_FUNCTION_NAME."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The settings in `environ`; variables that are not set keep their field's default.

        Raises:
            InvalidSettingError: a variable is missing or malformed.
        """
        given = {name: environ[name.upper()] for name in cls.model_fields if name.upper() in environ}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            variable = str(first["loc"][0]).upper()
            problem = "is not set" if variable not in environ else str(first["msg"])
            raise InvalidSettingError(variable, environ.get(variable), problem) from None


class HealthDispatchSettings(EnvironmentSettings):
    """Where `health_dispatch` finds the counts and leaves its messages."""

    table_prefix: str = Field(min_length=1)
    check_queue_url: str = Field(min_length=1)


class HealthCheckSettings(EnvironmentSettings):
    """`stale_seconds`: how long a heartbeat must stand still; `hung_after_seconds`: how long timeouts must last.

    A heartbeat is never called stale while its controller may still act on its last write, and a stale period fits
    into one invocation.
    """

    table_prefix: str = Field(min_length=1)
    probe_function_name: str = Field(min_length=1)
    event_bus_name: str = Field(min_length=1)
    stale_seconds: float = Field(default=10.0, ge=SELF_FENCE_LEASE_SECONDS, le=30)
    hung_after_seconds: float = Field(default=120.0, gt=0)
