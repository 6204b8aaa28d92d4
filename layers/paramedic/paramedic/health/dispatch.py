"""Turns one scheduled tick into the messages that check every target once."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.health.check_messages import CheckMessage
from paramedic.health.groups import TARGETS_PER_GROUP, group_buckets
from paramedic.health.readable_rows import read_readable
from paramedic.health.ticks import is_late
from paramedic.state.targets import BUCKETS, COUNTS_BUCKET, TargetCount

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LOG = logging.getLogger(__name__)

ENTRIES_PER_CALL = 10
TRIES = 3
PAUSE_SECONDS = 0.3


class DispatchError(ParamedicError):
    """Some buckets' messages could not be sent, so their targets are not checked at this tick."""


@dataclass(frozen=True)
class DispatchSummary:
    """What one tick came to."""

    dispatched: int = 0
    late: int = 0
    invalid_rows: int = 0

    def counts(self) -> Mapping[str, int]:
        """The same by metric name."""
        return {"ChecksDispatched": self.dispatched, "LateTicksDropped": self.late, "InvalidRows": self.invalid_rows}


@dataclass(frozen=True)
class Dispatcher:
    """Sends check messages to one queue. Sent twice, a tick is checked twice, which is harmless."""

    client: "SQSClient"
    queue_url: str
    clock: Clock

    def run(self, tick: datetime) -> DispatchSummary:
        """Send the messages of `tick`, unless it is late.

        Raises:
            InvalidInputError: the tick lies in the future.
            StateUnreachableError: the counts could not be read.
            DispatchError: some messages could not be sent.
        """
        if is_late(tick, self.clock.now()):
            LOG.warning("tick %s is late and is dropped", tick)
            return DispatchSummary(late=1)
        counts, invalid = _read_counts()
        messages = [CheckMessage(tick=tick, buckets=buckets) for buckets in group_buckets(counts)]
        for batch in batched(messages, ENTRIES_PER_CALL, strict=False):
            self._send(batch)
        return DispatchSummary(dispatched=len(messages), invalid_rows=invalid)

    def _send(self, messages: Sequence[CheckMessage]) -> None:
        left = {str(number): message for number, message in enumerate(messages)}
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                self.clock.sleep(PAUSE_SECONDS)
            problem = self._try_to_send(left)
            if not left:
                return
        buckets = sorted(bucket for message in left.values() for bucket in message.buckets)
        raise DispatchError(f"buckets {buckets} are not checked at this tick, {self.queue_url} said: {problem}")

    def _try_to_send(self, left: dict[str, CheckMessage]) -> str:
        try:
            response = self.client.send_message_batch(
                QueueUrl=self.queue_url,
                Entries=[{"Id": name, "MessageBody": message.model_dump_json()} for name, message in left.items()],
            )
        except (ClientError, BotoCoreError) as error:
            return str(error)
        for sent in response.get("Successful", []):
            left.pop(sent["Id"])
        return json.dumps(response.get("Failed", []))


def _read_counts() -> tuple[Mapping[int, int], int]:
    readable = read_readable(TargetCount, COUNTS_BUCKET, "target_id")
    counts = {int(row.target_id): int(row.targets) for row in readable.rows if _names_bucket(row.target_id)}
    # A bucket whose count cannot be read still has targets: it is checked alone, as if it were full.
    broken = [int(name) for name in readable.invalid if _names_bucket(name)]
    unnamed = len(readable.rows) - len(counts)
    return counts | dict.fromkeys(broken, TARGETS_PER_GROUP), unnamed + len(readable.invalid)


def _names_bucket(name: str) -> bool:
    return name.isdecimal() and int(name) < BUCKETS
