"""The rows of a gateway, written as the controller writes them."""

from collections.abc import Sequence

from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from benchmarks.gateway_parts.processes import Address
from paramedic.clock import SystemClock
from paramedic.state.load_balancers import INDEX, LoadBalancer, LoadBalancerIndex
from paramedic.state.request_handling import RequestHandling, Route, Routes
from paramedic.state.transactions import Update, transact

GATEWAY = "benchmark"


class ServiceRow:
    """One service of the gateway; each change is one transaction with the index."""

    def __init__(self, name: str, address: Address) -> None:
        self.address = address
        self._name = name
        self._revision = 0
        self._ids: dict[Address, int] = {}

    def route(self, replicas: Sequence[Address], draining: Sequence[Address] = ()) -> None:
        """Serve `replicas`, and let `draining` ones finish."""
        self._change(
            LoadBalancer.uid.set(f"uid-{self._name}"),
            LoadBalancer.host.set(self.address.host),
            LoadBalancer.port.set(self.address.port),
            LoadBalancer.policy.set("least_load"),
            LoadBalancer.routes.set(Routes(replicas=self._routes(replicas), draining=self._routes(draining))),
        )

    def limit_bodies(self, limit: int) -> None:
        """Refuse requests with a body of more than `limit` bytes."""
        self._change(LoadBalancer.requests.set(RequestHandling(max_body_bytes=limit).model_dump_json()))

    def _change(self, *actions: Action) -> None:
        self._revision += 1
        row = LoadBalancer(GATEWAY, self._name)
        actions = (*actions, LoadBalancer.revision.set(self._revision))
        indexed = Path(["revisions", self._name]).set(self._revision)
        transact([Update(row, actions), Update(LoadBalancerIndex(GATEWAY, INDEX), (indexed,))], SystemClock())

    def _routes(self, addresses: Sequence[Address]) -> tuple[Route, ...]:
        numbers = [self._ids.setdefault(each, len(self._ids) + 1) for each in addresses]
        return tuple(Route(replica_id=number, url=each.url) for number, each in zip(numbers, addresses, strict=True))


def create_index() -> None:
    """The gateway's index, without services."""
    LoadBalancerIndex(GATEWAY, INDEX, revisions={}).save()
