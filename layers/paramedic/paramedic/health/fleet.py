"""Reads what is bad in the whole table, for those moments in which something is."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from paramedic.clock import from_iso
from paramedic.health.bucket_counts import read_counts
from paramedic.health.mass_failure import LEAST_TARGETS, BadTarget, MassFailure, mass_failure
from paramedic.health.readable_rows import read_readable
from paramedic.health.verdict import Verdict
from paramedic.state.targets import Target

LOG = logging.getLogger(__name__)

READERS = 16


def read_mass_failure(moment: datetime) -> MassFailure | None:
    """The mass failure under way at `moment`, if there is one. A small fleet costs one query.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    counts = read_counts().targets
    targets = sum(counts.values())
    if targets < LEAST_TARGETS:
        return None
    filled = [bucket for bucket, count in counts.items() if count > 0]
    with ThreadPoolExecutor(max_workers=READERS) as readers:
        found = readers.map(lambda bucket: _bad_of(bucket, moment), filled)
        return mass_failure([each for bucket in found for each in bucket], targets)


def _bad_of(bucket: int, moment: datetime) -> Sequence[BadTarget]:
    rows = read_readable(Target, bucket, "target_id", Target.bad.exists()).rows
    bad = []
    for row in rows:
        if (
            row.bad is None
            or row.bad.verdict == Verdict.HEALTHY
            or row.paused
            or row.left_at
            or row.is_off_on_purpose(moment)
        ):
            continue
        try:
            bad.append(BadTarget(row.target_id, from_iso(row.bad.since)))
        except ValueError as error:
            LOG.warning("target %s is not counted: bad.since %r %s", row.target_id, row.bad.since, error)
    return bad
