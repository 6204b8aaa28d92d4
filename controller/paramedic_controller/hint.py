"""When to look at what users want: one number that grows with every change of it."""

from paramedic.clock import Clock
from paramedic.state.controllers import HINT, ControllerHint

HINT_SECONDS = 2.0
"""How often the number is asked for. Asked for every second it alone would cost as much as all else together."""


class HintReader:
    """Knows the number as of a moment ago: one seen too late is seen the next time."""

    def __init__(self, controller_id: str, clock: Clock) -> None:
        self._controller_id = controller_id
        self._clock = clock
        self._looked_at: float | None = None
        self._revision = 0

    def read(self) -> int:
        """The revision of what users want.

        Raises:
            StateUnreachableError: DynamoDB did not answer.
        """
        now = self._clock.monotonic()
        if self._looked_at is None or now - self._looked_at >= HINT_SECONDS:
            hint = ControllerHint.glance(self._controller_id, HINT)
            self._revision = int(hint.revision) if hint is not None else 0
            self._looked_at = now
        return self._revision
