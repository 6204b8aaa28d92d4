"""`paramedic up` and `paramedic down`: what users want, whether or not the controller is alive."""

import uuid
from pathlib import Path
from typing import Annotated

import typer

from paramedic.clock import SystemClock
from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.services import verbs
from paramedic.services.spec import ServiceSpec, read_spec
from paramedic_cli.commands.failed_controller import offer_recovery
from paramedic_cli.commands.options import Actor, ControllerOption, chosen_stack
from paramedic_cli.fleet import controller_ids
from paramedic_cli.output import answer
from paramedic_cli.usage import UsageError


class NoControllerError(ParamedicError):
    """Nothing has ever run that could look after a service."""


def up(
    context: typer.Context,
    spec_file: Annotated[
        Path, typer.Argument(metavar="SERVICE.yaml", exists=True, dir_okay=False, help="The service's description")
    ],
    actor: Actor,
    controller: ControllerOption = None,
) -> None:
    """Ask for a new service; its controller starts the replicas."""
    spec = read_service(spec_file)
    chosen_stack(context)
    owner = controller or only_controller()
    result = verbs.up(owner, spec, actor, clock=SystemClock(), new_id=lambda: uuid.uuid4().hex)
    answer(
        f"service {spec.name} is wanted from controller {owner}, load-balancer port {result.port}; "
        "`paramedic status` shows its replicas"
    )
    offer_recovery(context, owner, spec.name, actor)


def down(
    context: typer.Context,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name")],
    actor: Actor,
    controller: ControllerOption = None,
) -> None:
    """Ask for a service to be stopped; its controller ends the replicas."""
    chosen_stack(context)
    owner = controller or only_controller()
    verbs.down(owner, service, actor, clock=SystemClock())
    answer(f"service {service} is to stop; `paramedic status` shows when it has")
    offer_recovery(context, owner, service, actor)


def read_service(spec_file: Path) -> ServiceSpec:
    """The service described in a file.

    Raises:
        InvalidInputError: it cannot be used.
    """
    try:
        return read_spec(spec_file)
    except UnicodeDecodeError as error:
        raise InvalidInputError(str(spec_file), error.reason, "is not UTF-8 text") from error


def only_controller() -> str:
    """The controller that is meant when none is named.

    Raises:
        NoControllerError: there is none.
        UsageError: there are several.
    """
    known = controller_ids()
    match known:
        case [only]:
            return only
        case []:
            raise NoControllerError("no controller has ever started; on a local stack run `paramedic local controller`")
    raise UsageError(f"--controller: there are several controllers, name one of {', '.join(known)}")
