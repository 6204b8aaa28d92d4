"""The least replicas that schedules ask for at a time. Pure; the same minute is worked out once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from paramedic.services.schedules import Schedule

MINUTE_SECONDS = 60
"""Cron expressions fire on whole minutes of every time zone that is in use."""


def floor_at(schedules: Sequence[Schedule], now_second: int) -> int:
    """The highest number of those whose time it is; 0 where it is nobody's."""
    return _floor(tuple(schedules), now_second // MINUTE_SECONDS) if schedules else 0


@lru_cache(maxsize=4096)
def _floor(schedules: tuple[Schedule, ...], minute: int) -> int:
    moment = datetime.fromtimestamp(minute * MINUTE_SECONDS, UTC)
    return max((each.min_replicas for each in schedules if each.stretches().around(moment)), default=0)
