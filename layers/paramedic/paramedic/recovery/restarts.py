"""What a person wants restarted, as they say it, and the stack's own profile that restarts exactly that. Pure.

Rows name profiles and nothing else: what no profile restarts is not restarted, whoever asks.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paramedic.errors import InvalidInputError

if TYPE_CHECKING:
    from paramedic.launchers.profiles import LauncherProfile

FORMS = (
    "a profile's name, or ssm:INSTANCE:UNIT, ecs:CLUSTER/SERVICE, ec2:INSTANCE, kubernetes:NAMESPACE/DEPLOYMENT or "
    "webhook:NAME"
)

_WANTED: Mapping[str, str] = {
    "ssm": r"(?P<instance>m?i-[0-9a-f]{8,17}):(?P<unit>[A-Za-z0-9][A-Za-z0-9@._:-]{0,200})",
    "ecs": r"(?P<cluster>[A-Za-z0-9_-]{1,255})/(?P<service>[A-Za-z0-9_-]{1,255})",
    "ec2": r"(?P<instance>i-[0-9a-f]{8,17})",
    "kubernetes": r"(?P<namespace>[a-z0-9][a-z0-9.-]*)/(?P<deployment>[a-z0-9][a-z0-9.-]*)",
    "webhook": r"(?P<name>[A-Za-z0-9._-]{1,100})",
}


class NoSuchRestartError(InvalidInputError):
    """No profile of the stack restarts that; `add` are the lines that would have it so, and how to apply them."""

    def __init__(self, restart: str, problem: str, add: tuple[str, ...]) -> None:
        self.add = add
        super().__init__("restart", restart, problem)


@dataclass(frozen=True)
class Wanted:
    """One workload in one place, as a launcher's profile names it."""

    launcher: str
    where: Mapping[str, str]


def profile_for(restart: str, profiles: Mapping[str, "LauncherProfile"]) -> str:
    """The name of the profile that restarts exactly `restart`.

    Raises:
        NoSuchRestartError: there is none; says what to add.
        InvalidInputError: it makes no sense, or several profiles restart it.
    """
    if restart in profiles:
        return restart
    wanted = _wanted(restart, profiles)
    found = sorted(name for name, profile in profiles.items() if _restarts(name, profile, wanted))
    if len(found) > 1:
        raise InvalidInputError("restart", restart, f"several profiles restart that: say {' or '.join(found)}")
    if not found:
        raise NoSuchRestartError(restart, "no profile of the stack restarts exactly that", _lines(wanted))
    return found[0]


def _wanted(restart: str, profiles: Mapping[str, "LauncherProfile"]) -> Wanted:
    launcher, colon, rest = restart.partition(":")
    known = ", ".join(sorted(profiles)) or "none"
    if not colon:
        raise InvalidInputError("restart", restart, f"is no profile of the stack (it has {known}); give {FORMS}")
    match = re.fullmatch(_WANTED[launcher], rest) if launcher in _WANTED else None
    if match is None:
        raise InvalidInputError("restart", restart, f"must be {FORMS} (profiles: {known})")
    where = match.groupdict()
    if launcher == "ssm" and "." not in where["unit"]:
        where["unit"] = f"{where['unit']}.service"
    return Wanted(launcher, where)


def _restarts(name: str, profile: "LauncherProfile", wanted: Wanted) -> bool:
    where = wanted.where
    if profile.launcher != wanted.launcher:
        return False
    match profile.launcher:
        case "ssm":
            unit = f"{profile.unit}" if profile.unit and "." in profile.unit else f"{profile.unit}.service"
            own = profile.manager == "system" and profile.unit is not None
            return own and (profile.instance, unit) == (where["instance"], where["unit"])
        case "ecs":
            service = None if profile.service is None else profile.service.name
            return (profile.cluster.rpartition("/")[2], service) == (where["cluster"], where["service"])
        case "ec2":
            return profile.instance == where["instance"]
        case "kubernetes":
            return (profile.namespace, profile.deployment) == (where["namespace"], where["deployment"])
        case "webhook":
            return name == where["name"]
        case _:
            return False


def _lines(wanted: Wanted) -> tuple[str, ...]:
    name, fields, parameters = _to_add(wanted)
    profile = f"{json.dumps(name)}: {json.dumps({'launcher': wanted.launcher, **fields})}"
    return (
        f"LauncherProfiles: add {profile}",
        *parameters,
        "words in capitals are yours to fill in; docs/launchers.md says what each field means",
        "then `sam deploy --parameter-overrides` with these parameters, and repeat this command",
    )


def _to_add(wanted: Wanted) -> tuple[str, Mapping[str, object], tuple[str, ...]]:
    """A name for the profile, its fields, and what may be done with them."""
    where = wanted.where
    match wanted.launcher:
        case "ssm":
            ssm = {**where, "host_dir": "/var/lib/paramedic"}
            managed = where["instance"].startswith("mi-")
            kind = "ssm:REGION:ACCOUNT:managed-instance" if managed else "ec2:REGION:ACCOUNT:instance"
            arn = f"arn:aws:{kind}/{where['instance']}"
            return where["unit"].partition(".")[0], ssm, (f"SsmLauncherInstanceArns={arn}",)
        case "ecs":
            service = {"name": where["service"], "task_definition": "FAMILY:1"}
            ecs = {"cluster": where["cluster"], "container": "CONTAINER", "service": service}
            return where["service"], ecs, _of_ecs(where["cluster"], where["service"])
        case "ec2":
            arn = f"arn:aws:ec2:REGION:ACCOUNT:instance/{where['instance']}"
            return where["instance"], {**where, "shares_with": []}, (f"Ec2InstanceArns={arn}",)
        case "kubernetes":
            of_pod = {"server": "https://API-SERVER", "token": {"arn": "SECRET-ARN"}, "container": "CONTAINER"}
            return where["deployment"], {**where, **of_pod}, ("LauncherSecretArns=SECRET-ARN",)
        case _:
            webhook = {"url": "https://YOUR-ENDPOINT/", "secret": {"arn": "SECRET-ARN"}}
            return where["name"], webhook, ("LauncherSecretArns=SECRET-ARN",)


def _of_ecs(cluster: str, service: str) -> tuple[str, ...]:
    arn = "arn:aws:ecs:REGION:ACCOUNT"
    return (
        f"EcsClusterArns={arn}:cluster/{cluster}",
        f"EcsServiceArns={arn}:service/{cluster}/{service}",
        f"EcsTaskDefinitionArns={arn}:task-definition/FAMILY:*",
        "EcsPassRoleArns=the ARNs of its task and execution roles",
    )
