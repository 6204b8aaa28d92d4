"""Options that several commands share, and what the options before the command chose."""

import getpass
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict

from paramedic_cli.stack import Stack, choose_stack


def _person() -> str:
    try:
        return getpass.getuser()
    except OSError:  # a container's user may have a number and no name
        return f"user {os.getuid()}"


RecoveredTarget = Annotated[str, typer.Argument(help="Which one: controller:ID or url:NAME", metavar="TARGET")]
Actor = Annotated[str, typer.Option("--actor", default_factory=_person, help="Who is asking; you by default")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with what is done")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would come to, and change nothing")]
PredecessorGone = Annotated[
    str | None,
    typer.Option(
        help="How you know that a predecessor nobody can look at (its host is lost) has ended; kept with your name"
    ),
]
ControllerOption = Annotated[
    str | None, typer.Option("--controller", metavar="ID", help="Which controller; may be left out while there is one")
]


class Choice(BaseModel):
    """Where the person pointed the command."""

    model_config = ConfigDict(frozen=True)

    stack: str | None
    state_dir: Path
    without_lambda: bool = False


def choice_of(context: typer.Context) -> Choice:
    """What the options before the command's name chose."""
    choice: Choice = context.obj
    return choice


def chosen_stack(context: typer.Context) -> Stack:
    """The chosen stack, this process connected to it."""
    choice = choice_of(context)
    stack = replace(choose_stack(choice.stack, choice.state_dir), without_lambda=choice.without_lambda)
    stack.connect()
    return stack
