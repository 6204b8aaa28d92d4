"""Carries out a plan, one replica at a time: what is meant is written first, and done under a key made from its epoch.

Each write is a compare-and-set on what was read. Whoever loses one does nothing more for that replica: the next look
tells what is to be done.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from pynamodb.expressions.update import Action as Write

from paramedic.clock import to_iso
from paramedic.errors import ParamedicError
from paramedic.gateways.epochs import Standing, claiming, opening, predecessors_of_placed, read_standing
from paramedic.gateways.launching import launch_of
from paramedic.gateways.looking import ReplicaSight, Sight
from paramedic.gateways.planning import ATTEMPT_DELAYS, delay_after
from paramedic.gateways.surroundings import Surroundings
from paramedic.launchers.interface import KeyAlreadyUsedError, StopOutcome
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica
from paramedic.state.recoveries import Predecessor
from paramedic.state.target_registry import TargetMissingError, remove_target
from paramedic.state.targets import Target, TargetMode, bucket_of
from paramedic.state.traffic import TrafficReport, report_item
from paramedic.state.transactions import Change, Delete, Put, Update, transact
from paramedic.state.wanted_gateways import Phase, PlacedReplica, ToStop, desired_key

GRACE_SECONDS = 30.0
"""For requests under way, as long as agents themselves wait for them."""

USELESS_FOR = timedelta(minutes=1)
"""For how long a profile that cannot be used is not looked at again."""


def place(sight: Sight, number: int, profile: str, around: Surroundings) -> str:
    """Begin the first attempt of a number that nobody has, and launch it; it waits while its profile is of no use.

    Raises:
        ConditionFailedError: somebody else was first.
        ParamedicError: it could not be launched; the row says why, and the next look goes on.
    """
    key, now = GatewayReplicaKey(sight.name, number), around.clock.now()
    standing = read_standing(key)
    row = PlacedReplica(
        desired_key(sight.name),
        number,
        epoch=standing.epoch,
        version=int(sight.desired.version),
        profile=profile,
        phase=Phase.WAITING,
        phase_at=to_iso(now),
        attempts=0,
        change=1,
    )
    new = Put(row, PlacedReplica.gateway.does_not_exist())
    if (useless := _why_useless(profile, around)) is not None:
        row.reason, row.not_before = useless, to_iso(now + USELESS_FOR)
        transact([new], around.clock)
        return useless
    row.epoch, row.phase = standing.epoch + 1, Phase.LAUNCHING
    transact([*opening(standing, around.clock), new], around.clock)
    return _launch(key, row, sight, around)


def _why_useless(profile: str, around: Surroundings) -> str | None:
    """Why nothing can be launched by `profile`: asked before anything might have been."""
    try:
        around.profile(profile)
    except ParamedicError as error:
        return str(error)
    return None


def launch(sight: Sight, replica: ReplicaSight, around: Surroundings) -> str:
    """Begin another attempt, under an epoch of its own.

    Raises:
        ConditionFailedError: it was changed meanwhile.
        ParamedicError: it could not be launched; the row says why, and the next look goes on.
    """
    placed, standing = replica.placed, replica.standing
    if (useless := _why_useless(placed.profile, around)) is not None:
        later = to_iso(around.clock.now() + USELESS_FOR)
        waits = (PlacedReplica.reason.set(useless), PlacedReplica.not_before.set(later), _next(placed))
        transact([_update(placed, waits)], around.clock)
        return useless
    actions = (
        *_moved(placed, Phase.LAUNCHING, around.clock.now()),
        PlacedReplica.epoch.set(standing.epoch + 1),
        PlacedReplica.version.set(int(sight.desired.version)),
        PlacedReplica.not_before.remove(),
        PlacedReplica.reason.remove(),
        PlacedReplica.routes.remove(),
    )
    transact([*opening(standing, around.clock), _update(placed, actions)], around.clock)
    placed.epoch, placed.change = standing.epoch + 1, int(placed.change) + 1
    return _launch(replica.key, placed, sight, around)


def resume(sight: Sight, replica: ReplicaSight, around: Surroundings) -> str:
    """Launch under the key that the attempt has: done once, however often it is asked for.

    Raises:
        ParamedicError: it could not be launched; the row says why, and the next look goes on.
    """
    return _launch(replica.key, replica.placed, sight, around)


def _launch(key: GatewayReplicaKey, placed: PlacedReplica, sight: Sight, around: Surroundings) -> str:
    try:
        plan = around.profile(placed.profile)
        receipt = plan.launcher.launch(launch_of(key, int(placed.epoch), sight.spec, plan))
    except KeyAlreadyUsedError as error:
        text = f"ended at once: {error}"
        _end(placed, read_standing(key), Phase.ENDING, text, around)
        return text
    except ParamedicError as error:
        note(placed, str(error), around)
        raise
    actions = (*_moved(placed, Phase.LAUNCHED, around.clock.now()), PlacedReplica.receipt.set(receipt))
    transact([_update(placed, actions)], around.clock)
    return f"launched as {receipt.called}"


def promote(_: Sight, replica: ReplicaSight, around: Surroundings) -> str:
    """It serves: from now on checks watch it and recovery replaces it.

    Raises:
        ConditionFailedError: it was changed meanwhile.
    """
    placed, now = replica.placed, around.clock.now()
    actions = (
        *_moved(placed, Phase.SERVING, now),
        PlacedReplica.attempts.set(0),
        PlacedReplica.not_before.remove(),
        PlacedReplica.reason.remove(),
    )
    changes: list[Change] = [_update(placed, actions)]
    if placed.receipt is not None:
        changes.append(claiming(replica.key, int(placed.epoch), placed.receipt, to_iso(now)))
    transact([*changes, *_guarding(replica.target, placed.profile)], around.clock)
    return "serves every route"


def adopt(_: Sight, replica: ReplicaSight, around: Surroundings) -> str:
    """Take what a recovery has relaunched for what is there.

    Raises:
        ConditionFailedError: it was changed meanwhile.
    """
    placed, recovery = replica.placed, replica.standing.is_recovered_by
    if recovery is None or recovery.story.launched is None:
        return "nothing was relaunched"
    actions = (
        *_moved(placed, Phase.SERVING, placed.moment("phase_at")),
        PlacedReplica.epoch.set(replica.standing.epoch),
        PlacedReplica.receipt.set(recovery.story.launched),
        # What was seen was seen through its predecessor.
        PlacedReplica.routes.remove(),
        PlacedReplica.attempts.set(0),
        PlacedReplica.not_before.remove(),
        PlacedReplica.reason.remove(),
    )
    transact([_update(placed, actions)], around.clock)
    return f"relaunched by recovery as {recovery.story.launched.called}"


def end(replica: ReplicaSight, phase: Phase, reason: str, around: Surroundings) -> str:
    """Have it stopped, to be tried again or for good: nothing is done under its epoch any more.

    Raises:
        ConditionFailedError: it was changed meanwhile.
    """
    _end(replica.placed, replica.standing, phase, reason, around)
    return reason


def _end(
    placed: PlacedReplica,
    standing: Standing,
    phase: Phase,
    reason: str,
    around: Surroundings,
) -> None:
    moved = (*_moved(placed, phase, around.clock.now()), PlacedReplica.reason.set(reason))
    if placed.phase in (Phase.WAITING, Phase.ENDING):
        # Nothing of it runs, or what does is written down and its epoch passed.
        transact([_update(placed, moved)], around.clock)
        return
    actions = (
        *moved,
        PlacedReplica.epoch.set(standing.epoch + 1),
        PlacedReplica.to_stop.set(ToStop(predecessors=predecessors_of_placed(placed, standing))),
        PlacedReplica.receipt.remove(),
    )
    transact([*opening(standing, around.clock), _update(placed, actions)], around.clock)


def stop(_: Sight, replica: ReplicaSight, around: Surroundings) -> str:
    """Stop what is to end; once all of it is seen to have ended, it waits for another attempt or is forgotten.

    Raises:
        ConditionFailedError: it was changed meanwhile.
        StateUnreachableError: DynamoDB did not answer; the next look goes on.
    """
    placed = replica.placed
    predecessors = () if placed.to_stop is None else placed.to_stop.predecessors
    unseen = [why for each in predecessors if (why := _unconfirmed(each, replica, around)) is not None]
    if unseen:
        text = "; ".join(unseen)
        note(placed, text, around)
        return text
    if replica.phase is Phase.LEAVING:
        forget(replica, around)
        return "is gone"
    return _wait(replica, around)


def _unconfirmed(predecessor: Predecessor, replica: ReplicaSight, around: Surroundings) -> str | None:
    """Why it may still run; None once it is seen to have ended."""
    target_id, epoch = replica.key.target_id, int(replica.placed.epoch)
    grace = GRACE_SECONDS if replica.phase is Phase.LEAVING else 0.0
    try:
        launcher = around.profile(predecessor.profile or replica.placed.profile).launcher
        receipt = predecessor.receipt
        if receipt is None:
            if predecessor.launch_key is None:
                return f"nothing is recorded of what epoch {predecessor.epoch} launched"
            launcher.fence(target_id, epoch)
            receipt = launcher.find(target_id, predecessor.launch_key)
            if receipt is None:
                return None
        result = launcher.stop(receipt, epoch=epoch, grace_seconds=grace)
    except ParamedicError as error:
        return str(error)
    return None if result.outcome is StopOutcome.STOPPED else result.detail


def _wait(replica: ReplicaSight, around: Surroundings) -> str:
    placed, now = replica.placed, around.clock.now()
    attempts = int(placed.attempts) + 1
    wait = delay_after(attempts)
    text = f"attempt {attempts} {placed.reason}"
    if attempts == len(ATTEMPT_DELAYS):
        # Told first and noted second: twice rather than never.
        around.page(f"Gateway replica {replica.key.target_id} cannot be had", f"{text}; the next attempt is in an hour")
    actions = (
        *_moved(placed, Phase.WAITING, now),
        PlacedReplica.attempts.set(attempts),
        PlacedReplica.not_before.set(to_iso(now + wait)),
        PlacedReplica.reason.set(text),
        PlacedReplica.to_stop.remove(),
    )
    transact([_update(placed, actions)], around.clock)
    return f"{text}; tried again {_in(wait)}"


def _in(wait: timedelta) -> str:
    return f"in {wait.total_seconds() / 60:.0f} min" if wait else "at once"


def forget(replica: ReplicaSight, around: Surroundings) -> None:
    """Remove what is gone, and have it checked no more; its epoch stays for ever.

    Raises:
        ConditionFailedError: it was changed meanwhile.
        StateUnreachableError: DynamoDB did not answer; the next look goes on.
    """
    key, placed = replica.key, replica.placed
    name = key.replica_name
    if replica.target is not None:
        with suppress(TargetMissingError):
            remove_target(key.target_id, around.clock)
    mine = PlacedReplica.change == placed.change
    its_own = GatewayReplica.gateway.does_not_exist() | (GatewayReplica.name == name)
    changes = [
        Delete(PlacedReplica(placed.gateway, placed.replica_num), mine),
        Delete(GatewayReplica(key.gateway, key.number), its_own),
        *_expired(replica, around),
    ]
    transact(changes, around.clock)


def _expired(replica: ReplicaSight, around: Surroundings) -> Sequence[Change]:
    # It has ended: nobody need wait for what it might still serve. What it counted stays, and that its report is still
    # there tells autoscalers that never saw it to read that.
    if replica.report is None:
        return ()
    row = TrafficReport(replica.key.gateway, report_item(replica.key.replica_name))
    now = int(around.clock.now().timestamp())
    return (Update(row, (TrafficReport.expires_at.set(now),), TrafficReport.item.exists()),)


def note(placed: PlacedReplica, reason: str, around: Surroundings) -> None:
    """Write why it is not further, where that is news.

    Raises:
        ConditionFailedError: it was changed meanwhile.
    """
    if placed.reason != reason:
        transact([_update(placed, (PlacedReplica.reason.set(reason), _next(placed)))], around.clock)


def _guarding(target: Target | None, profile: str) -> Sequence[Change]:
    """What a person said of its mode stays."""
    if target is None or target.profile == profile:
        return ()
    mode = () if target.profile else (Target.mode.set(TargetMode.AUTO),)
    row = Target(bucket_of(str(target.target_id)), target.target_id)
    return (Update(row, (Target.profile.set(profile), *mode), Target.target_id.exists()),)


def _moved(placed: PlacedReplica, phase: Phase, at: datetime) -> tuple[Write, ...]:
    return (
        PlacedReplica.phase.set(phase),
        PlacedReplica.phase_at.set(to_iso(at)),
        _next(placed),
    )


def _next(placed: PlacedReplica) -> Write:
    return PlacedReplica.change.set(int(placed.change) + 1)


def _update(placed: PlacedReplica, actions: Sequence[Write]) -> Update:
    as_read = PlacedReplica.change == placed.change
    return Update(PlacedReplica(placed.gateway, placed.replica_num), tuple(actions), as_read)
