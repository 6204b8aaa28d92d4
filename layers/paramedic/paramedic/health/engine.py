"""Probes a batch of targets at once, and never mistakes its own trouble for a target's.

A fixed number of workers makes one attempt each at a time; an attempt's time counts from its own begin, so that no
target pays for another. Whoever failed is due again later, and takes no worker until then.
"""

import asyncio
import heapq
import random
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from paramedic.errors import InvalidInputError
from paramedic.health.addresses import AddressGuard
from paramedic.health.attempt import Attempts
from paramedic.health.lag import lag_watch
from paramedic.health.lookup import Lookup, system_lookup
from paramedic.health.outcomes import LONGEST_DETAIL, OutcomeKind, ProbeBatch, ProbeOutcome, ProbeReport, ProbeRequest
from paramedic.health.probe_url import parse_url

DEFAULT_SLOTS = 256
"""Attempts under way, each with a connection at most: with the lookups, well within 1024 descriptors.

Some two hundred can hang until they time out before they keep anybody waiting.
"""

LOOKUP_THREADS = 200
LARGEST_LAG_SECONDS = 0.5
JITTER = (0.5, 1.5)

FINAL = frozenset({OutcomeKind.OK, OutcomeKind.FORBIDDEN_ADDRESS})


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

    Within `budget_seconds`: of what has attempts left by then the last one stands, and targets that no attempt ended of
    are answered `NOT_PROBED`.
    """
    with system_lookup(LOOKUP_THREADS) as system:
        async with lag_watch(largest_lag_seconds) as watch:
            sweep = _Sweep(batch, Attempts(guard, watch, lookup or system), rng)
            workers = [asyncio.create_task(sweep.work()) for _ in range(min(slots, len(batch.targets)))]
            if workers:
                await asyncio.wait(workers, timeout=budget_seconds)
            for worker in workers:
                worker.cancel()
            ends = await asyncio.gather(*workers, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end
    return ProbeReport(outcomes=tuple(sweep.outcomes()))


class _Due(NamedTuple):
    """An attempt at the batch's `target`, by its place, not before `at` of `time.monotonic`."""

    at: float
    target: int
    attempt: int


class _Sweep:
    """One pass over a batch: what is due, and what has become of the others."""

    def __init__(self, batch: ProbeBatch, attempts: Attempts, rng: random.Random) -> None:
        self._batch = batch
        self._attempts = attempts
        self._rng = rng
        self._seen: dict[int, ProbeOutcome] = {}
        now = monotonic()
        self._due = [_Due(now, target, 1) for target in range(len(batch.targets))]

    def outcomes(self) -> Sequence[ProbeOutcome]:
        """One for each target, in the order asked."""
        late = "the prober ran out of time for its whole batch"
        return [self._seen.get(index) or _not_probed(each, late) for index, each in enumerate(self._batch.targets)]

    async def work(self) -> None:
        """Make attempts as they are due, until none is left."""
        while self._due:
            due = heapq.heappop(self._due)
            # Whoever comes to be due earlier than this one is put there by another worker, which is then free for it.
            if (wait := due.at - monotonic()) > 0:
                await asyncio.sleep(wait)
            await self._attempt(due)

    async def _attempt(self, due: _Due) -> None:
        request = self._batch.targets[due.target]
        queued = max(0.0, monotonic() - due.at)
        try:
            url = parse_url(request.url)
        except InvalidInputError as error:
            self._seen[due.target] = _not_probed(request, str(error))
            return
        outcome = await self._attempts.make(request, url, due.attempt, queued)
        # A time-out may be so long that a second attempt never ends: what the first one saw is not forgotten.
        self._seen[due.target] = outcome
        if outcome.kind in FINAL or due.attempt == request.attempts:
            return
        rest = self._batch.retry_delay_seconds * self._rng.uniform(*JITTER)
        heapq.heappush(self._due, _Due(monotonic() + rest, due.target, due.attempt + 1))


def _not_probed(request: ProbeRequest, detail: str) -> ProbeOutcome:
    return ProbeOutcome(
        target_id=request.target_id, kind=OutcomeKind.NOT_PROBED, detail=detail[:LONGEST_DETAIL], attempts=0
    )
