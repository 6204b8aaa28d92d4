"""Everything a pass over the planned downtimes touches outside DynamoDB, handed in so that tests can stand in."""

from collections.abc import Callable
from dataclasses import dataclass

from paramedic.clock import Clock


@dataclass(frozen=True)
class Surroundings:
    """`page` tells people and returns whether that was taken; it never raises."""

    clock: Clock
    page: Callable[[str, str], bool]
