"""Table `recoveries`: every attempt, step by step."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PynamoDBException
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from paramedic.state.receipt import Receipt
from paramedic.state.tables import JsonAttribute, OptionalJsonAttribute, Row, StateUnreachableError, TableMeta

TABLE = "recoveries"

OPEN = "open"


class Step(StrEnum):
    """Where a recovery stands. `STOP`, `LAUNCH` and `VERIFY` are open; the rest are final."""

    STOP = "stop"
    LAUNCH = "launch"
    VERIFY = "verify"
    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"


OPEN_STEPS = (Step.STOP, Step.LAUNCH, Step.VERIFY)
CLAIMABLE_STEPS = (Step.LAUNCH, Step.VERIFY)


class Predecessor(BaseModel):
    """Something that may still act for an older epoch: its receipt, or the launch key it would be found by.

    `profile` is what it was launched by, where that is known: who can tell of it is asked there, whatever the target's
    profile is now. `ended`: it said itself that it acts no more.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: int
    receipt: Receipt | None = None
    launch_key: str | None = None
    profile: str | None = None
    ended: bool = False


class Entry(BaseModel):
    """One line of the record."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: str
    step: str
    text: str


class Story(BaseModel):
    """Why the recovery was opened and what happened, in order; `predecessor_gone` is a person's word for just that.

    `launched` is who is to claim the epoch; `granted` the standby that was asked to, also after another was launched.
    `plan` is the approved one it carries out, where its target's mode is ask. `drill`: its predecessor was well, and
    ended to see it recovered. `start_seconds`: how long the last start that proved itself took, where one was measured.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    actor: str
    reason: str
    manual: bool
    diagnosis: str
    evidence: str
    detected_at: str | None = None
    predecessors: tuple[Predecessor, ...] = ()
    predecessor_gone: str = ""
    launched: Receipt | None = None
    granted: Receipt | None = None
    entries: tuple[Entry, ...] = ()
    restored: str = ""
    plan: str = ""
    drill: bool = False
    start_seconds: float | None = None


class Wish(BaseModel):
    """What a person wants of an open recovery; `word` is theirs that its predecessor is gone, empty without one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    actor: str
    reason: str
    word: str = ""


class Wishes(BaseModel):
    """Those that nobody has heeded yet, in order."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    wishes: tuple[Wish, ...]


class Page(BaseModel):
    """A message that people are owed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: str
    text: str


class OpenRecoveries(GlobalSecondaryIndex["Recovery"]):  # type: ignore[no-untyped-call]
    """Sparse: open recoveries, and closed ones that still owe a page.

    Eventually consistent, hence only a hint for the sweeper.
    """

    class Meta:
        index_name = "open"
        projection = KeysOnlyProjection()

    open_marker = UnicodeAttribute(hash_key=True)
    target_id = UnicodeAttribute(range_key=True)


class Recovery(Row):
    """`owner` works on the current step until `deadline` (epoch seconds); `version` makes every change a CAS.

    `moved_by` is the invocation that wrote this version; `waits_for` why the current step cannot be done now;
    `owed_page` what people have yet to be told; `granted_to` the process id of the standby that may claim the epoch.
    `asked` is what people want of it, left beside whoever works on it: it moves no version.
    """

    class Meta(TableMeta):
        pass

    open = OpenRecoveries()

    target_id = UnicodeAttribute(hash_key=True)
    epoch = NumberAttribute(range_key=True)
    incident = UnicodeAttribute()
    profile = UnicodeAttribute()
    step = UnicodeAttribute()
    opened_at = UnicodeAttribute()
    step_at = UnicodeAttribute()
    version = NumberAttribute()
    moved_by = UnicodeAttribute(null=True)
    moved_at = UnicodeAttribute(null=True)
    owner = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)
    waits_for = UnicodeAttribute(null=True)
    owed_page = OptionalJsonAttribute(Page)
    granted_to = UnicodeAttribute(null=True)
    asked = OptionalJsonAttribute(Wishes)
    closed_at = UnicodeAttribute(null=True)
    story = JsonAttribute(Story)
    open_marker = UnicodeAttribute(null=True)


def open_recoveries() -> list[tuple[str, int]]:
    """Target and epoch of recoveries that are probably open; read each record before acting on it.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    try:
        return [(str(row.target_id), int(row.epoch)) for row in Recovery.open.query(OPEN)]
    except PynamoDBException as error:
        raise StateUnreachableError(f"listing open recoveries: {error}") from error


MODELS = (Recovery,)
