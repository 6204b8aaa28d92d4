"""Launcher profiles: how an operator lets workloads be run, by name.

State rows only ever name a profile. Commands, paths and roles come from the stack's own parameters, so that whoever
can write a row can run nothing new.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import Launch, Launcher
from paramedic.validation import invalid_input

ROOT = "LAUNCHER_PROFILES"
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


VERIFY_SECONDS = 60.0
"""How long a launch may take to prove itself, where its profile says nothing else."""


class UnknownProfileError(ParamedicError):
    """A launcher profile was named that the stack does not have."""


class EnvironmentFileError(ParamedicError):
    """A profile's environment file cannot be read or understood; its values are never shown."""


class ProcessProfile(BaseModel):
    """Run as a process on the launcher's own host. `verify_seconds` is how long a launch may take to prove itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    launcher: Literal["process"]
    host_dir: Path
    command: tuple[str, ...] = Field(min_length=1)
    env_file: Path | None = None
    working_directory: str | None = None
    log_file: str | None = None
    verify_seconds: float = Field(default=VERIFY_SECONDS, gt=0)


type LauncherProfile = ProcessProfile


def parse_profiles(json_text: str) -> Mapping[str, LauncherProfile]:
    """Profiles by name, from the stack's parameter.

    Raises:
        InvalidInputError: malformed; the message names the profile and the field.
    """
    try:
        return TypeAdapter(dict[str, ProcessProfile]).validate_json(json_text)
    except ValidationError as error:
        raise invalid_input(error, ROOT) from None


def profile_named(profiles: Mapping[str, LauncherProfile], name: str) -> LauncherProfile:
    """The profile called `name`.

    Raises:
        UnknownProfileError: there is none.
    """
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise UnknownProfileError(f"launcher profile {name!r} does not exist (known: {known}); add it to {ROOT}")
    return profiles[name]


def make_launcher(profile: LauncherProfile) -> Launcher:
    """The launcher a profile asks for.

    Raises:
        HostNotSharedError: this is not the host the profile's processes live on.
    """
    match profile.launcher:
        case "process":
            # Each launcher brings its own libraries; a cold start pays for the chosen one only.
            from paramedic.launchers.process.launcher import ProcessLauncher

            return ProcessLauncher(profile.host_dir)


def launch_request(profile: LauncherProfile, *, workload: str, scope: str, epoch: int, key: str) -> Launch:
    """What to launch for `workload`; the environment file is read now, so changed secrets reach the next launch.

    Raises:
        EnvironmentFileError: the profile's environment file is missing or malformed.
    """
    return Launch(
        workload=workload,
        scope=scope,
        epoch=epoch,
        key=key,
        command=profile.command,
        environment=read_environment_file(profile.env_file) if profile.env_file else {},
        working_directory=profile.working_directory,
        log_file=profile.log_file,
    )


def read_environment_file(path: Path) -> Mapping[str, str]:
    """KEY=VALUE lines, taken literally; blank lines and lines starting with # are skipped.

    Raises:
        EnvironmentFileError: missing, unreadable, or a line is something else; the message names path and line.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise EnvironmentFileError(f"cannot read environment file {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise EnvironmentFileError(f"environment file {path} is not UTF-8 text") from None
    environment = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not VARIABLE_NAME.fullmatch(name):
            raise EnvironmentFileError(
                f"environment file {path}, line {number}: not NAME=VALUE with NAME of letters, digits and _ "
                "(the line is not shown, it may hold a secret)"
            )
        environment[name] = value
    return environment
