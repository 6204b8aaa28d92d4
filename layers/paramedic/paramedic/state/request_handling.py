"""What a load balancer does with requests and where it sends them: the checked content of its row, and of specs."""

import ipaddress
import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

HEADER_NAME_PATTERN = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$"
HOST_NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"

# As HOST_NAME_PATTERN, and with the underscores that names of containers have, and the dot that ends absolute names.
_AUTHORITY_PATTERN = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"

HTTP_PORT = 80

MAX_SECONDS = 30 * 24 * 3600
"""The longest timeout that may be asked for: longer ones are typing errors, and overflow where they are used."""

MAX_BODY_BYTES = 2**53 - 1
"""The highest whole number that every reader of JSON keeps exactly (RFC 8259, section 6)."""

MAX_COOKIE_SECONDS = 400 * 24 * 3600
"""Browsers keep no cookie for longer (RFC 6265bis, section 5.5)."""

MAX_VERSION = 2**31 - 1
"""Versions count the updates of a service, and are part of names of files."""

MAX_WEIGHT = 128

Timeout = Annotated[float, Field(ge=0.001, le=MAX_SECONDS)]


class _Part(BaseModel):
    """Later releases may add to it; specs are checked for unknown names where users write them."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Route(_Part):
    """One replica behind the load balancer; `weight` is its share where the policy weighs replicas."""

    replica_id: int
    url: str
    weight: int = Field(default=1, ge=1, le=MAX_WEIGHT)
    version: int = 1


class Routes(_Part):
    """The replicas in order of id. `draining` ones get no new request and finish those they have."""

    replicas: tuple[Route, ...] = ()
    draining: tuple[Route, ...] = ()


class HeaderMatch(_Part):
    """Requests that carry this header with exactly this value."""

    name: str = Field(pattern=HEADER_NAME_PATTERN)
    value: str


class VersionRule(_Part):
    """Sends requests below a path, or with a header, or with both, to the replicas of one version alone."""

    version: int = Field(ge=1, le=MAX_VERSION)
    path_prefix: str | None = Field(default=None, pattern=r"^(/[^/?#\s]+)+$")
    header: HeaderMatch | None = None

    @model_validator(mode="after")
    def _match_something(self) -> Self:
        if self.path_prefix is None and self.header is None:
            raise ValueError(f"version {self.version} needs a path_prefix or a header to be told apart by")
        return self


class StickyCookie(_Part):
    """Clients come back to the replica that served them first while it is there.

    `seconds` is how long clients keep the cookie; 0 means until their browser closes.
    """

    cookie: str = Field(pattern=HEADER_NAME_PATTERN)
    seconds: int = Field(default=0, ge=0, le=MAX_COOKIE_SECONDS)


def _frames_nothing(name: str) -> str:
    if name.lower() in _FRAMING_HEADERS:
        raise ValueError("is between two neighbours, or says how long a request is, and is nobody else's to set")
    return name


# Of an answer's, these mean the answer: RFC 9110, section 7.6.1, with the lengths and the host.
_FRAMING_HEADERS = {
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}

# Narrower than HEADER_NAME_PATTERN: in Envoy's formats the other characters have meanings, and a name becomes an
# expression of up to two instructions a character, of which Envoy takes 100.
HandedOnHeader = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,48}$"), AfterValidator(_frames_nothing)]


class Authorization(_Part):
    """Asks `url` about every request first; what it answers with 2xx passes, any other answer is the client's.

    It is asked with the request's method and headers, no body, and told X-Forwarded-Method, -Proto, -Host and -Uri.
    Of a 2xx answer the headers `response_headers` are handed on to the replica, which never sees the client's own.
    """

    url: str = Field(pattern=r"^http://[!-~]+$", max_length=2048)
    response_headers: tuple[HandedOnHeader, ...] = ()
    timeout_seconds: Timeout = 5.0

    @field_validator("url")
    @classmethod
    def _names_somebody(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username is not None:
            raise ValueError("names a user, and nobody would be told")
        if not _is_host(parts.hostname or ""):
            raise ValueError("names no host that could be asked")
        if parts.port == 0:
            raise ValueError("names port 0, where nobody answers")
        return url

    @property
    def host(self) -> str:
        """Name or IP address of whom to ask."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        return urlsplit(self.url).port or HTTP_PORT

    @property
    def path(self) -> str:
        """Path and query that are asked for."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_host(text: str) -> bool:
    if re.fullmatch(_AUTHORITY_PATTERN, text):
        return True
    try:
        # A zone is one host's own; rows are for all of a gateway's.
        return getattr(ipaddress.ip_address(text), "scope_id", None) is None
    except ValueError:
        return False


class RequestHandling(_Part):
    """What a gateway does with a service's requests on their way to its replicas. Times in seconds.

    `hosts` are names besides `<service>.<domain>`. A request may take for ever while `timeout_seconds` is absent, but
    may not be silent in both directions for longer than `idle_timeout_seconds`. With `max_body_bytes`, requests with
    a body must tell its length. `tls` makes the service's own port speak TLS only. `drain_seconds` is how long a
    leaving replica may take to finish.
    """

    hosts: tuple[Annotated[str, Field(pattern=HOST_NAME_PATTERN)], ...] = ()
    max_body_bytes: int | None = Field(default=None, ge=0, le=MAX_BODY_BYTES)
    timeout_seconds: Timeout | None = None
    idle_timeout_seconds: Timeout = 3600
    sticky: StickyCookie | None = None
    authorization: Authorization | None = None
    tls: bool = False
    replica_protocol: Literal["http1", "http2"] = "http1"
    versions: tuple[VersionRule, ...] = ()
    drain_seconds: float = Field(default=600, ge=0, le=MAX_SECONDS)
