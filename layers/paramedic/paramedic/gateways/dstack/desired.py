"""What dstack's gateways should have: the file that people write, and what is kept of it. Pure.

A gateway's list tells ids and nothing of a service's settings. So the ids it is given are made from what the service
or replica is: whatever is listed under the right id has the right settings, and whatever changes has another id.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Literal, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from paramedic.gateways.dstack.api import SshHop
from paramedic.health.expectations import Expectations

MOST_REPLICAS = 20
MOST_SERVICES = 1000

OWN_PROJECT = "paramedic"
NOBODY = "nobody"
"""The service that whoever asks for an unknown host name gets. It has no replicas, so the answer is 503."""

NOBODYS_KEY = f"{OWN_PROJECT}/{NOBODY}"

NOBODYS_DOMAIN = "0-nobody.paramedic.invalid"
"""Sorts before all others, and nginx gives unknown names to the first server in its files."""

UNKNOWN_HOST = "unknown.paramedic.invalid"
"""A host name that no service has."""

_IDS = UUID("4f9d8f0e-3e55-4d0c-9f3c-6a4f5c1c7c52")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Domain = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$")
]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^http://[A-Za-z0-9.\[\]:-]+$", max_length=300)]
Port = Annotated[int, Field(ge=1, le=65535)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GatewayReplica(_Part):
    """`api` is where its application is reached from wherever this runs, `serves_at` where its nginx is."""

    name: Name
    api: HttpUrl
    serves_at: HttpUrl


class Project(_Part):
    """The name of the private key that opens its replicas' hosts, among those on the host that reconciles."""

    ssh_key: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", max_length=200)


class Check(_Part):
    """What a gateway replica is asked for to see that a service is reached through it."""

    path: str = Field(default="/", pattern=r"^/[\x21-\x7e]*$", max_length=500)
    expect: Expectations = Expectations(status=("2xx",))
    timeout_seconds: float = Field(default=3.0, gt=0, le=20)


class ServiceReplica(_Part):
    """One replica, at `app_port` of the host that `ssh_host` (`user@host`) names."""

    id: str = Field(min_length=1, max_length=200)
    app_port: Port
    ssh_host: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9_][A-Za-z0-9_.:-]*$", max_length=300)
    ssh_port: Port = 22
    ssh_proxy: SshHop | None = None

    @property
    def first_hop(self) -> tuple[str, int]:
        """The host and port that a gateway connects to."""
        if self.ssh_proxy is not None:
            return self.ssh_proxy.hostname, self.ssh_proxy.port
        return self.ssh_host.rpartition("@")[2], self.ssh_port


class Service(_Part):
    """One service; another `id` is another run of it, which takes the place of whatever has its name."""

    project: Name
    name: Name
    id: str = Field(min_length=1, max_length=200)
    domain: Domain
    client_max_body_size: int = Field(default=64 * 1024 * 1024, ge=0)
    read_timeout: int = Field(default=300, ge=1, le=86400)
    check: Check = Check()
    replicas: tuple[ServiceReplica, ...] = ()

    @property
    def key(self) -> str:
        """Its project and name."""
        return f"{self.project}/{self.name}"

    @cached_property
    def registered_id(self) -> str:
        """The id that a gateway knows it by."""
        settings = [self.key, self.id, self.domain, self.client_max_body_size, self.read_timeout]
        return uuid5(_IDS, json.dumps(settings)).hex

    @cached_property
    def replicas_by_id(self) -> Mapping[str, ServiceReplica]:
        """Its replicas by the ids that a gateway knows them by, which no other service's have."""
        return {
            uuid5(_IDS, json.dumps([self.registered_id, each.model_dump(mode="json")])).hex: each
            for each in self.replicas
        }


class DesiredGateway(_Part):
    """A gateway: its replicas, the projects whose services are kept here, and these services."""

    type: Literal["dstack-gateway"] = "dstack-gateway"
    name: Name
    replicas: tuple[GatewayReplica, ...] = Field(min_length=1, max_length=MOST_REPLICAS)
    projects: Mapping[Name, Project]
    services: tuple[Service, ...] = Field(default=(), max_length=MOST_SERVICES)

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> Self:
        for what, names in (
            ("replicas", [each.name for each in self.replicas]),
            ("services", [each.key for each in self.services]),
            ("domains", [each.domain for each in self.services]),
            *(("replicas of " + each.key, [replica.id for replica in each.replicas]) for each in self.services),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what} that are there twice: {', '.join(twice)}")
        for each in self.services:
            if each.project not in self.projects:
                raise ValueError(f"service {each.key}: its project is not in projects")
            if each.domain <= NOBODYS_DOMAIN:
                raise ValueError(f"service {each.key}: domain {each.domain} must sort after {NOBODYS_DOMAIN}")
        if OWN_PROJECT in self.projects:
            raise ValueError(f"projects: {OWN_PROJECT!r} is kept for Paramedic's own")
        return self

    def owns(self, project: str) -> bool:
        """Whether services of `project` are nobody else's."""
        return project in self.projects or project == OWN_PROJECT

    @cached_property
    def by_key(self) -> Mapping[str, Service]:
        """All services that a replica should have, first the one for unknown host names."""
        return {each.key: each for each in self._all()}

    def _all(self) -> Iterator[Service]:
        yield Service(project=OWN_PROJECT, name=NOBODY, id=NOBODY, domain=NOBODYS_DOMAIN)
        yield from self.services
