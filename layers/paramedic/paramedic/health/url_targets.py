"""URLs that people have checked: what they write about them, and how that is kept in a target's row."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from paramedic.health.expectations import Expectations
from paramedic.health.http_request import HttpRequest
from paramedic.health.on_host import OnHost, stored
from paramedic.health.outcomes import (
    DEFAULT_ATTEMPTS,
    DEFAULT_TIMEOUT_SECONDS,
    PLAIN_EXPECTATIONS,
    PLAIN_REQUEST,
    ProbeRequest,
)
from paramedic.health.probe_url import parse_url
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import NAME_PATTERN, Target, TargetKind, TargetMode, bucket_of, prefix_of

LONGEST_URL = 4096
LARGEST_ASKED = 64 * 1024
"""Bytes of request and expectations: far above what anybody needs, and several fit one invocation of the prober."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Asked(_Part):
    """What is sent, and what must come back."""

    request: HttpRequest = PLAIN_REQUEST
    expect: Expectations = PLAIN_EXPECTATIONS


class UrlTarget(Asked):
    """A URL to be checked every so many minutes; `timeout_seconds` is for one attempt.

    One that is `fast` is checked as often in a minute as the stack checks anything. `host_check` is made on its host
    when a probe times out, and only then.
    """

    name: str = Field(pattern=NAME_PATTERN)
    url: str = Field(max_length=LONGEST_URL)
    timeout_seconds: float = Field(default=DEFAULT_TIMEOUT_SECONDS, gt=0, le=20)
    every_minutes: Literal[1, 5, 15] = 1
    fast: bool = False
    probe_from: ProbeLocation = ProbeLocation.PUBLIC
    host_check: OnHost | None = None

    @model_validator(mode="after")
    def _can_be_probed(self) -> Self:
        parse_url(self.url)
        self.probe_request()
        asked = len((self._asked() or "").encode())
        if asked > LARGEST_ASKED:
            raise ValueError(f"request and expect are {asked} bytes, {LARGEST_ASKED} may be")
        if self.fast and self.every_minutes != 1:
            raise ValueError(f"fast contradicts every_minutes {self.every_minutes}: leave one of them out")
        return self

    @property
    def target_id(self) -> str:
        """What it is called among all targets."""
        return prefix_of(TargetKind.URL) + self.name

    def probe_request(self) -> ProbeRequest:
        """What the prober is asked."""
        return ProbeRequest(
            target_id=self.target_id,
            url=self.url,
            timeout_seconds=self.timeout_seconds,
            attempts=DEFAULT_ATTEMPTS,
            request=self.request,
            expect=self.expect,
        )

    def _asked(self) -> str | None:
        asked = self.model_dump_json(include={"request", "expect"}, by_alias=True, exclude_defaults=True)
        return None if asked == "{}" else asked

    def row(self) -> Target:
        """The same as a row, of which nothing else is known yet."""
        return Target(
            bucket_of(self.target_id),
            self.target_id,
            kind=TargetKind.URL,
            url=self.url,
            mode=TargetMode.OBSERVE,
            timeout_seconds=self.timeout_seconds,
            every_minutes=self.every_minutes,
            fast=self.fast or None,
            probe_from=None if self.probe_from is ProbeLocation.PUBLIC else self.probe_from,
            asked=self._asked(),
            on_host=stored(self.host_check),
        )


def asked_of(row: Target) -> Asked:
    """What a target's row says is sent and expected.

    Raises:
        InvalidRowError: it makes no sense.
    """
    if not row.asked:
        return _PLAIN
    try:
        return Asked.model_validate_json(row.asked)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(["asked", *(str(part) for part in first["loc"])])
        raise InvalidRowError(Target.Meta.table_name, row.key_text(), path, first["input"], first["msg"]) from error


_PLAIN = Asked()
