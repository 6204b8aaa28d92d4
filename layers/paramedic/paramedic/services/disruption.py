"""How many ready replicas a service keeps, whatever is done to it on purpose."""

import math
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from paramedic.services.shares import Amount, of_whole


class DisruptionBudget(BaseModel):
    """Updates, restarts and scaling end no ready replica beyond it; one of both fields, shares rounded up.

    As in a PodDisruptionBudget of Kubernetes. What fails by itself, and what users stop as a whole, it cannot keep.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    min_available: Amount | None = None
    """So many stay ready: a number, or a share of those wanted such as 50%."""
    max_unavailable: Amount | None = None
    """So many fewer than are wanted may be ready: a number or a share."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.min_available is None) == (self.max_unavailable is None):
            raise ValueError("needs either min_available or max_unavailable")
        return self

    def floor(self, wanted: int) -> int:
        """How many ready replicas stay while so many are wanted."""
        if self.min_available is not None:
            return of_whole(self.min_available, wanted, math.ceil)
        return max(0, wanted - of_whole(self.max_unavailable or 0, wanted, math.ceil))
