"""Profiles of launcher `process`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from paramedic.launchers.profile import Profile


class ProcessProfile(Profile):
    """Run as a process on the launcher's own host."""

    launcher: Literal["process"]
    host_dir: Path
    command: tuple[str, ...] = Field(min_length=1)
    env_file: Path | None = None
    working_directory: str | None = None
    log_file: str | None = None
