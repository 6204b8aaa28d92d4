"""The gateway replica's settings, all from environment variables, checked once at the start."""

import os
from collections.abc import Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from paramedic.gateways.replica import SHARED_PORT, SHARED_TLS_PORT
from paramedic.launchers.marks import WORKLOAD
from paramedic.launchers.process.scopes import ScopeCommand
from paramedic.services.spec import NAME_PATTERN
from paramedic.settings import EnvironmentSettings, InvalidSettingError
from paramedic.state.gateway_keys import gateway_replica_of
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.request_handling import HOST_NAME_PATTERN
from paramedic_gateway.layout import Layout

LONGEST_SOCKET_PATH = 107
"""What the kernel takes as the name of a unix socket."""

LONGEST_POLL_SECONDS = 5.0
"""Changes are promised to arrive within seconds."""

SHORTEST_POLL_SECONDS = 0.1
"""Each poll is a paid read; Envoy itself looks no more often at what there is a file of per service."""

LONGEST_REPORT_SECONDS = 5.0
"""Autoscaling calls figures missing once they are 15 s old: one report may be lost, and come late, without that."""

SHORTEST_REPORT_SECONDS = 0.5
"""Each report is a paid write, and figures are of whole seconds."""


ANY_ADDRESS = (None, "0.0.0.0", "::")  # noqa: S104 - what to bind to, and nothing to reach
"""Where the host alone does not say at what address it is reached."""


