"""Starts a gateway replica on this host, or the agent of one whose Envoy still serves."""

import re
import time
import uuid
from pathlib import Path

import httpx
from pydantic import BaseModel, ConfigDict

from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.gateways.replica import DIRECTORY_VARIABLE, HEALTH_PATH, TOKEN_HEADER
from paramedic.launchers.interface import Launcher, RunState
from paramedic.launchers.profiles import launch_request, make_launcher, read_environment_file
from paramedic.services.spec import NAME_PATTERN
from paramedic.state.receipt import Receipt
from paramedic_cli.host.layout import HostLayout
from paramedic_cli.local.errors import tail

_FENCE_EPOCH = 1
"""Gateway replicas have no epochs: a second one finds the directory of the first locked and ends."""

_READY_SECONDS = 30.0
_LOOK_SECONDS = 0.1


class GatewayFailedError(ParamedicError):
    """The gateway replica ended or did not serve in time."""


class InvalidGatewayNameError(InvalidInputError):
    """A gateway's name is part of host names and of paths."""


class StartedGateway(BaseModel):
    """A gateway replica that follows the stack's routes."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: int
    receipt: Receipt


class GatewayHealth(BaseModel):
    """What of an agent's own report is of interest here."""

    agent_pid: int
    state_age_seconds: float | None


def start_gateway(layout: HostLayout, name: str, port: int) -> StartedGateway:
    """Launch the replica of gateway `name` and wait until it serves what DynamoDB says.

    Raises:
        InvalidGatewayNameError: no gateway can be called that.
        GatewayFailedError: it did not serve in time, for instance because it runs already; shows the end of its log.
        LauncherError: it could not be started.
        EnvironmentFileError: there are no credentials for it.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise InvalidGatewayNameError("NAME", name, "a gateway's name is of lower-case letters, digits and hyphens")
    profile, workload = layout.gateway_profile, f"gateway:{name}"
    key = f"{workload}/{uuid.uuid4().hex}"
    request = launch_request(profile, workload=workload, scope=workload, epoch=_FENCE_EPOCH, key=key)
    directory = layout.gateways.resolve() / name
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    launcher = make_launcher(profile)
    own = _variables(name, directory, port)
    receipt = launcher.launch(request.model_copy(update={"environment": {**request.environment, **own}}))
    started = StartedGateway(host=request.environment["PARAMEDIC_GATEWAY_HOST"], port=port, receipt=receipt)
    _await_service(launcher, started, layout)
    return started


def read_health(layout: HostLayout, port: int) -> GatewayHealth | None:
    """What this host's gateway replica says of itself through any of its ports; None while nobody answers there."""
    given = read_environment_file(layout.gateway_environment)
    url = f"http://{given['PARAMEDIC_GATEWAY_HOST']}:{port}{HEALTH_PATH}"
    try:
        token = {TOKEN_HEADER: given["PARAMEDIC_GATEWAY_TOKEN"]}
        answer = httpx.get(url, headers=token, timeout=2.0, trust_env=False)
    except httpx.TransportError:
        return None
    return GatewayHealth.model_validate_json(answer.content) if answer.is_success else None


def replica_name(gateway: str) -> str:
    """What the one replica of `gateway` that a host runs is called."""
    return f"{gateway}-1"


def _variables(name: str, directory: Path, port: int) -> dict[str, str]:
    return {
        "PARAMEDIC_GATEWAY": name,
        "PARAMEDIC_GATEWAY_REPLICA": replica_name(name),
        DIRECTORY_VARIABLE: str(directory),
        "PARAMEDIC_GATEWAY_PORT": str(port),
        # Whoever ends a local stack does not wait for its requests.
        "PARAMEDIC_GATEWAY_DRAIN_SECONDS": "0",
    }


def _await_service(launcher: Launcher, gateway: StartedGateway, layout: HostLayout) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if launcher.describe(gateway.receipt).state is RunState.ABSENT:
            raise GatewayFailedError(f"the gateway ended at once; {_log(layout)}")
        health = read_health(layout, gateway.port)
        # Its Envoy may be one that an earlier agent left serving.
        mine = health is not None and str(health.agent_pid) == gateway.receipt.identity["pid"]
        if health is not None and mine and health.state_age_seconds is not None:
            return
        time.sleep(_LOOK_SECONDS)
    raise GatewayFailedError(f"the gateway does not serve after {_READY_SECONDS:.0f} s; {_log(layout)}")


def _log(layout: HostLayout) -> str:
    log = layout.gateway_log
    return f"the end of {log}:\n{tail(log.read_text(errors='replace')) if log.exists() else '(empty)'}"
