"""Looking whether a target could be recovered, without restarting anything, and giving it an epoch so that it can."""

from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.health.outcomes import OutcomeKind
from paramedic.launchers.interface import RunState
from paramedic.recovery.by_hand import read_target
from paramedic.recovery.guarded_subject import request_for
from paramedic.recovery.messages import AskCheck, Checked, Guard, Planned, Reply, Status
from paramedic.recovery.places import Place, look_at_place
from paramedic.recovery.restarts import NoSuchRestartError, profile_for
from paramedic.recovery.subject import read_epoch
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.guards import begin_epochs
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.recoveries import Recovery
from paramedic.state.targets import Target, TargetKind, prefix_of
from paramedic.validation import validated


def check(question: AskCheck, around: Surroundings) -> Checked:
    """Probe a target and look at the place of its profile; nothing is stopped, launched or written.

    Raises:
        UnknownTargetError: it is not registered, and no URL was given.
        InvalidInputError: the target or its URL makes no sense.
        StateUnreachableError: DynamoDB did not answer.
    """
    target = _target(question)
    try:
        profile = profile_for(question.restart, around.profiles) if question.restart else target.profile
    except InvalidInputError as error:
        add = error.add if isinstance(error, NoSuchRestartError) else ()
        return Checked(target=question.target, message=error.problem, problems=(str(error),), add=add)
    if not profile:
        problem = "it has no launcher profile: say what is to be restarted"
        return Checked(target=question.target, message=problem, problems=(problem,))
    target.profile = profile
    return _looked_at(target, profile, around)


def guard(request: Guard, around: Surroundings) -> Reply:
    """Give a registered target the epoch that its recoveries count on from, if a profile restarts what is said.

    Raises:
        UnknownTargetError: no such target.
        InvalidInputError: the restart makes no sense, or no profile restarts that; names what to add.
        StateUnreachableError: DynamoDB did not answer; ask again.
    """
    target = read_target(request.target)
    _require_url(request.target)
    profile = profile_for(request.restart, around.profiles)
    if request.dry_run:
        text = f"{request.target}: would be guarded by profile {profile}; nothing was changed"
        return Planned(status=Status.PLANNED, message=text, target=request.target)
    begin_epochs(str(target.target_id), around.clock)
    return Reply(status=Status.DONE, message=f"{request.target} has an epoch and may be guarded", target=request.target)


def _target(question: AskCheck) -> Target:
    _require_url(question.target)
    if question.url is None:
        return read_target(question.target)
    from paramedic.health.url_targets import UrlTarget

    name = question.target.removeprefix(prefix_of(TargetKind.URL))
    return validated(UrlTarget, {"name": name, "url": question.url}, root="event").row()


def _require_url(target_id: str) -> None:
    if not target_id.startswith(prefix_of(TargetKind.URL)):
        raise InvalidInputError(
            "event.target", target_id, "only URLs are guarded: url:NAME; controllers guard themselves"
        )


def _looked_at(target: Target, profile: str, around: Surroundings) -> Checked:
    current = read_epoch(target)
    previous = None if current is None else Recovery.read(target.target_id, int(current.epoch))
    outcome = around.probe(request_for(target))
    place = look_at_place(target, previous, around)
    probed = f"probe of {target.url}: {outcome.kind} {outcome.detail}".strip()
    there, wrong = _in_place(place, profile, around)
    problems = [wrong] if wrong else []
    if outcome.kind is not OutcomeKind.OK:
        problems.insert(0, f"{probed}; what never answered could not be seen to be recovered")
    elif not place.problem and not place.by_launch and place.occupant is None:
        problems.append("it answers although that place is empty, so the profile would start another one beside it")
    if (target.probe_from or ProbeLocation.PUBLIC) != ProbeLocation.PUBLIC:
        problems.append(f"it is checked from {target.probe_from}, where recovery cannot probe it")
    message = "; ".join(problems) or f"profile {profile} can be used for it"
    return Checked(
        target=str(target.target_id),
        message=message,
        profile=profile,
        seen=(probed, there, "to stop and to launch was not tried: a drill does"),
        problems=tuple(problems),
    )


def _in_place(place: Place, profile: str, around: Surroundings) -> tuple[str, str]:
    """What is seen in the place, and what is wrong with that."""
    if place.by_launch:
        text = f"profile {profile} names no one place: a first recovery needs a person's word that nothing runs there"
        return (text if place.problem else f"profile {profile} names no one place; its last launch is known"), ""
    if place.problem:
        return f"the place of profile {profile} was not seen", f"its launcher cannot tell: {place.problem}"
    if place.occupant is None:
        return f"nothing runs in the place of profile {profile}", ""
    try:
        look = around.profile(profile).launcher.describe(place.occupant)
    except ParamedicError as error:
        return f"{place.occupant.called} was not seen", f"its launcher cannot tell: {error}"
    problem = "" if look.state is RunState.RUNNING else f"{place.occupant.called} is {look.state}: {look.detail}"
    untold = "; its processor time is not told, so a person decides whether it hangs"
    text = f"{place.occupant.called} is {look.state} in the place of profile {profile}"
    return text + ("" if look.cpu_seconds is not None else untold), problem
