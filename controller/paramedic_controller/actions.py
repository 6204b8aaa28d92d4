"""What the planner decides and what came of it: each value is one change to a service's state."""

from dataclasses import dataclass

from paramedic.state.receipt import Receipt


@dataclass(frozen=True)
class OpenLaunch:
    """Intend to run one more replica, of `version`, reachable at `url`."""

    replica_id: int
    operation_id: str
    url: str
    reason: str
    version: int
    generation: int


@dataclass(frozen=True)
class OpenStop:
    """Intend to end a replica; `failed` when it is ended because it does not work."""

    replica_id: int
    operation_id: str
    reason: str
    failed: bool


@dataclass(frozen=True)
class MarkReady:
    """Route requests to a replica."""

    replica_id: int


@dataclass(frozen=True)
class MarkNotReady:
    """Route no more requests to a replica."""

    replica_id: int
    reason: str


@dataclass(frozen=True)
class Launched:
    """A launch was made."""

    operation_id: str
    receipt: Receipt


@dataclass(frozen=True)
class LaunchFailed:
    """A launch cannot be made any more, and nothing of it runs."""

    operation_id: str
    detail: str


@dataclass(frozen=True)
class Stopped:
    """A replica is known to have ended."""

    operation_id: str
    detail: str


@dataclass(frozen=True)
class LetGo:
    """A replica that ran elsewhere is not looked after any more; it is not confirmed that it has ended."""

    operation_id: str
    detail: str


@dataclass(frozen=True)
class ChangeOver:
    """The desired generation serves from now on."""


@dataclass(frozen=True)
class Settle:
    """The desired revision is reached."""


@dataclass(frozen=True)
class Drive:
    """Call the launcher for an open operation; changes no state by itself."""

    operation_id: str


@dataclass(frozen=True)
class FinishDown:
    """Remove what is stored of a service that has no replica left; changes no state by itself."""


type Fact = Launched | LaunchFailed | Stopped | LetGo
type Change = OpenLaunch | OpenStop | MarkReady | MarkNotReady | Fact | ChangeOver | Settle
type Effect = Drive | FinishDown
type Action = Change | Effect
