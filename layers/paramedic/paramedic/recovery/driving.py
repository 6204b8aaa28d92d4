"""Taking an open recovery further, one recorded step at a time: stop → launch → verify.

Each step is safe to do twice and is done only by the record's owner; a crash anywhere leaves a record from which
the next invocation goes on.
"""

from paramedic.errors import ParamedicError
from paramedic.launchers.interface import Launcher, RunState, StopOutcome, StopResult, launch_key
from paramedic.launchers.profile import VERIFY_SECONDS
from paramedic.recovery import records, standing_by
from paramedic.recovery.drills import why_not_now
from paramedic.recovery.fencing_off import can_be_fenced_off, fence_off
from paramedic.recovery.holds import read_hold
from paramedic.recovery.start_times import time_to_prove_itself
from paramedic.recovery.stopping import stop_all
from paramedic.recovery.subject import subject_of
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Page, Recovery, Step
from paramedic.state.targets import Target, TargetMode, bucket_of

WHILE_IT_GOES_ON = 3
"""So many times as long a launch may take whose heartbeat moves: it is busy, or cannot be reached for a while."""


def drive(recovery: Recovery, around: Surroundings) -> Recovery:
    """Take the steps that can be taken now, tell people what they are owed, and return the record as it stands.

    Raises:
        LostStepError: another invocation holds or moved it.
        InvalidRowError: the record, or a row it depends on, cannot be understood.
        StateUnreachableError: DynamoDB did not answer; the next sweep goes on.
    """
    if records.is_open(recovery):
        recovery = _take_steps(records.take(recovery, around), around)
    return records.pay_page(recovery, around)


def _take_steps(recovery: Recovery, around: Surroundings) -> Recovery:
    steps = {Step.STOP: _stop, Step.LAUNCH: _launch, Step.VERIFY: _verify}
    while records.is_open(recovery):
        before = records.step_of(recovery)
        recovery = records.pay_page(steps[before](recovery, around), around)
        if records.step_of(recovery) is before:
            return records.leave(recovery, around)
    return recovery


def _stop(recovery: Recovery, around: Surroundings) -> Recovery:
    moved, _ = stop_predecessors(recovery, around)
    return moved


def stop_predecessors(recovery: Recovery, around: Surroundings) -> tuple[Recovery, str]:
    """Take the step `stop` of a record that this invocation owns: on to `launch` once all are seen gone, or fenced.

    Also says what was seen just now; the record tells people once what it waits for.

    Raises:
        LostStepError: another invocation moved the record.
        StateUnreachableError: DynamoDB did not answer.
    """
    held = held_now(recovery) or _called_off(recovery, around)
    if held is not None:
        return records.wait_for(recovery, "held", held, around), held
    try:
        plan = around.profile(recovery.profile)
    except ParamedicError as error:
        return _unconfirmed(recovery, str(error), around)
    results = _results(recovery, plan.launcher, around)
    unconfirmed = [result.detail for result in results if result.outcome is StopOutcome.UNCONFIRMED]
    if not unconfirmed:
        seen = "; ".join(result.detail for result in results) or "there was no predecessor"
        return records.advance(recovery, Step.LAUNCH, f"stopped: {seen}", around), seen
    why = "; ".join(unconfirmed)
    if not can_be_fenced_off(recovery, around):
        return _unconfirmed(recovery, why, around)
    # Taken again, for the whole time that fencing lasts.
    recovery = records.take(recovery, around)
    fenced = fence_off(recovery, around)
    seen = f"{why}; {fenced.detail}"
    if fenced.outcome is not StopOutcome.FENCED:
        return _unconfirmed(recovery, seen, around)
    return records.advance(recovery, Step.LAUNCH, f"fenced: {seen}", around), seen


def _results(recovery: Recovery, launcher: Launcher, around: Surroundings) -> list[StopResult]:
    try:
        return stop_all(recovery, launcher, around)
    except ParamedicError as error:
        # Whatever keeps the launcher from answering: nothing is confirmed.
        return [StopResult(outcome=StopOutcome.UNCONFIRMED, detail=str(error))]


def _unconfirmed(recovery: Recovery, why: str, around: Surroundings) -> tuple[Recovery, str]:
    text = f"unconfirmed: {why}"
    return records.wait_for(recovery, "unconfirmed", text, around), text


def held_now(recovery: Recovery) -> str | None:
    """Why nothing may be stopped or launched, if the global switch or the target's own says so."""
    held = read_hold(str(recovery.target_id))
    return f"{held}; release it to go on" if held else None


def _called_off(recovery: Recovery, around: Surroundings) -> str | None:
    """Before anything was stopped, what a person said about the target since still counts."""
    if recovery.story.manual and not recovery.story.drill:
        return None
    target = Target.read(bucket_of(str(recovery.target_id)), recovery.target_id)
    if target is None:
        return "the target is not registered any more; register it again, or recover by hand"
    if recovery.story.drill and (why_not := why_not_now(target.drill_window, around.clock.now())):
        return why_not
    if recovery.story.manual:
        return None
    if target.paused:
        return "the target is paused; resume it to go on"
    if target.is_off_on_purpose(around.clock.now()):
        return "the target is in planned downtime; it goes on when that ends, or when the window is removed"
    mode = target.word("mode", TargetMode)
    if mode is TargetMode.AUTO or (mode is TargetMode.ASK and recovery.story.plan):
        return None
    return f"the target's mode is {mode}; set it to auto to go on"


def _launch(recovery: Recovery, around: Surroundings) -> Recovery:
    held = held_now(recovery)
    if held is not None:
        return _held_after_stop(recovery, held, around)
    try:
        plan = around.profile(recovery.profile)
    except ParamedicError as error:
        return _fail(recovery, f"launch failed: {error}", around)
    return _by_standby(recovery, plan.launcher, around) or _by_itself_or_anew(recovery, plan, around)


