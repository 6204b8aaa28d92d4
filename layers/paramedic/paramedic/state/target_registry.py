"""Adding and removing targets, with the per-bucket counts and names the dispatcher groups by."""

import uuid
from contextlib import suppress

from pynamodb.expressions.update import Action

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, bucket_of
from paramedic.state.transactions import Change, ConditionFailedError, Delete, Update, put_new, transact


class TargetExistsError(ParamedicError):
    """The target is registered already."""


class TargetMissingError(ParamedicError):
    """There is no such target."""


def adding(target: Target) -> list[Change]:
    """The changes that register `target`; they fail as a whole when it exists."""
    target.registration = uuid.uuid4().hex
    named = [TargetCount.fast.add({target.target_id})] if target.fast else []
    return [put_new(target), _count(int(target.bucket), TargetCount.targets.add(1), *named)]


def was_added(target: Target) -> bool:
    """Whether the changes of `adding` were applied to exactly this `target`, whatever their reply was.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    stored = Target.read(target.bucket, target.target_id)
    return stored is not None and stored.registration == target.registration


def add_target(target: Target, clock: Clock) -> None:
    """Register `target`.

    Raises:
        TargetExistsError: it is registered already.
        StateUnreachableError: DynamoDB did not answer; look before repeating.
    """
    try:
        transact(adding(target), clock)
    except ConditionFailedError as error:
        if not was_added(target):
            raise TargetExistsError(f"target {target.target_id} is registered already; remove it first") from error


def change_target(before: Target, after: Target, clock: Clock) -> None:
    """Have the target `before`, as it was read, checked like `after`; what was found of it stays.

    Raises:
        TargetMissingError: it was removed, or registered anew, meanwhile.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    asked = Target.asked.set(after.asked) if after.asked else Target.asked.remove()
    fast = Target.fast.set(True) if after.fast else Target.fast.remove()
    actions = (
        Target.url.set(after.url),
        Target.timeout_seconds.set(after.timeout_seconds),
        Target.every_minutes.set(after.every_minutes),
        asked,
        fast,
    )
    same = (
        Target.registration == before.registration
        if before.registration
        else Target.target_id.exists() & Target.registration.does_not_exist()
    )
    changes = [Update(Target(before.bucket, before.target_id), actions, same)]
    if before.fast or after.fast:
        names, named = TargetCount.fast, {before.target_id}
        changes.append(_count(int(before.bucket), names.add(named) if after.fast else names.delete(named)))
    try:
        transact(changes, clock)
    except ConditionFailedError as error:
        raise TargetMissingError(f"target {before.target_id} was removed meanwhile; look and repeat") from error


def remove_target(target_id: str, clock: Clock) -> None:
    """Forget `target_id`.

    Raises:
        TargetMissingError: there is no such target.
        StateUnreachableError: DynamoDB did not answer; look before repeating.
    """
    bucket = bucket_of(target_id)
    if not _is_there(bucket, target_id):
        raise TargetMissingError(f"target {target_id} is not registered")
    gone = Delete(Target(bucket, target_id), Target.target_id.exists())
    # It was there a moment ago: where it is not any more, an earlier try of this call, or another one, removed it.
    with suppress(ConditionFailedError):
        transact([gone, _count(bucket, TargetCount.targets.add(-1), TargetCount.fast.delete({target_id}))], clock)


def _is_there(bucket: int, target_id: str) -> bool:
    try:
        return Target.read(bucket, target_id) is not None
    except InvalidRowError:
        return True


def _count(bucket: int, *actions: Action) -> Update:
    return Update(TargetCount(COUNTS_BUCKET, f"{bucket:02d}"), actions)
