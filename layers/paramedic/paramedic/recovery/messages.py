"""What the recovery function is asked and what it answers."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from paramedic.health.ticks import Tick


class ManualRecover(BaseModel):
    """A person asks for a recovery now. The same `request_id` twice is one request.

    `predecessor_gone` is how they know that a predecessor nobody can look at has ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["recover"]
    target: str = Field(min_length=1)
    actor: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    request_id: str = Field(min_length=8)
    predecessor_gone: str | None = Field(default=None, min_length=1)


class Sweep(BaseModel):
    """The schedule asks for unfinished recoveries to be taken further."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["sweep"]
    tick: Tick


class Status(StrEnum):
    """How a request ended. Only `RECOVERED` means the target was seen healthy under its new epoch."""

    RECOVERED = "recovered"
    RECOVERING = "recovering"
    REFUSED = "refused"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Reply(BaseModel):
    """`message` is a sentence for a person; `epoch` is the recovery's, where there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    message: str
    target: str
    epoch: int | None = None
