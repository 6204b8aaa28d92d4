"""Targets that are no controller of Paramedic's: nobody there claims or beats, so their launcher says who they are.

A failed probe is one signal, what their launcher shows in their place is the other. Nothing seals their state against
a predecessor, so that one must be seen gone.
"""

from collections.abc import Mapping

from paramedic.errors import ParamedicError
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import Launcher, LauncherError, NoPlaceError, RunState, launch_key
from paramedic.recovery.evidence import HUNG, unclear, word_of_host
from paramedic.recovery.gate import Evidence, Finding
from paramedic.recovery.places import Place, is_same, look_at_place
from paramedic.recovery.predecessors import predecessors_of
from paramedic.recovery.subject import NotRelaunchableError, Seen
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Predecessor, Recovery
from paramedic.state.targets import Target, bucket_of

NOT_MEASURED = (OutcomeKind.NOT_PROBED, OutcomeKind.FORBIDDEN_ADDRESS)


class GuardedSubject:
    """URLs that people guard."""

    fences_state = False
    proof = "another workload than its predecessors runs in its place and its probe passes"

    def look(
        self,
        target: Target,
        current: ControllerEpoch,
        previous: Recovery | None,
        asked: bool,
        around: Surroundings,
    ) -> Seen:
        """One probe, and who runs in its place."""
        outcome = around.probe(request_for(target))
        place = look_at_place(target, previous, around)
        return Seen(
            _judge(target, outcome, place, asked, around),
            predecessors_in(place, current, previous, target.profile),
            place.occupant,
        )

    def recovered(self, recovery: Recovery, around: Surroundings) -> str | None:
        """Who answers, once that is not a predecessor any more and the probe passes."""
        target, launched = Target.read(bucket_of(str(recovery.target_id)), recovery.target_id), recovery.story.launched
        if target is None or launched is None or _is_predecessor(launched, recovery):
            return None
        if around.probe(request_for(target)).kind is not OutcomeKind.OK:
            return None
        try:
            look = around.profile(recovery.profile).launcher.describe(launched)
        except ParamedicError:
            return None
        return f"{launched.called} answers" if look.state is RunState.RUNNING else None

    def is_coming_up(self, recovery: Recovery, around: Surroundings) -> bool:  # noqa: ARG002 -- Subject's
        """Nothing but its probe tells."""
        return False

    def told(self, recovery: Recovery) -> Mapping[str, str]:  # noqa: ARG002 -- the interface's
        """Nothing: its profile says it all."""
        return {}

    def in_its_place(self, recovery: Recovery, launcher: Launcher) -> Receipt | None:
        """Who began to run there by itself since the predecessors were stopped: a supervisor's start, or a person's.

        Raises:
            LauncherError: it cannot be told, or a predecessor runs again.
        """
        try:
            occupant = launcher.occupant(str(recovery.target_id))
        except NoPlaceError:
            return None
        # What this very recovery launched, and had no time to record, its launch finds by its key.
        if occupant is None or occupant.key == launch_key(str(recovery.target_id), int(recovery.epoch)):
            return None
        if _is_predecessor(occupant, recovery):
            raise LauncherError(f"{occupant.called}, which was seen to have ended, runs in its place")
        return occupant


def request_for(target: Target) -> ProbeRequest:
    """One attempt of what the target's check asks and expects.

    Raises:
        InvalidRowError: its row asks for an impossible probe.
        NotRelaunchableError: it is not probed at all.
    """
    from paramedic.health.checked_target import checked_target

    request = checked_target(target).request
    if request is None:
        raise NotRelaunchableError(f"{target.target_id} is not probed, so nothing would show that a relaunch cured it")
    return request.model_copy(update={"attempts": 1})


def predecessors_in(
    place: Place, current: ControllerEpoch, previous: Recovery | None, profile: str | None
) -> tuple[Predecessor, ...]:
    """Who must be gone: what was launched last, and who runs there now. Pure.

    Where nobody can tell who runs there, one of whom nothing is recorded: then only a person's word lets it go on.
    """
    launched = predecessors_of(current, previous)
    if place.problem:
        return launched if launched and place.by_launch else (*launched, Predecessor(epoch=int(current.epoch)))
    known = [each.receipt for each in launched if each.receipt is not None]
    if place.occupant is None or any(is_same(place.occupant, each) for each in known):
        return launched
    found = Predecessor(epoch=int(current.epoch), receipt=place.occupant, profile=profile)
    return (*launched, found)


def _is_predecessor(receipt: Receipt, recovery: Recovery) -> bool:
    known = (each.receipt for each in recovery.story.predecessors)
    return any(each is not None and is_same(receipt, each) for each in known)


def _judge(target: Target, outcome: ProbeOutcome, place: Place, asked: bool, around: Surroundings) -> Evidence:
    if (target.probe_from or ProbeLocation.PUBLIC) != ProbeLocation.PUBLIC:
        return unclear(f"it is checked from {target.probe_from}, where recovery cannot probe it")
    if outcome.kind is OutcomeKind.OK:
        return Evidence(finding=Finding.ALIVE, text="its probe passes")
    if outcome.kind in NOT_MEASURED:
        return unclear(f"it could not be probed: {outcome.kind} {outcome.detail}")
    seen = f"probe: {outcome.kind}"
    if place.problem:
        return unclear(f"{seen}, and nobody can tell what runs in its place: {place.problem}")
    if place.occupant is None:
        return Evidence(finding=Finding.DEAD, text=f"{seen}, and nothing runs in its place")
    return _beside(place.occupant, seen, target, outcome, asked, around)


def _beside(
    occupant: Receipt, seen: str, target: Target, outcome: ProbeOutcome, asked: bool, around: Surroundings
) -> Evidence:
    """What a failed probe means of a target whose workload runs: only long silence makes it worth asking its host."""
    if outcome.kind is not OutcomeKind.TIMEOUT:
        return unclear(f"{seen}, but {occupant.called} runs in its place")
    if not (asked or (target.bad is not None and target.bad.diagnosis == HUNG)):
        return unclear(f"{seen}, but not for long enough to be called hung")
    try:
        return word_of_host(seen, occupant, around.profile(target.profile or "").launcher, around)
    except ParamedicError as error:
        return unclear(f"{seen}, and its host cannot be asked: {error}")
