"""What a gateway of dstack 0.22 is told and tells. Whatever else it tells is ignored."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, RootModel


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Tells(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SshHop(_Told):
    """A host on the way to a replica's. Both names become words of a command on the gateway's machine."""

    hostname: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]*$", max_length=253)
    username: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=100)
    port: int = Field(default=22, ge=1, le=65535)


class ServiceRegistration(_Told):
    """A service without replicas. `client_max_body_size` is in bytes, `read_timeout` in seconds."""

    id: str
    run_name: str
    domain: str
    client_max_body_size: int
    read_timeout: int
    ssh_private_key: str = Field(repr=False)
    https: bool = False
    auth: bool = False
    options: Mapping[str, str] = {}


class ReplicaRegistration(_Told):
    """A replica, which the gateway reaches through an SSH tunnel."""

    job_id: str
    app_port: int
    ssh_host: str
    ssh_port: int
    ssh_proxy: SshHop | None


class ListedReplica(_Tells):
    """One replica of a listed service."""

    id: str


class ListedService(_Tells):
    """A service as a gateway lists it, which says neither its domain nor its settings."""

    id: str | None
    project_name: str
    run_name: str
    replicas: tuple[ListedReplica, ...]


class ServiceList(_Tells):
    """All services of a gateway replica."""

    services: tuple[ListedService, ...]


class WindowStats(_Tells):
    """Requests of the last so many seconds, and how many seconds one took on average."""

    requests: int = Field(ge=0)
    request_time: float = Field(ge=0)


class ServiceStats(_Tells):
    """Figures of one service by the length of their window in seconds."""

    project_name: str
    run_name: str
    stats: Mapping[int, WindowStats]


class StatsList(RootModel[tuple[ServiceStats, ...]]):
    """Figures of all services of a gateway replica."""


class Version(_Tells):
    """What `/` says."""

    version: str
