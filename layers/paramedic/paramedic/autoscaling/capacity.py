"""How many replicas serve a rate, where those that run are of several kinds. Pure.

A kind's capacity is the requests a second that one of its replicas is to serve.
"""

import math
from collections.abc import Sequence

_ROUNDING = 1e-9
"""Sums of fractions are not exact; no rate is meant to this share of itself."""


def replicas_for(rate: float, capacity: float, running: Sequence[float], maximum: int) -> int:
    """So many, at most `maximum`, serve `rate`, when those to come have `capacity` and `running` are there.

    Those that run may leave before the others in an update, so there are enough whichever stay: as many as the kind
    to come alone needs, and as many as the most capable ones that run, with it, need.
    """
    alone = math.ceil(min(rate / capacity, maximum))
    return alone if all(each == capacity for each in running) else max(alone, _mixed(rate, capacity, running, maximum))


def carried_over(target: int, capacity: float, running: Sequence[float], maximum: int) -> int:
    """How many with `capacity` serve what `target` of those that run can, of the kinds that are to be replaced."""
    others = sorted((each for each in running if each != capacity), reverse=True)[:target]
    return max(target, replicas_for(math.fsum(others), capacity, (), maximum))


def _mixed(rate: float, capacity: float, running: Sequence[float], maximum: int) -> int:
    left, taken = rate * (1 - _ROUNDING), 0
    for each in sorted(running, reverse=True):
        if left <= 0:
            break
        left, taken = left - each, taken + 1
    return min(maximum, taken + math.ceil(min(max(left, 0.0) / capacity, maximum)))
