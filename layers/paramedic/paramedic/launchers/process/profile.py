"""Profiles of launcher `process`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from paramedic.launchers.profile import Profile


class ProcessProfile(Profile):
    """Run as a process on the launcher's own host.

    `pid_file` is where the workload, or whoever starts it, writes its process number: with it, what somebody else
    started is known too.
    """

    launcher: Literal["process"]
    host_dir: Path
    command: tuple[str, ...] = Field(min_length=1)
    env_file: Path | None = None
    working_directory: str | None = None
    log_file: str | None = None
    pid_file: Path | None = None
