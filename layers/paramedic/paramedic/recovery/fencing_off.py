"""When nobody can confirm that a predecessor has ended: making sure that nothing it does counts any more.

Its rows are sealed against it, and then all that it may have begun before is outlasted. It refuses itself launcher
calls once its last fenced write is older than the lease; one that it was suspended in the midst of, its host refuses.
"""

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import FENCING_ON_HOST, Launcher, RunState, StopOutcome, StopResult
from paramedic.recovery.launched_by import plan_of
from paramedic.recovery.subject import subject_of
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.lease import SELF_FENCE_LEASE_SECONDS
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery
from paramedic.state.sealing import seal_for_recovery

CALL_SECONDS = 15.0
"""A launcher call of a controller has acted by then or never will: it waits for three locks of the host, 5 s each."""

MARGIN_SECONDS = 5.0
"""For clocks that run unevenly, and machines that are slow."""

OUTLAST_SECONDS = SELF_FENCE_LEASE_SECONDS + CALL_SECONDS + MARGIN_SECONDS


def can_be_fenced_off(recovery: Recovery, around: Surroundings) -> bool:
    """Whether fences are enough: all launchers that are in use keep epochs on their hosts, and no host shows a process.

    Without seals of its state, which only controllers have, they never are. A controller runs its replicas by launcher
    `process`, so what matters is how it is run itself, now and before. What a host shows, and cannot be ended there, is
    for people.
    """
    if not subject_of(str(recovery.target_id)).fences_state:
        return False
    predecessors = recovery.story.predecessors
    try:
        plans = [plan_of(each, recovery, around) for each in predecessors]
        in_use = [around.profile(recovery.profile), *plans]
    except ParamedicError:
        return False
    known = [(p.receipt, plan.launcher) for p, plan in zip(predecessors, plans, strict=True) if p.receipt is not None]
    fenced = all(plan.fences_on_host for plan in in_use) and all(r.launcher in FENCING_ON_HOST for r, _ in known)
    return fenced and not any(_is_shown(receipt, launcher) for receipt, launcher in known)


def _is_shown(receipt: Receipt, launcher: Launcher) -> bool:
    try:
        return launcher.describe(receipt).state in (RunState.RUNNING, RunState.SUSPENDED)
    except ParamedicError:
        return False


def fence_off(recovery: Recovery, around: Surroundings) -> StopResult:
    """Seal everything to the recovery's epoch, and stay until its predecessors can begin and finish nothing more.

    The caller holds the step `stop` for longer than this takes. A crash leaves it to be done again from its start.
    """
    try:
        fences = seal_for_recovery(recovery, around.invocation, around.clock)
    except ParamedicError as error:
        return StopResult(outcome=StopOutcome.UNCONFIRMED, detail=f"its state could not be sealed against it: {error}")
    until = around.clock.monotonic() + OUTLAST_SECONDS
    while (left := until - around.clock.monotonic()) > 0:
        around.clock.sleep(min(left, 1.0))
    detail = f"{fences} services and the heartbeat are sealed, and {OUTLAST_SECONDS:g} s have passed since"
    return StopResult(outcome=StopOutcome.FENCED, detail=detail)
