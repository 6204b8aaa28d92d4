"""Launcher profiles: how an operator lets workloads be run, by name.

State rows only ever name a profile. Commands, paths and roles come from the stack's own parameters, so that whoever
can write a row can run nothing new.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue, TypeAdapter, ValidationError

from paramedic.clock import SystemClock
from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.launchers.interface import Launch, Launcher
from paramedic.validation import invalid_input, validated

if TYPE_CHECKING:
    from paramedic.launchers.ec2.profile import Ec2Profile
    from paramedic.launchers.ecs.profile import EcsProfile
    from paramedic.launchers.kubernetes.profile import KubernetesProfile
    from paramedic.launchers.process.profile import ProcessProfile
    from paramedic.launchers.ssm.profile import SsmProfile
    from paramedic.launchers.webhook.profile import WebhookProfile

ROOT = "LAUNCHER_PROFILES"
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

type LauncherProfile = ProcessProfile | SsmProfile | EcsProfile | Ec2Profile | KubernetesProfile | WebhookProfile

OF_SECRETS = ("secret", "token")
"""Fields that say where a secret is."""

KINDS = ("process", "ssm", "ecs", "ec2", "kubernetes", "webhook")
"""What the field `launcher` may say."""


class UnknownProfileError(ParamedicError):
    """A launcher profile was named that the stack does not have."""


class EnvironmentFileError(ParamedicError):
    """A profile's environment file cannot be read or understood; its values are never shown."""


def parse_profiles(json_text: str) -> Mapping[str, LauncherProfile]:
    """Profiles by name, from the stack's parameter.

    Raises:
        InvalidInputError: malformed; the message names the profile and the field.
    """
    try:
        given = TypeAdapter(dict[str, dict[str, JsonValue]]).validate_json(json_text)
    except ValidationError as error:
        raise invalid_input(error, ROOT) from None
    return {name: _parse(fields, f"{ROOT}.{name}") for name, fields in given.items()}


def _parse(fields: Mapping[str, JsonValue], root: str) -> LauncherProfile:
    launcher = fields.get("launcher")
    if not isinstance(launcher, str) or launcher not in KINDS:
        raise InvalidInputError(f"{root}.launcher", launcher, f"must be one of {', '.join(KINDS)}")
    try:
        return validated(_model_of(launcher), fields, root)
    except InvalidInputError as error:
        if error.field.removeprefix(f"{root}.").partition(".")[0] not in OF_SECRETS:
            raise
        # Whoever is mistaken about such a field has perhaps written the secret itself there.
        raise InvalidInputError(error.field, "something that is not shown", error.problem) from None


def _model_of(launcher: str) -> type[LauncherProfile]:
    # A cold start pays for the kinds of profiles that there are only.
    match launcher:
        case "ssm":
            from paramedic.launchers.ssm.profile import SsmProfile

            return SsmProfile
        case "ecs":
            from paramedic.launchers.ecs.profile import EcsProfile

            return EcsProfile
        case "ec2":
            from paramedic.launchers.ec2.profile import Ec2Profile

            return Ec2Profile
        case "kubernetes":
            from paramedic.launchers.kubernetes.profile import KubernetesProfile

            return KubernetesProfile
        case "webhook":
            from paramedic.launchers.webhook.profile import WebhookProfile

            return WebhookProfile
        case _:
            from paramedic.launchers.process.profile import ProcessProfile

            return ProcessProfile


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
        LauncherError: a secret that the launcher needs cannot be had.
        InvalidSettingError: the stack has no document for launcher `ssm`.
    """
    # Each launcher brings its own libraries; a cold start pays for the chosen one only.
    match profile.launcher:
        case "process":
            from paramedic.launchers.process.launcher import ProcessLauncher

            return ProcessLauncher(profile.host_dir, pid_file=profile.pid_file)
        case "ssm":
            from paramedic.launchers.aws_calls import client
            from paramedic.launchers.ssm.making import make_ssm_launcher

            return make_ssm_launcher(profile, client("ssm"), SystemClock())
        case "ecs":
            from paramedic.launchers.aws_calls import client
            from paramedic.launchers.ecs.making import make_ecs_launcher

            return make_ecs_launcher(profile, client("ecs"), SystemClock())
        case "ec2":
            from paramedic.launchers.aws_calls import client
            from paramedic.launchers.ec2.making import make_ec2_launcher

            return make_ec2_launcher(profile, client("ec2"), SystemClock())
        case "kubernetes":
            from paramedic.launchers.kubernetes.api import connect
            from paramedic.launchers.kubernetes.making import make_kubernetes_launcher

            return make_kubernetes_launcher(profile, connect(profile), SystemClock())
        case "webhook":
            from paramedic.launchers.webhook.making import make_webhook_launcher

            return make_webhook_launcher(profile, SystemClock())


def launch_request(profile: LauncherProfile, *, workload: str, scope: str, epoch: int, key: str) -> Launch:
    """What to launch for `workload`; the environment file is read now, so changed secrets reach the next launch.

    Raises:
        EnvironmentFileError: the profile's environment file is missing or malformed.
    """
    named = Launch(workload=workload, scope=scope, epoch=epoch, key=key)
    match profile.launcher:
        case "process":
            return named.model_copy(
                update={
                    "command": profile.command,
                    "environment": read_environment_file(profile.env_file) if profile.env_file else {},
                    "working_directory": profile.working_directory,
                    "log_file": profile.log_file,
                }
            )
        case "ec2" | "ssm":
            return named
        case "ecs" | "kubernetes" | "webhook":
            return named.model_copy(update={"environment": profile.environment})


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
