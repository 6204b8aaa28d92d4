"""Who can tell of a predecessor: the launcher that it was launched by, which need not be that of its successor."""

from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state.recoveries import Predecessor, Recovery


def plan_of(predecessor: Predecessor, recovery: Recovery, around: Surroundings) -> LaunchPlan:
    """How `predecessor` was launched; where nobody noted that, as its successor will be.

    Raises:
        ParamedicError: that profile is gone from the stack, or cannot be used here.
    """
    return around.profile(predecessor.profile or recovery.profile)
