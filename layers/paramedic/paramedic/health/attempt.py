"""One attempt at one target: from its name to an outcome, within its time."""

import asyncio
import socket
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from paramedic.errors import InvalidInputError
from paramedic.health.addresses import AddressGuard, ForbiddenAddressError
from paramedic.health.exchange import Marks, ProbeFailedError, connect_only, exchange
from paramedic.health.expectations import Answered
from paramedic.health.http_answer import HeadReader, HttpAnswer, message
from paramedic.health.http_request import HttpRequest
from paramedic.health.lag import LagWatch
from paramedic.health.lookup import Lookup
from paramedic.health.outcomes import LONGEST_DETAIL, OutcomeKind, ProbeOutcome, ProbeRequest, Timings
from paramedic.health.probe_url import ProbeUrl

if TYPE_CHECKING:
    from paramedic.health.whole_answer import WholeReader

MOST_ADDRESSES = 4

# What a standing loop can look like; the others are said by the target or its network, however late they are read.
DOUBTFUL_WHEN_LATE = frozenset({OutcomeKind.TIMEOUT, OutcomeKind.RESET, OutcomeKind.TLS, OutcomeKind.DNS})
OWN_LOOKUP_TROUBLE = frozenset({socket.EAI_MEMORY, socket.EAI_SYSTEM})


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended."""

    kind: OutcomeKind
    detail: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """Makes attempts. What is doubtful because this process stood still is no outcome of a target."""

    guard: AddressGuard
    watch: LagWatch
    lookup: Lookup

    async def make(self, request: ProbeRequest, url: ProbeUrl, number: int, queued_seconds: float) -> ProbeOutcome:
        """The outcome of attempt `number`, which waited for `queued_seconds`; its own time begins now."""
        # Not the loop's clock, which may stand still between two rounds of it.
        started = monotonic()
        marks = Marks()
        ended = await self._ended(request, url, marks)
        elapsed = monotonic() - started
        if ended.kind in DOUBTFUL_WHEN_LATE and self.watch.late_since(started):
            detail = f"the prober stood still meanwhile; it saw: {ended.detail}"
            ended = Ended(OutcomeKind.NOT_PROBED, detail)
        return ProbeOutcome(
            target_id=request.target_id,
            kind=ended.kind,
            detail=ended.detail[:LONGEST_DETAIL],
            status=ended.status,
            attempts=number,
            elapsed_ms=_ms(elapsed) or 0.0,
            timings=_timings(marks, queued_seconds),
            certificate_days=marks.certificate_days,
        )

    async def _ended(self, request: ProbeRequest, url: ProbeUrl, marks: Marks) -> Ended:
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self._tried(request, url, marks)
        except TimeoutError:
            if marks.dns is None:
                return Ended(OutcomeKind.DNS, f"name {url.host!r} not resolved within {request.timeout_seconds:g} s")
            return Ended(OutcomeKind.TIMEOUT, f"no answer within {request.timeout_seconds:g} s")
        except ForbiddenAddressError as error:
            return Ended(OutcomeKind.FORBIDDEN_ADDRESS, str(error))
        except ProbeFailedError as error:
            return Ended(error.kind, error.detail)

    async def _tried(self, request: ProbeRequest, url: ProbeUrl, marks: Marks) -> Ended:
        started = monotonic()
        if not url.is_http:
            await self._at_first_address(url, marks, _Connects())
            return _judged(request, None, started, marks)
        asked, left, host = request.request, request.request.redirects, request.host
        while True:
            asks = _Asks(asked, request.expect.needs_body, host)
            answer = await self._at_first_address(url, marks, asks)
            if answer is None:
                raise ProbeFailedError(OutcomeKind.RESET, "closed the connection before it had answered")
            if answer.redirects_to is None or left == 0:
                return _judged(request, answer, started, marks)
            url, asked, left, host = _followed(url, answer.redirects_to), asked.redirected(), left - 1, None

    async def _at_first_address(self, url: ProbeUrl, marks: Marks, asks: "_Connects | _Asks") -> HttpAnswer | None:
        """The answer of the first address that gives one; else what is known of the target before what ails us."""
        failures: list[ProbeFailedError] = []
        for address in await self._permitted(url, marks):
            try:
                return await asks.of(url, address, marks)
            except ProbeFailedError as error:
                failures.append(error)
        if not failures:
            raise ProbeFailedError(OutcomeKind.DNS, f"name {url.host!r} has no address")
        # Without IPv6 here, a name's IPv6 address must not make a refusal on its IPv4 address unknown.
        raise min(failures, key=lambda failure: failure.kind is OutcomeKind.NOT_PROBED)

    async def _permitted(self, url: ProbeUrl, marks: Marks) -> list[str]:
        """The addresses to connect to. They are what is checked and what is used: the name is not looked up again."""
        found = await self._found(url, marks)
        permitted: list[str] = []
        refusal: ForbiddenAddressError | None = None
        for address in found:
            try:
                self.guard.require(address)
            except ForbiddenAddressError as error:
                refusal = error
            else:
                permitted.append(address)
        if refusal is not None and not permitted:
            raise refusal
        return permitted[:MOST_ADDRESSES]

    async def _found(self, url: ProbeUrl, marks: Marks) -> tuple[str, ...]:
        if url.is_literal:
            marks.dns = marks.dns or 0.0
            return (url.host,)
        started = monotonic()
        try:
            found = await self.lookup(url.host, url.port)
        except socket.gaierror as error:
            kind = OutcomeKind.NOT_PROBED if error.errno in OWN_LOOKUP_TROUBLE else OutcomeKind.DNS
            raise ProbeFailedError(kind, f"name {url.host!r}: {error.strerror}") from error
        except UnicodeError as error:
            raise ProbeFailedError(OutcomeKind.DNS, f"{url.host!r} cannot be a host name") from error
        marks.dns = (marks.dns or 0.0) + monotonic() - started
        return found


@dataclass(frozen=True, slots=True)
class _Connects:
    """Asks nothing: that a connection can be made is the answer."""

    async def of(self, url: ProbeUrl, address: str, marks: Marks) -> None:
        await connect_only(url, address, marks)


@dataclass(frozen=True, slots=True)
class _Asks:
    """Asks over HTTP."""

    asked: HttpRequest
    whole: bool
    host: str | None

    async def of(self, url: ProbeUrl, address: str, marks: Marks) -> HttpAnswer | None:
        reader = _whole_reader(url, self.asked) if self.whole else HeadReader()
        await exchange(url, address, message(url, self.asked, self.host), reader, marks)
        return reader.answer


def _whole_reader(url: ProbeUrl, asked: HttpRequest) -> "WholeReader":
    # It is needed by few, and what it imports would be a tenth of the others' cold starts.
    from paramedic.health.whole_answer import WholeReader

    return WholeReader(url, asked)


def _followed(url: ProbeUrl, location: str) -> ProbeUrl:
    try:
        return url.followed_by(location)
    except InvalidInputError as error:
        raise ProbeFailedError(OutcomeKind.PROTOCOL, f"redirects to what cannot be followed: {error}") from error


def _judged(request: ProbeRequest, answer: HttpAnswer | None, started: float, marks: Marks) -> Ended:
    expect = request.expect
    if answer is not None and not expect.expects_status(answer.status):
        expected = ", ".join(str(status) for status in expect.status)
        return Ended(OutcomeKind.STATUS, f"answered {answer.status}, expected {expected}", answer.status)
    status = None if answer is None else answer.status
    if not expect.is_more_than_a_status:
        return Ended(OutcomeKind.OK, status=status)
    seconds = monotonic() - started
    body = None if answer is None else answer.body
    unmet = expect.unmet(Answered(status, seconds, body, marks.certificate_days))
    return Ended(OutcomeKind.OK if unmet is None else OutcomeKind.CONDITION, unmet or "", status)


def _timings(marks: Marks, queued_seconds: float) -> Timings:
    return Timings(
        queue=_ms(queued_seconds) or 0.0,
        dns=_ms(marks.dns),
        connect=_ms(marks.connect),
        tls=_ms(marks.tls),
        first_byte=_ms(marks.first_byte),
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
