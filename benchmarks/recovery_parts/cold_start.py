"""How long the recovery function takes to begin, with what it needs of a launcher."""

import json
from pathlib import Path

from benchmarks.report import Figures, at_most
from benchmarks.shared_parts.cold_start import Function, init_figures

GOALS = {"recovery_init_ms": at_most(450)}

PROFILES = {"local": {"launcher": "process", "host_dir": "/nowhere", "command": ["true"]}}
RECOVERY = Function(
    "RecoveryFunction",
    {
        "TABLE_PREFIX": "benchmark-",
        "ALERT_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:benchmark",
        "LAUNCHER_PROFILES": json.dumps(PROFILES),
        "IDEMPOTENCY_TABLE": "benchmark-idempotency",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
    },
    {"Records": []},
)


def measure(folder: Path) -> Figures:
    """Nine starts."""
    return init_figures({"recovery_init_ms": RECOVERY}, folder)
