"""The controller's settings, all from environment variables, checked once at the start."""

from pathlib import Path

from pydantic import Field, field_validator

from paramedic.launchers.process.scopes import ScopeCommand
from paramedic.settings import EnvironmentSettings
from paramedic.state.connection import LONGEST_CALL_SECONDS
from paramedic.state.heartbeat import HEARTBEAT_SECONDS
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS

HOST_PATTERN = r"^[A-Za-z0-9.:-]*$"


class Settings(EnvironmentSettings):
    """Times in seconds. `epoch` is given by a recovery only; `launch_key` by whichever launcher started the process.

    It listens on `host`, for good; where others reach it under another name, that is `advertised_host`.
    `profile` names the launcher profile that starts this controller again; `host_dir` is the process launcher's
    directory on this host, for its replicas; `scope_command` keeps those out of this process's control group. At most
    `launches_at_once` launches are under way and at most `launches_per_second` begin: what is beyond waits, and
    services take turns. Only files in `secrets_dir` are handed to replicas as their secrets.
    """

    table_prefix: str = Field(alias="TABLE_PREFIX", min_length=1)
    controller_id: str = Field(alias="PARAMEDIC_CONTROLLER_ID", pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")
    host_dir: Path = Field(alias="PARAMEDIC_HOST_DIR")
    log_dir: Path | None = Field(default=None, alias="PARAMEDIC_LOG_DIR")
    secrets_dir: Path = Field(default=Path("/run/secrets"), alias="PARAMEDIC_SECRETS_DIR")
    scope_command: ScopeCommand = Field(default=(), alias="PARAMEDIC_SCOPE_COMMAND")
    host: str = Field(default="127.0.0.1", alias="PARAMEDIC_HOST")
    advertised_host: str = Field(default="", alias="PARAMEDIC_ADVERTISED_HOST", pattern=HOST_PATTERN)
    port: int = Field(default=0, ge=0, le=65535, alias="PARAMEDIC_PORT")
    profile: str = Field(default="", alias="PARAMEDIC_PROFILE")
    epoch: int | None = Field(default=None, ge=1, alias="PARAMEDIC_EPOCH")
    launch_key: str = Field(default="", alias="PARAMEDIC_LAUNCH_KEY")
    balancer_host: str = Field(default="127.0.0.1", alias="PARAMEDIC_BALANCER_HOST")
    replica_host: str = Field(default="127.0.0.1", alias="PARAMEDIC_REPLICA_HOST")
    pass_seconds: float = Field(default=1.0, gt=0, le=3, alias="PARAMEDIC_PASS_SECONDS")
    tick_seconds: int = Field(default=5, ge=1, le=60, alias="PARAMEDIC_TICK_SECONDS")
    probe_seconds: float = Field(default=2.0, gt=0, alias="PARAMEDIC_PROBE_SECONDS")
    drain_seconds: float = Field(default=2.0, ge=0, alias="PARAMEDIC_DRAIN_SECONDS")
    stop_grace_seconds: float = Field(default=10.0, ge=0, alias="PARAMEDIC_STOP_GRACE_SECONDS")
    launches_at_once: int = Field(default=8, ge=1, le=1000, alias="PARAMEDIC_LAUNCHES_AT_ONCE")
    launches_per_second: float = Field(default=50.0, gt=0, le=10_000, alias="PARAMEDIC_LAUNCHES_PER_SECOND")
    stale_seconds: float = Field(default=SELF_FENCE_LEASE_SECONDS, validate_default=True, alias="STALE_SECONDS")

    @field_validator("stale_seconds")
    @classmethod
    def _lease_ends_before_anyone_calls_us_stale(cls, stale_seconds: float) -> float:
        busiest = HEARTBEAT_SECONDS + 2 * LONGEST_CALL_SECONDS
        if not busiest < SELF_FENCE_LEASE_SECONDS <= stale_seconds:
            raise ValueError(
                f"must be at least the self-fence lease of {SELF_FENCE_LEASE_SECONDS:g} s, "
                f"which must exceed heartbeat + 2 DynamoDB calls ({busiest:g} s)"
            )
        return stale_seconds

    def own_address(self, registered: str) -> str:
        """Where to listen: the `registered` address for good, unless that is a name for wherever this process runs."""
        return self.host if self.advertised_host else registered

    @property
    def profile_name(self) -> str:
        """`profile`, or the controller's own name where none is given."""
        return self.profile or self.controller_id

    @property
    def replica_log_dir(self) -> Path:
        """Where replicas' output goes."""
        return self.log_dir or self.host_dir / "logs"
