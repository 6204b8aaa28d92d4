"""What `health_probe` is told by its environment."""

from typing import Annotated

from pydantic import BeforeValidator

from paramedic.settings import EnvironmentSettings


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(cidr.strip() for cidr in value.split(",")) if value.strip() else ()


class ProbeSettings(EnvironmentSettings):
    """`allowed_cidrs`: the private networks targets may be in; ALLOWED_CIDRS separates them by commas."""

    allowed_cidrs: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
