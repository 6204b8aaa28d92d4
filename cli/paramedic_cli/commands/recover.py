"""`paramedic recover`: on-call's hand on the same lever that the schedule pulls."""

from typing import Annotated

import typer

from paramedic.recovery.messages import ManualRecover, Status
from paramedic_cli.commands.options import Actor, chosen_stack
from paramedic_cli.output import answer
from paramedic_cli.recovery_client import recover_request, send
from paramedic_cli.stack import Stack


def recover(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="What to recover: controller:ID", metavar="TARGET")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the recovery's record")],
    actor: Actor,
    predecessor_gone: Annotated[
        str | None,
        typer.Option(
            help="How you know that a predecessor nobody can look at (its host is lost) has ended; kept with your name"
        ),
    ] = None,
) -> None:
    """Stop and relaunch a target that is down, now; exit 0 only once it was seen healthy again."""
    run_recovery(chosen_stack(context), recover_request(target, actor, reason, predecessor_gone))


def run_recovery(stack: Stack, request: ManualRecover) -> None:
    """Recover a target and tell how it went.

    Raises:
        typer.Exit: it was not seen healthy again.
        RecoveryFunctionError: nobody knows how it went.
        InvalidInputError: the answer cannot be understood.
    """
    reply = send(stack, request)
    answer(reply.message)
    if reply.status is not Status.RECOVERED:
        raise typer.Exit(1)
