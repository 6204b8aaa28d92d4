"""Logs of functions and processes, metrics of functions.

No tracing: it costs 0.4 s of every cold start and a service of its own.
"""

from collections.abc import Mapping

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

SERVICE = "paramedic"
NAMESPACE = "Paramedic"


def make_logger(service: str = SERVICE) -> Logger:
    """The JSON logger of a function, or of the process that `service` names.

    Functions' is named like the core package, so that whatever the core logs with `logging.getLogger(__name__)` comes
    out of it too.
    """
    return Logger(service=service)


def make_metrics() -> Metrics:
    """Metrics written as log lines; their one dimension is POWERTOOLS_SERVICE_NAME, the stack's name."""
    return Metrics(namespace=NAMESPACE)


def add_counts(metrics: Metrics, counts: Mapping[str, int]) -> None:
    """Add `counts` by metric name; zeros too, so that alarms see data."""
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
