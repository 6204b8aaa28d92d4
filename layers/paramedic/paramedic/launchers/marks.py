"""The variables by which a workload is known as one of ours, even when nobody lived to write it down."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from paramedic.launchers.interface import Launch, LauncherError

WORKLOAD = "PARAMEDIC_WORKLOAD"
KEY = "PARAMEDIC_LAUNCH_KEY"
SCOPE = "PARAMEDIC_SCOPE"
EPOCH = "PARAMEDIC_EPOCH"
CONTROLLER_ID = "PARAMEDIC_CONTROLLER_ID"

HARMLESS = frozenset(
    {
        CONTROLLER_ID,
        "PARAMEDIC_GATEWAY",
        "PARAMEDIC_GATEWAY_CERTIFICATE_FILE",
        "PARAMEDIC_GATEWAY_CERTIFICATE_SECRET",
        "PARAMEDIC_GATEWAY_DOMAIN",
        "PARAMEDIC_GATEWAY_KEY_FILE",
        "PARAMEDIC_GATEWAY_PORT",
        "PARAMEDIC_GATEWAY_PROBE_FROM",
        "PARAMEDIC_GATEWAY_REPLICA",
        "PARAMEDIC_GATEWAY_TLS_PORT",
    }
)
"""What controllers and gateway replicas are told: names and places of things, and nothing that is secret."""


class UnsafeEnvironmentError(LauncherError):
    """The request has variables that the launcher would have to show to others; nothing was started."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a workload's environment says it was launched as."""

    workload: str
    key: str
    scope: str
    epoch: int


def marks_of(request: Launch) -> dict[str, str]:
    """The variables for one launch."""
    return {WORKLOAD: request.workload, KEY: request.key, SCOPE: request.scope, EPOCH: str(request.epoch)}


def read_marks(environment: Mapping[str, str]) -> Marks | None:
    """The marks in `environment`; None where they are not complete."""
    workload, key, scope = environment.get(WORKLOAD), environment.get(KEY), environment.get(SCOPE)
    epoch = environment.get(EPOCH, "")
    return Marks(workload, key, scope, int(epoch)) if workload and key and scope and epoch.isdecimal() else None


def shown_environment(request: Launch, known: Collection[str]) -> dict[str, str]:
    """The request's variables and marks, for a platform that shows them to whoever may look at the workload.

    Raises:
        UnsafeEnvironmentError: there is one besides those `known` to be harmless: it may hold a secret.
    """
    unknown = sorted(set(request.environment) - {*HARMLESS, *known})
    if unknown:
        raise UnsafeEnvironmentError(
            f"{', '.join(unknown)} may be secret, and what this launcher hands on can be read on its platform; let the "
            "workload's own definition there name where its secrets are. Nothing was started"
        )
    return {**request.environment, **marks_of(request)}


def token_of(key: str) -> str:
    """A launch key as the 64 characters that providers take as a client token."""
    return hashlib.sha256(key.encode()).hexdigest()
