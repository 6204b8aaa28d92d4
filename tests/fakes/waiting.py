"""Waiting for a condition, as long as a busy machine may need and no longer than the condition does."""

import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.02


def eventually[T](look: Callable[[], T | None], what: str) -> T:
    """The first answer that is neither None nor empty nor false; fails the test when there is none in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while time.monotonic() < deadline:
        if found := look():
            return found
        pause.wait(LOOK_SECONDS)
    raise AssertionError(f"waited {PATIENCE_SECONDS:g} s in vain for {what}")
