"""One prober, on one processor, as `health_probe` runs it; a process of its own: `python -m …sweep`.

Prints one JSON line per sweep: its seconds, processor seconds, outcomes by kind and the slowest target's time; then one
with the process's peak memory.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import uvloop

from paramedic.health.addresses import AddressGuard
from paramedic.health.engine import probe_all
from paramedic.health.outcomes import ProbeBatch, ProbeOutcome, ProbeReport, ProbeRequest

LEAST_DESCRIPTORS = 1024


def batch_of(urls: Sequence[str], attempts: int) -> ProbeBatch:
    """One target per URL."""
    return ProbeBatch(
        targets=tuple(
            ProbeRequest(target_id=f"url:{number}", url=url, attempts=attempts) for number, url in enumerate(urls)
        )
    )


def swept(batch: ProbeBatch) -> ProbeReport:
    """One sweep, as the function makes it."""
    guard = AddressGuard(["127.0.0.0/8"])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(probe_all(batch, guard=guard, rng=random.Random(0)))


def main() -> None:
    """Make the sweeps asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--base", required=True, help="scheme and host")
    options.add_argument("--first-port", type=int, required=True)
    options.add_argument("--ports", type=int, required=True)
    options.add_argument("--targets", type=int, required=True)
    options.add_argument("--sweeps", type=int, required=True)
    options.add_argument("--attempts", type=int, default=1)
    options.add_argument("--processor", type=int)
    given = options.parse_args()
    if given.processor is not None:
        os.sched_setaffinity(0, {given.processor})
    # As the function does.
    gc.freeze()
    # What Lambda gives a function.
    resource.setrlimit(resource.RLIMIT_NOFILE, (LEAST_DESCRIPTORS, LEAST_DESCRIPTORS))
    ports = range(given.first_port, given.first_port + given.ports)
    batch = batch_of([f"{given.base}:{ports[n % len(ports)]}/{n}" for n in range(given.targets)], given.attempts)
    for _ in range(given.sweeps):
        started, worked = time.monotonic(), time.process_time()
        outcomes = swept(batch).outcomes
        kinds = Counter(outcome.kind.value for outcome in outcomes)
        line = {
            "seconds": time.monotonic() - started,
            "cpu_seconds": time.process_time() - worked,
            "kinds": kinds,
            "last_ok_seconds": max((_ended(each) for each in outcomes if each.kind == "ok"), default=0.0),
        }
        print(json.dumps(line), flush=True)
    print(json.dumps({"peak_mb": _peak_mb()}), flush=True)


def _peak_mb() -> float:
    # Not as getrusage says: that begins with what the process had that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _ended(outcome: ProbeOutcome) -> float:
    """When a target was done, counted from the begin of the sweep."""

    return (outcome.timings.queue + outcome.elapsed_ms) / 1000


if __name__ == "__main__":
    main()
