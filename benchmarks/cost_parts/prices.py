"""List prices and what is taken for granted: all of it from one file beside this one."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

FILE = Path(__file__).with_name("prices.yaml")

type Month = Annotated[str, BeforeValidator(str), Field(pattern=r"^\d{4}-\d{2}$")]
"""A month as 2026-11."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Price(_Part):
    """`dollars` for `per` units; the first `free` of a month cost nothing in any account, however old."""

    dollars: float = Field(ge=0)
    per: int = Field(ge=1)
    free: int = Field(ge=0)
    as_of: Month
    source: str


class Assumed(_Part):
    """What is not measured. Times in seconds."""

    vcpu_megabytes: int
    round_trip_seconds: float
    round_trips: int
    aws_call_seconds: float
    pollers: int
    poll_seconds: int
    log_event_bytes: int
    log_retention_days: int


class Process(_Part):
    """What DynamoDB bills a process each day."""

    read_units: int
    write_units: int
    source: str


class Peer(_Part):
    """Another monitor's prices: each month for a check and its `options`, or for each `run` of one."""

    basic: float = 0.0
    free: int = 0
    options: float = 0.0
    run: float = 0.0
    as_of: Month
    source: str


class Prices(_Part):
    """The whole file."""

    region: str
    month_days: int
    prices: Mapping[str, Price]
    assumed: Assumed
    processes: Mapping[str, Process]
    peers: Mapping[str, Peer]

    @property
    def month_minutes(self) -> int:
        """Ticks of a month."""
        return self.month_days * 24 * 60


@cache
def read_prices() -> Prices:
    """The file's content.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or makes no sense.
    """
    return Prices.model_validate(yaml.safe_load(FILE.read_text()))
