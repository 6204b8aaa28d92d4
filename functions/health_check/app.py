"""health_check: judges the targets a check message names."""

# isort: off
from paramedic import cold_start  # before all that it is to hasten

# isort: on
import uuid
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.session import Session

from paramedic.clock import Clock, SystemClock
from paramedic.health.check import HealthCheck
from paramedic.health.check_messages import CheckMessage
from paramedic.health.check_settings import HealthCheckSettings
from paramedic.health.events import EventPublisher
from paramedic.health.host_commands import HostChecks, NoHostChecks, SsmHostChecks
from paramedic.health.looking import Looker
from paramedic.health.probing import INVOCATION_READ_SECONDS, INVOCATIONS_AT_ONCE, LambdaProber, Prober
from paramedic.observability import add_counts, make_logger, make_metrics
from paramedic.queue_records import BatchResponse, handle_records
from paramedic.run_command import RunCommand
from paramedic.state import controllers, gateways, load_balancers, reports, tables, targets, traffic
from paramedic.validation import validated_json

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient

SETTINGS = HealthCheckSettings.from_env()
LOGGER = make_logger()
METRICS = make_metrics()
cold_start.imported()
tables.bind(SETTINGS.table_prefix, controllers, gateways, load_balancers, reports, targets, traffic)


@LOGGER.inject_lambda_context
@METRICS.log_metrics
def handler(event: Mapping[str, Any], context: object) -> BatchResponse:  # noqa: ARG001 -- Lambda's signature
    """Check each message; those that cannot be understood or judged are reported back to the queue."""
    return handle_records(event, _check)


def _check(body: str) -> None:
    add_counts(METRICS, _health_check().run(validated_json(CheckMessage, body, "body")).counts())


@cache
def _health_check() -> HealthCheck:
    """Made by the first message. Not by boto3, whose resources and transfers nobody here uses and every start pays."""
    session, clock = botocore.session.get_session(), SystemClock()
    # A retried synchronous invocation would probe again and double the wait; the next tick is soon enough.
    once = Config(
        connect_timeout=2,
        read_timeout=INVOCATION_READ_SECONDS,
        retries={"total_max_attempts": 1},
        max_pool_connections=INVOCATIONS_AT_ONCE * len(SETTINGS.probe_functions),
    )
    invoker = cast("LambdaClient", session.create_client("lambda", config=once))
    probers: Mapping[str, Prober] = {
        location: LambdaProber(invoker, name) for location, name in SETTINGS.probe_functions.items()
    }
    return HealthCheck(
        looker=Looker(probers, _hosts(session, clock), clock, SETTINGS.stale_seconds),
        publisher=EventPublisher(cast("EventBridgeClient", session.create_client("events")), SETTINGS.event_bus_name),
        clock=clock,
        new_id=lambda: uuid.uuid4().hex,
        hung_after_seconds=SETTINGS.hung_after_seconds,
    )


def _hosts(session: Session, clock: Clock) -> HostChecks:
    # A client for SSM takes its time to make, which a stack without such checks need not spend.
    if not SETTINGS.host_check_document:
        return NoHostChecks()
    brief = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
    client = cast(RunCommand, session.create_client("ssm", config=brief))
    return SsmHostChecks(client, SETTINGS.host_check_document, clock)
