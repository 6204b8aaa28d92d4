"""What the recovery queue delivers: the bus's envelope around one event."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from paramedic.health.event_details import ControllerFailed, parse_controller_failed
from paramedic.validation import validated_json


class BusEnvelope(BaseModel):
    """The parts of an EventBridge event that are looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: Literal["paramedic"]
    detail_type: Literal["Controller Failed"] = Field(alias="detail-type")
    detail: Mapping[str, Any]


def received_failure(body: str) -> ControllerFailed:
    """The finding in a queue message.

    Raises:
        InvalidInputError: the message is malformed; it names the field.
    """
    return parse_controller_failed(validated_json(BusEnvelope, body, root="message").detail)
