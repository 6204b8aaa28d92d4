"""What the downtime function is asked."""

from pydantic import BaseModel, ConfigDict

from paramedic.health.ticks import Tick


class DowntimeTick(BaseModel):
    """A scheduled tick: only that there is one counts, what is due depends on the time it is worked on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tick: Tick
