"""From a grant to a healthy controller: what was read in advance is used where it holds, and the time is taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from paramedic.clock import Clock, to_iso
from paramedic.state.fencing import LastWrite
from paramedic_controller.board import TookOver
from paramedic_controller.model import Desired, ServiceState
from paramedic_controller.restore import read_service
from paramedic_controller.snapshot import Snapshot


@dataclass(frozen=True)
class Grant:
    """An epoch that a recovery granted to this process, and when that was read by either clock."""

    epoch: int
    read_at: datetime
    read_monotonic: float


class TakeOver:
    """One standby's way to being the controller."""

    def __init__(self, controller_id: str, grant: Grant, snapshot: Snapshot, clock: Clock) -> None:
        self._controller_id = controller_id
        self._grant = grant
        self._snapshot = snapshot
        self._clock = clock
        self._last_writes: Mapping[str, LastWrite] = {}
        self._kept = 0

    def sealed(self, last_writes: Mapping[str, LastWrite]) -> None:
        """All fences are this process's: nobody else writes after `last_writes`."""
        self._last_writes = last_writes

    def read_service(self, desired: Desired) -> ServiceState:
        """Everything stored of the service `desired`, whose fence is sealed.

        Raises:
            InvalidRowError: a row is malformed or missing.
            StateUnreachableError: DynamoDB did not answer.
        """
        state = self._snapshot.take(desired, self._last_writes.get(desired.name))
        if state is None:
            return read_service(self._controller_id, desired)
        self._kept += 1
        return state

    def healthy(self) -> TookOver:
        """The first pass is over."""
        return TookOver(
            grant_read_at=to_iso(self._grant.read_at),
            healthy_after_seconds=round(self._clock.monotonic() - self._grant.read_monotonic, 3),
            kept=self._kept,
        )
