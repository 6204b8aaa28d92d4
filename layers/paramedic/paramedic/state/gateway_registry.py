"""How a gateway replica becomes a target, stays one, and leaves."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.state.gateway_keys import GatewayReplicaKey
from paramedic.state.gateways import GatewayReplica, ReplicaStatus
from paramedic.state.target_registry import TargetMissingError, adding
from paramedic.state.targets import RouteToTry, Target, TargetKind, TargetMode, bucket_of
from paramedic.state.transactions import Change, ConditionFailedError, Update, put_new, transact

MOST_TRIES = 25
"""More than a gateway has replicas: of all that take a number at once, one succeeds each time."""


class RegistrationContendedError(ParamedicError):
    """Others took each number first."""


class NumberTakenError(ParamedicError):
    """The number that a replica was launched as is another's."""


class ReplicaPassedError(ParamedicError):
    """A later launch of the same replica has spoken: this one's time has passed."""


@dataclass(frozen=True)
class RunningReplica:
    """A replica as it knows itself; health checks reach `health_url` at `port` of `hostname`.

    They come from `probe_from`, None for from outside any VPC. `number` and `epoch` are those that it was launched
    under, None where it was started by hand.
    """

    gateway: str
    name: str
    hostname: str
    port: int
    health_url: str
    probe_from: str | None = None
    number: int | None = None
    epoch: int | None = None


@dataclass(frozen=True)
class Registered:
    """Its number and what is tried through it, which an earlier life of it may have chosen."""

    key: GatewayReplicaKey
    route: RouteToTry | None


def register_replica(running: RunningReplica, clock: Clock) -> Registered:
    """Have `running` checked, under the number that it was launched as, or that its name has had, or the lowest free.

    Writes nothing where all of it stands already.

    Raises:
        InvalidRowError: a row of the gateway, or the target's, cannot be understood.
        NumberTakenError: the number that it was launched as is another's.
        RegistrationContendedError: others took each number first; try again.
        ReplicaPassedError: a later launch of it has registered.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
        TransactionRefusedError: it may not write these rows, for instance for want of the stack's gateway policy.
    """
    for _ in range(MOST_TRIES):
        rows = GatewayReplica.read_all(running.gateway)
        key, row = _place(running, rows)
        target = Target.read(bucket_of(key.target_id), key.target_id)
        changes = [*_of_row(row, key, running), *_of_target(target, key, running)]
        # Where an earlier try was made, or another replica was first, the next look sees it.
        with suppress(ConditionFailedError):
            if changes:
                transact(changes, clock)
            return Registered(key, None if target is None else target.route)
    raise RegistrationContendedError(f"gateway {running.gateway}: others took each number before {running.name} could")


def note_route(key: GatewayReplicaKey, route: RouteToTry | None, clock: Clock) -> None:
    """Have `route` tried through the replica from now on, None for nothing.

    Raises:
        TargetMissingError: its target was removed.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    action = Target.route.remove() if route is None else Target.route.set(route)
    try:
        transact([Update(_target_row(key), (action,), Target.target_id.exists())], clock)
    except ConditionFailedError as error:
        raise TargetMissingError(f"target {key.target_id} was removed, so it is not checked") from error


def note_departure(key: GatewayReplicaKey, clock: Clock) -> None:
    """Say that the replica ends because it was asked to, so that nobody is told of it; `register_replica` undoes this.

    Raises:
        TargetMissingError: its target was removed.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    left = Update(
        GatewayReplica(key.gateway, key.number),
        (GatewayReplica.status.set(ReplicaStatus.LEFT),),
        GatewayReplica.gateway.exists(),
    )
    told = Update(_target_row(key), (Target.left_at.set(to_iso(clock.now())),), Target.target_id.exists())
    try:
        transact([left, told], clock)
    except ConditionFailedError as error:
        raise TargetMissingError(f"target {key.target_id} was removed, so nobody need be told") from error


def _place(running: RunningReplica, rows: Sequence[GatewayReplica]) -> tuple[GatewayReplicaKey, GatewayReplica | None]:
    number = running.number
    if number is None:
        row = next((each for each in rows if each.name == running.name), None)
        return GatewayReplicaKey(running.gateway, _free(rows) if row is None else int(row.replica_num)), row
    row = next((each for each in rows if each.replica_num == number), None)
    if row is not None and row.name != running.name:
        raise NumberTakenError(f"gateway {running.gateway}: number {number} is that of {row.name}, not {running.name}")
    if row is not None and (row.epoch or 0) > (running.epoch or 0):
        raise ReplicaPassedError(
            f"{running.name} was launched under epoch {running.epoch}, and epoch {int(row.epoch or 0)} has registered"
        )
    return GatewayReplicaKey(running.gateway, number), row


def _free(rows: Sequence[GatewayReplica]) -> int:
    taken = {int(row.replica_num) for row in rows}
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def _of_row(row: GatewayReplica | None, key: GatewayReplicaKey, running: RunningReplica) -> Iterator[Change]:
    epoch = running.epoch if running.number is not None else None
    wanted = (running.hostname, running.port, ReplicaStatus.SERVING, epoch)
    if row is None:
        new = GatewayReplica(key.gateway, key.number, name=running.name)
        new.hostname, new.port, new.status, new.epoch = wanted
        yield put_new(new)
    elif (row.hostname, row.port, row.status, row.epoch) != wanted:
        actions = (
            GatewayReplica.hostname.set(running.hostname),
            GatewayReplica.port.set(running.port),
            GatewayReplica.status.set(ReplicaStatus.SERVING),
            GatewayReplica.epoch.remove() if epoch is None else GatewayReplica.epoch.set(epoch),
        )
        yield Update(GatewayReplica(key.gateway, key.number), actions, _as_read(row))


def _as_read(row: GatewayReplica) -> Condition:
    epoch = GatewayReplica.epoch == row.epoch if row.epoch else GatewayReplica.epoch.does_not_exist()
    as_read: Condition = (GatewayReplica.name == row.name) & epoch
    return as_read


def _of_target(target: Target | None, key: GatewayReplicaKey, running: RunningReplica) -> Iterator[Change]:
    if target is None:
        new = _target_row(key)
        # Nobody relaunches gateway replicas yet: what is found of them is told.
        new.kind, new.url, new.mode = TargetKind.GATEWAY, running.health_url, TargetMode.OBSERVE
        new.probe_from = running.probe_from
        yield from adding(new)
    elif (target.url, target.probe_from) != (running.health_url, running.probe_from) or target.left_at is not None:
        probe_from = Target.probe_from.set(running.probe_from) if running.probe_from else Target.probe_from.remove()
        actions = (Target.url.set(running.health_url), probe_from, Target.left_at.remove())
        yield Update(_target_row(key), actions, Target.target_id.exists())


def _target_row(key: GatewayReplicaKey) -> Target:
    return Target(bucket_of(key.target_id), key.target_id)
