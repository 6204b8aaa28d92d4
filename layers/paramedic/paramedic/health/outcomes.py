"""What the prober is asked and what it answers: the boundary between `health_check` and `health_probe`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from paramedic.health.expectations import Expectations
from paramedic.health.http_request import HttpRequest

DEFAULT_TIMEOUT_SECONDS = 3.0
DEFAULT_ATTEMPTS = 3

LONGEST_DETAIL = 500
"""Characters. Targets have a say in it, and a hundred outcomes go into one answer of Lambda, of 6 MB at most."""

# One for all: ten thousand targets are probed in sixty megabytes.
PLAIN_REQUEST = HttpRequest()
PLAIN_EXPECTATIONS = Expectations()


class ProbeRequest(BaseModel):
    """One target to probe. Times in seconds.

    The scheme of `url` says how: `http`, `https`, `tcp` (a connection is enough) or `tls` (a handshake with a valid
    certificate is). `timeout_seconds` holds for one attempt, redirects included. `host` is who is asked for at that
    address, where that is not what `url` says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target_id: str = Field(min_length=1)
    url: str = Field(min_length=1)
    timeout_seconds: float = Field(default=DEFAULT_TIMEOUT_SECONDS, gt=0, le=20)
    attempts: int = Field(default=DEFAULT_ATTEMPTS, ge=1, le=5)
    host: str | None = Field(default=None, pattern=r"^[a-z0-9.-]{1,253}$")
    request: HttpRequest = Field(default_factory=lambda: PLAIN_REQUEST)
    expect: Expectations = Field(default_factory=lambda: PLAIN_EXPECTATIONS)

    @model_validator(mode="after")
    def _asks_for_what_it_expects(self) -> Self:
        scheme = self.url.partition("://")[0].lower()
        if scheme in ("tcp", "tls") and (self.request != PLAIN_REQUEST or self.expect.of_http != PLAIN_EXPECTATIONS):
            raise ValueError(f"request and expectations of an HTTP answer make no sense for {scheme}://")
        if scheme in ("tcp", "http") and self.expect.certificate_days is not None:
            raise ValueError(f"expect.certificate_days makes no sense for {scheme}://, which has no certificate")
        if self.request.method == "HEAD" and self.expect.needs_body:
            raise ValueError("expect.body and expect.json need a method whose answers have a body, not HEAD")
        return self


class OutcomeKind(StrEnum):
    """How a probe ended. `NOT_PROBED` means the prober itself was the problem: unknown, never down.

    `CONDITION` is an answer with an expected status that is otherwise not as expected. `SILENT` and `FAILED` are not
    the prober's: a target did not report in time, or it says of itself that it is not well.
    """

    OK = "ok"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    RESET = "reset"
    DNS = "dns"
    TLS = "tls"
    STATUS = "status"
    PROTOCOL = "protocol"
    CONDITION = "condition"
    FORBIDDEN_ADDRESS = "forbidden_address"
    SILENT = "silent"
    FAILED = "failed"
    NOT_PROBED = "not_probed"


@dataclass(frozen=True, slots=True)
class Timings:
    """Where an attempt's time went, in milliseconds; what was not reached is None. Redirects count into each part.

    `queue` is the wait for a free slot, which is in no other part.
    """

    queue: float = 0.0
    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None


NOTHING_TIMED = Timings()


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """The last attempt's outcome; `attempts` is how many were made, `elapsed_ms` that of the last one.

    `certificate_days` is for how long the target's certificate is still valid.
    """

    target_id: str
    kind: OutcomeKind
    detail: str = ""
    status: int | None = None
    attempts: int = 1
    elapsed_ms: float = 0.0
    timings: Timings = NOTHING_TIMED
    certificate_days: int | None = None


class ProbeBatch(BaseModel):
    """The event `health_probe` takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    targets: tuple[ProbeRequest, ...]
    retry_delay_seconds: float = Field(default=2.0, ge=0, le=5)


class ProbeReport(BaseModel):
    """What `health_probe` returns: exactly one outcome per target asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcomes: tuple[ProbeOutcome, ...]
