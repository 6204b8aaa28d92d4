"""Windows as people ask for them in YAML, of a service or of a target."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from paramedic.downtime.periods import require_stops
from paramedic.errors import InvalidInputError
from paramedic.state.downtime_windows import Recurring

MOST_ASKED = 20


class DowntimeWindow(BaseModel):
    """It is off on purpose from each time of `stop` until the next of `start`; nothing alarms."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    stop: str
    """When it is stopped: a cron expression of five fields, of wall-clock time in `timezone`."""
    start: str
    """When it is started again."""
    timezone: str
    """Whose wall clock both mean, such as Europe/Berlin."""
    reason: str = ""
    """Why; shown while it is stopped."""

    def plan(self) -> Recurring:
        """The same as it is stored."""
        return Recurring(stop=self.stop, start=self.start, timezone=self.timezone)


def _each_comes_once(windows: Sequence[DowntimeWindow]) -> Sequence[DowntimeWindow]:
    for index, window in enumerate(windows):
        try:
            require_stops(window.plan())
        except InvalidInputError as error:
            raise ValueError(f"{index}.{error.field} {error.problem}") from error
    if len(set(windows)) < len(windows):
        raise ValueError("there is a window twice; keep one")
    return windows


type AskedWindows = Annotated[
    tuple[DowntimeWindow, ...], Field(max_length=MOST_ASKED), AfterValidator(_each_comes_once)
]
"""All that are asked for; each of them ever stops something."""
