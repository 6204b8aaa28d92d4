"""`paramedic approve` and `paramedic acknowledge`: a person's word that lets automation go on."""

from typing import Annotated

import typer

from paramedic_cli.commands.options import Actor, DryRun, Reason, RecoveredTarget, chosen_stack
from paramedic_cli.commands.recover import run
from paramedic_cli.recovery_client import verb


def approve(
    context: typer.Context,
    target: RecoveredTarget,
    plan: Annotated[str, typer.Option("--plan", metavar="PLAN", help="The one you were sent, to the letter")],
    reason: Reason,
    actor: Actor,
    dry_run: DryRun = False,
) -> None:
    """Let the plan that a target in mode ask waits for be carried out, once; exit 0 once it was seen healthy."""
    stack = chosen_stack(context)
    run(stack, verb("approve", target, actor, reason, dry_run=dry_run, plan=plan))


def acknowledge(
    context: typer.Context, target: RecoveredTarget, reason: Reason, actor: Actor, dry_run: DryRun = False
) -> None:
    """Say that the cause was mended: three failed attempts block a target no longer."""
    stack = chosen_stack(context)
    run(stack, verb("acknowledge", target, actor, reason, dry_run=dry_run))