class Settings(EnvironmentSettings):
    """Times in seconds. `replica` names this replica of `gateway` for good, over all its lives. `workload` and `epoch`
    are those that it was launched as, where it was not started by hand.

    `directory` is this replica's alone and outlives it. `host` is where it listens; without one, where each service's
    row says. `address` is where health checks reach it, a name or an address; without one, `host`; `probe_from` says
    from where. `port` and `tls_port` are shared by all services, told apart by `<service>.<domain>`. `health_token` is
    for whom more is told than that it is well. The certificate comes from two files or from one secret.
    `scope_command` keeps Envoy out of the agent's control group.
    """

    table_prefix: str = Field(alias="TABLE_PREFIX", min_length=1)
    workload: str | None = Field(default=None, alias="PARAMEDIC_WORKLOAD")
    epoch: int | None = Field(default=None, ge=1, alias="PARAMEDIC_EPOCH")
    gateway: str = Field(default="default", alias="PARAMEDIC_GATEWAY", pattern=NAME_PATTERN)
    replica: str = Field(alias="PARAMEDIC_GATEWAY_REPLICA", pattern=NAME_PATTERN)
    directory: Path = Field(alias="PARAMEDIC_GATEWAY_DIR")
    host: str | None = Field(default=None, alias="PARAMEDIC_GATEWAY_HOST")
    address: str | None = Field(default=None, alias="PARAMEDIC_GATEWAY_ADDRESS", pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    probe_from: ProbeLocation = Field(default=ProbeLocation.PUBLIC, alias="PARAMEDIC_GATEWAY_PROBE_FROM")
    port: int = Field(default=SHARED_PORT, ge=1, le=65535, alias="PARAMEDIC_GATEWAY_PORT")
    tls_port: int = Field(default=SHARED_TLS_PORT, ge=1, le=65535, alias="PARAMEDIC_GATEWAY_TLS_PORT")
    domain: str = Field(default="localhost", alias="PARAMEDIC_GATEWAY_DOMAIN", pattern=HOST_NAME_PATTERN)
    health_token: SecretStr | None = Field(default=None, alias="PARAMEDIC_GATEWAY_TOKEN")
    health_token_file: Path | None = Field(default=None, alias="PARAMEDIC_GATEWAY_TOKEN_FILE")
    certificate_file: Path | None = Field(default=None, alias="PARAMEDIC_GATEWAY_CERTIFICATE_FILE")
    key_file: Path | None = Field(default=None, alias="PARAMEDIC_GATEWAY_KEY_FILE")
    certificate_secret: str | None = Field(default=None, alias="PARAMEDIC_GATEWAY_CERTIFICATE_SECRET")
    secret_seconds: float = Field(default=60.0, ge=1, alias="PARAMEDIC_GATEWAY_SECRET_SECONDS")
    scope_command: ScopeCommand = Field(default=(), alias="PARAMEDIC_SCOPE_COMMAND")
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, alias="PARAMEDIC_GATEWAY_WORKERS")
    poll_seconds: float = Field(
        default=1.0, ge=SHORTEST_POLL_SECONDS, le=LONGEST_POLL_SECONDS, alias="PARAMEDIC_GATEWAY_POLL_SECONDS"
    )
    report_seconds: float = Field(
        default=3.0, ge=SHORTEST_REPORT_SECONDS, le=LONGEST_REPORT_SECONDS, alias="PARAMEDIC_GATEWAY_REPORT_SECONDS"
    )
    rotate_bytes: int = Field(default=256 * 1024 * 1024, ge=4096, alias="PARAMEDIC_GATEWAY_ROTATE_BYTES")
    drain_seconds: float = Field(default=30.0, ge=0, alias="PARAMEDIC_GATEWAY_DRAIN_SECONDS")

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_launch(cls, given: Any) -> Any:
        """Launchers that pass no variables of a gateway's say at least which workload it is."""
        launched = None if not isinstance(given, Mapping) else gateway_replica_of(str(given.get(WORKLOAD)))
        if launched is None:
            return given
        named = {"PARAMEDIC_GATEWAY": launched.gateway, "PARAMEDIC_GATEWAY_REPLICA": launched.replica_name}
        return {**named, **given}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("PARAMEDIC_GATEWAY_CERTIFICATE_FILE and PARAMEDIC_GATEWAY_KEY_FILE go together")
        if self.certificate_file is not None and self.certificate_secret is not None:
            raise ValueError("PARAMEDIC_GATEWAY_CERTIFICATE_FILE excludes PARAMEDIC_GATEWAY_CERTIFICATE_SECRET")
        if self.health_token is not None and self.health_token_file is not None:
            raise ValueError("give PARAMEDIC_GATEWAY_TOKEN or PARAMEDIC_GATEWAY_TOKEN_FILE, not both")
        if self.port == self.tls_port:
            both = "PARAMEDIC_GATEWAY_PORT and PARAMEDIC_GATEWAY_TLS_PORT"
            raise ValueError(f"{both} are both {self.port}; give each a port of its own, even without a certificate")
        return self

    @property
    def number(self) -> int | None:
        """Which replica of its gateway it was launched as; None where it was started by hand."""
        launched = gateway_replica_of(self.workload or "")
        return None if launched is None else launched.number

    @property
    def speaks_tls(self) -> bool:
        """Whether there is a certificate to serve."""
        return self.certificate_file is not None or self.certificate_secret is not None

    @property
    def checked_address(self) -> str | None:
        """Where health checks reach it; None where nobody said so."""
        return self.address or (None if self.host in ANY_ADDRESS else self.host)

    def token(self) -> str | None:
        """What health checks must carry; None where none are answered.

        Raises:
            InvalidSettingError: the token's file cannot be read or is empty.
        """
        if self.health_token_file is None:
            return None if self.health_token is None else self.health_token.get_secret_value()
        try:
            token = self.health_token_file.read_text().strip()
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
            raise InvalidSettingError("PARAMEDIC_GATEWAY_TOKEN_FILE", str(self.health_token_file), problem) from error
        if not token:
            raise InvalidSettingError("PARAMEDIC_GATEWAY_TOKEN_FILE", str(self.health_token_file), "is empty")
        return token

    @field_validator("address")
    @classmethod
    def _is_no_more_than_an_address(cls, address: str | None) -> str | None:
        try:
            if address is not None and ":" in address:
                IPv6Address(address)
        except ValueError:
            raise ValueError("must be a name or an address alone; its port is PARAMEDIC_GATEWAY_PORT") from None
        return address

    @field_validator("directory")
    @classmethod
    def _has_room_for_sockets(cls, directory: Path) -> Path:
        longest = len(os.fsencode(Layout(directory.absolute()).admin_socket))
        if longest > LONGEST_SOCKET_PATH:
            raise ValueError(f"its sockets' names would have {longest} bytes where {LONGEST_SOCKET_PATH} are possible")
        return directory
