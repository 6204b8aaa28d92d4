"""health_check: judges the targets a check message names."""

import uuid
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from paramedic.clock import SystemClock
from paramedic.health.check import HealthCheck
from paramedic.health.check_messages import CheckMessage
from paramedic.health.events import EventPublisher
from paramedic.health.host_commands import HostChecks, NoHostChecks, SsmHostChecks
from paramedic.health.looking import Looker
from paramedic.health.probing import INVOCATIONS_AT_ONCE, LambdaProber, Prober
from paramedic.observability import add_counts, make_logger, make_metrics
from paramedic.queue_records import BatchResponse, handle_records
from paramedic.settings import HealthCheckSettings
from paramedic.state import tables
from paramedic.validation import validated_json

PROBE_READ_TIMEOUT_SECONDS = 30
"""Longer than the prober's own time-out, so that it is the prober that says what went wrong."""

SETTINGS = HealthCheckSettings.from_env()
LOGGER = make_logger()
METRICS = make_metrics()
# A retried synchronous invocation would probe again and double the wait; the next tick is soon enough.
ONCE = Config(
    connect_timeout=2,
    read_timeout=PROBE_READ_TIMEOUT_SECONDS,
    retries={"total_max_attempts": 1},
    max_pool_connections=INVOCATIONS_AT_ONCE * len(SETTINGS.probe_functions),
)
BRIEF = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
CLOCK = SystemClock()


def _hosts() -> HostChecks:
    # A client for SSM takes its time to make, which a stack without such checks need not spend.
    if not SETTINGS.host_check_document:
        return NoHostChecks()
    return SsmHostChecks(boto3.client("ssm", config=BRIEF), SETTINGS.host_check_document, CLOCK)


INVOKER = boto3.client("lambda", config=ONCE)
PROBERS: Mapping[str, Prober] = {
    location: LambdaProber(INVOKER, name) for location, name in SETTINGS.probe_functions.items()
}
CHECK = HealthCheck(
    looker=Looker(PROBERS, _hosts(), CLOCK, SETTINGS.stale_seconds),
    publisher=EventPublisher(boto3.client("events"), SETTINGS.event_bus_name),
    clock=CLOCK,
    new_id=lambda: uuid.uuid4().hex,
    hung_after_seconds=SETTINGS.hung_after_seconds,
)
tables.bind(SETTINGS.table_prefix)


@LOGGER.inject_lambda_context
@METRICS.log_metrics
def handler(event: Mapping[str, Any], context: object) -> BatchResponse:  # noqa: ARG001 -- Lambda's signature
    """Check each message; those that cannot be understood or judged are reported back to the queue."""
    return handle_records(event, _check)


def _check(body: str) -> None:
    add_counts(METRICS, CHECK.run(validated_json(CheckMessage, body, "body")).counts())
