"""The real controller with a launcher that sleeps: `python -m benchmarks.controller_parts.run_controller`.

Besides the controller's own variables it reads `Wiring` from BENCHMARK_WIRING.
"""

import os
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from benchmarks.controller_parts.sleeping_launcher import Latency, SleepingLauncher
from benchmarks.shared_parts.units import count_units
from paramedic.clock import Clock
from paramedic.launchers.interface import Launcher
from paramedic_controller.__main__ import main
from paramedic_controller.settings import Settings

WIRING = "BENCHMARK_WIRING"


class Wiring(BaseModel):
    """Where the launcher's cloud listens, where launches and DynamoDB's units are noted, how long calls take."""

    model_config = ConfigDict(frozen=True)

    cloud: Path
    launches: Path
    units: Path | None
    latency: Latency


def make_launcher(settings: Settings, clock: Clock) -> Launcher:
    """Called once tables are bound."""
    del settings, clock
    wiring = Wiring.model_validate_json(os.environ[WIRING])
    if wiring.units is not None:
        count_units(wiring.units)
    return SleepingLauncher(wiring.cloud, wiring.launches, wiring.latency)


if __name__ == "__main__":
    sys.exit(main(make_launcher))
