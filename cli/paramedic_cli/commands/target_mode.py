"""`paramedic target mode` and `drill-window`: how much may be done to one target without a person, or to try it."""

from typing import Annotated

import typer

from paramedic.clock import SystemClock
from paramedic.recovery.drills import read_window
from paramedic.state.target_registry import change_drill_window, change_mode
from paramedic.state.targets import TargetMode
from paramedic_cli.commands.options import chosen_stack
from paramedic_cli.commands.target import Name, id_of
from paramedic_cli.output import answer

_MEANS = {
    TargetMode.OBSERVE: "what would have been done is recorded, and nothing is done",
    TargetMode.ASK: "people are asked, once for each plan",
    TargetMode.AUTO: "it is recovered without asking",
}


def mode(
    context: typer.Context,
    name: Name,
    wanted: Annotated[TargetMode, typer.Argument(metavar="observe|ask|auto", help="How much it may do by itself")],
) -> None:
    """Set how much is done for a target without a person: observe, ask or auto."""
    chosen_stack(context)
    target_id = id_of(name)
    change_mode(target_id, wanted, SystemClock())
    answer(f"{target_id} is in mode {wanted} from its next failure on: {_MEANS[wanted]}")


def drill_window(
    context: typer.Context,
    name: Name,
    window: Annotated[str, typer.Argument(metavar="HH:MM-HH:MM|any", help="Each day, in UTC; any: at any time")],
) -> None:
    """Set when drills may be made of a target."""
    wanted = None if window == "any" else window
    if wanted is not None:
        read_window(wanted, "WINDOW")
    chosen_stack(context)
    target_id = id_of(name)
    change_drill_window(target_id, wanted, SystemClock())
    answer(f"drills of {target_id} may be made at {f'{wanted} UTC' if wanted else 'any time'}")