def _held_after_stop(recovery: Recovery, held: str, around: Surroundings) -> Recovery:
    return records.wait_for(recovery, "held", f"its predecessor is stopped, and {held}", around)


def _by_standby(recovery: Recovery, launcher: Launcher, around: Surroundings) -> Recovery | None:
    """The record, once a standby is to claim the epoch or has; None when another process must be launched."""
    if recovery.story.granted is None:
        standby = standing_by.usable_standby(recovery, launcher)
        return None if standby is None else standing_by.grant(recovery, standby, around)
    if (claim := standing_by.read_claim(recovery)) is None:
        return None
    story = recovery.story.model_copy(update={"launched": claim.claimant})
    return records.advance(recovery, Step.VERIFY, "claimed before the grant was withdrawn", around, story)


def _by_itself_or_anew(recovery: Recovery, plan: LaunchPlan, around: Surroundings) -> Recovery:
    try:
        found = subject_of(str(recovery.target_id)).in_its_place(recovery, plan.launcher)
    except ParamedicError as error:
        return _fail(recovery, f"nothing was launched: {error}", around)
    if found is None:
        return _anew(recovery, plan, around)
    story = recovery.story.model_copy(update={"launched": found})
    text = f"{found.called}, which somebody else started, takes the place of a launch"
    return records.advance(recovery, Step.VERIFY, text, around, story)


def _anew(recovery: Recovery, plan: LaunchPlan, around: Surroundings) -> Recovery:
    key = launch_key(str(recovery.target_id), int(recovery.epoch))
    try:
        standing_by.end_withdrawn(recovery, plan.launcher)
        request = plan.request(recovery.target_id, recovery.target_id, int(recovery.epoch), key)
        told = subject_of(str(recovery.target_id)).told(recovery)
        # Looking for a standby and ending one may have taken a minute: once more, right before the launch.
        held = held_now(recovery)
        if held is not None:
            return _held_after_stop(recovery, held, around)
        receipt = plan.launcher.launch(request.model_copy(update={"environment": {**request.environment, **told}}))
    except ParamedicError as error:
        return _fail(recovery, f"launch failed: {error}", around)
    story = recovery.story.model_copy(update={"launched": receipt})
    return records.advance(recovery, Step.VERIFY, f"launched as {receipt.called}", around, story)


def _verify(recovery: Recovery, around: Surroundings) -> Recovery:
    until = around.clock.monotonic() + around.verify_seconds_per_invocation
    look_at = around.clock.monotonic()
    subject = subject_of(str(recovery.target_id))
    while True:
        restored = subject.recovered(recovery, around)
        if restored is not None:
            story = recovery.story.model_copy(update={"restored": restored})
            text = f"healthy under epoch {recovery.epoch}: {restored}"
            page = Page(subject=f"Recovered {recovery.target_id}", text=text)
            return records.close(recovery, Step.DONE, text, page, around, story)
        if around.clock.monotonic() >= look_at:
            # To look is a call to AWS, or a command on a host: each takes its time, and is limited.
            given_up = _given_up(recovery, around)
            if given_up is not None:
                return given_up
            look_at = around.clock.monotonic() + around.look_seconds
        if around.clock.monotonic() >= until:
            return recovery
        around.clock.sleep(around.poll_seconds)


def _given_up(recovery: Recovery, around: Surroundings) -> Recovery | None:
    """The record, moved on because waiting longer is pointless; None while it is not."""
    waited = records.seconds_in_step(recovery, around)
    claim = standing_by.read_claim(recovery) if recovery.granted_to else None
    awaited = bool(recovery.granted_to) and claim is None
    try:
        plan = around.profile(recovery.profile)
        if awaited:
            why = standing_by.why_not_awaited(recovery, plan.launcher, waited)
        else:
            launched = claim.claimant if claim else recovery.story.launched
            limit = _limit(plan.verify_seconds, waited, recovery, around)
            why = _hopeless(launched, plan.launcher, waited, limit)
    except ParamedicError as error:
        limit = _limit(VERIFY_SECONDS, waited, recovery, around)
        why, awaited = _too_late(waited, limit, f"; its process cannot be looked at: {error}"), False
    if why is None:
        return None
    return standing_by.withdraw(recovery, why, around) if awaited else _fail(recovery, why, around)


def _limit(seconds: float, waited: float, recovery: Recovery, around: Surroundings) -> float:
    """For how long a launch may prove itself: by its profile's `seconds`, and longer while it is seen to go on."""
    seconds = time_to_prove_itself(seconds, recovery)
    if waited <= seconds or not subject_of(str(recovery.target_id)).is_coming_up(recovery, around):
        return seconds
    return seconds * WHILE_IT_GOES_ON


def _hopeless(launched: Receipt | None, launcher: Launcher, waited: float, limit: float) -> str | None:
    look = None if launched is None else launcher.describe(launched)
    if look is not None and look.state is RunState.ABSENT:
        return f"the launched process ended before it was healthy; its log says why ({look.detail})"
    return _too_late(waited, limit)


def _too_late(waited: float, limit: float, because: str = "") -> str | None:
    # Who started by itself may run where no launcher of the stack can look: then only the time can tell.
    return f"not healthy {waited:.0f} s after its launch (limit {limit:.0f} s){because}" if waited > limit else None


def _fail(recovery: Recovery, text: str, around: Surroundings) -> Recovery:
    page = Page(subject=f"Recovery of {recovery.target_id} failed", text=f"epoch {recovery.epoch}: {text}")
    return records.close(recovery, Step.FAILED, text, page, around, recovery.story)
