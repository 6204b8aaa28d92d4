"""Where a local stack keeps what belongs to this host, inside its state directory."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic.launchers.process.host import initialise_host_dir
from paramedic.launchers.process.profile import ProcessProfile
from paramedic_cli.stack import OPERATOR_FILE, STACK_VARIABLE

PROFILE = "local"
GATEWAY_PROFILE = "local-gateway"

_AT_AN_ADDRESS_OF_ITS_OWN = """
export PARAMEDIC_GATEWAY_HOST="${PARAMEDIC_GATEWAY_HOST%.*.*}.251.${PARAMEDIC_WORKLOAD##*/}"
export PARAMEDIC_GATEWAY_DIR="$0/$PARAMEDIC_GATEWAY_REPLICA" PARAMEDIC_GATEWAY_DRAIN_SECONDS=5
mkdir -p -m 700 "$0" && exec "$1" -m paramedic_gateway
"""
"""Replicas of one gateway have the same ports: on one host each needs a loopback address."""

_PRIVATE = 0o600


@dataclass(frozen=True)
class HostLayout:
    """The folder `state_dir/host` and the files of credentials beside it."""

    state_dir: Path

    @property
    def host_dir(self) -> Path:
        """The launcher's own directory: its fences and receipts."""
        return self.state_dir / "host"

    @property
    def controller_environment(self) -> Path:
        """What controllers are started with, credentials included."""
        return self.state_dir / "controller.env"

    @property
    def gateway_environment(self) -> Path:
        """What gateway replicas are started with, credentials included."""
        return self.state_dir / "gateway.env"

    @property
    def operator_environment(self) -> Path:
        """What this command talks to the stack with."""
        return self.state_dir / OPERATOR_FILE

    @property
    def controller_log(self) -> Path:
        """What every controller of this host prints."""
        return self.state_dir / "controller.log"

    @property
    def replica_logs(self) -> Path:
        """The folder that holds a log for each replica."""
        return self.state_dir / "replicas"

    @property
    def gateway_log(self) -> Path:
        """What every gateway replica of this host prints."""
        return self.state_dir / "gateway.log"

    @property
    def gateways(self) -> Path:
        """The folder that holds a directory for each gateway replica."""
        return self.state_dir / "gateways"

    @property
    def has_credentials(self) -> bool:
        """Whether everybody on this host has credentials of the stack."""
        files = (self.controller_environment, self.gateway_environment, self.operator_environment)
        return all(file.exists() for file in files)

    @property
    def profile(self) -> ProcessProfile:
        """How the recovery function relaunches a controller on this host."""
        return ProcessProfile(
            launcher="process",
            host_dir=self.host_dir,
            command=(sys.executable, "-m", "paramedic_controller"),
            env_file=self.controller_environment,
            working_directory=str(self.state_dir),
            log_file=str(self.controller_log),
        )

    @property
    def gateway_profile(self) -> ProcessProfile:
        """How a gateway replica is launched on this host."""
        return ProcessProfile(
            launcher="process",
            host_dir=self.host_dir,
            command=(sys.executable, "-m", "paramedic_gateway"),
            env_file=self.gateway_environment,
            working_directory=str(self.state_dir),
            log_file=str(self.gateway_log),
        )

    @property
    def gateways_profile(self) -> ProcessProfile:
        """How the stack launches replicas of gateways on this host."""
        command = ("sh", "-c", _AT_AN_ADDRESS_OF_ITS_OWN, str(self.gateways.resolve()), sys.executable)
        return self.gateway_profile.model_copy(update={"command": command})

    @property
    def profiles_parameter(self) -> str:
        """The stack parameter LauncherProfiles."""
        profiles = {PROFILE: self.profile, GATEWAY_PROFILE: self.gateways_profile}
        return json.dumps({name: each.model_dump(mode="json", exclude_none=True) for name, each in profiles.items()})

    def prepare(self) -> None:
        """Make the folders; the launcher must know this host before anything is launched."""
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        initialise_host_dir(self.host_dir)

    def write_environments(
        self,
        stack_name: str,
        *,
        controller: Mapping[str, str],
        gateway: Mapping[str, str],
        operator: Mapping[str, str],
    ) -> None:
        """Keep all credentials where only this user can read them."""
        _write_private(self.controller_environment, controller)
        _write_private(self.gateway_environment, gateway)
        _write_private(self.operator_environment, {**operator, STACK_VARIABLE: stack_name})

    def forget(self) -> None:
        """Remove the files, once nothing they describe runs any more; the logs stay."""
        shutil.rmtree(self.host_dir, ignore_errors=True)
        shutil.rmtree(self.gateways, ignore_errors=True)
        self.controller_environment.unlink(missing_ok=True)
        self.gateway_environment.unlink(missing_ok=True)
        self.operator_environment.unlink(missing_ok=True)


def _write_private(path: Path, environment: Mapping[str, str]) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in sorted(environment.items()))
    unfinished.replace(path)
