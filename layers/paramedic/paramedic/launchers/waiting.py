"""Waiting for what others do, within the time that a step of a recovery has."""

from collections.abc import Callable

from paramedic.clock import Clock

POLL_SECONDS = 2.0

STOP_SECONDS = 40.0
"""How long one call may wait for an end. Whoever takes a step of a recovery holds it for 60 s; the sweep goes on."""

SETTLE_SECONDS = 10.0
"""How long what was just started may stay unseen: provider APIs show their own changes late."""


def wait_for[T](look: Callable[[], T | None], clock: Clock, seconds: float) -> T | None:
    """The first that `look` returns within `seconds`, looking at least once; None when there was nothing."""
    until = clock.monotonic() + seconds
    while (seen := look()) is None and clock.monotonic() < until:
        clock.sleep(POLL_SECONDS)
    return seen
