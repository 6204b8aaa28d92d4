"""Sees which services are reached through which replicas, and writes that down where it changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paramedic.gateways.looking import ReplicaSight, Sight
from paramedic.gateways.reaching import FrontDoor, Reached, reached, requests_for
from paramedic.gateways.surroundings import Surroundings
from paramedic.health.outcomes import ProbeOutcome
from paramedic.health.probe_locations import probe_from_each
from paramedic.state.transactions import ConditionFailedError, Update, transact
from paramedic.state.wanted_gateways import Phase, PlacedReplica, RoutesSeen


@dataclass(frozen=True)
class Asked:
    """A replica that is asked for the services it was not seen to serve as they are now."""

    replica: ReplicaSight
    door: FrontDoor
    services: Mapping[str, int]


def to_ask(sight: Sight, around: Surroundings) -> Sequence[Asked]:
    """Whom there is something to ask: an unavailable replica is asked nothing, and what was seen of it stays."""
    now = around.clock.now()
    connected = [each for each in sight.replicas if each.phase in _ASKED and each.is_connected(now)]
    asked = [
        Asked(each, door, each.unseen(sight.revisions))
        for each in connected
        if not each.is_judged_down and (door := each.door(sight.spec)) is not None
    ]
    return [each for each in asked if each.services or each.replica.phase is Phase.LAUNCHED]


_ASKED = (Phase.LAUNCHED, Phase.SERVING)


def ask(asked: Sequence[Asked], sight: Sight, around: Surroundings) -> Mapping[int, Reached]:
    """What each replica was seen to serve, by its number; written where it is news.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    location = sight.spec.probe_from.value
    requests = [(location, request) for each in asked for request in requests_for(each.door, each.services)]
    outcomes = probe_from_each(around.probers, requests).outcomes
    return {each.replica.key.number: _noted(each, outcomes, sight, around) for each in asked}


def _noted(asked: Asked, outcomes: Mapping[str, ProbeOutcome], sight: Sight, around: Surroundings) -> Reached:
    found = reached(asked.door, asked.services, outcomes)
    placed = asked.replica.placed
    known = {} if placed.routes is None else placed.routes.services
    seen = {name: at for name, at in {**known, **found.services}.items() if name in sight.revisions}
    if seen != known:
        _write(placed, RoutesSeen(services=seen), around)
    return found


def _write(placed: PlacedReplica, seen: RoutesSeen, around: Surroundings) -> None:
    change = int(placed.change)
    actions = (PlacedReplica.routes.set(seen), PlacedReplica.change.set(change + 1))
    row = PlacedReplica(placed.gateway, placed.replica_num)
    try:
        transact([Update(row, actions, PlacedReplica.change == change)], around.clock)
    except ConditionFailedError:
        # Whoever changed it looks again as well.
        return
    placed.routes, placed.change = seen, change + 1
