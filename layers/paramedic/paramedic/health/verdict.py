"""What one probe says by itself, before anything else is looked at."""

from enum import StrEnum

from paramedic.health.outcomes import OutcomeKind


class Verdict(StrEnum):
    """`SUSPECT` is bad but not conclusive; `UNKNOWN` says nothing about the target and never becomes `DOWN`."""

    HEALTHY = "healthy"
    SUSPECT = "suspect"
    DOWN = "down"
    UNKNOWN = "unknown"


def verdict_of(kind: OutcomeKind) -> Verdict:
    """The verdict of a probe that ended as `kind`."""
    match kind:
        case OutcomeKind.OK:
            return Verdict.HEALTHY
        case OutcomeKind.REFUSED:
            return Verdict.DOWN
        case OutcomeKind.NOT_PROBED | OutcomeKind.FORBIDDEN_ADDRESS:
            return Verdict.UNKNOWN
        case _:
            return Verdict.SUSPECT


def has_failed(kind: OutcomeKind) -> bool:
    """Whether the target itself failed the probe, so that a second signal is worth reading."""
    return verdict_of(kind) in (Verdict.SUSPECT, Verdict.DOWN)
