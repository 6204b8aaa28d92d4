"""Checks that are made on a host, through SSM: what may be asked there, and what it answers.

A row names an instance and one of the checks that the stack's own document defines, with parameters of fixed shape. It
holds no command, and the document takes none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from paramedic.health.diagnosis import HostCheck
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome
from paramedic.run_command import INSTANCE_PATTERN
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import (
    NAME_PATTERN,
    Target,
    TargetKind,
    TargetMode,
    bucket_of,
    controller_target_id,
    prefix_of,
)

# The document has the same patterns: nothing in them ends the quotes that its script puts around them.
PORT_PATTERN = r"^[1-9][0-9]{0,4}$"
PATH_PATTERN = r"^/[A-Za-z0-9._~/%?=&-]{0,200}$"
UNIT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9@._:-]{0,200}$"

REFUSED = "the stack makes no checks on hosts: name their instances in its parameter HostCheckInstanceArns"


class CheckKind(StrEnum):
    """`HTTP` wants a 2xx of a port on loopback, `TCP` a connection to one, `UNIT` a systemd unit that is active."""

    HTTP = "http"
    TCP = "tcp"
    UNIT = "unit"


_TAKES = {
    CheckKind.HTTP: ({"port"}, {"path"}),
    CheckKind.TCP: ({"port"}, set[str]()),
    CheckKind.UNIT: ({"unit"}, set[str]()),
}
"""What each check must be given, and what it may be."""


class OnHost(BaseModel):
    """One check on one host."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance: str = Field(pattern=INSTANCE_PATTERN)
    check: CheckKind
    port: int | None = Field(default=None, ge=1, le=65535)
    path: str | None = Field(default=None, pattern=PATH_PATTERN)
    unit: str | None = Field(default=None, pattern=UNIT_PATTERN)

    @model_validator(mode="after")
    def _is_given_what_it_takes(self) -> Self:
        needed, possible = _TAKES[self.check]
        given = {name for name in ("port", "path", "unit") if getattr(self, name) is not None}
        if missing := needed - given:
            raise ValueError(f"check {self.check} needs {', '.join(sorted(missing))}")
        if other := given - needed - possible:
            raise ValueError(f"check {self.check} takes no {', '.join(sorted(other))}")
        return self

    def parameters(self) -> Mapping[str, list[str]]:
        """What the document is given; what it is not has a default there."""
        return {name: [str(value)] for name, value in self.model_dump(exclude={"instance"}, exclude_none=True).items()}


class HostTarget(BaseModel):
    """A target that is looked at on its own host and from nowhere else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN)
    ssm: OnHost
    # Each look is a command on the host, and waits for its agent.
    every_minutes: Literal[1, 5, 15] = 5

    @property
    def target_id(self) -> str:
        """What it is called among all targets."""
        return prefix_of(TargetKind.SSM) + self.name

    def row(self) -> Target:
        """The same as a row, of which nothing else is known yet."""
        return Target(
            bucket_of(self.target_id),
            self.target_id,
            kind=TargetKind.SSM,
            mode=TargetMode.OBSERVE,
            every_minutes=self.every_minutes,
            on_host=stored(self.ssm),
        )


class ControllerOnHost(BaseModel):
    """What the host of a controller is asked when its probe times out; without a `host_check`, nothing more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    controller: str = Field(min_length=1)
    host_check: OnHost | None = None

    @property
    def target_id(self) -> str:
        """What it is called among all targets."""
        return controller_target_id(self.controller)


@dataclass(frozen=True)
class HostAnswer:
    """What came of a check on a host, or why nothing did."""

    says: HostCheck
    detail: str

    def outcome(self, target_id: str) -> ProbeOutcome:
        """The same, where it is all that is looked at."""
        kinds = {HostCheck.PASSES: OutcomeKind.OK, HostCheck.FAILS: OutcomeKind.FAILED}
        return ProbeOutcome(target_id, kinds.get(self.says, OutcomeKind.NOT_PROBED), self.detail)


def stored(asked: OnHost | None) -> str | None:
    """The text that is kept in a row."""
    return None if asked is None else asked.model_dump_json(exclude_none=True)


def on_host_of(row: Target) -> OnHost | None:
    """What a row says is asked on its target's host, if anything.

    Raises:
        InvalidRowError: it makes no sense.
    """
    if not row.on_host:
        return None
    try:
        return OnHost.model_validate_json(row.on_host)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(["on_host", *(str(part) for part in first["loc"])])
        raise InvalidRowError(Target.Meta.table_name, row.key_text(), path, first["input"], first["msg"]) from error


def is_allowed(instance: str, arns: Sequence[str]) -> bool:
    """Whether the stack may make checks on an instance, by the ARNs of its parameter; in them * stands for anything."""
    kind = "managed-instance" if instance.startswith("mi-") else "instance"
    return any(fnmatchcase(f"{kind}/{instance}", arn.rpartition(":")[2]) for arn in arns)
