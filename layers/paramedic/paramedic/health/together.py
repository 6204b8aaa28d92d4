"""Which targets of a group fail as part of a mass failure, so that people hear of that and not of each of them.

The whole table is read only when something has just gone down, or waits for a mass failure to end.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from paramedic.clock import from_iso
from paramedic.health.diagnosis import DiagnosisName
from paramedic.health.fleet import Fleet
from paramedic.health.mass_failure import TOGETHER, BadTarget, mass_failure
from paramedic.health.verdict import Verdict
from paramedic.state.tables import StateUnreachableError
from paramedic.state.targets import BadPeriod

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What one target is found to be when it is judged by itself, and what was `recorded` of it before."""

    target_id: str
    recorded: BadPeriod | None
    bad: BadPeriod | None
    verdict: Verdict
    tick: datetime

    @property
    def is_bad(self) -> bool:
        """Whether it is not healthy."""
        return self.bad is not None and self.bad.verdict != Verdict.HEALTHY

    @property
    def since(self) -> datetime:
        """Since when it has not been healthy."""
        return self.tick if self.bad is None else from_iso(self.bad.since)

    @property
    def begins(self) -> bool:
        """Whether it was healthy before."""
        return self.recorded is None or self.recorded.verdict == Verdict.HEALTHY

    @property
    def waits(self) -> bool:
        """Whether it was last seen to fail with others."""
        return self.recorded is not None and self.recorded.diagnosis == DiagnosisName.MASS_FAILURE


def failing_together(group: Sequence[Found], checked: int, fleet: Fleet) -> frozenset[str]:
    """The targets of a `group` of whose failure people are not to hear one by one.

    `checked` is how many targets the check is of, of which these are some.
    """
    down = [each for each in group if each.verdict is Verdict.DOWN]
    if not any(each.waits or each.tick - each.since < TOGETHER for each in down):
        return frozenset()
    try:
        mass = fleet.mass_failure(bad_of(group))
    except StateUnreachableError as error:
        LOG.warning("whether targets fail together is not known: %s", error)
        return frozenset(each.target_id for each in down if each.waits)
    in_it = {each.target_id for each in down if mass is not None and mass.takes_in(each.since)}
    return frozenset(in_it | _until_the_next_tick(down, checked))


def bad_of(group: Sequence[Found]) -> Sequence[BadTarget]:
    """Those of a group that are not healthy."""
    return [BadTarget(each.target_id, each.since) for each in group if each.is_bad]


def _until_the_next_tick(down: Sequence[Found], checked: int) -> set[str]:
    """Those of a large part of a group that begins to fail: the other groups may not have been looked at yet."""
    part = mass_failure([BadTarget(each.target_id, each.since) for each in down if each.begins], checked)
    return set() if part is None else {each.target_id for each in part.bad}
