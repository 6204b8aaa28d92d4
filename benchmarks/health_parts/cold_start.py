"""How long a check and a probe take to begin."""

from pathlib import Path

from benchmarks.report import Figures, at_most
from benchmarks.shared_parts.cold_start import Function, init_figures

GOALS = {
    "health_probe_init_ms": at_most(200),
    "health_check_init_ms": at_most(350),
}

PROBE = Function("HealthProbeFunction", {"ALLOWED_CIDRS": "127.0.0.0/8"}, {"targets": []})
CHECK = Function(
    "HealthCheckFunction",
    {
        "TABLE_PREFIX": "benchmark-",
        "PROBE_FUNCTION_NAME": "benchmark-health-probe",
        "EVENT_BUS_NAME": "benchmark",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
    },
    {"Records": []},
)


def measure(folder: Path) -> Figures:
    """Both in turns."""
    return init_figures({"health_probe_init_ms": PROBE, "health_check_init_ms": CHECK}, folder)
