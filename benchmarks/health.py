"""What the prober costs and how sure it is, beside httpx and blackbox_exporter.

Every peer is measured in the same run, in turns. Name parts to measure only those. The last line is one JSON object;
the exit code says whether every goal that was measured was met.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from benchmarks.gateway_parts.goals import Goal
from benchmarks.health_parts import crowd, speed

PARTS: Mapping[str, ModuleType] = {"speed": speed, "crowd": crowd}


def main() -> int:
    """Measure, report, and return the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without any")
    wanted: list[str] = options.parse_args().parts or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        options.error(f"no part is called {unknown[0]!r}; there are {', '.join(PARTS)}")
    figures: dict[str, float | None] = {}
    goals: dict[str, Goal] = {}
    with tempfile.TemporaryDirectory(prefix="paramedic-health-") as folder:
        for name in wanted:
            print(f"{name} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", flush=True)
            started = time.monotonic()
            goals |= PARTS[name].GOALS
            figures |= PARTS[name].measure(Path(folder))
            print(f"  took {time.monotonic() - started:.0f} s", flush=True)
    return report(figures, goals)


def report(figures: Mapping[str, float | None], goals: Mapping[str, Goal]) -> int:
    """Print the figures against their goals; 1 when one is missed."""
    missed = [name for name, goal in goals.items() if not goal.is_met(figures.get(name))]
    for name in missed:
        print(f"missed: {name} is {figures.get(name)}, to be {goals[name].bound} {goals[name].limit}")
    shown = {name: {str(goal.bound): goal.limit} for name, goal in goals.items()}
    print(json.dumps({"benchmark": "health", "figures": figures, "goals": shown, "met": not missed}))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
