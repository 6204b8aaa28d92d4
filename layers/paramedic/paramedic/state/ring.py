"""Counts of the last seconds, as gateways keep and report them."""

import struct
from collections.abc import Sequence

RING_SECONDS = 180
"""Longer than the autoscaler's window plus any delay between two of its ticks that it bridges."""


def pack_ring(counts: Sequence[int]) -> bytes:
    """Counts per second as unsigned 32-bit little-endian numbers."""
    return struct.pack(f"<{len(counts)}I", *counts)


def unpack_ring(ring: bytes) -> tuple[int, ...]:
    """Inverse of `pack_ring`.

    Raises:
        struct.error: the length is no multiple of four.
    """
    return struct.unpack(f"<{len(ring) // 4}I", ring)
