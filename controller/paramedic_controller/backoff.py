"""How long to wait before replacing replicas that keep failing. Kept with the service: a successor waits on."""

from datetime import datetime, timedelta

LONGEST_SECONDS = 60.0

STABLE_SECONDS = 600.0
"""A replica that lived this long did not fail because of how it was started; Kubernetes takes ten minutes too."""

FAILED_AFTER = 5
"""Failures in a row after which an update counts as failed; it is tried further all the same."""


def after_failure(failures: int, youngest_seconds: float, now: datetime) -> tuple[int, datetime]:
    """Failures in a row, and when the next launch may be, after replicas failed of which the youngest lived so long.

    The first failure is made good at once; each further one doubles the wait, up to a minute.
    """
    count = 1 if youngest_seconds >= STABLE_SECONDS else failures + 1
    wait = 0.0 if count == 1 else min(LONGEST_SECONDS, 2.0 ** min(count - 2, 10))
    return count, now + timedelta(seconds=wait)


def may_launch(retry_at: datetime | None, now: datetime) -> bool:
    """Whether a replica may be launched; a time further off than any wait was written by a clock that was ahead."""
    return retry_at is None or not 0 < (retry_at - now).total_seconds() <= LONGEST_SECONDS
