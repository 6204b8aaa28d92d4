"""What a recovery must know of the target it recovers, and does not know itself: one subject for each kind of target.

Gate, epoch, steps and record are one path for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import Launcher
from paramedic.recovery.gate import Evidence
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.gateway_keys import gateway_replica_of
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Predecessor, Recovery
from paramedic.state.targets import Target, TargetKind, controller_id_of, epoch_key_of, prefix_of


class NotRelaunchableError(ParamedicError):
    """The target is of a kind that nothing relaunches."""


@dataclass(frozen=True)
class Seen:
    """One look at a target.

    `predecessors` are who must be gone before a successor starts. `living` is what would be ended if it were replaced
    although it is well; None where nobody knows which workload that is.
    """

    evidence: Evidence
    predecessors: tuple[Predecessor, ...]
    living: Receipt | None


class Subject(Protocol):
    """A kind of target that can be relaunched. Subjects look, and change nothing."""

    @property
    def fences_state(self) -> bool:
        """Whether seals keep a workload that wakes up late from its state: only then can it be fenced off."""

    @property
    def proof(self) -> str:
        """What shows that a successor is well, for people: "call it recovered once …"."""

    def look(
        self,
        target: Target,
        current: ControllerEpoch,
        previous: Recovery | None,
        asked: bool,
        around: Surroundings,
    ) -> Seen:
        """What can be said of the target right now, beside its epoch item and the recovery that opened its epoch.

        Whoever `asked` for a recovery need not wait until it is hung.

        Raises:
            InvalidRowError: a row of it makes no sense.
            StateUnreachableError: DynamoDB did not answer; nothing can be concluded.
        """

    def recovered(self, recovery: Recovery, around: Surroundings) -> str | None:
        """What the successor took up, once it has proved itself well; None while it has not.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """

    def is_coming_up(self, recovery: Recovery, around: Surroundings) -> bool:
        """Whether the successor is seen to go on, although it has not proved itself yet: then it gets more time.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """

    def told(self, recovery: Recovery) -> Mapping[str, str]:
        """What a launch is told besides what its profile says: variables, none of them secret.

        Raises:
            ParamedicError: what it has to be told is not known, so nothing may be launched.
        """

    def in_its_place(self, recovery: Recovery, launcher: Launcher) -> Receipt | None:
        """What took the place of the launch that is due, though no recovery launched it; None where a launch is needed.

        Raises:
            LauncherError: it cannot be told, so nothing may be launched beside it.
        """


def subject_of(target_id: str) -> Subject:
    """The subject that knows targets of this id's kind.

    Raises:
        NotRelaunchableError: nothing knows how to relaunch one.
    """
    if controller_id_of(target_id) is not None:
        from paramedic.recovery.controller_subject import ControllerSubject

        return ControllerSubject()
    if target_id.startswith(prefix_of(TargetKind.URL)):
        from paramedic.recovery.guarded_subject import GuardedSubject

        return GuardedSubject()
    if gateway_replica_of(target_id) is not None:
        from paramedic.recovery.gateway_subject import GatewaySubject

        return GatewaySubject()
    raise NotRelaunchableError(f"{target_id}: only controllers, URLs and gateway replicas can be relaunched")


def read_epoch(target: Target) -> ControllerEpoch | None:
    """The epoch item of a target; None where it has none, so that nothing can be relaunched for it.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    return ControllerEpoch.read(epoch_key_of(str(target.target_id)), EPOCH)
