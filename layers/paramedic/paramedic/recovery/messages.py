"""What the recovery function is asked by people and the schedule, and what it answers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from paramedic.errors import InvalidInputError
from paramedic.health.ticks import Tick
from paramedic.validation import validated

EVERYTHING = "everything"
"""What is held or released where it is the global switch; no target is called that, for their ids have a colon."""

type Name = Annotated[str, Field(min_length=1, max_length=500)]
"""Of a target, a plan or a person: shorter than what a table takes as a key."""

type Sentence = Annotated[str, Field(min_length=1, max_length=2000)]
"""In a person's words: short enough to be kept with each step of a recovery, and sent to people."""


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ByHand(_Payload):
    """What a person asks for. The same `request_id` twice is one request; a `dry_run` writes nothing."""

    target: Name
    actor: Name
    reason: Sentence
    request_id: str = Field(min_length=8, max_length=500)
    dry_run: bool = False


class ManualRecover(ByHand):
    """A recovery now, of what is surely down.

    `predecessor_gone` is how they know that a predecessor nobody can look at has ended.
    """

    action: Literal["recover"]
    predecessor_gone: Sentence | None = None


class ManualReplace(ByHand):
    """A successor of what may be healthy, once that was seen to be gone."""

    action: Literal["replace"]


class ManualForce(ByHand):
    """A recovery whatever the evidence says; `predecessor_gone` as for `recover`."""

    action: Literal["force"]
    predecessor_gone: Sentence | None = None


class ManualDrill(ByHand):
    """A recovery of what is well, to see how it goes and how long it takes."""

    action: Literal["drill"]


class Approve(ByHand):
    """Yes to the plan of that name, and to no other."""

    action: Literal["approve"]
    plan: Name


class Acknowledge(ByHand):
    """The cause was mended: automation may try again."""

    action: Literal["acknowledge"]


class Hold(ByHand):
    """Nothing is to be stopped or launched for the target, or for any where it is `everything`."""

    action: Literal["hold"]


class Release(ByHand):
    """The hold is over."""

    action: Literal["release"]


class AskStatus(_Payload):
    """What keeps a target from being recovered, and what is under way."""

    action: Literal["status"]
    target: Name


class AskHistory(_Payload):
    """The newest recoveries of a target, step by step."""

    action: Literal["history"]
    target: Name
    limit: int = Field(default=10, ge=1, le=100)


class Guard(ByHand):
    """Recover the URL from now on by the profile that restarts exactly `restart`."""

    action: Literal["guard"]
    restart: Name


class AskCheck(_Payload):
    """Whether a URL could be recovered: by its profile, or by that which restarts `restart`.

    `url` is what is probed of a target that is not registered yet.
    """

    action: Literal["check"]
    target: Name
    restart: Name | None = None
    url: str | None = Field(default=None, min_length=1, max_length=4096)


type OpensRecovery = ManualRecover | ManualReplace | ManualForce | ManualDrill
type Question = AskStatus | AskHistory | AskCheck
type Verb = OpensRecovery | Approve | Acknowledge | Hold | Release | Guard
type Request = Verb | Question

REQUESTS: Mapping[str, type[Request]] = {
    "recover": ManualRecover,
    "replace": ManualReplace,
    "force": ManualForce,
    "drill": ManualDrill,
    "approve": Approve,
    "acknowledge": Acknowledge,
    "hold": Hold,
    "release": Release,
    "guard": Guard,
    "status": AskStatus,
    "history": AskHistory,
    "check": AskCheck,
}
"""What people may ask, by its action."""


def parse_request(event: Mapping[str, Any], root: str = "event") -> Request:
    """What a person asks.

    Raises:
        InvalidInputError: it is malformed; names the field.
    """
    action = event.get("action")
    model = REQUESTS.get(action) if isinstance(action, str) else None
    if model is None:
        raise InvalidInputError(f"{root}.action", action, f"must be one of {', '.join(REQUESTS)}")
    return validated(model, event, root)


class Sweep(BaseModel):
    """The schedule asks for unfinished recoveries to be taken further."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["sweep"]
    tick: Tick


class Status(StrEnum):
    """How a request ended. Only `RECOVERED` means the target was seen healthy under its new epoch.

    `PLANNED`: a dry run; `APPROVED`: the yes is kept, and nothing was opened yet; `DONE`: what needs no recovery.
    """

    RECOVERED = "recovered"
    RECOVERING = "recovering"
    REFUSED = "refused"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    PLANNED = "planned"
    APPROVED = "approved"
    DONE = "done"


class Reply(BaseModel):
    """`message` is a sentence for a person; `epoch` is the recovery's, where there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    message: str
    target: str
    epoch: int | None = None


class Planned(Reply):
    """What a dry run would have done, step by step."""

    plan: tuple[str, ...] = ()


class Checked(BaseModel):
    """Whether a target could be recovered by `profile`; `seen` is what was found, `problems` what is in the way.

    `add` are the lines that the stack's parameters lack.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    target: str
    message: str
    profile: str | None = None
    seen: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
