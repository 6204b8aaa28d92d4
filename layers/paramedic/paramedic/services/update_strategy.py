"""How replicas of a new version take over from those of the old one."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from paramedic.services.part import Part, is_zero
from paramedic.services.shares import Amount


class UpdateMode(StrEnum):
    """How replicas of a new version take over from those of the old one.

    `rolling` replaces them a few at a time, and both serve meanwhile. `blue_green` starts all new ones first; requests
    change over to them in one step once as many as are wanted are ready.
    """

    BLUE_GREEN = "blue_green"
    ROLLING = "rolling"


class UpdateStrategy(Part):
    """How an update goes. A rolling one has at most `max_surge` replicas more than are wanted, and at most
    `max_unavailable` fewer ready ones; numbers, or shares of those wanted.
    """

    mode: UpdateMode = UpdateMode.ROLLING
    """Some replicas at a time, or all new ones first."""
    max_surge: Amount = 1
    """So many more replicas than are wanted, at most: a number, or a share of them such as 25%."""
    max_unavailable: Amount = 0
    """So many fewer ready replicas than are wanted, at most: a number or a share."""
    min_ready_seconds: int = Field(default=0, ge=0, le=3600, exclude_if=is_zero)
    """A new replica must have been ready for so long before others are ended for it."""

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if all(value in (0, "0%") for value in (self.max_surge, self.max_unavailable)):
            raise ValueError("max_surge and max_unavailable are both 0: nothing could ever be replaced")
        return self
