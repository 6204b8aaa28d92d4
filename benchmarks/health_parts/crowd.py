"""Ten thousand targets in one sweep: its time and memory, what hanging ones do to the others, and false alarms."""

import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.health_parts.targets import PORTS, sweep, targets
from benchmarks.report import Figures, at_most

GOALS = {
    "sweep_of_10000_seconds": at_most(4),
    "sweep_of_10000_peak_mb": at_most(60),
    "others_slowed_by_hanging": at_most(0.05),
    "false_downs_in_100_sweeps": at_most(0),
}
TARGETS = 10_000
SWEEPS = 3
HANGING = PORTS // 100
LOADED_SWEEPS = 100
BUSY = "while True: pass"
NO_VERDICT = ("not_probed", "forbidden_address")


def measure(_folder: Path) -> Figures:
    """Healthy ones, then with one in a hundred hanging, in turns; then a hundred sweeps with all processors busy."""
    quiet: list[float] = []
    others: list[float] = []
    peak = 0.0
    for _ in range(SWEEPS):
        with targets() as found:
            swept = sweep(found, TARGETS, 1)
            quiet.append(swept.sweeps[0].last_ok_seconds)
            peak = max(peak, swept.peak_mb)
        with targets(hanging=HANGING) as found:
            others.append(sweep(found, TARGETS, 1).sweeps[0].last_ok_seconds)
    kinds = _under_load()
    down = sum(count for kind, count in kinds.items() if kind not in ("ok", *NO_VERDICT))
    return {
        "sweep_of_10000_seconds": round(statistics.median(quiet), 3),
        "sweep_of_10000_peak_mb": round(peak, 1),
        "others_slowed_by_hanging": round(statistics.median(others) / statistics.median(quiet) - 1, 3),
        "false_downs_in_100_sweeps": down,
        "share_unknown_under_load": sum(kinds[kind] for kind in NO_VERDICT) / kinds.total(),
    }


def _under_load() -> Counter[str]:
    kinds: Counter[str] = Counter()
    with targets() as found, busy():
        for each in sweep(found, TARGETS, LOADED_SWEEPS, processor=None).sweeps:
            kinds.update(each.kinds)
    return kinds


@contextmanager
def busy() -> Iterator[None]:
    """Every processor has something to do besides."""
    loads = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for load in loads:
            load.kill()
            load.wait()
