"""Waiting for what others do, within the time that a step of a recovery has."""

from collections.abc import Callable

from paramedic.clock import Clock
from paramedic.launchers.interface import LauncherError

POLL_SECONDS = 2.0

STOP_SECONDS = 40.0
"""How long one call may wait for an end. Whoever takes a step of a recovery holds it for 60 s; the sweep goes on."""

SETTLE_SECONDS = 10.0
"""How long what was just started may stay unseen: provider APIs show their own changes late."""

BUSY_TRIES = 4
BUSY_SECONDS = 1.0
"""How often, and how far apart, whoever is too busy for a call is asked, as clients of AWS do by themselves."""


def wait_for[T](look: Callable[[], T | None], clock: Clock, seconds: float) -> T | None:
    """The first that `look` returns within `seconds`, looking at least once; None when there was nothing."""
    until = clock.monotonic() + seconds
    while (seen := look()) is None and clock.monotonic() < until:
        clock.sleep(POLL_SECONDS)
    return seen


def unless_busy[T](call: Callable[[], T], is_busy: Callable[[LauncherError], bool], clock: Clock) -> T:
    """What `call` returns, made again a few times while it fails by what `is_busy`: nothing was done, and may be soon.

    Raises:
        LauncherError: it failed by something else, or was busy each time.
    """
    for _ in range(BUSY_TRIES - 1):
        try:
            return call()
        except LauncherError as error:
            if not is_busy(error):
                raise
        clock.sleep(BUSY_SECONDS)
    return call()
