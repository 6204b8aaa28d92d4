"""What can say how much a replica uses: one source for each way of knowing."""

from dataclasses import dataclass
from typing import Protocol

from paramedic.errors import ParamedicError
from paramedic.services.utilization import UtilizationSource
from paramedic.state.receipt import Receipt


class UsageUnreadableError(ParamedicError):
    """A source could not say what a replica uses."""


@dataclass(frozen=True)
class UsageTarget:
    """One replica and what is asked of it: `metric` of `source`, at `path` of its `url` where it is asked itself."""

    called: str
    receipt: Receipt
    url: str
    source: UtilizationSource
    metric: str
    path: str


class Gauge(Protocol):
    """One replica's figure."""

    async def read(self) -> float | None:
        """What it uses now; None while that cannot be told yet.

        Raises:
            UsageUnreadableError: this reading could not be made.
        """


class Source(Protocol):
    """Makes gauges; its methods are called in one event loop."""

    def gauge(self, target: UsageTarget) -> Gauge:
        """A gauge of `target`, whose `source` this is."""

    async def close(self) -> None:
        """Give back what it holds."""
