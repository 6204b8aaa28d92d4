"""Everything a recovery touches outside DynamoDB, handed in so that tests can stand in its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paramedic.clock import Clock
from paramedic.health.outcomes import ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import Launch, Launcher
from paramedic.setting_types import MOST_OPEN_RECOVERIES

if TYPE_CHECKING:
    from paramedic.launchers.profiles import LauncherProfile


@dataclass(frozen=True)
class LaunchPlan:
    """How a profile runs a workload: `request` is all but what names this one attempt.

    `fences_on_host`: where the workload is launched, the host itself refuses whoever has a lower epoch.
    """

    launcher: Launcher
    request: Callable[[str, str, int, str], Launch]
    verify_seconds: float
    fences_on_host: bool = False


@dataclass(frozen=True)
class Surroundings:
    """`profile` raises LauncherError or ParamedicError when it cannot be used here; `profiles` are all of the stack's.

    `page` tells people and returns whether that was taken; it never raises.
    Every `poll_seconds` it is looked whether a launch has proved itself, every `look_seconds` whether it has ended.
    `invocation` names this run: it owns the steps it works on. `approval_minutes`: how long a question stands.
    Automation has at most `most_open_recoveries` under way in the whole stack.
    """

    clock: Clock
    new_id: Callable[[], str]
    invocation: str
    probe: Callable[[ProbeRequest], ProbeOutcome]
    profile: Callable[[str], LaunchPlan]
    page: Callable[[str, str], bool]
    stale_seconds: float
    verify_seconds_per_invocation: float = 20.0
    poll_seconds: float = 0.1
    look_seconds: float = 2.0
    approval_minutes: float = 30.0
    most_open_recoveries: int = MOST_OPEN_RECOVERIES
    profiles: Mapping[str, "LauncherProfile"] = field(default_factory=dict)
