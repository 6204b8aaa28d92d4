"""The real agent, which notes what DynamoDB bills it: `python -m benchmarks.gateway_parts.run_counted_agent`.

Besides the agent's own variables it reads the file to note that in from BENCHMARK_UNITS.
"""

import os
import sys
from pathlib import Path
from types import ModuleType

from benchmarks.shared_parts.units import count_units
from paramedic.state import tables
from paramedic_gateway.__main__ import main

UNITS = "BENCHMARK_UNITS"

_bind = tables.bind


def _bind_and_count(table_prefix: str, *modules: ModuleType) -> None:
    _bind(table_prefix, *modules)
    count_units(Path(os.environ[UNITS]))


if __name__ == "__main__":
    # The agent loads and binds its tables once Envoy serves.
    tables.bind = _bind_and_count
    sys.exit(main())
