"""Handles a function's queue records one by one, so that one bad record fails alone."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from paramedic.errors import ParamedicError
from paramedic.validation import validated

LOG = logging.getLogger(__name__)

type BatchResponse = Mapping[str, Sequence[Mapping[str, str]]]


class QueueRecord(BaseModel):
    """One received message."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    message_id: str = Field(alias="messageId", min_length=1)
    body: str


class QueueEvent(BaseModel):
    """What Lambda hands to a function that consumes a queue."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    records: tuple[QueueRecord, ...] = Field(alias="Records")


def handle_records(event: Mapping[str, Any], handle: Callable[[str], None]) -> BatchResponse:
    """Hand each record's body to `handle`; those it cannot handle go back to the queue, in the end to its DLQ.

    Raises:
        InvalidInputError: `event` holds no queue records.
    """
    failures = []
    for record in validated(QueueEvent, event).records:
        try:
            handle(record.body)
        except ParamedicError:
            LOG.exception("message %s could not be handled", record.message_id)
            failures.append({"itemIdentifier": record.message_id})
    return {"batchItemFailures": failures}
