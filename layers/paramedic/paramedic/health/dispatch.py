"""Turns one scheduled tick into the messages that check every target once, and those that are fast several times."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.health.bucket_counts import read_counts
from paramedic.health.minute_plan import PlannedMessage, messages_of
from paramedic.health.ticks import is_late

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LOG = logging.getLogger(__name__)


class DispatchError(ParamedicError):
    """Some buckets' messages could not be sent, so their targets are not checked at this tick."""


@dataclass(frozen=True)
class DispatchSummary:
    """What one tick came to; `completed` is 1 where there was nothing to check."""

    dispatched: int = 0
    completed: int = 0
    late: int = 0
    invalid_rows: int = 0

    def counts(self) -> Mapping[str, int]:
        """The same by metric name."""
        return {
            "ChecksDispatched": self.dispatched,
            "ChecksCompleted": self.completed,
            "LateTicksDropped": self.late,
            "InvalidRows": self.invalid_rows,
        }


@dataclass(frozen=True)
class Dispatcher:
    """Sends check messages to one queue. Sent twice, a tick is checked twice, which is harmless.

    What is `fast` is checked so many times a minute, without a function that waits: the queue hands a message out when
    its time has come.
    """

    client: "SQSClient"
    queue_url: str
    clock: Clock
    fast_checks_per_minute: int = 1

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
        counts = read_counts()
        messages = messages_of(tick, counts, self.fast_checks_per_minute)
        self._send(messages)
        completed = 0 if messages else 1
        return DispatchSummary(dispatched=len(messages), completed=completed, invalid_rows=counts.invalid)

    def _send(self, messages: Sequence[PlannedMessage]) -> None:
        # One by one: there are few, the client retries, and one that is refused leaves the others alone.
        unsent: set[int] = set()
        problem = ""
        for each in messages:
            body = each.message.model_dump_json(exclude_defaults=True)
            try:
                self.client.send_message(QueueUrl=self.queue_url, MessageBody=body, DelaySeconds=each.delay_seconds)
            except (ClientError, BotoCoreError) as error:
                unsent |= {*each.message.buckets}
                problem = str(error)
        if unsent:
            raise DispatchError(f"buckets {sorted(unsent)} are not checked at this tick, {self.queue_url}: {problem}")
