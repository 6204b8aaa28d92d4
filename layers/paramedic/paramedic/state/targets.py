"""Table `targets`: what is health-checked. A healthy target's row is never written."""

import zlib
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from paramedic.clock import from_iso
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.tables import OptionalJsonAttribute, Row, TableMeta

TABLE = "targets"

BUCKETS = 64
"""Fixed for ever: the bucket is part of the key."""

COUNTS_BUCKET = -1
"""The partition that holds, under each bucket's number, how many targets it has."""

NOTES_BUCKET = -2
MASS_FAILURE_NOTE = "mass_failure"
"""Where it stands that people were told of a mass failure."""


NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
"""What people may call a target."""


class TargetKind(StrEnum):
    """What a target is, hence what can be known about it."""

    CONTROLLER = "controller"
    GATEWAY = "gateway"
    URL = "url"
    PUSH = "push"
    SSM = "ssm"


class TargetMode(StrEnum):
    """How much Paramedic may do by itself."""

    OBSERVE = "observe"
    ASK = "ask"
    AUTO = "auto"


def prefix_of(kind: TargetKind) -> str:
    """What the ids of all targets of a kind begin with."""
    return f"{kind}:"


def bucket_of(target_id: str) -> int:
    """The bucket a target lives in (CRC-32 of its id, modulo 64)."""
    return zlib.crc32(target_id.encode()) % BUCKETS


def controller_target_id(controller_id: str) -> str:
    """The target id of a controller."""
    return f"controller:{controller_id}"


def controller_id_of(target_id: str) -> str | None:
    """The controller a target id names, or None for other kinds."""
    kind, _, name = target_id.partition(":")
    return name if kind == "controller" and name else None


def epoch_key_of(target_id: str) -> str:
    """Under which key of table `controllers` a target's epoch is: a controller's under its id, any other's its own."""
    return controller_id_of(target_id) or target_id


class RouteToTry(BaseModel):
    """A service with a ready replica, and the host name by which a gateway replica is asked for it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: str
    host: str


class BadPeriod(BaseModel):
    """A target's verdict while it is not healthy. Times are scheduled tick times.

    `timeouts_since` is the first tick of the unbroken run of timeouts; `heartbeat_sequence` is where the heartbeat was
    last seen to stand still, None where it was not; `unpublished` is the detail-type of an event that is decided but
    not yet known to be on the bus; `told_by` is the id of the event that tells people of the period. `flapping`: it
    followed another one too soon.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: str
    diagnosis: str
    since: str
    last_tick: str
    timeouts_since: str | None = None
    heartbeat_sequence: int | None = None
    outcome: str
    detail: str = ""
    event_id: str
    unpublished: str | None = None
    told_by: str | None = None
    flapping: bool = False


class Beginnings(BaseModel):
    """When a target's last few bad periods began."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ticks: tuple[str, ...]


class Target(Row):
    """One target. `bad` is absent while it is healthy; `bad_version` makes its changes conditional.

    `beginnings` outlives that. A target is due every `every_minutes`, each of them where there is no such number; one
    that is `fast` also at the further checks of each minute, where the stack has any. It is probed from the location
    `probe_from`, public where there is none.
    `asked` is JSON: what is sent and expected where that is more than GET and 200. `on_host` is JSON too: the check
    that is made on its host, by itself or when a probe times out. One that reports by itself is silent after so many
    seconds. `added_at` is when it was added, by the clock of whoever did.
    `downtime` is the planned one it is in, about to enter or was in last. `registration` is a random word of whoever
    added it, to tell a lost reply from a target that was there before. `drill_window` is when drills may be made of it,
    such as 02:00-04:00 in UTC, at any time where there is none.

    Of gateway replicas only: `route` is what is tried through it, absent while it serves nothing; `left_at` is when it
    ended because it was asked to, absent once it is back.
    """

    class Meta(TableMeta):
        pass

    bucket = NumberAttribute(hash_key=True)
    target_id = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute()
    url = UnicodeAttribute(null=True)
    mode = UnicodeAttribute()
    timeout_seconds = NumberAttribute(default_for_new=3)
    every_minutes = NumberAttribute(null=True)
    fast = BooleanAttribute(null=True)
    probe_from = UnicodeAttribute(null=True)
    asked = UnicodeAttribute(null=True)
    on_host = UnicodeAttribute(null=True)
    silent_after_seconds = NumberAttribute(null=True)
    added_at = UnicodeAttribute(null=True)
    profile = UnicodeAttribute(null=True)
    paused = BooleanAttribute(default_for_new=False)
    downtime = OptionalJsonAttribute(PlannedPeriod)
    bad = OptionalJsonAttribute(BadPeriod)
    bad_version = NumberAttribute(null=True)
    beginnings = OptionalJsonAttribute(Beginnings)
    registration = UnicodeAttribute(null=True)
    route = OptionalJsonAttribute(RouteToTry)
    left_at = UnicodeAttribute(null=True)
    drill_window = UnicodeAttribute(null=True)

    def is_off_on_purpose(self, moment: datetime) -> bool:
        """Whether `moment` lies in its planned downtime."""
        return self.downtime is not None and self.downtime.covers(moment)

    @property
    def was_bad_before_downtime(self) -> bool:
        """Whether what is recorded of it began before the planned downtime it is in or was in last."""
        return self.bad is not None and self.downtime is not None and from_iso(self.bad.since) < self.downtime.since

    def may_still_start(self, moment: datetime) -> bool:
        """Whether a planned downtime ended so shortly before `moment` that it need not be healthy yet."""
        return self.downtime is not None and self.downtime.is_just_over(moment)


class TargetCount(Row):
    """How many targets one bucket holds, changed in the transaction that adds or removes one.

    `fast` are the ids of those that are fast.
    """

    class Meta(TableMeta):
        pass

    bucket = NumberAttribute(hash_key=True, default=COUNTS_BUCKET)
    target_id = UnicodeAttribute(range_key=True)
    targets = NumberAttribute()
    fast = UnicodeSetAttribute(null=True)


class MassFailureNote(Row):
    """The last mass failure that was noticed: `last_tick` is when more targets were last seen to go bad with it.

    `event_id` names what was announced of it, which is not known to be on the bus while `unpublished`. It began at
    `since` and is `over` or not; rows of earlier releases say neither.
    """

    class Meta(TableMeta):
        pass

    bucket = NumberAttribute(hash_key=True, default=NOTES_BUCKET)
    target_id = UnicodeAttribute(range_key=True, default=MASS_FAILURE_NOTE)
    last_tick = UnicodeAttribute()
    event_id = UnicodeAttribute()
    unpublished = BooleanAttribute()
    since = UnicodeAttribute(null=True)
    over = BooleanAttribute(null=True)


MODELS = (Target, TargetCount, MassFailureNote)
