"""What replicas run on, by names that users choose, and how much more one kind is to serve than another."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

InstanceType = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]

Rate = Annotated[float, Field(ge=0.001)]

HIGHEST_WEIGHT = 100
"""Of the kind that serves most; the smallest share of it that can be told is a hundredth."""


class Resources(BaseModel):
    """What replicas of this version run on."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    instance_type: InstanceType
    """A name of your own for it, such as L4: what `target_qps_per_replica` may have a rate for."""


def _kind_of_rates(value: Any) -> str:
    # In brackets, because nobody wrote these words: they are no part of a field's name.
    return "<by type>" if isinstance(value, Mapping) else "<number>"


Rates = Annotated[
    Annotated[Rate, Tag("<number>")]
    | Annotated[Mapping[InstanceType, Rate], Field(min_length=1, max_length=100), Tag("<by type>")],
    Discriminator(_kind_of_rates),
]
"""One for every replica, or one for each instance type."""


def rate_of(rates: float | Mapping[str, float], instance_type: str | None) -> float:
    """What one replica is to serve; where its kind has no rate, the lowest there is."""
    if isinstance(rates, Mapping):
        return rates.get(instance_type or "", min(rates.values()))
    return rates


def weight_of(rates: float | Mapping[str, float] | None, instance_type: str | None) -> int:
    """Its share of the requests where they are weighed, from 1 to 100 in proportion to the rates; 1 without any."""
    if not isinstance(rates, Mapping):
        return 1
    return max(1, round(HIGHEST_WEIGHT * rate_of(rates, instance_type) / max(rates.values())))
