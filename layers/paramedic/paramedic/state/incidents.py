"""Table `incidents`: continuous bad periods, what was tried, what was asked, and what people hold."""

from enum import StrEnum

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.tables import Row, TableMeta

TABLE = "incidents"

GLOBAL_TARGET, SWITCH_ITEM = "#global", "switch"
CURRENT_ITEM = "current"

OBSERVED_PREFIX, ASKED_PREFIX = "observe#", "ask#"
"""What the range keys of plans begin with; the tick at which the bad period began follows."""


class SwitchState(StrEnum):
    """Whether Paramedic may act at all."""

    RUN = "run"
    HOLD = "hold"


class Incident(Row):
    """A target's current bad period (item `current`); closed ones are kept under the time they opened.

    `attempts` counts automatic ones only. Times are tick times as text. `last_refusal_period` is when the bad period
    began that was last refused. `acknowledged_by` is who lifted a block last.
    """

    class Meta(TableMeta):
        pass

    target_id = UnicodeAttribute(hash_key=True)
    opened = UnicodeAttribute(range_key=True)
    incident_id = UnicodeAttribute()
    attempts = NumberAttribute()
    last_attempt_at = UnicodeAttribute(null=True)
    last_success_at = UnicodeAttribute(null=True)
    last_refusal = UnicodeAttribute(null=True)
    last_refusal_text = UnicodeAttribute(null=True)
    last_refusal_period = UnicodeAttribute(null=True)
    acknowledged_by = UnicodeAttribute(null=True)
    acknowledged_at = UnicodeAttribute(null=True)
    acknowledged_reason = UnicodeAttribute(null=True)


class HoldSwitch(Row):
    """Whether people hold everything (under `GLOBAL_TARGET`) or one target. Absent means run; unreadable means hold."""

    class Meta(TableMeta):
        pass

    target_id = UnicodeAttribute(hash_key=True, default=GLOBAL_TARGET)
    opened = UnicodeAttribute(range_key=True, default=SWITCH_ITEM)
    state = UnicodeAttribute()
    actor = UnicodeAttribute()
    reason = UnicodeAttribute()
    changed_at = UnicodeAttribute(null=True)


class RelaunchPlan(Row):
    """What automation would have done (`observe#…`) or asked to do (`ask#…`) in one bad period.

    `told_at` is when people were told, absent while they are owed that. Of questions only: nothing happens by it from
    `expires_at` on; `approved_by` is whose yes it has; `used_epoch` the epoch that was opened by that.
    """

    class Meta(TableMeta):
        pass

    target_id = UnicodeAttribute(hash_key=True)
    opened = UnicodeAttribute(range_key=True)
    made_at = UnicodeAttribute()
    text = UnicodeAttribute()
    told_at = UnicodeAttribute(null=True)
    expires_at = UnicodeAttribute(null=True)
    approved_by = UnicodeAttribute(null=True)
    approved_reason = UnicodeAttribute(null=True)
    approved_at = UnicodeAttribute(null=True)
    used_epoch = NumberAttribute(null=True)


MODELS = (Incident, HoldSwitch, RelaunchPlan)
