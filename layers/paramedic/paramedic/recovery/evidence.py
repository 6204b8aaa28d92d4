"""Looking again before acting: an event only says where to look.

One probe, one heartbeat reading against the one the check stored (or two readings a stale period apart when there is
none), and for timeouts a second signal from the host. No single signal relaunches anything.
"""

from paramedic.errors import ParamedicError
from paramedic.health.diagnosis import DiagnosisName
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import Description, Launcher, RunState
from paramedic.recovery.gate import Evidence, Finding
from paramedic.recovery.predecessors import receipt_of_claimant
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import EPOCH, HEARTBEAT, ControllerEpoch, ControllerHeartbeat
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery
from paramedic.state.targets import Target, controller_id_of
from paramedic.validation import validated

HUNG = DiagnosisName.HUNG
"""The check's word for a target whose unbroken timeouts have lasted `hung_after`."""

STALE_DIAGNOSES = (DiagnosisName.DEAD, DiagnosisName.HUNG, DiagnosisName.SUSPECT)
"""The check only comes to these when the heartbeat stood still over two looks."""

CPU_WATCH_SECONDS = 2.0
"""Two looks this far apart tell a busy process from one that makes no progress."""


def gather(target: Target, asked: bool, around: Surroundings) -> Evidence:
    """What can be said about a controller right now; whoever `asked` for a recovery need not wait until it is hung.

    Raises:
        StateUnreachableError: DynamoDB did not answer; nothing can be concluded.
    """
    outcome = around.probe(probe_request(target))
    if outcome.kind is OutcomeKind.OK:
        return Evidence(finding=Finding.ALIVE, text="its health endpoint answers")
    controller_id = controller_id_of(str(target.target_id))
    if controller_id is None:
        return unclear(f"probe: {outcome.kind}; only controllers have a heartbeat")
    if _heartbeat_moves(controller_id, target, around):
        return Evidence(finding=Finding.ALIVE, text=f"probe: {outcome.kind}, but its heartbeat moves (busy)")
    return _judge(target, controller_id, outcome, asked, around)


def gather_beside_a_standing_heartbeat(target: Target, controller_id: str, around: Surroundings) -> Evidence:
    """What can be said about a controller whose heartbeat was just seen to stand still, by whoever is to succeed it.

    Raises:
        StateUnreachableError: DynamoDB did not answer; nothing can be concluded.
    """
    outcome = around.probe(probe_request(target))
    if outcome.kind is OutcomeKind.OK:
        return Evidence(finding=Finding.ALIVE, text="its health endpoint answers")
    return _judge(target, controller_id, outcome, True, around)


def taking_the_word(evidence: Evidence, word: str) -> Evidence:
    """What is not clear beside a standing heartbeat is, once a person says that the process is gone."""
    if not word or evidence.finding is not Finding.UNCLEAR:
        return evidence
    return Evidence(finding=Finding.DEAD, text=f"{evidence.text}; gone by the word of {word}")


def unclear(text: str) -> Evidence:
    """What was seen is not enough to act on."""
    return Evidence(finding=Finding.UNCLEAR, text=text)


def probe_request(target: Target) -> ProbeRequest:
    """One short look at the target.

    Raises:
        InvalidInputError: the target's row asks for an impossible probe.
    """
    wanted = {"target_id": target.target_id, "url": target.url, "timeout_seconds": target.timeout_seconds}
    return validated(ProbeRequest, {**wanted, "attempts": 1}, root=f"target[{target.target_id}]")


def _heartbeat_moves(controller_id: str, target: Target, around: Surroundings) -> bool:
    now = _sequence(controller_id)
    if now is not None and now == _seen_standing_still(target):
        return False
    # Nothing stored, or it is from before the last recovery: only two looks can tell.
    around.clock.sleep(around.stale_seconds)
    return _sequence(controller_id) != now


def _seen_standing_still(target: Target) -> int | None:
    """The sequence that the check saw twice, a stale period apart, if it did."""
    if target.bad is None or target.bad.diagnosis not in STALE_DIAGNOSES:
        return None
    return target.bad.heartbeat_sequence


def _sequence(controller_id: str) -> int | None:
    row = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    return None if row is None else int(row.sequence)


def _judge(target: Target, controller_id: str, outcome: ProbeOutcome, asked: bool, around: Surroundings) -> Evidence:
    match outcome.kind:
        case OutcomeKind.REFUSED:
            return Evidence(finding=Finding.DEAD, text="connections are refused and its heartbeat stands still")
        case OutcomeKind.NOT_PROBED | OutcomeKind.DNS | OutcomeKind.FORBIDDEN_ADDRESS:
            return unclear(f"it could not be probed: {outcome.kind} {outcome.detail}")
        case _:
            lasted = asked or (target.bad is not None and target.bad.diagnosis == HUNG)
            if not lasted:
                text = f"probe: {outcome.kind}, heartbeat stands still, but not for long enough to be called hung"
                return Evidence(finding=Finding.UNCLEAR, text=text)
            return _second_signal(target, controller_id, outcome, around)


def _second_signal(target: Target, controller_id: str, outcome: ProbeOutcome, around: Surroundings) -> Evidence:
    seen = f"probe: {outcome.kind}, heartbeat stands still"
    receipt = _claimant(target, controller_id)
    if receipt is None or not target.profile:
        return unclear(f"{seen}, and there is no process to ask its host about")
    try:
        return word_of_host(seen, receipt, around.profile(target.profile).launcher, around)
    except ParamedicError as error:
        return unclear(f"{seen}, and its host cannot be asked: {error}")


def word_of_host(seen: str, receipt: Receipt, launcher: Launcher, around: Surroundings) -> Evidence:
    """What its host makes of a workload of which silence was `seen` for long enough.

    Raises:
        ParamedicError: the host cannot be asked.
    """
    first = launcher.describe(receipt)
    if first.state is RunState.RUNNING:
        around.clock.sleep(CPU_WATCH_SECONDS)
        return _progress(seen, first, launcher.describe(receipt))
    return _stopped(seen, first)


def _claimant(target: Target, controller_id: str) -> Receipt | None:
    current = ControllerEpoch.read(controller_id, EPOCH)
    if current is None:
        return None
    return receipt_of_claimant(current, Recovery.read(target.target_id, int(current.epoch)))


def _stopped(seen: str, look: Description) -> Evidence:
    match look.state:
        case RunState.ABSENT:
            return Evidence(finding=Finding.DEAD, text=f"{seen}, and its process is gone")
        case RunState.SUSPENDED:
            return Evidence(finding=Finding.HUNG, text=f"{seen}, and its process is suspended")
        case _:
            return unclear(f"{seen}, and its host cannot tell: {look.detail}")


def _progress(seen: str, first: Description, second: Description) -> Evidence:
    if second.state is not RunState.RUNNING:
        return _stopped(seen, second)
    if first.ailing and second.ailing:
        return Evidence(finding=Finding.HUNG, text=f"{seen}, and {second.ailing}")
    if first.cpu_seconds is None or second.cpu_seconds is None:
        return unclear(f"{seen}, and nothing tells whether what runs makes progress")
    if first.cpu_seconds == second.cpu_seconds:
        return Evidence(finding=Finding.HUNG, text=f"{seen}, and its process uses no CPU")
    return unclear(f"{seen}, but its process is working")
