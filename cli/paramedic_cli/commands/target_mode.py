"""`paramedic target mode`: how much Paramedic may do by itself for one target."""

from typing import Annotated

import typer

from paramedic.clock import SystemClock
from paramedic.state.target_registry import change_mode
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
