"""Who runs in a target's one place, as an exact identity, although nobody claimed anything there."""

from dataclasses import dataclass

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import NoPlaceError, RunState
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery
from paramedic.state.targets import Target


@dataclass(frozen=True)
class Place:
    """`occupant` is who runs there, None where it is empty; `problem` says why nobody can tell, and then there is none.

    `by_launch`: the profile names no place, so that only what was launched by it is known.
    """

    occupant: Receipt | None = None
    problem: str = ""
    by_launch: bool = False


def look_at_place(target: Target, previous: Recovery | None, around: Surroundings) -> Place:
    """Who runs in the place of the target's profile. `previous` is what recovered it last."""
    if not target.profile:
        return Place(problem="the target has no launcher profile")
    try:
        launcher = around.profile(target.profile).launcher
        return Place(launcher.occupant(str(target.target_id)))
    except NoPlaceError as no_place:
        return _last_launch(previous, str(no_place), around)
    except ParamedicError as error:
        return Place(problem=str(error))


def _last_launch(previous: Recovery | None, no_place: str, around: Surroundings) -> Place:
    launched = None if previous is None else previous.story.launched
    if previous is None or launched is None:
        return Place(problem=f"nothing that was launched by it is known, and {no_place}", by_launch=True)
    try:
        look = around.profile(previous.profile).launcher.describe(launched)
    except ParamedicError as error:
        return Place(problem=str(error), by_launch=True)
    match look.state:
        case RunState.ABSENT:
            return Place(by_launch=True)
        case RunState.RUNNING | RunState.SUSPENDED:
            return Place(launched, by_launch=True)
        case _:
            return Place(problem=look.detail, by_launch=True)


def is_same(one: Receipt, other: Receipt) -> bool:
    """Whether two receipts name one workload exactly, whatever it was launched as."""
    return one.launcher == other.launcher and one.identity == other.identity
