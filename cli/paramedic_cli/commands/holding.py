"""`paramedic hold` and `paramedic release`: nothing is stopped or launched meanwhile."""

from typing import Annotated

import typer

from paramedic.recovery.messages import EVERYTHING
from paramedic_cli.commands.options import Actor, DryRun, Reason, chosen_stack
from paramedic_cli.commands.recover import run
from paramedic_cli.recovery_client import verb

_Held = Annotated[str, typer.Argument(help=f"One target's id, or {EVERYTHING}", metavar="TARGET")]


def hold(context: typer.Context, target: _Held, reason: Reason, actor: Actor, dry_run: DryRun = False) -> None:
    """Have nobody, automation or person, recover a target (or everything) until it is released."""
    stack = chosen_stack(context)
    run(stack, verb("hold", target, actor, reason, dry_run=dry_run))


def release(context: typer.Context, target: _Held, reason: Reason, actor: Actor, dry_run: DryRun = False) -> None:
    """End a hold; what waits for that goes on within a minute."""
    stack = chosen_stack(context)
    run(stack, verb("release", target, actor, reason, dry_run=dry_run))
