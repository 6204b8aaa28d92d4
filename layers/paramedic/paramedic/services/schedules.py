"""Times of the day or week for which a service asks for more replicas than otherwise."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from paramedic.errors import InvalidInputError
from paramedic.services.invalid_spec import InvalidSpecError
from paramedic.stretches import Stretches
from paramedic.wall_clock import wall_clock_cron

FIELD = "service.replica_policy.schedules"

MOST_SCHEDULES = 20
"""Of one service: each is looked at every minute."""

_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class Schedule(BaseModel):
    """From each time of `start` until the next of `stop` there are at least `min_replicas`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    start: str
    """When it begins: a cron expression of five fields, of wall-clock time in `timezone`."""
    stop: str
    """When it is over; where both fire at the same time, this one wins."""
    timezone: str
    """Whose wall clock both mean, such as Europe/Berlin."""
    min_replicas: int = Field(ge=1, le=1000)
    """There are never fewer meanwhile."""

    def stretches(self) -> Stretches:
        """When it is in effect.

        Raises:
            InvalidInputError: a cron expression or the time zone is malformed.
        """
        begin = wall_clock_cron("start", self.start, self.timezone)
        return Stretches(begin, wall_clock_cron("stop", self.stop, self.timezone))


def require_usable(schedules: Sequence[Schedule], max_replicas: int | None) -> None:
    """Return if each of `schedules` is ever in effect and asks for no more than `max_replicas`.

    Raises:
        InvalidSpecError: one is not; the message names its field.
    """
    for index, schedule in enumerate(schedules):
        where = f"{FIELD}.{index}"
        try:
            comes = schedule.stretches().following(_ANY_TIME)
        except InvalidInputError as error:
            raise InvalidSpecError(f"{where}.{error.field}", error.value, error.problem) from error
        if comes is None:
            raise InvalidSpecError(f"{where}.start", schedule.start, f"always comes together with {schedule.stop!r}")
        if max_replicas is not None and schedule.min_replicas > max_replicas:
            problem = f"is more than max_replicas {max_replicas}"
            raise InvalidSpecError(f"{where}.min_replicas", schedule.min_replicas, problem)
