"""Table `incidents`: continuous bad periods, what was tried, and the global switch."""

from enum import StrEnum

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.state.tables import Row, TableMeta

TABLE = "incidents"

GLOBAL_TARGET, SWITCH_ITEM = "#global", "switch"
CURRENT_ITEM = "current"


class SwitchState(StrEnum):
    """Whether Paramedic may act at all."""

    RUN = "run"
    HOLD = "hold"


class Incident(Row):
    """A target's current bad period (item `current`); closed ones are kept under the time they opened.

    `attempts` counts automatic ones only. Times are tick times as text. `last_refusal_period` is when the bad period
    began that was last refused.
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


class GlobalSwitch(Row):
    """Absent means run; unreadable means hold."""

    class Meta(TableMeta):
        pass

    target_id = UnicodeAttribute(hash_key=True, default=GLOBAL_TARGET)
    opened = UnicodeAttribute(range_key=True, default=SWITCH_ITEM)
    state = UnicodeAttribute()
    actor = UnicodeAttribute()
    reason = UnicodeAttribute()


MODELS = (Incident, GlobalSwitch)
