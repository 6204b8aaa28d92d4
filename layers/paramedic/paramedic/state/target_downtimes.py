"""Planned downtimes of targets, rows of table `targets`. Apart from the rest of it: who checks targets needs none."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.downtimes import PlannedWindows
from paramedic.state.tables import TableMeta

TABLE = "targets"

WINDOWS_BUCKET = -3
"""The partition that holds them, so that one query finds every one there is."""


class TargetDowntime(PlannedWindows):
    """The planned windows of one target that is no controller; `uid` is its `registration`."""

    class Meta(TableMeta):
        pass

    bucket = NumberAttribute(hash_key=True, default=WINDOWS_BUCKET)
    target_id = UnicodeAttribute(range_key=True)


MODELS = (TargetDowntime,)
