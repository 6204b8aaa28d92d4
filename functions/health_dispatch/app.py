"""health_dispatch: every scheduled tick becomes check messages."""

from collections.abc import Mapping
from typing import Any

import boto3

from paramedic.clock import SystemClock
from paramedic.health.check_messages import DispatchRequest
from paramedic.health.dispatch import Dispatcher
from paramedic.health.dispatch_settings import HealthDispatchSettings
from paramedic.observability import add_counts, make_logger, make_metrics
from paramedic.state import tables
from paramedic.validation import validated

SETTINGS = HealthDispatchSettings.from_env()
LOGGER = make_logger()
METRICS = make_metrics()
DISPATCHER = Dispatcher(boto3.client("sqs"), SETTINGS.check_queue_url, SystemClock(), SETTINGS.fast_checks_per_minute)
tables.bind(SETTINGS.table_prefix)


@LOGGER.inject_lambda_context
@METRICS.log_metrics
def handler(event: Mapping[str, Any], context: object) -> Mapping[str, int]:  # noqa: ARG001 -- Lambda's signature
    """Dispatch the tick in `event`; answers with the counts that are also its metrics."""
    counts = DISPATCHER.run(validated(DispatchRequest, event).tick).counts()
    add_counts(METRICS, counts)
    return counts
