"""What is wrong with a gateway replica as a whole, by what its API and its nginx do. Pure."""

from enum import StrEnum

from paramedic.gateways.dstack.noting import CLOSED_PASSES_KEPT
from paramedic.gateways.dstack.observed import Look, Reached


class Finding(StrEnum):
    """All but `WELL` leave a replica as it is: nothing is registered or removed while its list is not known."""

    WELL = "well"
    APPLICATION_CLOSED = "application_closed"
    CRASH_LOOP = "crash_loop"
    APPLICATION_HUNG = "application_hung"
    NOT_DSTACK = "not_dstack"
    DOWN = "down"
    UNREACHABLE = "unreachable"


RUNBOOK = "docs/runbooks/dstack-gateway-crash-loop.md"

SAYS = {
    Finding.WELL: "answers",
    Finding.APPLICATION_CLOSED: "its nginx answers and nothing listens at its API",
    Finding.CRASH_LOOP: f"its nginx answers and its API stays closed, as when its application crashes: {RUNBOOK}",
    Finding.APPLICATION_HUNG: "its nginx answers and its API does not: traffic goes on, changes wait",
    Finding.NOT_DSTACK: "its API does not answer as a gateway of dstack 0.22 does",
    Finding.DOWN: "neither its API nor its nginx takes connections",
    Finding.UNREACHABLE: "neither its API nor its nginx answers",
}


def finding(look: Look, closed_passes: int) -> Finding:
    """What `look` says, after so many passes in which the API refused connections while nginx answered."""
    serves = look.door is Reached.ANSWERS
    match look.api:
        case Reached.ANSWERS:
            return Finding.WELL
        case Reached.STRANGE:
            return Finding.NOT_DSTACK
        case Reached.REFUSES if serves:
            return Finding.CRASH_LOOP if closed_passes >= CLOSED_PASSES_KEPT else Finding.APPLICATION_CLOSED
        case Reached.REFUSES:
            return Finding.DOWN
        case Reached.SILENT:
            return Finding.APPLICATION_HUNG if serves else Finding.UNREACHABLE
