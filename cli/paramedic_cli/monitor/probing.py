"""Probes in this process, with the engine that `health_probe` has."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from paramedic.health.addresses import AddressGuard
from paramedic.health.outcomes import ProbeBatch, ProbeRequest
from paramedic.health.probing import Probed
from paramedic.health.sentinels import probe_beside_sentinels

BUDGET_SECONDS = 50.0
"""For all targets of a check: the next one is due a minute later."""


@dataclass(frozen=True)
class LocalProber:
    """Probes from this host; `sentinel_urls` tell whether it is the host's own network that fails."""

    guard: AddressGuard
    sentinel_urls: Sequence[str]

    def probe(self, requests: Sequence[ProbeRequest]) -> Probed:
        """Probe all `requests` at once; those there is no time for are NOT_PROBED."""
        looking = probe_beside_sentinels(
            ProbeBatch(targets=tuple(requests)),
            self.sentinel_urls,
            guard=self.guard,
            rng=random.Random(),
            budget_seconds=BUDGET_SECONDS,
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(looking)
        return Probed({outcome.target_id: outcome for outcome in report.outcomes})
