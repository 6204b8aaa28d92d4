"""Requests a second and latency below load, beside SkyServe and beside Envoy without an agent.

All three proxy to the same two replicas with one worker each. They take turns, several times, and what counts is the
median of the turns' ratios: a machine that slows down slows down all three.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median

from benchmarks.gateway_parts.gateway_under_test import serving
from benchmarks.gateway_parts.goals import Figures, at_least
from benchmarks.gateway_parts.lab import Lab, Seen
from benchmarks.gateway_parts.processes import Address
from benchmarks.gateway_parts.skyserve import skyserve
from benchmarks.gateway_parts.static_envoy import static_envoy

CONNECTIONS = (32, 200)
TURNS = 7
SECONDS = 2.5
WORKERS = 1

GOALS = {
    f"{figure}_{connections}": goal
    for connections in CONNECTIONS
    for figure, goal in {
        "requests_over_skyserve": at_least(25),
        "requests_over_static_envoy": at_least(0.85),
        "p99_of_static_envoy_over_ours": at_least(0.85),
    }.items()
}


def measure(lab: Lab) -> Figures:
    """Everything at every number of connections."""
    with ExitStack() as cleanup:
        replicas = [each.address for each in cleanup.enter_context(lab.replicas(2))]
        _, service = cleanup.enter_context(serving(lab, replicas, WORKERS=str(WORKERS)))
        peers = {
            "skyserve": cleanup.enter_context(skyserve(lab, replicas)).address,
            "static_envoy": cleanup.enter_context(static_envoy(lab, replicas, WORKERS)),
            "gateway": service.address,
        }
        figures: dict[str, float | None] = {}
        for connections in CONNECTIONS:
            turns = [_turn(lab, peers, connections) for _ in range(TURNS)]
            figures |= {f"{name}_{connections}": figure for name, figure in _summary(turns).items()}
        return figures


def _turn(lab: Lab, peers: Mapping[str, Address], connections: int) -> Mapping[str, Seen]:
    turn = {name: lab.measure(address, connections, SECONDS) for name, address in peers.items()}
    for name, seen in turn.items():
        print(f"  {connections} connections, {name}: {seen.rate:.0f}/s, p99 {seen.p99_ms:.1f} ms, {seen.failed} failed")
    return turn


def _summary(turns: list[Mapping[str, Seen]]) -> Figures:
    figures: dict[str, float | None] = {}
    for name in turns[0]:
        figures[f"requests_per_second_{name}"] = round(median(turn[name].rate for turn in turns))
        figures[f"p99_ms_{name}"] = round(median(_p99(turn[name]) for turn in turns), 2)
        figures[f"failed_{name}"] = sum(turn[name].failed for turn in turns)
    for peer in ("skyserve", "static_envoy"):
        figures[f"requests_over_{peer}"] = round(median(turn["gateway"].rate / turn[peer].rate for turn in turns), 3)
        ratios = [_p99(turn[peer]) / _p99(turn["gateway"]) for turn in turns]
        figures[f"p99_of_{peer}_over_ours"] = round(median(ratios), 3)
    return figures


def _p99(seen: Seen) -> float:
    return seen.p99_ms or float("inf")
