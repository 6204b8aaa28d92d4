"""Where the rows of a service are read from: one by one, or those of all services at once."""

from collections.abc import Collection
from typing import Protocol

from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.services import ObservedService, observed_item
from paramedic.state.tables import Row


class Rows(Protocol):
    """Rows of services, strongly consistent."""

    def observed(self, controller_id: str, service: str) -> ObservedService | None:
        """What the controller last saw; raises InvalidRowError or StateUnreachableError."""

    def balancer(self, gateway: str, service: str) -> LoadBalancer | None:
        """What gateways serve for it; raises InvalidRowError or StateUnreachableError."""


class RowByRow:
    """Reads each when it is asked for."""

    def observed(self, controller_id: str, service: str) -> ObservedService | None:
        """One read."""
        return ObservedService.read(controller_id, observed_item(service))

    def balancer(self, gateway: str, service: str) -> LoadBalancer | None:
        """One read."""
        return LoadBalancer.read(gateway, service)


class RowsOfAll:
    """Reads them all by a query per partition, before any is asked for.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """

    def __init__(self, controller_id: str, gateways: Collection[str]) -> None:
        prefix = ObservedService.item.startswith(observed_item(""))
        self._observed = ObservedService.read_each(controller_id, prefix)
        self._balancers = {gateway: LoadBalancer.read_each(gateway) for gateway in gateways}

    def observed(self, controller_id: str, service: str) -> ObservedService | None:
        """As it was."""
        del controller_id
        return _or_raise(self._observed.get(observed_item(service)))

    def balancer(self, gateway: str, service: str) -> LoadBalancer | None:
        """As it was."""
        return _or_raise(self._balancers[gateway].get(service))


def _or_raise[R: Row](found: R | Exception | None) -> R | None:
    if isinstance(found, Exception):
        raise found
    return found
