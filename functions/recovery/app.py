"""Recovery: events from the queue, the sweep from the schedule, and requests by hand, all on one path."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from paramedic.errors import ParamedicError
from paramedic.health.addresses import AddressGuard
from paramedic.launchers.profiles import parse_profiles
from paramedic.recovery import recoverer
from paramedic.recovery.messages import ManualRecover, Reply, Sweep
from paramedic.recovery.queue import received_failure
from paramedic.recovery.settings import RecoverySettings
from paramedic.recovery.surroundings import Surroundings
from paramedic.recovery.wiring import make_surroundings
from paramedic.state import tables
from paramedic.validation import validated

logger = Logger()


def handler(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Answers partial failures to the queue, a list of replies to the schedule, one reply to a person."""
    settings = _settings()
    if "Records" in event:
        return _from_queue(event["Records"], settings)
    if event.get("action") == "sweep":
        validated(Sweep, event)
        return {"replies": [_told(reply) for reply in recoverer.sweep(_surroundings(settings))]}
    return _by_hand(validated(ManualRecover, event), settings, context)


def _from_queue(records: list[Mapping[str, Any]], settings: RecoverySettings) -> Mapping[str, Any]:
    failures = []
    for record in records:
        try:
            _told(recoverer.on_failure(received_failure(record["body"]), _surroundings(settings)))
        except ParamedicError:
            # Delivered again up to the queue's limit, then kept in its dead-letter queue.
            logger.exception("event not handled", extra={"message_id": record["messageId"]})
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _by_hand(request: ManualRecover, settings: RecoverySettings, context: Any) -> Mapping[str, Any]:
    # Only requests by hand need remembering by id; everything else is made harmless by state itself.
    from paramedic.recovery.idempotency import once_per_request

    return once_per_request(
        lambda: _told(recoverer.by_hand(request, _surroundings(settings))),
        request_id=request.request_id,
        table=settings.idempotency_table,
        context=context,
    )


def _told(reply: Reply) -> dict[str, Any]:
    answer = reply.model_dump(mode="json")
    logger.info(reply.message, extra={"reply": answer})
    return answer


@cache
def _settings() -> RecoverySettings:
    settings = RecoverySettings.from_env()
    tables.bind(settings.table_prefix)
    return settings


def _surroundings(settings: RecoverySettings) -> Surroundings:
    return make_surroundings(
        guard=AddressGuard(settings.allowed_cidrs.split(",") if settings.allowed_cidrs else ()),
        profiles=parse_profiles(settings.launcher_profiles),
        page=_page,
        stale_seconds=settings.stale_seconds,
    )


def _page(subject: str, text: str) -> None:
    message = json.dumps({"subject": subject, "text": text})
    _sns().publish(TopicArn=_settings().alert_topic_arn, Subject=subject[:100], Message=message)


@cache
def _sns() -> Any:
    return boto3.client("sns")
