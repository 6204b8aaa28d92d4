"""Processes that whatever supervises their starter leaves alone: started through a command such as `systemd-run`."""

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from paramedic.launchers.process.spawning import Spawn, SpawnPlan, spawn_session

SESSION_VARIABLES = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""What `systemd-run --user` finds its manager by."""


def _words(value: object) -> object:
    return tuple(shlex.split(value)) if isinstance(value, str) else value


def _can_be_started(words: tuple[str, ...]) -> tuple[str, ...]:
    if words and shutil.which(words[0]) is None:
        raise ValueError(f"there is no command {words[0]!r} on PATH")
    return words


type ScopeCommand = Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_can_be_started)]
"""Words put before the command of a process that is to outlive its starter; quoted as in a shell.

They must end by executing it in place, as `systemd-run --scope` does: number, session and environment stay.
"""


def spawn_in_scope(scope_command: tuple[str, ...], caller: Mapping[str, str]) -> Spawn:
    """`spawn_session`, each process behind `scope_command`, if there is one."""
    if not scope_command:
        return spawn_session
    session = {name: caller[name] for name in SESSION_VARIABLES if name in caller}

    def spawn(plan: SpawnPlan) -> int:
        environment = {**session, **plan.environment}
        return spawn_session(replace(plan, command=(*scope_command, *plan.command), environment=environment))

    return spawn
