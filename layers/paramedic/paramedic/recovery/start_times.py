"""How long a target's own starts take, as its recoveries have measured. Pure."""

from paramedic.clock import from_iso
from paramedic.state.recoveries import Recovery, Step

TIMES_MEASURED = 3
"""A launch may take so many times as long as the last one that proved itself."""


def measured_start(previous: Recovery | None) -> float | None:
    """Seconds from the last launch to its proof, as the `previous` recovery knows; None where nothing was measured."""
    if previous is None:
        return None
    if previous.step != Step.DONE:
        return previous.story.start_seconds
    reached = {each.step: from_iso(each.at) for each in previous.story.entries}
    if Step.VERIFY not in reached or Step.DONE not in reached:
        return previous.story.start_seconds
    return (reached[Step.DONE] - reached[Step.VERIFY]).total_seconds()


def time_to_prove_itself(verify_seconds: float, recovery: Recovery) -> float:
    """Seconds that a launch has: what its profile says, or three times what the last one took, if that is more."""
    return max(verify_seconds, TIMES_MEASURED * (recovery.story.start_seconds or 0.0))
