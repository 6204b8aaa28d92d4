"""Where the rows of a service are read from: one by one, or those of all services at once."""

from collections.abc import Collection
from typing import Protocol

from paramedic.state.autoscalers import Autoscaler
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.services import ObservedService, ServiceSpecRow, observed_item, spec_item
from paramedic.state.tables import Row
from paramedic_controller.model import Desired


class Rows(Protocol):
    """Rows of services, strongly consistent. Each raises InvalidRowError or StateUnreachableError."""

    def observed(self, controller_id: str, service: str) -> ObservedService | None:
        """What the controller last saw."""

    def balancer(self, gateway: str, service: str) -> LoadBalancer | None:
        """What gateways serve for it."""

    def spec(self, controller_id: str, service: str, version: int) -> ServiceSpecRow | None:
        """How one version of it runs."""

    def scaler(self, uid: str) -> Autoscaler | None:
        """What its autoscaler knows."""


class RowByRow:
    """Reads each when it is asked for."""

    def observed(self, controller_id: str, service: str) -> ObservedService | None:
        """One read."""
        return ObservedService.read(controller_id, observed_item(service))

    def balancer(self, gateway: str, service: str) -> LoadBalancer | None:
        """One read."""
        return LoadBalancer.read(gateway, service)

    def spec(self, controller_id: str, service: str, version: int) -> ServiceSpecRow | None:
        """One read."""
        return ServiceSpecRow.read(controller_id, spec_item(service, version))

    def scaler(self, uid: str) -> Autoscaler | None:
        """One read."""
        return Autoscaler.read(uid)


class RowsOfAll:
    """Reads them all by a few calls, before any is asked for.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """

    def __init__(self, controller_id: str, services: Collection[Desired]) -> None:
        prefix = ObservedService.item.startswith(observed_item(""))
        self._one_by_one = RowByRow()
        self._observed = ObservedService.read_each(controller_id, prefix)
        gateways = {each.gateway for each in services}
        self._balancers = {gateway: LoadBalancer.read_each(gateway) for gateway in gateways}
        self._scalers = Autoscaler.read_many([(each.uid,) for each in services])
        self._specs = ServiceSpecRow.read_many(
            [(controller_id, spec_item(each.name, each.version)) for each in services]
        )

    def observed(self, controller_id: str, service: str) -> ObservedService | None:
        """As it was."""
        del controller_id
        return _or_raise(self._observed.get(observed_item(service)))

    def balancer(self, gateway: str, service: str) -> LoadBalancer | None:
        """As it was."""
        return _or_raise(self._balancers[gateway].get(service))

    def spec(self, controller_id: str, service: str, version: int) -> ServiceSpecRow | None:
        """As it was; versions that replicas of an earlier one still run are read now."""
        found = self._specs.get((controller_id, spec_item(service, version)))
        return self._one_by_one.spec(controller_id, service, version) if found is None else _or_raise(found)

    def scaler(self, uid: str) -> Autoscaler | None:
        """As it was."""
        return _or_raise(self._scalers.get((uid,)))


def _or_raise[R: Row](found: R | Exception | None) -> R | None:
    if isinstance(found, Exception):
        raise found
    return found
