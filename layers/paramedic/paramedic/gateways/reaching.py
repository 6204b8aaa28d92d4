"""Which services a gateway replica serves: known by requests through its data plane, and by nothing else."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from paramedic.gateways.replica import HEALTH_PATH, NO_SERVICE, ROUTE_LOST, ROUTE_PATH
from paramedic.health.gateway_routes import ANYTHING_BUT_LOST
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.tables import InvalidRowError
from paramedic.state.wanted_gateways import RouteSeen

LOG = logging.getLogger(__name__)

TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True)
class FrontDoor:
    """Where a replica's data plane is, and how its gateway's services are called there."""

    name: str
    gateway: str
    hostname: str
    port: int
    domain: str

    def _at(self, path: str) -> str:
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"http://{host}:{self.port}{path}"

    def health(self) -> ProbeRequest:
        """Asks for the replica itself, whatever it serves."""
        return ProbeRequest(
            target_id=self.name, url=self._at(HEALTH_PATH), host=NO_SERVICE, timeout_seconds=TIMEOUT_SECONDS, attempts=1
        )

    def route(self, service: str) -> ProbeRequest:
        """Asks for a service, the way that all its requests go."""
        return ProbeRequest(
            target_id=f"{self.name}#{service}",
            url=self._at(ROUTE_PATH),
            host=f"{service}.{self.domain}",
            timeout_seconds=TIMEOUT_SECONDS,
            attempts=1,
            expect=ANYTHING_BUT_LOST,
        )


@dataclass(frozen=True)
class Reached:
    """What came of asking: the services that were seen, and whether all of them have a way through the replica.

    One that only keeps its own silence has a way, and was not seen. `lost` are those of which Envoy itself says that it
    has none.
    """

    services: Mapping[str, RouteSeen]
    all_have_a_way: bool
    trouble: str = ""
    lost: frozenset[str] = frozenset()


def requests_for(door: FrontDoor, services: Iterable[str]) -> Sequence[ProbeRequest]:
    """What is to be asked to see whether `door` serves these."""
    return [door.health(), *map(door.route, services)]


def reached(door: FrontDoor, revisions: Mapping[str, int], outcomes: Mapping[str, ProbeOutcome]) -> Reached:
    """What `outcomes` say of services at these `revisions`; what could not be asked was not seen.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    health = outcomes[door.name]
    if health.kind is not OutcomeKind.OK:
        return Reached({}, False, f"its data plane does not answer: {health.kind} {health.detail}")
    asked = {service: outcomes[door.route(service).target_id] for service in revisions}
    found = {service: _seen(door, service, revisions[service], outcome) for service, outcome in asked.items()}
    unseen = {service: asked[service] for service, seen in found.items() if seen is None}
    without = [name for name, outcome in unseen.items() if outcome.kind is not OutcomeKind.TIMEOUT]
    return Reached(
        services={service: seen for service, seen in found.items() if seen is not None},
        all_have_a_way=not without,
        lost=frozenset(name for name, outcome in unseen.items() if outcome.status == ROUTE_LOST),
        trouble=", ".join(f"{name}: {_word(outcome)}" for name, outcome in sorted(unseen.items())),
    )


def _word(outcome: ProbeOutcome) -> str:
    if outcome.status == ROUTE_LOST:
        return "has no way through it"
    return "does not answer through it" if outcome.kind is OutcomeKind.TIMEOUT else f"{outcome.kind} {outcome.detail}"


def _seen(door: FrontDoor, service: str, revision: int, outcome: ProbeOutcome) -> RouteSeen | None:
    if outcome.status == ROUTE_LOST:
        return _nothing_to_reach(door.gateway, service, revision)
    return RouteSeen(revision=revision) if outcome.kind is OutcomeKind.OK else None


def _nothing_to_reach(gateway: str, service: str, revision: int) -> RouteSeen | None:
    """A service without a ready replica is served by saying so, as long as it stays that way."""
    try:
        row = LoadBalancer.read(gateway, service)
        if row is None or row.has_ready_replica or row.revision != revision:
            return None
    except InvalidRowError as error:
        LOG.warning("whether service %s should be reached cannot be read: %s", service, error)
        return None
    return RouteSeen(revision=revision, reached=False)
