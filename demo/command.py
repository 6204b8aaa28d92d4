"""Runs the `paramedic` command as a person would: another process, with an operator's rights only."""

import os
import subprocess
import sys
from pathlib import Path


class CommandFailedError(Exception):
    """The command exited with something other than 0; shows what it said."""


def paramedic(state_dir: Path, *arguments: str) -> str:
    """What the command printed.

    Raises:
        CommandFailedError: it failed.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PARAMEDIC_"))}
    command = [str(Path(sys.executable).with_name("paramedic")), "--state-dir", str(state_dir), *arguments]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        said = f"{done.stdout}{done.stderr}".strip()
        raise CommandFailedError(f"`paramedic {' '.join(arguments)}` exited with {done.returncode}: {said}")
    return done.stdout.strip()
