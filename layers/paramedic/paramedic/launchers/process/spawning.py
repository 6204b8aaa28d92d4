"""Starts a process that outlives its caller and carries nothing of it."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from paramedic.launchers import marks
from paramedic.launchers.interface import Launch, LauncherError

INHERITED_DEFAULTS = {"PATH": os.defpath, "HOME": "/", "LANG": "C.UTF-8"}


class SpawnFailedError(LauncherError):
    """The operating system would not start the command; nothing was started."""


@dataclass(frozen=True, slots=True)
class SpawnPlan:
    """All there is to one new process; `environment` is the whole of it."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    working_directory: str | None
    log_file: str | None


class Spawn(Protocol):
    """Starts processes."""

    def __call__(self, plan: SpawnPlan) -> int:
        """The new process's number.

        Raises:
            SpawnFailedError: nothing was started.
        """


def launch_markers(workload: str, key: str, host_dir: Path) -> dict[str, str]:
    """The variables that tell whose process this is, even when nobody lived to write it down."""
    return {
        marks.WORKLOAD: workload,
        marks.KEY: key,
        "PARAMEDIC_HOST_DIR": str(host_dir),
    }


def scope_markers(scope: str, host_dir: Path) -> dict[str, str]:
    """The variables that everything has which was launched for `scope` from `host_dir`."""
    return {marks.SCOPE: scope, "PARAMEDIC_HOST_DIR": str(host_dir)}


def spawn_plan(request: Launch, host_dir: Path, caller: Mapping[str, str]) -> SpawnPlan:
    """What to start for `request`: of the caller's environment only PATH, HOME and LANG go along."""
    environment = {name: caller.get(name, default) for name, default in INHERITED_DEFAULTS.items()}
    environment |= request.environment
    environment |= launch_markers(request.workload, request.key, host_dir)
    environment |= marks.marks_of(request)
    return SpawnPlan(request.command, environment, request.working_directory, request.log_file)


def spawn_session(plan: SpawnPlan) -> int:
    """Start `plan` in a session of its own, without input, its output appended to the log file.

    Raises:
        SpawnFailedError: the command, its directory or its log file is not usable.
    """
    try:
        with _log(plan.log_file) as log:
            child = subprocess.Popen(
                plan.command,
                env=plan.environment,
                cwd=plan.working_directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # Not closing descriptors before exec is what makes a crash here recoverable: the child shares our
                # locks (O_CLOEXEC) exactly until its exec, and from then on shows its markers in /proc/PID/environ.
                # So whoever holds a workload's lock next sees either no child or one it can find.
                # Python opens everything O_CLOEXEC, hence nothing of the caller's leaks through the exec.
                close_fds=False,
            )
    except (OSError, ValueError) as error:
        where = f" in {plan.working_directory}" if plan.working_directory else ""
        raise SpawnFailedError(
            f"cannot start {plan.command[0]!r}{where}, log {plan.log_file}: {error}; nothing was started"
        ) from error
    # The launcher answers for the child from here on; Popen would warn about a child left running.
    child.returncode = 0
    return child.pid


def _log(path: str | None) -> IO[bytes]:
    return Path(path or os.devnull).open("ab")


def reap(pid: int) -> bool:
    """Take note of an ended child; True when there is nothing (more) of ours to reap under this number."""
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return ended == pid
