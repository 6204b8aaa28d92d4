"""Whether gateway replicas still send requests where they should: each is asked for one service it said it serves.

Lost is what Envoy itself says twice while the service's row stays as it is and has ready replicas.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from paramedic.gateways.replica import ROUTE_LOST, ROUTE_PATH
from paramedic.health.expectations import Expectations
from paramedic.health.gateway_diagnosis import Routes
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.health.probe_locations import probe_from_each
from paramedic.health.probing import Prober
from paramedic.health.verdict import has_failed
from paramedic.state.gateway_keys import gateway_replica_of
from paramedic.state.load_balancers import LoadBalancer
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.targets import RouteToTry, Target

LOG = logging.getLogger(__name__)

ANYTHING_BUT_LOST = Expectations(status=("2xx", "3xx", "4xx", f"500-{ROUTE_LOST - 1}"))
"""Whatever the service says of such a request: it was asked."""


@dataclass(frozen=True)
class RouteTrial:
    """A gateway replica is asked for a service of its gateway."""

    gateway: str
    service: str
    request: ProbeRequest
    probe_from: str


def route_trial(gateway: str, health: ProbeRequest, route: RouteToTry, probe_from: str) -> RouteTrial:
    """What is asked besides `health`, at the same address and from the same location."""
    url = urlsplit(health.url)
    request = ProbeRequest(
        target_id=f"{health.target_id}{ROUTE_PATH}",
        url=f"{url.scheme}://{url.netloc}{ROUTE_PATH}",
        timeout_seconds=health.timeout_seconds,
        attempts=health.attempts,
        expect=ANYTHING_BUT_LOST,
        host=route.host,
    )
    return RouteTrial(gateway, route.service, request, probe_from)


@dataclass(frozen=True)
class RoutesSeen:
    """What is seen of the routes of each replica, and how many invocations of the prober failed for it."""

    by_target: Mapping[str, Routes]
    failed_invocations: int = 0


def routes_of(
    trials: Mapping[str, RouteTrial], outcomes: Mapping[str, ProbeOutcome], probers: Mapping[str, Prober]
) -> RoutesSeen:
    """What the `outcomes` say of the routes of each replica in `trials`, by target; what seems lost is tried again.

    `outcomes` has those of the replicas' health as well.
    """
    seen = {name: _seen(outcomes[trial.request.target_id], outcomes[name]) for name, trial in trials.items()}
    lost = {name: trials[name] for name, routes in seen.items() if routes is Routes.LOST}
    if not lost:
        return RoutesSeen(seen)
    again = _second_look(lost, probers)
    return replace(again, by_target={**seen, **again.by_target})


def _seen(outcome: ProbeOutcome, health: ProbeOutcome) -> Routes:
    if outcome.status == ROUTE_LOST:
        return Routes.LOST
    if outcome.kind is OutcomeKind.OK:
        return Routes.PRESENT
    # Envoy says at once that it has no route. Where it answers for its agent, silence is the service's.
    waits = has_failed(outcome.kind) and health.kind is OutcomeKind.OK
    return Routes.PRESENT if waits else Routes.UNKNOWN


def _second_look(lost: Mapping[str, RouteTrial], probers: Mapping[str, Prober]) -> RoutesSeen:
    # A service may come, go or lose its last replica at any moment: its row says so, and every change moves it.
    before = {name: _standing(trial) for name, trial in lost.items()}
    again = probe_from_each(probers, ((trial.probe_from, trial.request) for trial in lost.values()))
    agreed = {
        name: _agreed(before[name], again.outcomes[trial.request.target_id], _standing(trial))
        for name, trial in lost.items()
    }
    return RoutesSeen(agreed, again.failed_invocations)


def _agreed(before: int | Routes, again: ProbeOutcome, after: int | Routes) -> Routes:
    for standing in (before, after):
        if isinstance(standing, Routes):
            return standing
    if again.status != ROUTE_LOST:
        return Routes.PRESENT if again.kind is OutcomeKind.OK else Routes.UNKNOWN
    return Routes.LOST if before == after else Routes.UNKNOWN


def _standing(trial: RouteTrial) -> int | Routes:
    """The revision at which the service has a ready replica, or what its row says of its routes instead."""
    try:
        row = LoadBalancer.read(trial.gateway, trial.service)
        return int(row.revision) if row is not None and row.has_ready_replica else Routes.NONE
    except (InvalidRowError, StateUnreachableError) as error:
        LOG.warning("whether service %s should be reached cannot be read: %s", trial.service, error)
        return Routes.UNKNOWN


def has_left(row: Target) -> bool:
    """Whether a gateway replica that fails was asked to end, or removed, since its `row` was read, or may have been.

    Other targets never leave.
    """
    if gateway_replica_of(row.target_id) is None:
        return False
    try:
        now = Target.read(row.bucket, row.target_id)
    except (InvalidRowError, StateUnreachableError) as error:
        LOG.warning("whether %s has left cannot be read: %s", row.target_id, error)
        return True
    return now is None or bool(now.left_at)
