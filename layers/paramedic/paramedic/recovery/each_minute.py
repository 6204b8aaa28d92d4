"""What recovery does at every scheduled tick, whether anything fails or not."""

from datetime import datetime

from paramedic.recovery.messages import Reply
from paramedic.recovery.recoverer import sweep
from paramedic.recovery.scheduled_drills import drill_what_is_due
from paramedic.recovery.surroundings import Surroundings


def each_minute(tick: datetime, around: Surroundings) -> list[Reply]:
    """Take unfinished recoveries further; where there is none, make the drill that is due by its schedule.

    Raises:
        InvalidInputError: the tick lies in the future.
        StateUnreachableError: DynamoDB did not answer; the next tick goes on.
    """
    if replies := sweep(around):
        return replies
    # Only a sweep that found nothing has the time for one.
    return drill_what_is_due(tick, around)
