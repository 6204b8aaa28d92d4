"""Keeps gateways as they are wanted: look, plan, act, until there is nothing more to do or time is up.

One run at a time works on a gateway. Where nothing is to be done, nothing is written.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from paramedic.errors import ParamedicError
from paramedic.gateways import acting
from paramedic.gateways.leases import GatewayBusyError, give_back, take
from paramedic.gateways.looking import ReplicaSight, Sight, look, seen_of
from paramedic.gateways.planning import (
    Action,
    Adopt,
    End,
    Launch,
    Leave,
    Place,
    Promote,
    Resume,
    Stop,
    Wanted,
    plan,
)
from paramedic.gateways.publishing import due, publish
from paramedic.gateways.reaching import Reached
from paramedic.gateways.registering import ask, to_ask
from paramedic.gateways.surroundings import Surroundings
from paramedic.gateways.unpublished import UnpublishedError
from paramedic.recovery.holds import read_hold
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.transactions import ConditionFailedError, Delete, Update, transact
from paramedic.state.wanted_gateways import (
    DESIRED,
    GATEWAY_ITEM,
    DesiredGateway,
    GatewayNames,
    Phase,
    read_desired,
    read_names,
)

LOG = logging.getLogger(__name__)

GATEWAYS_AT_ONCE = 4
REPLICAS_AT_ONCE = 10

ROUND_SECONDS = 60.0
"""No further round is begun after this: a stop takes up to 40 s, and the function has 120."""


class GatewaysNotKeptError(ParamedicError):
    """Some gateways could not be looked after; all others were."""


def keep_all(around: Surroundings) -> Mapping[str, Sequence[str]]:
    """Look after every gateway there is; what was done for each.

    Raises:
        GatewaysNotKeptError: some could not be; it names them.
        StateUnreachableError: DynamoDB did not say which there are.
    """
    names = sorted(read_names())
    if not names:
        return {}
    with ThreadPoolExecutor(max_workers=min(GATEWAYS_AT_ONCE, len(names))) as workers:
        kept = dict(zip(names, workers.map(lambda name: _kept(name, around), names), strict=True))
    failed = [f"{name}: {found}" for name, found in kept.items() if isinstance(found, ParamedicError)]
    if failed:
        raise GatewaysNotKeptError(f"not kept: {'; '.join(failed)}")
    return {name: found for name, found in kept.items() if not isinstance(found, ParamedicError)}


def keep_one(gateway: str, around: Surroundings) -> Mapping[str, Sequence[str]]:
    """Look after one gateway, as `keep_all` does after each.

    Raises:
        GatewaysNotKeptError: it could not be.
    """
    found = _kept(gateway, around)
    if isinstance(found, ParamedicError):
        raise GatewaysNotKeptError(f"not kept: {gateway}: {found}") from found
    return {gateway: found}


def _kept(gateway: str, around: Surroundings) -> Sequence[str] | ParamedicError:
    try:
        return keep(gateway, around)
    except GatewayBusyError as error:
        return [str(error)]
    except ParamedicError as error:
        LOG.exception("gateway %s is not kept", gateway)
        return error


def keep(gateway: str, around: Surroundings) -> Sequence[str]:
    """Move one gateway toward what is wanted; what was done, in order.

    Raises:
        GatewayBusyError: another run does.
        InvalidRowError: a row of it cannot be understood.
        StateUnreachableError: DynamoDB did not answer; the next run goes on.
    """
    sight = _looked(gateway)
    if sight is None or not _has_work(sight, around):
        return ()
    take(sight.desired, around.invocation, around.clock)
    try:
        return _rounds(gateway, around)
    finally:
        give_back(sight.desired, around.invocation, around.clock)


def _has_work(sight: Sight, around: Surroundings) -> bool:
    if to_ask(sight, around) or _planned(sight, {}, around) or _is_over(sight):
        return True
    try:
        return bool(due(sight, around.publishers))
    except UnpublishedError:
        # What keeps it from being read is said by whoever has the lease.
        return True


def _looked(gateway: str) -> Sight | None:
    desired = read_desired(gateway)
    return None if desired is None else look(desired)


def _rounds(gateway: str, around: Surroundings) -> Sequence[str]:
    done: list[str] = []
    unpublished: UnpublishedError | None = None
    tried: set[tuple[Action, int]] = set()
    begun = around.clock.monotonic()
    acted_at = begun
    while (now := around.clock.monotonic()) - begun < ROUND_SECONDS:
        sight = _looked(gateway)
        if sight is None or _closed(sight, around):
            return done
        published = _published(sight, around)
        routed = ask(to_ask(sight, around), sight, around)
        # What came to nothing is tried again by the next run.
        actions = [each for each in _planned(sight, routed, around) if (each, _epoch(each, sight)) not in tried]
        if isinstance(published, UnpublishedError):
            # Clients may still be sent to whoever leaves.
            unpublished, actions = published, _without_stops(actions)
        else:
            unpublished, done = None, [*done, *published]
        if actions:
            done += _act(actions, sight, around)
            tried |= {(each, _epoch(each, sight)) for each in actions}
            acted_at = around.clock.monotonic()
        elif not _may_soon_serve(sight) or now - acted_at >= around.wait_seconds:
            break
        else:
            around.clock.sleep(around.look_seconds)
    if unpublished is not None:
        raise unpublished
    return done


def _epoch(action: Action, sight: Sight) -> int:
    """Under which it would be done; 0 for what has none yet."""
    return next((int(each.placed.epoch) for each in sight.replicas if each.key.number == action.number), 0)


def _published(sight: Sight, around: Surroundings) -> Sequence[str] | UnpublishedError:
    """Done before anything is stopped: nobody is to be sent to one that leaves."""
    try:
        what = due(sight, around.publishers)
        if not what:
            return ()
        publish(sight, what, around.publishers)
    except UnpublishedError as error:
        return error
    return (f"{sight.name}: {what}",)


def _without_stops(actions: Sequence[Action]) -> list[Action]:
    return [each for each in actions if not isinstance(each, Stop)]


def _may_soon_serve(sight: Sight) -> bool:
    return any(each.phase is Phase.LAUNCHED for each in sight.replicas)


def _planned(sight: Sight, routed: Mapping[int, Reached], around: Surroundings) -> tuple[Action, ...]:
    wanted = Wanted(
        replicas=0 if sight.is_going_down else sight.spec.replicas,
        version=int(sight.desired.version),
        profiles=sight.spec.profiles,
        leave_after=timedelta(seconds=sight.spec.leave_seconds),
    )
    seen = [seen_of(each, _has_all_ways(routed.get(each.key.number)), around) for each in sight.replicas]
    return plan(wanted, seen, sight.taken, around.clock.now())


def _has_all_ways(found: Reached | None) -> bool:
    return found is not None and found.all_have_a_way


def _act(actions: Sequence[Action], sight: Sight, around: Surroundings) -> list[str]:
    """Each in a thread of its own: one that takes its time, or fails, keeps no other."""
    replicas = {each.key.number: each for each in sight.replicas}
    with ThreadPoolExecutor(max_workers=min(REPLICAS_AT_ONCE, len(actions))) as workers:
        return list(workers.map(lambda each: _try(each, replicas.get(each.number), sight, around), actions))


def _try(action: Action, replica: ReplicaSight | None, sight: Sight, around: Surroundings) -> str:
    name, verb = f"{sight.name}/{action.number}", type(action).__name__.lower()
    try:
        text = f"{name}: {verb}: {_done(action, replica, sight, around)}"
    except ConditionFailedError as error:
        text = f"{name}: {verb}: was changed meanwhile and is left to the next look: {error}"
    except ParamedicError as error:
        text = f"{name}: {verb}: failed: {error}"
    LOG.info(text)
    return text


def _done(action: Action, replica: ReplicaSight | None, sight: Sight, around: Surroundings) -> str:
    held = (
        ""
        if isinstance(action, _ACTS_ON_NOTHING)
        else read_hold(GatewayReplicaKey(sight.name, action.number).target_id)
    )
    if held:
        # Where there is no row yet, the next look says it again.
        if replica is not None:
            acting.note(replica.placed, held, around)
        return held
    if isinstance(action, Place):
        return acting.place(sight, action.number, action.profile, around)
    if replica is None:
        return "it is not there any more"
    match action:
        case End(_, reason):
            return acting.end(replica, Phase.ENDING, reason, around)
        case Leave(_, reason):
            return acting.end(replica, Phase.LEAVING, reason, around)
        case _:
            return _STEPS[type(action)](sight, replica, around)


_ACTS_ON_NOTHING = (Promote, Adopt)
"""What only writes down what is there: a hold stops no eyes."""

_STEPS: Mapping[type[Action], Callable[[Sight, ReplicaSight, Surroundings], str]] = {
    Launch: acting.launch,
    Resume: acting.resume,
    Promote: acting.promote,
    Adopt: acting.adopt,
    Stop: acting.stop,
}


def _is_over(sight: Sight) -> bool:
    return sight.is_going_down and not sight.replicas


def _closed(sight: Sight, around: Surroundings) -> bool:
    """Whether nothing of a gateway that nobody wants is left, and it was forgotten."""
    if not _is_over(sight):
        return False
    row = DesiredGateway
    gone = Delete(row(sight.desired.gateway, GATEWAY_ITEM), row.revision == sight.desired.revision)
    unnamed = Update(GatewayNames(DESIRED, GATEWAY_ITEM), (GatewayNames.names.delete({sight.name}),))
    transact([gone, unnamed], around.clock)
    return True
