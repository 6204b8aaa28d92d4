"""Ending one exact workload where a platform does it: looked at first, then asked, and over only once that is seen."""

from collections.abc import Callable

from paramedic.clock import Clock
from paramedic.launchers.interface import Description, LauncherError, RunState, StopResult
from paramedic.launchers.receipts import stopped, unconfirmed
from paramedic.launchers.waiting import STOP_SECONDS, wait_for
from paramedic.state.receipt import Receipt

type Look = Callable[[Receipt], Description]
"""A launcher's `describe`."""


def stop_seen(receipt: Receipt, look: Look, end: Callable[[], Description | None], confirms: str) -> StopResult:
    """Have `end` end what is seen to run, and say how sure that is; what cannot be seen is left alone.

    `end` returns the look that showed it gone, or None; `confirms` says what would confirm an end.

    Raises:
        InvalidInputError: the receipt's identity is malformed.
    """
    seen = look(receipt)
    if seen.state is RunState.ABSENT:
        return stopped(seen.detail)
    if seen.state is RunState.ELSEWHERE:
        return unconfirmed(seen.detail)
    if seen.state is not RunState.RUNNING:
        return unconfirmed(f"{seen.detail}; {confirms}")
    try:
        over = end()
    except LauncherError as error:
        return unconfirmed(f"{error}; {confirms}")
    return stopped(over.detail) if over is not None else unconfirmed(f"{look(receipt).detail}; {confirms}")


def await_end(receipt: Receipt, look: Look, clock: Clock, seconds: float = STOP_SECONDS) -> Description | None:
    """The look that shows it gone, if one within `seconds` does."""

    def over() -> Description | None:
        seen = look(receipt)
        return seen if seen.state is RunState.ABSENT else None

    return wait_for(over, clock, seconds)
