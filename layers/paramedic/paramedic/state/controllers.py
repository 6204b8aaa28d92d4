"""Table `controllers`: what a controller owns itself: its epoch and claim, heartbeat, endpoint, hint and standby."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.receipt import Receipt
from paramedic.state.tables import OptionalJsonAttribute, Row, TableMeta

TABLE = "controllers"

EPOCH, HEARTBEAT, ENDPOINT, HINT, STANDBY = "epoch", "heartbeat", "endpoint", "hint", "standby"


class ControllerEpoch(Row):
    """The fencing token. `claimed_by` is the random process id of the claimant of exactly this epoch, or absent.

    `ended_by` is the process id of the last claimant that ended when it was asked to, and said so.
    """

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=EPOCH)
    epoch = NumberAttribute()
    claimed_by = UnicodeAttribute(null=True)
    claimed_at = UnicodeAttribute(null=True)
    claimant = OptionalJsonAttribute(Receipt)
    ended_by = UnicodeAttribute(null=True)

    @property
    def has_ended(self) -> bool:
        """Whether the claimant of this epoch said itself that it acts no more."""
        return bool(self.claimed_by) and self.ended_by == self.claimed_by


class ControllerHeartbeat(Row):
    """`sequence` moves after completed passes; `sealed_epoch` is the only epoch that may move it.

    `beats` counts since that seal; `restored` is what the sealing process reports to have taken up, once it has.
    """

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=HEARTBEAT)
    sealed_epoch = NumberAttribute()
    sequence = NumberAttribute()
    beats = NumberAttribute(default_for_new=0)
    beat_at = UnicodeAttribute(null=True)
    restored = UnicodeAttribute(null=True)


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


class ControllerStandby(Row):
    """The one process that waits to be granted the next epoch; nobody does while `process_id` is absent.

    `seen_at` is for people, and renewed every minute: whether the process lives, its host is asked.
    """

    class Meta(TableMeta):
        pass

    controller_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=STANDBY)
    process_id = UnicodeAttribute(null=True)
    receipt = OptionalJsonAttribute(Receipt)
    since = UnicodeAttribute(null=True)
    seen_at = UnicodeAttribute(null=True)


MODELS = (ControllerEpoch, ControllerHeartbeat, ControllerEndpoint, ControllerHint, ControllerStandby)
