"""What a pass needs of the outside: requests through data planes, and SSH servers that greet or do not."""

import asyncio
import random
import socket
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from paramedic.health.addresses import AddressGuard
from paramedic.health.engine import probe_all
from paramedic.health.outcomes import ProbeBatch, ProbeOutcome, ProbeRequest

GREETING_SECONDS = 1.5
MOST_AT_ONCE = 32
AGAIN_SECONDS = 0.3

type Hop = tuple[str, int]


class Asks(Protocol):
    """Sends requests through a data plane."""

    def __call__(self, requests: Sequence[ProbeRequest]) -> Mapping[str, ProbeOutcome]:
        """One outcome for each request, by its name."""


class SlowHops(Protocol):
    """Finds out which SSH servers would keep a gateway waiting."""

    def __call__(self, hops: Collection[Hop]) -> Collection[Hop]:
        """Those of `hops` that do not greet in time, as seen from here, which decides no more than an order."""


def ask_from_here(requests: Sequence[ProbeRequest]) -> Mapping[str, ProbeOutcome]:
    """Ask from this host, private networks included: people named these addresses themselves."""
    guard = AddressGuard(["0.0.0.0/0", "::/0"])
    batch = ProbeBatch(targets=tuple(requests), retry_delay_seconds=AGAIN_SECONDS)
    report = asyncio.run(probe_all(batch, guard=guard, rng=random.Random()))
    return {each.target_id: each for each in report.outcomes}


def slow_from_here(hops: Collection[Hop]) -> Collection[Hop]:
    """Ask each once, all at the same time."""
    if not hops:
        return ()
    with ThreadPoolExecutor(min(len(hops), MOST_AT_ONCE)) as threads:
        greeted = dict(zip(hops, threads.map(_greets, hops), strict=True))
    return {hop for hop, greets in greeted.items() if not greets}


def _greets(hop: Hop) -> bool:
    try:
        with socket.create_connection(hop, timeout=GREETING_SECONDS) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False
