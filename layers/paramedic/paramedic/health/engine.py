"""Probes a batch of targets at once, and never mistakes its own trouble for a target's.

A slot is one attempt under way; an attempt's time counts from the moment it has one, so that no target pays for
another. Waiting before a second attempt takes no slot.
"""

import asyncio
import random
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from paramedic.errors import InvalidInputError
from paramedic.health.addresses import AddressGuard, ForbiddenAddressError
from paramedic.health.http import Answer, ProbeUrl, get_status, parse_url
from paramedic.health.lag import LagWatch, lag_watch
from paramedic.health.lookup import Lookup, system_lookup
from paramedic.health.outcomes import OutcomeKind, ProbeBatch, ProbeOutcome, ProbeReport, ProbeRequest

# Each may hold a connection and two name lookups (one left behind): well within a function's 1024 descriptors.
DEFAULT_SLOTS = 100
LARGEST_LAG_SECONDS = 0.5
MOST_ADDRESSES = 4
JITTER = (0.5, 1.5)

# What a standing loop can look like; the others are said by the target or its network, however late they are read.
DOUBTFUL_WHEN_LATE = frozenset({OutcomeKind.TIMEOUT, OutcomeKind.RESET, OutcomeKind.TLS, OutcomeKind.DNS})
FINAL = frozenset({OutcomeKind.OK, OutcomeKind.FORBIDDEN_ADDRESS})
OWN_LOOKUP_TROUBLE = frozenset({socket.EAI_MEMORY, socket.EAI_SYSTEM})


async def probe_all(
    batch: ProbeBatch,
    *,
    guard: AddressGuard,
    rng: random.Random,
    slots: int = DEFAULT_SLOTS,
    budget_seconds: float | None = None,
    largest_lag_seconds: float = LARGEST_LAG_SECONDS,
    lookup: Lookup | None = None,
) -> ProbeReport:
    """Probe every target, up to its `attempts` times until one succeeds; one outcome per target, in the order asked.

    Targets not done within `budget_seconds` are answered `NOT_PROBED`.
    """
    with system_lookup(2 * slots) as system:
        async with lag_watch(largest_lag_seconds) as watch:
            prober = _Prober(guard, rng, watch, lookup or system, asyncio.Semaphore(slots), batch.retry_delay_seconds)
            tasks = [asyncio.create_task(prober.probe(request)) for request in batch.targets]
            if tasks:
                await asyncio.wait(tasks, timeout=budget_seconds)
            outcomes = [_result(task, request) for task, request in zip(tasks, batch.targets, strict=True)]
            await asyncio.gather(*tasks, return_exceptions=True)
    return ProbeReport(outcomes=tuple(outcomes))


def _result(task: asyncio.Task[ProbeOutcome], request: ProbeRequest) -> ProbeOutcome:
    if task.done():
        return task.result()
    task.cancel()
    detail = "the prober ran out of time for its whole batch"
    return ProbeOutcome(target_id=request.target_id, kind=OutcomeKind.NOT_PROBED, detail=detail, attempts=0)


@dataclass(frozen=True, slots=True)
class _Prober:
    guard: AddressGuard
    rng: random.Random
    watch: LagWatch
    lookup: Lookup
    slots: asyncio.Semaphore
    retry_delay_seconds: float

    async def probe(self, request: ProbeRequest) -> ProbeOutcome:
        try:
            url = parse_url(request.url)
        except InvalidInputError as error:
            return ProbeOutcome(target_id=request.target_id, kind=OutcomeKind.NOT_PROBED, detail=str(error), attempts=0)
        attempt = 1
        while (outcome := await self._attempt(request, url, attempt)).kind not in FINAL and attempt < request.attempts:
            await asyncio.sleep(self.retry_delay_seconds * self.rng.uniform(*JITTER))
            attempt += 1
        return outcome

    async def _attempt(self, request: ProbeRequest, url: ProbeUrl, attempt: int) -> ProbeOutcome:
        async with self.slots:
            loop = asyncio.get_running_loop()
            started = loop.time()
            answer = self._judged(await self._ask(url, request.timeout_seconds), request, started)
            return ProbeOutcome(
                target_id=request.target_id,
                kind=answer.kind,
                detail=answer.detail,
                status=answer.status,
                attempts=attempt,
                elapsed_ms=round((loop.time() - started) * 1000, 3),
            )

    def _judged(self, answer: Answer, request: ProbeRequest, started: float) -> Answer:
        if answer.kind in DOUBTFUL_WHEN_LATE and self.watch.late_since(started):
            return Answer(OutcomeKind.NOT_PROBED, f"the prober stood still meanwhile; it saw: {answer.detail}")
        if answer.status is None:
            return answer
        if answer.status in request.expect_status:
            return Answer(OutcomeKind.OK, status=answer.status)
        expected = ", ".join(str(status) for status in request.expect_status)
        return Answer(OutcomeKind.STATUS, f"{answer.detail}, expected {expected}", answer.status)

    async def _ask(self, url: ProbeUrl, timeout_seconds: float) -> Answer:
        stage = OutcomeKind.DNS
        try:
            async with asyncio.timeout(timeout_seconds):
                addresses = await self._permitted(url)
                stage = OutcomeKind.TIMEOUT
                return await _get_from_first(url, addresses)
        except TimeoutError:
            what = f"name {url.host!r} not resolved" if stage is OutcomeKind.DNS else "no answer"
            return Answer(stage, f"{what} within {timeout_seconds:g} s")
        except ForbiddenAddressError as error:
            return Answer(OutcomeKind.FORBIDDEN_ADDRESS, str(error))
        except socket.gaierror as error:
            kind = OutcomeKind.NOT_PROBED if error.errno in OWN_LOOKUP_TROUBLE else OutcomeKind.DNS
            return Answer(kind, f"name {url.host!r}: {error.strerror}")
        except UnicodeError:
            return Answer(OutcomeKind.DNS, f"{url.host!r} cannot be a host name")

    async def _permitted(self, url: ProbeUrl) -> list[str]:
        """The addresses to connect to. They are what is checked and what is used: the name is not looked up again."""
        found = (url.host,) if _is_literal(url.host) else await self.lookup(url.host, url.port)
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


async def _get_from_first(url: ProbeUrl, addresses: list[str]) -> Answer:
    """The answer of the first address that gives one; else what is known of the target before what ails the prober."""
    failures: list[Answer] = []
    for address in addresses:
        answer = await get_status(url, address)
        if answer.status is not None:
            return answer
        failures.append(answer)
    nothing = Answer(OutcomeKind.DNS, f"name {url.host!r} has no address")
    # Without IPv6 here, a name's IPv6 address must not make a refusal on its IPv4 address unknown.
    return min(failures, key=lambda failure: failure.kind is OutcomeKind.NOT_PROBED, default=nothing)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
