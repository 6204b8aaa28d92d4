"""What automation must know beside the target itself before it opens a recovery of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from paramedic.health.fleet import Fleet
from paramedic.health.mass_failure import MassFailure
from paramedic.recovery import records
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.recoveries import Recovery, open_recoveries
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import Target, controller_id_of

START_GRACE = timedelta(minutes=2)
"""How long a controller's first start ever may take, from its registration on."""


@dataclass(frozen=True)
class Beside:
    """As `GateInput` has it."""

    mass: MassFailure | None
    others_open: int
    others_moving: int
    most_open: int
    starts_until: datetime | None

    def for_gate(self) -> dict[str, object]:
        """The fields of `GateInput`."""
        return {
            "mass_failure": "" if self.mass is None else self.mass.sentence,
            "others_open": self.others_open,
            "others_moving": self.others_moving,
            "most_open": self.most_open,
            "starts_until": self.starts_until,
        }


def look_beside(target: Target, previous: Recovery | None, around: Surroundings) -> Beside:
    """Read it afresh.

    Raises:
        InvalidRowError: a row cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    # From an index, so it may lag: for a moment one more may be under way, which costs no safety.
    others = {(name, epoch) for name, epoch in open_recoveries() if name != target.target_id}
    # Whoever waits for people does nothing that others would have to wait for.
    moving = len(others) if len(others) < around.most_open_recoveries else sum(map(_moves, others))
    return Beside(
        mass=Fleet(around.clock.now()).mass_failure(),
        others_open=len(others),
        others_moving=moving,
        most_open=around.most_open_recoveries,
        starts_until=_starts_until(target, previous),
    )


def _moves(key: tuple[str, int]) -> bool:
    try:
        recovery = records.read_open(*key)
    except InvalidRowError:
        # It waits for people, who mend its record, and holds no other up.
        return False
    return recovery is not None and not recovery.waits_for


def _starts_until(target: Target, previous: Recovery | None) -> datetime | None:
    controller_id = controller_id_of(str(target.target_id))
    if controller_id is None or previous is not None or not target.added_at:
        return None
    heartbeat = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    has_worked = heartbeat is not None and heartbeat.beats
    return None if has_worked else target.moment("added_at") + START_GRACE
