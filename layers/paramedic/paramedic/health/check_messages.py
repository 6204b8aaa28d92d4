"""The messages of the check queue."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from paramedic.health.ticks import Tick
from paramedic.state.targets import BUCKETS


class DispatchRequest(BaseModel):
    """The event of `health_dispatch`: which scheduled tick this is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tick: Tick


class CheckMessage(BaseModel):
    """Check every target of `buckets`, at `tick`; where `targets` are named, only those.

    Such a check is a further one of its minute.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    tick: Tick
    buckets: tuple[Annotated[int, Field(ge=0, lt=BUCKETS)], ...] = Field(min_length=1)
    targets: tuple[Annotated[str, Field(min_length=1)], ...] = ()
