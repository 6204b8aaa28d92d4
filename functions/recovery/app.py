"""Recovery: events from the queue, the sweep from the schedule, and requests by hand, all on one path."""

# isort: off
from paramedic import cold_start  # before all that it is to hasten

# isort: on
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from paramedic.health.addresses import AddressGuard
from paramedic.launchers.profiles import parse_profiles
from paramedic.observability import make_logger
from paramedic.paging import TopicPager, topic_pager
from paramedic.queue_records import handle_records
from paramedic.recovery import recoverer
from paramedic.recovery.messages import ByHand, Sweep, parse_request
from paramedic.recovery.queue import received_failure
from paramedic.recovery.settings import RecoverySettings
from paramedic.recovery.surroundings import Surroundings
from paramedic.recovery.wiring import make_surroundings
from paramedic.state import tables
from paramedic.validation import validated

cold_start.imported()
logger = make_logger()


def handler(event: Mapping[str, Any], context: Any) -> Mapping[str, Any]:
    """Answers partial failures to the queue, a list of replies to the schedule, one reply to a person."""
    settings = _settings()
    if "Records" in event:
        return handle_records(event, lambda body: _on_failure(body, settings))
    if event.get("action") == "sweep":
        # Neither whoever waits for a recovery nor a person waits for drills to be loaded.
        from paramedic.recovery.each_minute import each_minute

        tick = validated(Sweep, event).tick
        return {"replies": [_told(reply) for reply in each_minute(tick, _surroundings(settings))]}
    return _answer(event, settings, context)


def _on_failure(body: str, settings: RecoverySettings) -> None:
    _told(recoverer.on_failure(received_failure(body), _surroundings(settings)))


def _answer(event: Mapping[str, Any], settings: RecoverySettings, context: Any) -> Mapping[str, Any]:
    # What only people ask for is no part of the start of what recovers by itself.
    from paramedic.recovery.answering import act, tell

    request = parse_request(event)
    around = _surroundings(settings)
    if not isinstance(request, ByHand):
        return tell(request, around).model_dump(mode="json")
    if request.dry_run:
        return _told(act(request, around))
    # Only what changes something by hand is remembered by its id: state itself makes all else harmless.
    from paramedic.recovery.idempotency import once_per_request

    return once_per_request(
        lambda: _told(act(request, around)), request=request, table=settings.idempotency_table, context=context
    )


def _told(reply: BaseModel) -> dict[str, Any]:
    answer = reply.model_dump(mode="json")
    logger.info(answer["message"], extra={"reply": answer})
    return answer


@cache
def _settings() -> RecoverySettings:
    settings = RecoverySettings.from_env()
    tables.bind(settings.table_prefix)
    return settings


def _surroundings(settings: RecoverySettings) -> Surroundings:
    return make_surroundings(
        guard=AddressGuard(settings.allowed_cidrs),
        profiles=parse_profiles(settings.launcher_profiles),
        page=_pager().page,
        stale_seconds=settings.stale_seconds,
        approval_minutes=settings.approval_minutes,
        most_open_recoveries=settings.most_open_recoveries,
    )


@cache
def _pager() -> TopicPager:
    return topic_pager(_settings().alert_topic_arn)
