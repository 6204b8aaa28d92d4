"""What the recovery queue delivers: the bus's envelope around one event."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from paramedic.health.events import ControllerFailed
from paramedic.validation import validated_json


class BusEnvelope(BaseModel):
    """The parts of an EventBridge event that are looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: Literal["paramedic"]
    detail_type: Literal["Controller Failed"] = Field(alias="detail-type")
    detail: ControllerFailed


def failed_event(body: str) -> ControllerFailed:
    """The event in a queue message.

    Raises:
        InvalidInputError: the message is malformed; it names the field.
    """
    return validated_json(BusEnvelope, body, root="message").detail
