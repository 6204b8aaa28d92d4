"""Table `controllers`: what a controller owns itself: its epoch and claim, heartbeat, endpoint and hint."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.receipt import Receipt
from paramedic.state.tables import JsonAttribute, Row, TableMeta

TABLE = "controllers"

EPOCH, HEARTBEAT, ENDPOINT, HINT = "epoch", "heartbeat", "endpoint", "hint"


class ControllerEpoch(Row):
    """The fencing token. `claimed_by` is the random process id of the claimant of exactly this epoch, or absent."""

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=EPOCH)
    epoch = NumberAttribute()
    claimed_by = UnicodeAttribute(null=True)
    claimed_at = UnicodeAttribute(null=True)
    claimant = JsonAttribute(Receipt, null=True)


class ControllerHeartbeat(Row):
    """`sequence` moves after every completed pass; `sealed_epoch` is the only epoch that may move it."""

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=HEARTBEAT)
    sealed_epoch = NumberAttribute()
    sequence = NumberAttribute()
    beat_at = UnicodeAttribute(null=True)


class ControllerEndpoint(Row):
    """Where the controller listens for good, and the launcher profile that relaunches it."""

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=ENDPOINT)
    host = UnicodeAttribute()
    port = NumberAttribute()
    profile = UnicodeAttribute()


class ControllerHint(Row):
    """`revision` grows with every change users make to desired state: the controller polls only this item."""

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=HINT)
    revision = NumberAttribute()


MODELS = (ControllerEpoch, ControllerHeartbeat, ControllerEndpoint, ControllerHint)
