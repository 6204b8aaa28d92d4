"""What every launcher promises: how a workload is launched, described and stopped.

A launcher acts on the outside world, so each call names exactly what it acts on and carries the caller's epoch.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from paramedic.errors import ParamedicError
from paramedic.state.receipt import Receipt


def launch_key(target_id: str, epoch: int) -> str:
    """The one key under which the workload of a target's epoch is ever launched, in this stack or any other.

    Targets and epochs are called alike in all stacks, and those may launch in one account, cluster or namespace: a key
    of two would be one client token, and one workload.
    """
    # Whoever only runs processes of its own host needs no tables.
    from paramedic.state.tables import table_prefix

    return f"{table_prefix()}{target_id}/{epoch}"


class Launch(BaseModel):
    """One request to run a workload.

    `workload` names it for good ("controller:main", "replica:<uid>/<id>"); `scope` is whose epoch fences it
    ("controller:main"); `key` is the operation's id: the same key twice is one workload.
    `environment` is added to the profile's; secrets go there, never into `command`. There is no `command` where the
    workload is defined elsewhere, by a task definition or a pod template.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    workload: str
    scope: str
    epoch: int
    key: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = Field(default={}, repr=False)
    working_directory: str | None = None
    log_file: str | None = None


class RunState(StrEnum):
    """What a launcher can see of one exact workload.

    `UNKNOWN` may pass; `ELSEWHERE` does not: it ran where this launcher cannot look, and may still run there.
    """

    RUNNING = "running"
    SUSPENDED = "suspended"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    ELSEWHERE = "elsewhere"


class Description(BaseModel):
    """One look at a workload. `cpu_seconds` lets two looks tell progress from none; None where it is not known.

    `ailing` is what a check of its own platform, made where it runs, finds wrong with it; empty where that finds
    nothing, or none is made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: RunState
    cpu_seconds: float | None = None
    ailing: str = ""
    detail: str = ""


FENCING_ON_HOST = frozenset({"process", "ssm"})
"""Launchers whose hosts themselves refuse a passed epoch and a used key."""


FOUND_KEY = "found"
"""The key in receipts of what no launcher started. It is never a launch key: those name a target and an epoch."""


class StopOutcome(StrEnum):
    """How sure we are that the workload will never act again.

    `FENCED` is no launcher's to say: it may run on, and everything that it could do is refused.
    """

    STOPPED = "stopped"
    FENCED = "fenced"
    UNCONFIRMED = "unconfirmed"


class StopResult(BaseModel):
    """`detail` says what was seen; for `unconfirmed`, what would confirm it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: StopOutcome
    detail: str


class LauncherError(ParamedicError):
    """A launcher could not do what was asked."""


class HostNotSharedError(LauncherError):
    """The launcher needs to run on the workload's own host, and does not."""


class NoPlaceError(LauncherError):
    """The profile names no one place, so nobody can tell what runs there without having launched it."""


class PlaceTakenError(LauncherError):
    """Something runs in the profile's place that this launch did not start; nothing was started beside it."""


class EpochRefusedError(LauncherError):
    """The host has seen a higher epoch for this scope or workload: the caller's time has passed."""


class KeyAlreadyUsedError(LauncherError):
    """The launch key was used and its workload is gone; a new attempt needs a new key."""


class Launcher(Protocol):
    """A way to run workloads. Calls are idempotent and safe to repeat after a crash."""

    def launch(self, request: Launch) -> Receipt:
        """Run the workload once per key; a repeated key returns the receipt of the first.

        Raises:
            EpochRefusedError: a higher epoch was seen for this scope or workload.
            KeyAlreadyUsedError: the key's workload has ended.
            LauncherError: the workload could not be started.
        """

    def find(self, workload: str, key: str) -> Receipt | None:
        """The receipt for a key whose launch may have been interrupted; None when nothing was started."""

    def running(self, scope: str) -> list[Receipt]:
        """Whatever was launched for `scope` and runs where this launcher looks, recorded anywhere or not.

        Raises:
            LauncherError: not all of it can be seen; that is no empty list.
        """

    def occupant(self, workload: str) -> Receipt | None:
        """The exact workload that runs in the profile's place now, whoever started it; None when the place is empty.

        What no launcher started has the key `FOUND_KEY` and epoch 0, and is taken for `workload`.

        Raises:
            NoPlaceError: the profile names no place that holds one workload at most.
            LauncherError: it cannot be told; that is no empty place.
        """

    def describe(self, receipt: Receipt) -> Description:
        """Look at exactly this workload."""

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        """End exactly this workload: ask it, wait `grace_seconds`, then force it (at once when 0).

        `scope` is whose `epoch` it is; absent, that of whoever launched it.

        Raises:
            EpochRefusedError: a higher epoch than `epoch` was seen for this scope or workload.
        """

    def fence(self, scope: str, epoch: int) -> None:
        """Refuse every later call for `scope` below `epoch`; a no-op for launchers without a host fence."""
