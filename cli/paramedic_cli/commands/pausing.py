"""`paramedic pause` and `paramedic resume`: a service without its replicas for a while, everything else kept."""

from typing import Annotated

import typer

from paramedic.clock import SystemClock
from paramedic.services import pausing
from paramedic_cli.commands.failed_controller import offer_recovery
from paramedic_cli.commands.options import Actor, ControllerOption, chosen_stack
from paramedic_cli.commands.services import only_controller
from paramedic_cli.output import answer

_Service = Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name")]


def pause(
    context: typer.Context,
    service: _Service,
    reason: Annotated[str, typer.Option("--reason", help="Why; shown until it is resumed")],
    actor: Actor,
    controller: ControllerOption = None,
) -> None:
    """Ask for a service to be stopped until somebody resumes it; ports, versions and scale are kept."""
    chosen_stack(context)
    owner = controller or only_controller()
    pausing.pause(owner, service, actor, reason, clock=SystemClock())
    answer(f"service {service} is to be paused until `paramedic resume {service}`; `paramedic status` shows when it is")
    offer_recovery(context, owner, service, actor)


def resume(
    context: typer.Context,
    service: _Service,
    actor: Actor,
    controller: ControllerOption = None,
) -> None:
    """Ask for a paused service to run again; inside a planned downtime it then runs until the next one."""
    chosen_stack(context)
    owner = controller or only_controller()
    if pausing.resume(owner, service, actor, clock=SystemClock()):
        answer(f"service {service} is to run again; `paramedic status` shows its replicas")
        offer_recovery(context, owner, service, actor)
    else:
        answer(f"service {service} is not paused")
