"""Ending the predecessors of a recovery: each by whoever launched it, and only what is seen to be gone counts as gone.

Where nobody can look, a person's word counts, for that one recovery; never against a host that shows the process, and
never against one that has seen a higher epoch.
"""

from collections.abc import Callable

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import EpochRefusedError, Launcher, RunState, StopOutcome, StopResult
from paramedic.recovery.launched_by import plan_of
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Predecessor, Recovery


def stop_all(recovery: Recovery, launcher: Launcher, around: Surroundings) -> list[StopResult]:
    """Stop every predecessor, before `launcher` launches their successor; one that cannot be told of hides no other.

    Raises:
        EpochRefusedError: a host has seen a higher epoch.
        ParamedicError: the successor's own launcher cannot refuse lower epochs.
    """
    # Known ones first: one of them may be holding the very lock that fencing needs.
    known = [(each, each.receipt) for each in recovery.story.predecessors if each.receipt is not None]
    results = [_stop_known(each, receipt, recovery, around) for each, receipt in known]
    launcher.fence(recovery.target_id, int(recovery.epoch))
    unknown = [each for each in recovery.story.predecessors if each.receipt is None]
    return results + [_stop_unrecorded(each, recovery, around) for each in unknown]


def _stop_known(predecessor: Predecessor, receipt: Receipt, recovery: Recovery, around: Surroundings) -> StopResult:
    def stop() -> StopResult:
        launcher = plan_of(predecessor, recovery, around).launcher
        return launcher.stop(receipt, epoch=int(recovery.epoch), grace_seconds=0)

    result = _answered(stop)
    if result.outcome is StopOutcome.STOPPED:
        return result
    if predecessor.ended:
        return _stopped(f"epoch {predecessor.epoch} said itself that it had ended; {result.detail}")
    # Nobody's word makes a process gone that its host shows.
    return result if _is_shown(predecessor, receipt, recovery, around) else _by_word(recovery, result)


def _stop_unrecorded(predecessor: Predecessor, recovery: Recovery, around: Surroundings) -> StopResult:
    key = predecessor.launch_key
    if key is None:
        why = f"nothing is recorded of the process that ran as epoch {predecessor.epoch}"
        return _by_word(recovery, _unconfirmed(f"{why}; only a look at its host confirms its end"))
    found: list[Receipt] = []

    def find() -> StopResult:
        launcher = plan_of(predecessor, recovery, around).launcher
        # Only above the fence does "nothing was started under that key" stay true.
        launcher.fence(recovery.target_id, int(recovery.epoch))
        receipt = launcher.find(recovery.target_id, key)
        found.extend([] if receipt is None else [receipt])
        return _stopped(f"epoch {predecessor.epoch} started nothing")

    result = _answered(find)
    if found:
        return _stop_known(predecessor, found[0], recovery, around)
    return result if result.outcome is StopOutcome.STOPPED else _by_word(recovery, result)


def _answered(ask: Callable[[], StopResult]) -> StopResult:
    """What `ask` returns; whatever keeps it from an answer confirms nothing, but for a refusal, which goes on."""
    try:
        return ask()
    except EpochRefusedError:
        raise
    except ParamedicError as error:
        return _unconfirmed(str(error))


def _is_shown(predecessor: Predecessor, receipt: Receipt, recovery: Recovery, around: Surroundings) -> bool:
    try:
        state = plan_of(predecessor, recovery, around).launcher.describe(receipt).state
    except ParamedicError:
        return False
    return state in (RunState.RUNNING, RunState.SUSPENDED)


def _by_word(recovery: Recovery, result: StopResult) -> StopResult:
    word = recovery.story.predecessor_gone
    return _stopped(f"gone by the word of {word}; {result.detail}") if word else result


def _stopped(detail: str) -> StopResult:
    return StopResult(outcome=StopOutcome.STOPPED, detail=detail)


def _unconfirmed(detail: str) -> StopResult:
    return StopResult(outcome=StopOutcome.UNCONFIRMED, detail=detail)
