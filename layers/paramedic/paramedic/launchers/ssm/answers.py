"""What the document's script answers: lines of a name and a text, the last of them `end`."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import LauncherError, RunState, StopOutcome
from paramedic.validation import validated

LAUNCH_FIELDS = ("host", "boot_id", "pid_namespace", "pid", "start_time", "epoch", "scope", "key")
"""What the script says of one launch, in this order."""


class HostSilentError(LauncherError):
    """It is not known what came of a command: ask again by the same key."""


class HostRefusedError(LauncherError):
    """The host would not do it, and says why."""


class FoundLaunch(BaseModel):
    """A launch as its host remembers it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    boot_id: str
    pid_namespace: str
    pid: int = Field(gt=0)
    start_time: int = Field(ge=0)
    epoch: int = Field(ge=0)
    scope: str
    key: str


class SaidOnce(BaseModel):
    """What an answer says once, if at all; `ticks` are of `hertz` a second."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    refused: str = ""
    detail: str = ""
    state: RunState | None = None
    ticks: int | None = None
    hertz: int = Field(default=100, gt=0)
    outcome: StopOutcome | None = None

    @property
    def cpu_seconds(self) -> float | None:
        """The processor time that was used; None where nobody knows."""
        return None if self.ticks is None else self.ticks / self.hertz


@dataclass(frozen=True)
class Answer:
    """`launch` is the one that was asked for; `running` are those that live, by workload."""

    said: SaidOnce
    launch: FoundLaunch | None = None
    running: tuple[tuple[str, FoundLaunch], ...] = ()


def parse_answer(text: str) -> Answer:
    """The answer in a command's output.

    Raises:
        HostSilentError: it is no whole answer.
    """
    lines = [(name, rest) for name, _, rest in (line.partition(" ") for line in text.splitlines())]
    if not lines or lines[-1][0] != "end":
        raise HostSilentError(f"the host gave no whole answer, but {text[-200:]!r}")
    once = {name: rest for name, rest in lines[:-1] if name not in ("launch", "running")}
    launches = [_launch(rest) for name, rest in lines if name == "launch"]
    running = [rest.partition(" ") for name, rest in lines if name == "running"]
    try:
        said = validated(SaidOnce, once, root="answer")
    except InvalidInputError as error:
        raise HostSilentError(f"the host's answer is not understood: {error}") from error
    living = tuple((workload, _launch(rest)) for workload, _, rest in running)
    return Answer(said, launches[0] if launches else None, living)


def _launch(text: str) -> FoundLaunch:
    try:
        return validated(FoundLaunch, dict(zip(LAUNCH_FIELDS, text.split(" "), strict=True)), root="answer.launch")
    except (InvalidInputError, ValueError) as error:
        raise HostSilentError(f"the host's answer is not understood: {text!r}: {error}") from error
