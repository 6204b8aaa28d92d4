"""What the endpoint answers; all of it is input from outside."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from paramedic.launchers.interface import RunState, StopOutcome


class Answer(BaseModel):
    """An endpoint may say more than is understood."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Launched(Answer):
    """One workload. `id` is what the endpoint knows it by, and no other ever; `status_url` is where to ask about it."""

    id: str = Field(min_length=1, max_length=512)
    status_url: str | None = None


class Found(Answer):
    """One workload with what it was launched as."""

    id: str = Field(min_length=1, max_length=512)
    status_url: str | None = None
    workload: str
    key: str
    scope: str
    epoch: int


class FindAnswer(Answer):
    """`launched` must be there: null says that nothing was started under the key."""

    launched: Found | None


class RunningAnswer(Answer):
    """`complete` says that nothing else of the scope runs."""

    running: tuple[Found, ...]
    complete: Literal[True]


class Status(Answer):
    """What one workload does: `absent` is for what will never act again."""

    state: Literal["starting", "running", "suspended", "absent", "unknown"]
    detail: str = Field(default="", max_length=2048)

    @property
    def run_state(self) -> RunState:
        """In the words of launchers."""
        return RunState.RUNNING if self.state == "starting" else RunState(self.state)


class StopAnswer(Answer):
    """How sure the endpoint is."""

    outcome: StopOutcome
    detail: str = Field(default="", max_length=2048)


class Refusal(Answer):
    """Why an answer has status 409."""

    error: Literal["key_used", "epoch_refused"]
    detail: str = Field(default="", max_length=2048)
