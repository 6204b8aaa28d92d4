"""What a gateway replica serves, carries and survives, beside SkyServe's load balancer and a hand-written Envoy.

Every peer is measured in the same run, in turns. Name parts to measure only those. The last line is one JSON object;
the exit code says whether every goal that was measured was met.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, ModuleType

from benchmarks.gateway_parts import (
    change,
    churn,
    dead_replica,
    many_services,
    replacement,
    restart,
    throughput,
    uploads,
)
from benchmarks.gateway_parts.goals import Figures, Goal
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.peers_environment import peers_python
from benchmarks.gateway_parts.processes import NeverAnsweredError

PARTS: Mapping[str, ModuleType] = {
    "throughput": throughput,
    "uploads": uploads,
    "dead-replica": dead_replica,
    "churn": churn,
    "replacement": replacement,
    "restart": restart,
    "change": change,
    "many-services": many_services,
}


def main() -> int:
    """Measure, report, and return the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without any")
    wanted: list[str] = options.parse_args().parts or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        options.error(f"no part is called {unknown[0]!r}; there are {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, _interrupt)
    figures: dict[str, float | None] = {}
    goals: dict[str, Goal] = {}
    # A short path: unix sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="pgw-", dir="/tmp") as folder:
        lab = Lab(Path(folder), peers_python())
        for name in wanted:
            print(f"{name} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", flush=True)
            goals |= PARTS[name].GOALS
            figures |= measured(PARTS[name], lab)
    return report(figures, goals)


def measured(part: ModuleType, lab: Lab) -> Figures:
    """The part's figures; none, so that all its goals are missed, when something it needs did not serve."""
    started = time.monotonic()
    try:
        figures: Figures = part.measure(lab)
    except NeverAnsweredError as error:
        print(f"  not measured: {error}")
        return {}
    print(f"  took {time.monotonic() - started:.0f} s", flush=True)
    return figures


def report(figures: Mapping[str, float | None], goals: Mapping[str, Goal]) -> int:
    """Print the figures against their goals; 1 when one is missed."""
    missed = [name for name, goal in goals.items() if not goal.is_met(figures.get(name))]
    for name in missed:
        print(f"missed: {name} is {figures.get(name)}, and must be {goals[name].bound} {goals[name].limit:g}")
    limits = {name: {str(goal.bound): goal.limit} for name, goal in goals.items()}
    print(json.dumps({"benchmark": "gateway", "figures": figures, "goals": limits, "met": not missed}))
    return 1 if missed else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
