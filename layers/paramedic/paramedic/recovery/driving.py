"""Taking an open recovery further, one recorded step at a time: stop → launch → verify.

Each step is safe to do twice and is done only by the record's owner; a crash anywhere leaves a record from which
the next invocation goes on.
"""

from paramedic.errors import ParamedicError
from paramedic.health.outcomes import OutcomeKind, ProbeRequest
from paramedic.launchers.interface import Launcher, RunState, StopOutcome, StopResult
from paramedic.recovery import records
from paramedic.recovery.gate import Switch
from paramedic.recovery.opening import read_switch
from paramedic.recovery.predecessors import launch_key
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import ENDPOINT as ENDPOINT_ITEM
from paramedic.state.controllers import EPOCH, HEARTBEAT, ControllerEndpoint, ControllerEpoch, ControllerHeartbeat
from paramedic.state.recoveries import Predecessor, Recovery, Step
from paramedic.state.targets import controller_id_of

HELD = "held: the switch does not say run; release it to go on"


def drive(recovery: Recovery, around: Surroundings) -> Recovery:
    """Take the steps that can be taken now and return the record as it stands.

    Raises:
        LostStepError: another invocation holds or moved it.
        StateUnreachableError: DynamoDB did not answer; the next sweep goes on.
    """
    recovery = records.take(recovery, around)
    steps = {Step.STOP: _stop, Step.LAUNCH: _launch, Step.VERIFY: _verify}
    while records.is_open(recovery):
        before = recovery.step
        recovery = steps[Step(before)](recovery, around)
        if recovery.step == before:
            return records.leave(recovery, around)
    return recovery


def _stop(recovery: Recovery, around: Surroundings) -> Recovery:
    if read_switch() is not Switch.RUN:
        return _page_once(recovery, HELD, around)
    try:
        results = _stop_all(recovery, around.profile(recovery.profile).launcher)
    except ParamedicError as error:
        return _page_once(recovery, f"unconfirmed: {error}", around)
    unconfirmed = [result.detail for result in results if result.outcome is StopOutcome.UNCONFIRMED]
    if unconfirmed:
        return _page_once(recovery, f"unconfirmed: {'; '.join(unconfirmed)}", around)
    seen = "; ".join(result.detail for result in results) or "there was no predecessor"
    return records.advance(recovery, Step.LAUNCH, f"stopped: {seen}", around)


def _stop_all(recovery: Recovery, launcher: Launcher) -> list[StopResult]:
    # Known ones first: one of them may be holding the very lock that fencing needs.
    known = [p.receipt for p in recovery.story.predecessors if p.receipt is not None]
    results = [launcher.stop(receipt, epoch=int(recovery.epoch), grace_seconds=0) for receipt in known]
    launcher.fence(recovery.target_id, int(recovery.epoch))
    # Only above the fence does "nothing was started under that key" stay true.
    unknown = [p for p in recovery.story.predecessors if p.receipt is None]
    return results + [_stop_unrecorded(p, recovery, launcher) for p in unknown]


def _stop_unrecorded(predecessor: Predecessor, recovery: Recovery, launcher: Launcher) -> StopResult:
    key = predecessor.launch_key
    receipt = None if key is None else launcher.find(recovery.target_id, key)
    if receipt is None:
        return StopResult(outcome=StopOutcome.STOPPED, detail=f"epoch {predecessor.epoch} started nothing")
    return launcher.stop(receipt, epoch=int(recovery.epoch), grace_seconds=0)


def _launch(recovery: Recovery, around: Surroundings) -> Recovery:
    if read_switch() is not Switch.RUN:
        return _page_once(recovery, HELD, around)
    key = launch_key(str(recovery.target_id), int(recovery.epoch))
    try:
        plan = around.profile(recovery.profile)
        request = plan.request(recovery.target_id, recovery.target_id, int(recovery.epoch), key)
        receipt = plan.launcher.launch(request)
    except ParamedicError as error:
        return _fail(recovery, f"launch failed: {error}", around)
    story = recovery.story.model_copy(update={"launched": receipt})
    return records.advance(recovery, Step.VERIFY, f"launched as {dict(receipt.identity)}", around, story)


def _verify(recovery: Recovery, around: Surroundings) -> Recovery:
    until = around.clock.monotonic() + around.verify_seconds_per_invocation
    while True:
        restored = _recovered(recovery, around)
        if restored is not None:
            story = recovery.story.model_copy(update={"restored": restored})
            text = f"healthy under epoch {recovery.epoch}: {restored}"
            closed = records.close(recovery, Step.DONE, text, around, story)
            around.page(f"Recovered {recovery.target_id}", text)
            return closed
        hopeless = _hopeless(recovery, around)
        if hopeless is not None:
            return _fail(recovery, hopeless, around)
        if around.clock.monotonic() >= until:
            return recovery
        around.clock.sleep(around.poll_seconds)


def _recovered(recovery: Recovery, around: Surroundings) -> str | None:
    """What the successor took up, once it has claimed, sealed, restored, beaten and answers its probe."""
    controller_id = controller_id_of(str(recovery.target_id))
    epoch = ControllerEpoch.read(controller_id, EPOCH)
    heartbeat = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    endpoint = ControllerEndpoint.read(controller_id, ENDPOINT_ITEM)
    if epoch is None or heartbeat is None or endpoint is None:
        return None
    claimed = epoch.epoch == recovery.epoch and bool(epoch.claimed_by)
    beating = heartbeat.sealed_epoch == recovery.epoch and heartbeat.beats >= 1 and bool(heartbeat.restored)
    if not (claimed and beating):
        return None
    url = f"http://{endpoint.host}:{int(endpoint.port)}/health"
    answer = around.probe(ProbeRequest(target_id=recovery.target_id, url=url, attempts=1))
    return heartbeat.restored if answer.kind is OutcomeKind.OK else None


def _hopeless(recovery: Recovery, around: Surroundings) -> str | None:
    """Why waiting longer is pointless, if it is."""
    try:
        plan = around.profile(recovery.profile)
        receipt = recovery.story.launched
        gone = receipt is not None and plan.launcher.describe(receipt).state is RunState.ABSENT
        limit = plan.verify_seconds
    except ParamedicError as error:
        return f"cannot be verified: {error}"
    if gone:
        return "the launched process ended before it was healthy; its log says why"
    waited = records.seconds_in_step(recovery, around)
    return f"not healthy {waited:.0f} s after its launch (limit {limit:.0f} s)" if waited > limit else None


def _fail(recovery: Recovery, text: str, around: Surroundings) -> Recovery:
    closed = records.close(recovery, Step.FAILED, text, around)
    around.page(f"Recovery of {recovery.target_id} failed", f"epoch {recovery.epoch}: {text}")
    return closed


def _page_once(recovery: Recovery, about: str, around: Surroundings) -> Recovery:
    if recovery.paged == about:
        return recovery
    # Told first, remembered second: a crash in between tells twice, which beats not at all.
    around.page(f"Recovery of {recovery.target_id} waits", f"epoch {recovery.epoch}: {about}")
    return records.remember_page(recovery, about, around)
