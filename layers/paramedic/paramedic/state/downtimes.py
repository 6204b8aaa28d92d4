"""Planned downtimes, rows of table `services`: all in one partition, so that one query finds every one there is."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.tables import JsonAttribute, Row, TableMeta

PARTITION = "downtime/"


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


class PlannedDowntime(Row):
    """The windows of one service (`uid`: of exactly that one), or of the controller itself where `service` is absent.

    Every change of the windows is conditional on `revision` and `changed_at` as read. `watched_since` is when a window
    last ended, until the service was seen ready again or people were told that it is not.
    """

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True, default=PARTITION)
    item = UnicodeAttribute(range_key=True)
    of_controller = UnicodeAttribute()
    service = UnicodeAttribute(null=True)
    uid = UnicodeAttribute(null=True)
    revision = NumberAttribute()
    windows = JsonAttribute(Windows)
    changed_by = UnicodeAttribute()
    changed_at = UnicodeAttribute()
    watched_since = UnicodeAttribute(null=True)

    @property
    def of_what(self) -> str:
        """Whom it concerns, for people."""
        return f"service {self.service}" if self.service else f"controller {self.of_controller}"


def service_downtime_item(controller_id: str, service: str) -> str:
    """Range key of a service's windows."""
    return f"service#{controller_id}#{service}"


def controller_downtime_item(controller_id: str) -> str:
    """Range key of a controller's own windows."""
    return f"controller#{controller_id}"


class PlannedPeriod(_Part):
    """A stretch of planned downtime: `since` belongs to it, `until` does not."""

    since: datetime
    until: datetime
    reason: str

    def covers(self, moment: datetime) -> bool:
        """Whether `moment` lies in it."""
        return self.since <= moment < self.until
