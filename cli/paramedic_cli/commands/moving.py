"""`paramedic move`: another controller looks after a service from now on."""

from typing import Annotated

import typer

from paramedic.clock import SystemClock
from paramedic.services import moving
from paramedic_cli.commands.options import Actor, ControllerOption, chosen_stack
from paramedic_cli.commands.services import only_controller
from paramedic_cli.output import answer


def move(
    context: typer.Context,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name")],
    to: Annotated[str, typer.Option("--to", metavar="ID", help="Which controller is to have it; its own calls it off")],
    actor: Actor,
    controller: ControllerOption = None,
) -> None:
    """Ask for a service to be handed over to another controller; its replicas, port and routes stay as they are."""
    chosen_stack(context)
    owner = controller or only_controller()
    moving.move(owner, service, to, actor, clock=SystemClock())
    if to == owner:
        answer(f"service {service} stays with controller {owner}")
        return
    answer(
        f"controller {owner} is to hand service {service} over to controller {to}, once both live; "
        "`paramedic status` shows who has it"
    )
