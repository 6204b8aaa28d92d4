"""The events health checks put on the bus. They are hints: whoever receives one re-reads state before acting."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field

from paramedic.health.diagnosis import DiagnosisName, Heartbeat, HostCheck, Severity
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.ticks import IsoTime
from paramedic.health.transitions import DetailType, Notice
from paramedic.health.verdict import Verdict
from paramedic.state.targets import TargetKind, TargetMode

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

LOG = logging.getLogger(__name__)

SOURCE = "paramedic"
SCHEMA = 1
ENTRIES_PER_CALL = 10


class HealthEvent(BaseModel):
    """The detail of every health event.

    `event_id` names one finding: an event repeated for it, at a later `tick`, carries the same id. `since` is the
    first tick of the bad period, `decided_at` the wall time of this decision. `host_check` is what the target's own
    host says of it, where that is asked. `mode` is only a hint for the gate.
    Events with a `notice` are what people are sent.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)

    schema_number: int = Field(default=SCHEMA, ge=1, alias="schema")
    event_id: str = Field(min_length=1)
    target_id: str = Field(min_length=1)
    kind: TargetKind
    tick: IsoTime
    verdict: Verdict
    diagnosis: DiagnosisName
    cures: bool
    needs_host_signal: bool
    severity: Severity
    sentence: str
    since: IsoTime
    decided_at: IsoTime
    outcome: OutcomeKind
    detail: str = ""
    heartbeat: Heartbeat
    heartbeat_sequence: int | None = None
    host_check: HostCheck = HostCheck.UNKNOWN
    mode: TargetMode
    profile: str | None = None
    notice: Notice | None = None


class MassFailureSuspected(BaseModel):
    """The detail of "Mass Failure Suspected": `bad` of `targets` targets went bad together, the first at `since`.

    `examples` are some of them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)

    schema_number: int = Field(default=SCHEMA, ge=1, alias="schema")
    event_id: str = Field(min_length=1)
    tick: IsoTime
    since: IsoTime
    decided_at: IsoTime
    severity: Severity = Severity.PAGE
    sentence: str
    bad: int
    targets: int
    examples: tuple[str, ...]
    notice: Notice = Notice.OPEN


class MassFailureOver(BaseModel):
    """The detail of "Mass Failure Over": what people were told of and began at `since`."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, serialize_by_alias=True)

    schema_number: int = Field(default=SCHEMA, ge=1, alias="schema")
    event_id: str = Field(min_length=1)
    tick: IsoTime
    since: IsoTime
    decided_at: IsoTime
    severity: Severity = Severity.NONE
    sentence: str
    notice: Notice = Notice.CLOSE


type Detail = HealthEvent | MassFailureSuspected | MassFailureOver


@dataclass(frozen=True)
class BusEntry:
    """One event to publish."""

    detail_type: DetailType
    event: Detail


class Publisher(Protocol):
    """Whatever brings events to whom they are for."""

    def publish(self, entries: Sequence[BusEntry]) -> frozenset[str]:
        """The ids of the events that were taken; the others are the caller's to send again."""


class EventPublisher:
    """Puts events on one bus."""

    def __init__(self, client: "EventBridgeClient", bus_name: str) -> None:
        self._client = client
        self._bus_name = bus_name

    def publish(self, entries: Sequence[BusEntry]) -> frozenset[str]:
        """The ids of the events the bus has accepted; the others are logged, and are the caller's to send again."""
        accepted: set[str] = set()
        for batch in batched(entries, ENTRIES_PER_CALL, strict=False):
            accepted |= self._publish(batch)
        return frozenset(accepted)

    def _publish(self, batch: Sequence[BusEntry]) -> set[str]:
        try:
            results = self._client.put_events(Entries=[self._entry(entry) for entry in batch])["Entries"]
        except (ClientError, BotoCoreError) as error:
            LOG.warning("bus %s took none of %d events: %s", self._bus_name, len(batch), error)
            return set()
        accepted = set()
        for entry, result in zip(batch, results, strict=True):
            if "ErrorCode" in result:
                LOG.warning("bus %s refused event %s: %s", self._bus_name, entry.event.event_id, result)
            else:
                accepted.add(entry.event.event_id)
        return accepted

    def _entry(self, entry: BusEntry) -> "PutEventsRequestEntryTypeDef":
        return {
            "Source": SOURCE,
            "DetailType": entry.detail_type.value,
            "Detail": entry.event.model_dump_json(),
            "EventBusName": self._bus_name,
        }
