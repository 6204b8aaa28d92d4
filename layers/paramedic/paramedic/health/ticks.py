"""Scheduled tick times: read from messages, and too old or too new to act on."""

import zlib
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from paramedic.clock import from_iso, to_iso
from paramedic.errors import InvalidInputError

LATE_AFTER = timedelta(seconds=90)
"""An older tick is dropped: the next one is due or done."""

UNBROKEN_WITHIN = timedelta(seconds=90)
"""Two observations further apart than this leave room for a tick that saw something else."""

AHEAD_AT_MOST = timedelta(minutes=5)
"""Clocks differ by less; a tick from further ahead is a mistake."""


def _parsed(value: object) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    if not isinstance(value, str):
        raise ValueError("must be an ISO 8601 time with an offset, such as 2026-11-22T11:15:00Z")  # noqa: TRY004 -- pydantic reports ValueError with the field's path
    return from_iso(value)


type Tick = Annotated[datetime, BeforeValidator(_parsed), PlainSerializer(to_iso)]
"""A scheduled tick time; ISO 8601 text in messages."""


def _checked(text: str) -> str:
    from_iso(text)
    return text


type IsoTime = Annotated[str, AfterValidator(_checked)]
"""A time kept as ISO 8601 text with an offset."""


def require_due(tick: datetime, now: datetime, field: str = "tick") -> None:
    """Refuse a tick from the future: recorded, it would make every true tick after it look late.

    Every tick passes here before anything is decided or stored by it.

    Raises:
        InvalidInputError: `tick` is further ahead of `now` than clocks differ; names `field`.
    """
    if tick - now > AHEAD_AT_MOST:
        raise InvalidInputError(field, to_iso(tick), f"is in the future of {to_iso(now)}; send the scheduled time")


def is_late(tick: datetime, now: datetime) -> bool:
    """Whether `tick` is too old to act on.

    Raises:
        InvalidInputError: it lies in the future.
    """
    require_due(tick, now)
    return now - tick > LATE_AFTER


def is_turn(target_id: str, every_minutes: int, tick: datetime) -> bool:
    """Whether a target that is due every so many minutes is due at `tick`; those of one rhythm are spread evenly."""
    minute = int(tick.timestamp()) // 60
    return (minute + zlib.crc32(target_id.encode())) % every_minutes == 0
