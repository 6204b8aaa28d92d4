"""What a target's answer must be like. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

LARGEST_BODY = 64 * 1024
"""Bytes of an answer that are looked at; one that is longer fails the conditions on its body."""

StatusSet = Annotated[int, Field(ge=100, le=599)] | Annotated[str, Field(pattern=r"^[1-5](xx|\d\d-[1-5]\d\d)$")]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as far as conditions go; `body` is None where nobody asked for it or it was too long."""

    status: int | None
    seconds: float
    body: bytes | None = None
    certificate_days: int | None = None


class Expectations(BaseModel):
    """All must hold.

    `status`: codes, classes such as `2xx`, ranges such as `200-299`. `body`: texts that it contains. `json_true`
    (`json` in YAML): JMESPath expressions over it that must not be empty, false or null. `within_seconds`: until all
    that is looked at was there. `certificate_days`: for how long the certificate must be valid still.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    status: tuple[StatusSet, ...] = Field(default=(200,), min_length=1)
    body: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    json_true: tuple[str, ...] = Field(default=(), alias="json")
    within_seconds: float | None = Field(default=None, gt=0)
    certificate_days: int | None = Field(default=None, ge=1, le=3650)

    @field_validator("json_true")
    @classmethod
    def _can_be_evaluated(cls, expressions: tuple[str, ...]) -> tuple[str, ...]:
        from jmespath.exceptions import JMESPathError

        for expression in expressions:
            try:
                _compiled(expression)
            except JMESPathError as error:
                raise ValueError(f"{expression!r} is not JMESPath: {error}") from None
        return expressions

    @property
    def needs_body(self) -> bool:
        """Whether more than status and headers are looked at."""
        return bool(self.body or self.json_true)

    @property
    def of_http(self) -> "Expectations":
        """Without what any TLS or TCP target can be expected to have."""
        return self.model_copy(update={"certificate_days": None, "within_seconds": None})

    def expects_status(self, status: int) -> bool:
        """Whether `status` is one of those expected."""
        return status in self.status or any(_is_in(status, each) for each in self.status)

    @property
    def is_more_than_a_status(self) -> bool:
        """Whether there are conditions besides the status."""
        return self.needs_body or self.within_seconds is not None or self.certificate_days is not None

    def unmet(self, answer: Answered) -> str | None:
        """The first condition besides the status that does not hold, in words."""
        return next(self._all_unmet(answer), None)

    def _all_unmet(self, answer: Answered) -> Iterator[str]:
        if self.within_seconds is not None and answer.seconds > self.within_seconds:
            yield f"took {answer.seconds:.3f} s, expected within {self.within_seconds:g} s"
        days, wanted = answer.certificate_days, self.certificate_days
        if wanted is not None and (days is None or days < wanted):
            left = "for an unknown time" if days is None else f"for {days} days"
            yield f"its certificate is valid {left}, expected {wanted} at least"
        if self.needs_body and answer.body is None:
            yield f"its body is longer than {LARGEST_BODY} bytes"
            return
        body = answer.body or b""
        for text in self.body:
            if text.encode() not in body:
                yield f"its body does not contain {text!r}"
        if self.json_true:
            yield from self._unmet_json(body)

    def _unmet_json(self, body: bytes) -> Iterator[str]:
        from jmespath.exceptions import JMESPathError

        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            yield "its body is not JSON"
            return
        for expression in self.json_true:
            try:
                found = _compiled(expression).search(document)
            except JMESPathError as error:
                yield f"{expression} cannot be evaluated: {error}"
                continue
            if not _is_true(found):
                yield f"{expression} is {json.dumps(found)[:100]}"


def _is_true(found: Any) -> bool:
    """As JMESPath has it: 0 is a value, and true."""
    return found is not None and found is not False and found not in ("", [], {})


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> "ParsedResult":
    # Few targets have such conditions; the others' cold starts do not pay for it.
    import jmespath

    return jmespath.compile(expression)


def _is_in(status: int, wanted: int | str) -> bool:
    if isinstance(wanted, int):
        return status == wanted
    if wanted.endswith("xx"):
        return status // 100 == int(wanted[0])
    first, _, last = wanted.partition("-")
    return int(first) <= status <= int(last)
