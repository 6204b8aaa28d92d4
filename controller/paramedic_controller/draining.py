"""Which leaving replicas have finished: a pure function of what their gateway's replicas last said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paramedic.clock import from_iso
from paramedic.state.operations import OperationKind
from paramedic.state.traffic import draining_key
from paramedic_controller.model import OpenOperation, ServiceState


@dataclass(frozen=True)
class DrainReport:
    """How many requests each leaving replica had, by `draining_key`, after the second `until` since 1970."""

    until: float
    requests: Mapping[str, int]

    def vouches_for(self, key: str, since: float) -> bool:
        """Whether the replica named `key`, to be stopped since then, has no request there, and so never will."""
        return self.until >= since and self.requests.get(key) == 0


def drained(state: ServiceState, reports: Sequence[DrainReport]) -> frozenset[int]:
    """The replicas to be stopped that have finished by the word of every gateway replica there is.

    Only what was said after the stop was intended counts: a replica that was unready and came back was drained
    before, and a gateway that fell silent since then may be serving anything.
    """
    leaving = {each.replica_id for each in state.balancer.draining} if state.balancer is not None else set()
    stops = (each for each in state.operations if each.kind is OperationKind.STOP)
    # Who is not leaving was never routed to and has nothing to finish.
    return frozenset(
        stop.replica_id
        for stop in stops
        if stop.replica_id not in leaving or _is_let_go(state.desired.uid, stop, reports)
    )


def _is_let_go(uid: str, stop: OpenOperation, reports: Sequence[DrainReport]) -> bool:
    key, since = draining_key(uid, stop.replica_id), from_iso(stop.opened_at).timestamp()
    return all(report.vouches_for(key, since) for report in reports)
