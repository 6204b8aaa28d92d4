"""What a gateway is: how many replicas, where they run, under which domain, with what certificate."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from paramedic.errors import InvalidInputError
from paramedic.gateways.replica import SHARED_PORT, SHARED_TLS_PORT
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.request_handling import HOST_NAME_PATTERN

NAME_PATTERN = r"^[a-z]([a-z0-9-]{0,57}[a-z0-9])?$"
"""As services' names, less what a replica's number adds to it."""

MOST_REPLICAS = 20

LEAVE_LOAD_BALANCER_SECONDS = 60
"""A load balancer takes a moment to send nobody to a target any more."""

BY_LOAD_BALANCER = (
    "put a load balancer in front that has the certificate: write {type: acm, target_group: ARN} to have replicas "
    "registered in a target group, or null and point any other load balancer at all replicas' hostnames"
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Backend = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Region = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]


class Placement(_Part):
    """Where a replica runs: `backend`, or `backend` and `region`, names a launcher profile of the stack."""

    backend: Backend
    region: Region | None = None

    @property
    def profile(self) -> str:
        """The launcher profile's name."""
        return self.backend if self.region is None else f"{self.backend}/{self.region}"


def _absolute(path: str) -> str:
    if not PurePosixPath(path).is_absolute():
        raise ValueError("must be an absolute path on the replicas' hosts")
    return path


HostPath = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,300}$"), AfterValidator(_absolute)]


class CertificateFiles(_Part):
    """PEM files on the host of each replica."""

    type: Literal["files"]
    certificate: HostPath
    key: HostPath


class CertificateSecret(_Part):
    """A secret of Secrets Manager, by name or ARN; replicas' roles must be allowed to read it."""

    type: Literal["secrets-manager"]
    secret: str = Field(pattern=r"^[A-Za-z0-9/_+=.@:-]{1,512}$")


class CertificateOfLoadBalancer(_Part):
    """The certificate is a load balancer's; replicas are registered in its target group and speak no TLS."""

    type: Literal["acm"]
    target_group: str = Field(pattern=r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/\S{1,64}$")


type AnyCertificate = CertificateFiles | CertificateSecret | CertificateOfLoadBalancer
Certificate = Annotated[AnyCertificate, Field(discriminator="type")]


class Names(_Part):
    """Records of the gateway's replicas in a hosted zone of Route 53, which the stack must be allowed to change.

    One that leaves is stopped `ttl` seconds after its record was removed.
    """

    zone: str = Field(pattern=r"^Z[A-Z0-9]{1,31}$")
    ttl: int = Field(default=60, ge=10, le=3600)


class GatewaySpec(_Part):
    """One gateway. Its replicas run at `backend` in `region`, or are spread evenly over `placement`.

    Health checks reach them from `probe_from`.
    """

    type: Literal["gateway"]
    name: str = Field(pattern=NAME_PATTERN)
    backend: Backend | None = None
    region: Region | None = None
    placement: tuple[Placement, ...] = Field(default=(), max_length=MOST_REPLICAS + 1)
    domain: str | None = Field(default=None, pattern=HOST_NAME_PATTERN)
    certificate: Certificate | None = None
    dns: Names | None = None
    replicas: int = Field(default=1, ge=1, le=MOST_REPLICAS, strict=True)
    port: int = Field(default=SHARED_PORT, ge=1, le=65535)
    tls_port: int = Field(default=SHARED_TLS_PORT, ge=1, le=65535)
    probe_from: ProbeLocation = ProbeLocation.PUBLIC

    @field_validator("certificate", mode="before")
    @classmethod
    def _can_be_served(cls, certificate: object) -> object:
        kind = certificate.get("type") if isinstance(certificate, Mapping) else None
        if kind == "lets-encrypt":
            raise ValueError(
                "of type lets-encrypt is asked for by nobody here: of several replicas one would ask and another be "
                f"asked to prove it; {BY_LOAD_BALANCER}; or renew it elsewhere and give it as files or secrets-manager"
            )
        if kind == "acm" and isinstance(certificate, Mapping) and "target_group" not in certificate:
            raise ValueError(f"of type acm never leaves AWS, so no replica can serve it; {BY_LOAD_BALANCER}")
        return certificate

    @model_validator(mode="before")
    @classmethod
    def _says_where_in_one_way(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or not given.get("placement"):
            return given
        for field in ("backend", "region"):
            if given.get(field) is not None:
                raise InvalidInputError(field, given[field], "is there besides placement: say where replicas run once")
        return given

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if not self.placements:
            raise InvalidInputError("backend", None, "is required, the name of a launcher profile; or a placement")
        if self.dns is not None and self.domain is None:
            raise InvalidInputError("domain", None, "is required where dns is given: its names are *.domain")
        if self.dns is not None and isinstance(self.certificate, CertificateOfLoadBalancer):
            raise InvalidInputError("dns", self.dns.zone, "names replicas, and a load balancer is in front of them")
        if self.port == self.tls_port:
            raise InvalidInputError("tls_port", self.tls_port, "is the port without TLS; give each a port of its own")
        return self

    @property
    def leave_seconds(self) -> int:
        """For how long clients may still come to one that is published no more."""
        if isinstance(self.certificate, CertificateOfLoadBalancer):
            return LEAVE_LOAD_BALANCER_SECONDS
        return 0 if self.dns is None else self.dns.ttl

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Where replicas run, in order of preference."""
        if self.placement or self.backend is None:
            return self.placement
        return (Placement(backend=self.backend, region=self.region),)

    @property
    def profiles(self) -> tuple[str, ...]:
        """The launcher profiles of `placements`."""
        return tuple(each.profile for each in self.placements)

    def runs_like(self, other: "GatewaySpec") -> bool:
        """Whether replicas of `other`, where they are, are told the same: another number or place replaces none."""
        return self.environment() == other.environment()

    def environment(self) -> Mapping[str, str]:
        """What every replica is told besides its own name."""
        told = {
            "PARAMEDIC_GATEWAY": self.name,
            "PARAMEDIC_GATEWAY_PORT": str(self.port),
            "PARAMEDIC_GATEWAY_TLS_PORT": str(self.tls_port),
            "PARAMEDIC_GATEWAY_PROBE_FROM": self.probe_from.value,
        }
        if self.domain is not None:
            told["PARAMEDIC_GATEWAY_DOMAIN"] = self.domain
        return {**told, **_certificate(self.certificate)}


def _certificate(certificate: AnyCertificate | None) -> dict[str, str]:
    match certificate:
        case CertificateFiles():
            return {
                "PARAMEDIC_GATEWAY_CERTIFICATE_FILE": certificate.certificate,
                "PARAMEDIC_GATEWAY_KEY_FILE": certificate.key,
            }
        case CertificateSecret():
            return {"PARAMEDIC_GATEWAY_CERTIFICATE_SECRET": certificate.secret}
        case _:
            return {}
