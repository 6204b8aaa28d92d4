"""What a controller does under a hundred users at once, how soon a killed one is back, and what an idle one costs.

The controller is the real process; its launcher sleeps like a cloud. Name parts to measure only those. The last line
is one JSON object; the exit code says whether every goal that was measured was met.
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

from benchmarks.controller_parts import burst, idle, recover, standby
from benchmarks.controller_parts.lab import Lab
from benchmarks.gateway_parts.goals import Figures, Goal
from benchmarks.gateway_parts.processes import NeverAnsweredError

PARTS: Mapping[str, ModuleType] = {"burst": burst, "recover": recover, "standby": standby, "idle": idle}


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
    # A short path: a unix socket lies in it.
    with tempfile.TemporaryDirectory(prefix="pctl-", dir="/tmp") as folder, Lab(Path(folder)) as lab:
        for name in wanted:
            print(f"{name} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", flush=True)
            goals |= PARTS[name].GOALS
            figures |= measured(PARTS[name], lab)
    return report(figures, goals)


def measured(part: ModuleType, lab: Lab) -> Figures:
    """The part's figures; none, so that all its goals are missed, when the controller did not come up."""
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
    print(json.dumps({"benchmark": "controller", "figures": figures, "goals": limits, "met": not missed}))
    return 1 if missed else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
