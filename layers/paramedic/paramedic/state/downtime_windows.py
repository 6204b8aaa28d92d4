"""What planned downtimes are; how their rows are kept, `downtimes` says.

Without the library for DynamoDB: whoever reads a service's spec needs these and not that.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Recurring(_Part):
    """From each time of `stop` until the next of `start`, cron expressions of wall-clock time in `timezone`."""

    kind: Literal["recurring"] = "recurring"
    stop: str
    start: str
    timezone: str


class OneOff(_Part):
    """From `begin` until `end`, once."""

    kind: Literal["one-off"] = "one-off"
    begin: AwareDatetime
    end: AwareDatetime


class Window(_Part):
    """One planned downtime; `number` names it among those of its service or controller.

    `from_spec` are those that the service's YAML asks for: its next version replaces them.
    """

    number: int
    plan: Annotated[Recurring | OneOff, Field(discriminator="kind")]
    owner: str
    reason: str
    added_at: AwareDatetime
    from_spec: bool = False


class Windows(_Part):
    """What a row holds of them."""

    windows: tuple[Window, ...]


class PlannedPeriod(_Part):
    """A stretch of planned downtime: `since` belongs to it, `until` does not.

    From then on until `starts_until`, if there is that, what is not healthy may still be starting.
    """

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
