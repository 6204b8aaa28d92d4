"""What a process is told by its environment: one frozen class each, read once at its start."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from paramedic.errors import InvalidInputError
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS
from paramedic.state.probe_location import ProbeLocation

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


class HealthDispatchSettings(EnvironmentSettings):
    """Where `health_dispatch` finds the counts and leaves its messages, and how often fast targets are checked."""

    table_prefix: str = Field(min_length=1)
    check_queue_url: str = Field(min_length=1)
    fast_checks_per_minute: Annotated[Literal[1, 2, 3, 6], BeforeValidator(int)] = 1


class DowntimeSettings(EnvironmentSettings):
    """Where `downtime` finds the windows, and whom it tells of a service that did not come back."""

    table_prefix: str = Field(min_length=1)
    alert_topic_arn: str = Field(min_length=1)


class HealthCheckSettings(EnvironmentSettings):
    """`stale_seconds`: how long a heartbeat must stand still; `hung_after_seconds`: how long timeouts must last.

    `vpc_probe_function_name` is None where the stack has no prober in a VPC. A heartbeat is never called stale while
    its controller may still act on its last write, and a stale period fits into one invocation. `host_check_document`
    is what runs on hosts, empty where nothing may.
    """

    table_prefix: str = Field(min_length=1)
    host_check_document: str = ""
    probe_function_name: str = Field(min_length=1)
    vpc_probe_function_name: str | None = None
    event_bus_name: str = Field(min_length=1)
    stale_seconds: float = Field(default=10.0, ge=SELF_FENCE_LEASE_SECONDS, le=30)
    hung_after_seconds: float = Field(default=120.0, gt=0)

    @property
    def probe_functions(self) -> Mapping[ProbeLocation, str]:
        """The prober of each location that the stack has one in."""
        vpc = {} if self.vpc_probe_function_name is None else {ProbeLocation.VPC: self.vpc_probe_function_name}
        return {ProbeLocation.PUBLIC: self.probe_function_name, **vpc}
