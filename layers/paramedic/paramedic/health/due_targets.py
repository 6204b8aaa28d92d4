"""Reads the targets that a message has checked, those that are due."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from paramedic.health.check_messages import CheckMessage
from paramedic.health.checked_target import CheckedTarget, asked_at, checked_target, is_due
from paramedic.health.readable_rows import Readable, read_readable, read_readable_of
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import Target, bucket_of

LOG = logging.getLogger(__name__)

READERS = 8


def read_due_targets(message: CheckMessage, now: datetime) -> tuple[Sequence[CheckedTarget], int]:
    """The targets of `message` that are to be looked at, and how many rows could not be understood.

    Not those that are paused, or off on purpose at its tick or `now`.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    targets = []
    readable = _named(message.targets) if message.targets else _of_buckets(message.buckets)
    invalid = len(readable.invalid)
    for row in readable.rows:
        off = row.paused or row.left_at or any(map(row.is_off_on_purpose, (message.tick, now)))
        if off or not is_due(row, message.tick):
            continue
        try:
            targets.append(asked_at(checked_target(row), message.tick))
        except InvalidRowError as error:
            LOG.warning("target %s is skipped: %s", row.target_id, error)
            invalid += 1
    return targets, invalid


def _of_buckets(buckets: Sequence[int]) -> Readable[Target]:
    with ThreadPoolExecutor(max_workers=READERS) as readers:
        found = list(readers.map(lambda bucket: read_readable(Target, bucket, "target_id"), buckets))
    return Readable([row for each in found for row in each.rows], [name for each in found for name in each.invalid])


def _named(target_ids: Sequence[str]) -> Readable[Target]:
    found = read_readable_of(Target, [(bucket_of(each), each) for each in target_ids])
    # One that was changed since it was named waits for its own turn.
    return Readable([row for row in found.rows if row.fast], found.invalid)
