"""What a person is told who asks something of a controller that has failed."""

import shlex
import sys

import typer

from paramedic.services.status import ServiceStatus, read_failure
from paramedic.state.targets import controller_target_id
from paramedic_cli.commands.options import choice_of, chosen_stack
from paramedic_cli.commands.recover import run
from paramedic_cli.output import say
from paramedic_cli.recovery_client import recover_request
from paramedic_cli.stack import STATE_DIR


def offer_recovery(context: typer.Context, controller_id: str, service: str, actor: str) -> None:
    """Say that nobody does what was just asked for `service` while its controller is down, and how it is recovered.

    Somebody at a terminal is asked whether to do that now.
    """
    diagnosis = read_failure(controller_id)
    if diagnosis is None:
        return
    target, reason = controller_target_id(controller_id), f"service {service} waits for it"
    say(
        f"{ServiceStatus.CONTROLLER_FAILED}: controller {controller_id} has failed ({diagnosis}). "
        "The request is stored, and done once the controller is back. "
        f"To recover it now: {_command(context, target, reason)}"
    )
    if at_a_terminal() and typer.confirm("Recover it now?", err=True):
        run(chosen_stack(context), recover_request(target, actor, reason))


def at_a_terminal() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _command(context: typer.Context, target: str, reason: str) -> str:
    choice = choice_of(context)
    where = ["--stack", choice.stack] if choice.stack else []
    if not where and choice.state_dir != STATE_DIR:
        where = ["--state-dir", str(choice.state_dir)]
    return shlex.join(["paramedic", *where, "recover", target, "--reason", reason])
