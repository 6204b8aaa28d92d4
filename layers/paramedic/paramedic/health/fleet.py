"""Reads what is bad in the whole table, for those moments in which something is."""

import logging
from collections.abc import Mapping, Sequence
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


class Fleet:
    """What is bad at `moment`, read when it is first asked for and then kept. A small fleet costs one query.

    So is what it was ever told of: one check finds in two steps what is bad in its group.
    """

    def __init__(self, moment: datetime) -> None:
        self._moment = moment
        self._read: tuple[int, Mapping[str, BadTarget]] | None = None
        self._unstored: dict[str, BadTarget] = {}

    def mass_failure(self, unstored: Sequence[BadTarget] = ()) -> MassFailure | None:
        """The mass failure under way, if there is one; `unstored` are found bad and may not be recorded yet.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        self._unstored |= {each.target_id: each for each in unstored}
        if self._read is None:
            self._read = self._targets_and_bad()
        targets, stored = self._read
        return mass_failure(list({**stored, **self._unstored}.values()), targets)

    def _targets_and_bad(self) -> tuple[int, Mapping[str, BadTarget]]:
        counts = read_counts().targets
        targets = sum(counts.values())
        if targets < LEAST_TARGETS:
            return targets, {}
        filled = [bucket for bucket, count in counts.items() if count > 0]
        with ThreadPoolExecutor(max_workers=READERS) as readers:
            found = readers.map(lambda bucket: _bad_of(bucket, self._moment), filled)
            return targets, {each.target_id: each for bucket in found for each in bucket}


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
