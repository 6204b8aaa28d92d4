"""What is sent to a target that is probed over HTTP."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

MOST_REDIRECTS = 5

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
Value = Annotated[str, Field(pattern=r"^[ -~]*$")]

_OURS = re.compile(r"connection|content-length|expect|host|transfer-encoding|upgrade", re.IGNORECASE)


class HttpRequest(BaseModel):
    """A request; `body` is sent as it is, as UTF-8. At most `redirects` are followed, each checked like the first URL.

    Headers are kept in the clear: no place for credentials.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT"] = "GET"
    headers: Mapping[Name, Value] = {}
    body: str | None = Field(default=None, max_length=16 * 1024)
    redirects: int = Field(default=0, ge=0, le=MOST_REDIRECTS)

    @field_validator("headers")
    @classmethod
    def _leave_ours_alone(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name in headers:
            if _OURS.fullmatch(name):
                raise ValueError(f"{name} is set by the prober itself")
        return headers

    def redirected(self) -> "HttpRequest":
        """What is sent to where this one was redirected: the same, or without its body once it is a GET."""
        return self if self.method in ("GET", "HEAD") else self.model_copy(update={"method": "GET", "body": None})
