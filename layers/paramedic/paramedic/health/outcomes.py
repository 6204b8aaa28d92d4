"""What the prober is asked and what it answers: the boundary between `health_check` and `health_probe`."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class ProbeRequest(BaseModel):
    """One target to probe over HTTP(S): healthy when the status is in `expect_status`. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target_id: str = Field(min_length=1)
    url: str = Field(min_length=1)
    timeout_seconds: float = Field(default=3.0, gt=0, le=20)
    attempts: int = Field(default=3, ge=1, le=5)
    expect_status: tuple[int, ...] = (200,)


class OutcomeKind(StrEnum):
    """How a probe ended. `NOT_PROBED` means the prober itself was the problem: unknown, never down."""

    OK = "ok"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    RESET = "reset"
    DNS = "dns"
    TLS = "tls"
    STATUS = "status"
    PROTOCOL = "protocol"
    FORBIDDEN_ADDRESS = "forbidden_address"
    NOT_PROBED = "not_probed"


class ProbeOutcome(BaseModel):
    """The last attempt's outcome; `attempts` is how many were made, `elapsed_ms` that of the last one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target_id: str
    kind: OutcomeKind
    detail: str = ""
    status: int | None = None
    attempts: int = 1
    elapsed_ms: float = 0.0


class ProbeBatch(BaseModel):
    """The event `health_probe` takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    targets: tuple[ProbeRequest, ...]
    retry_delay_seconds: float = Field(default=2.0, ge=0, le=5)


class ProbeReport(BaseModel):
    """What `health_probe` returns: exactly one outcome per target asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcomes: tuple[ProbeOutcome, ...]
