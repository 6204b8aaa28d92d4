"""Seconds of a window as text whose length says how many there are, and nothing of what was counted in them."""

import base64
import binascii
import struct
from collections.abc import Sequence
from enum import IntEnum

MAX_COUNT = 2**32 - 1
"""More requests in one second than this are written as this many."""

_SECOND = struct.Struct("<IB")


class Known(IntEnum):
    """What a second's count is."""

    NOTHING = 0
    LOWER_BOUND = 1
    ALL = 2


type Second = tuple[int, Known]


def pack_seconds(seconds: Sequence[Second]) -> str:
    """Five bytes for each second, as base64."""
    packed = b"".join(_SECOND.pack(min(count, MAX_COUNT), known) for count, known in seconds)
    return base64.b64encode(packed).decode()


def unpack_seconds(text: str) -> list[Second]:
    """Inverse of `pack_seconds`.

    Raises:
        ValueError: the text is none of its.
    """
    try:
        packed = base64.b64decode(text, validate=True)
        return [(count, Known(known)) for count, known in _SECOND.iter_unpack(packed)]
    except (binascii.Error, struct.error) as error:
        raise ValueError(f"is no sequence of packed seconds: {error}") from None
