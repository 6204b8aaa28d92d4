"""A stretch of planned downtime, as targets' rows hold it: whoever checks them needs no more of downtimes than this."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict


class PlannedPeriod(BaseModel):
    """A stretch of planned downtime: `since` belongs to it, `until` does not.

    From then on until `starts_until`, if there is that, what is not healthy may still be starting.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    since: AwareDatetime
    until: AwareDatetime
    reason: str
    starts_until: AwareDatetime | None = None

    def covers(self, moment: datetime) -> bool:
        """Whether `moment` lies in it."""
        return self.since <= moment < self.until

    def is_just_over(self, moment: datetime) -> bool:
        """Whether what was off may still be starting at `moment`."""
        return self.starts_until is not None and self.until <= moment < self.starts_until
