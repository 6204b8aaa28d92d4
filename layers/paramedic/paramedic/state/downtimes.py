"""Planned downtimes, rows of table `services`: all in one partition, so that one query finds every one there is.

Those of targets are in table `targets`, in a partition likewise.
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.downtime_windows import Windows
from paramedic.state.tables import JsonAttribute, Row, TableMeta

PARTITION = "downtime/"


class PlannedWindows(Row):
    """Windows, and of what: `uid` tells it from others that had or will have its name.

    Every change of the windows is conditional on `revision` and `changed_at` as read.
    """

    uid = UnicodeAttribute(null=True)
    revision = NumberAttribute()
    windows = JsonAttribute(Windows)
    changed_by = UnicodeAttribute()
    changed_at = UnicodeAttribute()


class PlannedDowntime(PlannedWindows):
    """The windows of one service, or of the controller itself where `service` is absent.

    `watched_since` is when a window last ended, until the service was seen ready again or people were told that it is
    not.
    """

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True, default=PARTITION)
    item = UnicodeAttribute(range_key=True)
    of_controller = UnicodeAttribute()
    service = UnicodeAttribute(null=True)
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
