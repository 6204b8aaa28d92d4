"""Has each target probed from the location that its row names, all locations at once."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.health.probing import Probed, Prober
from paramedic.state.probe_location import ProbeLocation

type Asked = Iterable[tuple[str, ProbeRequest]]
"""What is asked, and from which location."""


def probe_from_each(probers: Mapping[str, Prober], asked: Asked) -> Probed:
    """One outcome for each that is `asked`: NOT_PROBED, never an error, where there is no prober."""
    by_location: dict[str, list[ProbeRequest]] = {}
    for location, request in asked:
        by_location.setdefault(location, []).append(request)
    if not by_location:
        return Probed({})
    with ThreadPoolExecutor(max_workers=len(by_location)) as locations:
        parts = list(locations.map(lambda each: _probed(probers.get(each[0]), *each), by_location.items()))
    outcomes = {name: outcome for part in parts for name, outcome in part.outcomes.items()}
    return Probed(outcomes, sum(part.failed_invocations for part in parts))


def no_prober_in(location: str) -> str:
    """What people are told where a stack cannot probe from `location`."""
    remedy = "deploy it with VpcSubnetIds, or " if location == ProbeLocation.VPC else ""
    return f"is to be probed from '{location}', where this stack has no prober; {remedy}change probe_from"


def _probed(prober: Prober | None, location: str, requests: Sequence[ProbeRequest]) -> Probed:
    if prober is not None:
        return prober.probe(requests)
    why = no_prober_in(location)
    nowhere = {
        each.target_id: ProbeOutcome(each.target_id, OutcomeKind.NOT_PROBED, detail=why, attempts=0)
        for each in requests
    }
    return Probed(nowhere)
