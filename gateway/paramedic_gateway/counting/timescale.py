"""The seconds a ledger counts by: they go on evenly, by the monotonic clock, until the host's time of day is set."""

from pydantic import BaseModel

from paramedic.clock import Clock

JUMP_SECONDS = 0.5
"""Less than reports wait for lines to be in the log: up to here, the seconds of lines are the ledger's own."""


class Scale(BaseModel):
    """Seconds since 1970 are those of the monotonic clock, which begins anew with each boot, plus `offset`."""

    boot_id: str
    offset: float


class HostTime:
    """One host's clocks."""

    def __init__(self, clock: Clock, boot_id: str) -> None:
        self._clock = clock
        self._boot_id = boot_id

    def scale(self) -> Scale:
        """By the time of day as it is set now."""
        return Scale(boot_id=self._boot_id, offset=self._clock.now().timestamp() - self._clock.monotonic())

    def now(self, scale: Scale) -> float:
        """Seconds since 1970 by `scale`, which is of this boot, to the millisecond."""
        return round(self._clock.monotonic() + scale.offset, 3)

    def jump(self, scale: Scale) -> float | None:
        """By how many seconds the time of day was set since `scale`, 0 when it was not, None for another boot's."""
        if scale.boot_id != self._boot_id:
            return None
        before = self._clock.monotonic()
        now = self._clock.now().timestamp()
        after = self._clock.monotonic()
        # This process may stand still between any two readings: only what even that does not explain is a jump.
        least, most = now - after - scale.offset, now - before - scale.offset
        return least if least >= JUMP_SECONDS else most if most <= -JUMP_SECONDS else 0.0
