"""Numbers of replicas, told as such or as a share of those that are wanted."""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

Share = Annotated[str, Field(pattern=r"^(100|[1-9]?[0-9])%$")]
Amount = Annotated[int, Field(ge=0, le=1000)] | Share


def of_whole(amount: int | str, whole: int, rounded: Callable[[float], int]) -> int:
    """A number, or a share of `whole`."""
    return amount if isinstance(amount, int) else rounded(int(amount.removesuffix("%")) * whole / 100)
