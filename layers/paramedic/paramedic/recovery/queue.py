"""What the recovery queue delivers: the bus's envelope around one event."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from paramedic.health.event_details import parse_cured_by_relaunch
from paramedic.health.events import HealthEvent
from paramedic.health.transitions import DetailType
from paramedic.validation import validated_json


class BusEnvelope(BaseModel):
    """The parts of an EventBridge event that are looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: Literal["paramedic"]
    detail_type: DetailType = Field(alias="detail-type")
    detail: Mapping[str, Any]


def received_failure(body: str) -> HealthEvent:
    """The finding in a queue message.

    Raises:
        InvalidInputError: the message is malformed; it names the field.
    """
    envelope = validated_json(BusEnvelope, body, root="message")
    return parse_cured_by_relaunch(envelope.detail_type, envelope.detail)
