"""What `gateway_reconcile` is asked."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from paramedic.gateways.spec import NAME_PATTERN
from paramedic.health.ticks import Tick


class ReconcileRequest(BaseModel):
    """A scheduled tick, for all gateways, or one `gateway` that somebody changed. Only that it came counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tick: Tick | None = None
    gateway: str | None = Field(default=None, pattern=NAME_PATTERN)

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.tick is None and self.gateway is None:
            raise ValueError("must have a tick, or the gateway that is meant")
        return self
