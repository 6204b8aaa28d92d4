"""Requests a second and latency below load, beside SkyServe and beside Envoy without an agent.

All three proxy to the same two replicas with one worker each. They take turns, many short ones, each turn in another
order, and what counts is the median of the turns' ratios: a machine that slows down slows down all three.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import permutations
from statistics import median

from benchmarks.gateway_parts.gateway_under_test import serving
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import Address, cpu_seconds
from benchmarks.gateway_parts.skyserve import skyserve
from benchmarks.gateway_parts.static_envoy import static_envoy
from benchmarks.report import Figures, at_least, at_most

CONNECTIONS = (32, 200)
TURNS = 12
SECONDS = 1.5
WORKERS = 1

GOALS = {
    f"{figure}_{connections}": goal
    for connections in CONNECTIONS
    for figure, goal in {
        "requests_over_skyserve": at_least(25),
        "requests_over_static_envoy": at_least(0.85),
        "p99_of_skyserve_over_gateway": at_least(25),
        "p99_of_static_envoy_over_gateway": at_least(0.85),
        "failed_gateway": at_most(0),
    }.items()
}


@dataclass(frozen=True)
class Peer:
    """A proxy and the processes it consists of."""

    address: Address
    pids: Sequence[int]

    def cpu_seconds(self) -> float:
        """What all of it used so far."""
        return sum(cpu_seconds(pid) for pid in self.pids)


@dataclass(frozen=True)
class Result:
    """One peer in one turn; a turn without an answer lasted for ever."""

    rate: float
    p99_ms: float
    failed: int
    cpu_us_per_request: float


def measure(lab: Lab) -> Figures:
    """Everything at every number of connections."""
    figures: dict[str, float | None] = {}
    with _peers(lab) as peers:
        for connections in CONNECTIONS:
            orders = list(permutations(peers))
            turns = [_turn(lab, peers, orders[number % len(orders)], connections) for number in range(TURNS)]
            figures |= {f"{name}_{connections}": figure for name, figure in _summary(turns).items()}
    return figures


@contextmanager
def _peers(lab: Lab) -> Iterator[Mapping[str, Peer]]:
    with ExitStack() as cleanup:
        replicas = [each.address for each in cleanup.enter_context(lab.replicas(2))]
        gateway, service = cleanup.enter_context(serving(lab, replicas, WORKERS=str(WORKERS)))
        sky = cleanup.enter_context(skyserve(lab, replicas))
        address, envoy = cleanup.enter_context(static_envoy(lab, replicas, WORKERS))
        yield {
            "skyserve": Peer(sky.address, [sky.process.pid]),
            "static_envoy": Peer(address, [envoy.pid]),
            "gateway": Peer(service.address, [gateway.agent_pid, gateway.envoy_pid]),
        }


def _turn(lab: Lab, peers: Mapping[str, Peer], order: Sequence[str], connections: int) -> Mapping[str, Result]:
    turn = {name: _measure_one(lab, peers[name], connections) for name in order}
    rates = ", ".join(f"{name} {turn[name].rate:.0f}/s p99 {turn[name].p99_ms:.1f} ms" for name in peers)
    print(f"  {connections} connections: {rates}", flush=True)
    return turn


def _measure_one(lab: Lab, peer: Peer, connections: int) -> Result:
    before = peer.cpu_seconds()
    seen = lab.measure(peer.address, connections, SECONDS)
    used = peer.cpu_seconds() - before
    p99_ms = float("inf") if seen.p99_ms is None else seen.p99_ms
    return Result(seen.rate, p99_ms, seen.failed, used * 1e6 / max(1, seen.requests_with_warm_up))


def _summary(turns: Sequence[Mapping[str, Result]]) -> Figures:
    figures: dict[str, float | None] = {}
    for name in turns[0]:
        figures[f"requests_per_second_{name}"] = round(median(turn[name].rate for turn in turns))
        figures[f"p99_ms_{name}"] = round(median(turn[name].p99_ms for turn in turns), 2)
        figures[f"cpu_us_per_request_{name}"] = round(median(turn[name].cpu_us_per_request for turn in turns), 1)
        figures[f"failed_{name}"] = sum(turn[name].failed for turn in turns)
    for peer in ("skyserve", "static_envoy"):
        rates = [turn["gateway"].rate / max(1.0, turn[peer].rate) for turn in turns]
        figures[f"requests_over_{peer}"] = round(median(rates), 3)
        p99s = [turn[peer].p99_ms / turn["gateway"].p99_ms for turn in turns]
        figures[f"p99_of_{peer}_over_gateway"] = round(median(p99s), 3)
    return figures
