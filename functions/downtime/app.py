"""downtime: every minute, pauses and resumes what planned windows say."""

from collections.abc import Mapping
from typing import Any

from paramedic.clock import SystemClock
from paramedic.downtime.messages import DowntimeTick
from paramedic.downtime.passes import keep_downtimes
from paramedic.downtime.settings import DowntimeSettings
from paramedic.downtime.surroundings import Surroundings
from paramedic.observability import make_logger
from paramedic.paging import topic_pager
from paramedic.state import tables
from paramedic.validation import validated

SETTINGS = DowntimeSettings.from_env()
LOGGER = make_logger()
AROUND = Surroundings(clock=SystemClock(), page=topic_pager(SETTINGS.alert_topic_arn).page)
tables.bind(SETTINGS.table_prefix)


@LOGGER.inject_lambda_context
def handler(event: Mapping[str, Any], context: object) -> Mapping[str, int]:  # noqa: ARG001 -- Lambda's signature
    """Keep every planned downtime; answers with how many services and controllers have one."""
    validated(DowntimeTick, event)
    return {"planned": keep_downtimes(AROUND)}
