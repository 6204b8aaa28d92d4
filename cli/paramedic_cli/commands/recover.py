"""`paramedic recover`, `replace`, `force` and `drill`: on-call's hand on the same lever that the schedule pulls."""

import typer

from paramedic.recovery.messages import Status, Verb
from paramedic_cli.commands.options import Actor, DryRun, PredecessorGone, Reason, RecoveredTarget, chosen_stack
from paramedic_cli.output import answer
from paramedic_cli.recovery_client import send, verb
from paramedic_cli.stack import Stack

WELL = (Status.RECOVERED, Status.PLANNED, Status.DONE)


def recover(
    context: typer.Context,
    target: RecoveredTarget,
    reason: Reason,
    actor: Actor,
    predecessor_gone: PredecessorGone = None,
    dry_run: DryRun = False,
) -> None:
    """Stop and relaunch a target that is down, now; exit 0 only once it was seen healthy again."""
    stack = chosen_stack(context)
    run(stack, verb("recover", target, actor, reason, dry_run=dry_run, predecessor_gone=predecessor_gone))


def replace(
    context: typer.Context, target: RecoveredTarget, reason: Reason, actor: Actor, dry_run: DryRun = False
) -> None:
    """Stop a target that may be well and launch its successor; exit 0 only once that was seen healthy."""
    stack = chosen_stack(context)
    run(stack, verb("replace", target, actor, reason, dry_run=dry_run))


def force(
    context: typer.Context,
    target: RecoveredTarget,
    reason: Reason,
    actor: Actor,
    predecessor_gone: PredecessorGone = None,
    dry_run: DryRun = False,
) -> None:
    """Recover whatever the evidence says; never beside a predecessor, and not while somebody holds it."""
    stack = chosen_stack(context)
    run(stack, verb("force", target, actor, reason, dry_run=dry_run, predecessor_gone=predecessor_gone))


def drill(
    context: typer.Context, target: RecoveredTarget, reason: Reason, actor: Actor, dry_run: DryRun = False
) -> None:
    """End a target that is well, to see it recovered and how long that takes; only within its window, if it has one."""
    stack = chosen_stack(context)
    run(stack, verb("drill", target, actor, reason, dry_run=dry_run))


def run(stack: Stack, request: Verb) -> None:
    """Have it done and tell how it went.

    Raises:
        typer.Exit: it was refused, failed, or was not seen healthy again.
        RecoveryFunctionError: nobody knows how it went.
        InvalidInputError: the answer cannot be understood.
    """
    reply = send(stack, request)
    answer(reply.message)
    for number, step in enumerate(reply.plan, 1):
        answer(f"  {number}. {step}")
    if reply.status not in WELL:
        raise typer.Exit(1)
