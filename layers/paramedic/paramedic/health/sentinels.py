"""Asks URLs that are known to be well whether it is the prober's own network that fails."""

import random
from collections.abc import Sequence
from dataclasses import replace

from paramedic.health.addresses import AddressGuard
from paramedic.health.engine import probe_all
from paramedic.health.outcomes import LONGEST_DETAIL, OutcomeKind, ProbeBatch, ProbeOutcome, ProbeReport, ProbeRequest

SENTINEL_SECONDS = 3.0
ROUND_SECONDS = SENTINEL_SECONDS + 0.5

# What a broken network of one's own can look like. A refusal or an answer came from somebody.
DOUBTFUL = frozenset({OutcomeKind.TIMEOUT, OutcomeKind.DNS, OutcomeKind.RESET})


async def probe_beside_sentinels(
    batch: ProbeBatch,
    sentinel_urls: Sequence[str],
    *,
    guard: AddressGuard,
    rng: random.Random,
    budget_seconds: float,
) -> ProbeReport:
    """Probe `batch`; what failed doubtfully while no sentinel answered is `NOT_PROBED`.

    Sentinels are asked once, after the batch, and only if something in it is doubtful. Any answer of theirs will do.
    Time for them is set aside from `budget_seconds`.
    """
    if not sentinel_urls:
        return await probe_all(batch, guard=guard, rng=rng, budget_seconds=budget_seconds)
    of_batch = max(budget_seconds - ROUND_SECONDS, 0)
    report = await probe_all(batch, guard=guard, rng=rng, budget_seconds=of_batch)
    if not any(outcome.kind in DOUBTFUL for outcome in report.outcomes):
        return report
    asked = ProbeBatch(targets=tuple(map(_asked, sentinel_urls)))
    sentinels = await probe_all(asked, guard=guard, rng=rng, budget_seconds=min(budget_seconds, ROUND_SECONDS))
    if any(map(_answered, sentinels.outcomes)):
        return report
    why = "; ".join(f"{outcome.target_id}: {outcome.detail}" for outcome in sentinels.outcomes)
    return ProbeReport(outcomes=tuple(_doubted(outcome, why[:LONGEST_DETAIL]) for outcome in report.outcomes))


def _asked(url: str) -> ProbeRequest:
    return ProbeRequest(target_id=url, url=url, timeout_seconds=SENTINEL_SECONDS, attempts=1)


def _answered(outcome: ProbeOutcome) -> bool:
    return outcome.kind is OutcomeKind.OK or outcome.status is not None


def _doubted(outcome: ProbeOutcome, why: str) -> ProbeOutcome:
    if outcome.kind not in DOUBTFUL:
        return outcome
    detail = f"no sentinel answered the prober ({why}); it saw: {outcome.detail}"
    return replace(outcome, kind=OutcomeKind.NOT_PROBED, detail=detail)
