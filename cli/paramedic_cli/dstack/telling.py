"""What is told of the replicas of a gateway of dstack, in lines. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from paramedic.clock import to_iso
from paramedic.gateways.dstack.acting import told
from paramedic.gateways.dstack.desired import DesiredGateway
from paramedic.gateways.dstack.finding import SAYS, Finding
from paramedic.gateways.dstack.reconciling import Outlook, Standing
from paramedic.gateways.dstack.stats import GatewayFigures


def lines_of(standing: Standing, desired: DesiredGateway) -> Sequence[str]:
    """A line for the replica, and one for each thing that is not as it should be."""
    return list(_lines(standing, desired))


def outlook_lines(outlook: Outlook) -> Sequence[str]:
    """The same, and what a pass would do."""
    would = [f"  a pass would {told(call)}" for call in outlook.calls]
    return [*_lines(outlook.standing, outlook.desired), *would]


def figure_lines(figures: GatewayFigures) -> Sequence[str]:
    """A line for each service, and who is missing in them."""
    sums = [f"{key}: {_windows(windows)}" for key, windows in figures.requests.items()]
    missing = [f"missing {name}: {why}" for name, why in figures.missing.items()]
    return [*sums, *missing]


def _windows(windows: Mapping[int, int]) -> str:
    told = ", ".join(f"{requests} in {seconds} s" for seconds, requests in sorted(windows.items()))
    return told or "no replica tells of it"


def _lines(standing: Standing, desired: DesiredGateway) -> Iterator[str]:
    name, notes, found = standing.replica.name, standing.notes, standing.finding
    number = f"{len(notes.registered.keys() & desired.by_key.keys())} of {len(desired.by_key)} services registered"
    yield f"{name}: {found}: {SAYS[found]}; {number}"
    if found is not Finding.WELL and standing.look.said:
        yield f"  {standing.look.said}"
    for each in standing.made:
        ended = "done" if each.problem is None else f"{each.problem}: {each.said}"
        yield f"  {told(each.call)}: {ended}"
    for what, trouble in standing.troubles.items():
        tried = "seen once" if trouble.attempts == 0 else f"tried {trouble.attempts} times"
        yield f"  {what}: {trouble.problem}, {tried}, next after {to_iso(trouble.retry_at)}: {trouble.said}"
    for key in sorted(desired.by_key.keys() - notes.registered.keys() - standing.troubles.keys()):
        yield f"  {key}: no request for it through {name} was seen to succeed"
    for key, listed_id in notes.unknown.items():
        yield f"  {key}: nobody asked for it (id {listed_id or 'none'}); it leaves when it is seen once more"
