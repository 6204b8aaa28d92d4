"""Adding and removing targets, with the per-bucket counts and names the dispatcher groups by."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.update import Action

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.state.reports import Report
from paramedic.state.tables import InvalidRowError
from paramedic.state.target_downtimes import WINDOWS_BUCKET, TargetDowntime
from paramedic.state.targets import (
    COUNTS_BUCKET,
    Target,
    TargetCount,
    TargetKind,
    TargetMode,
    bucket_of,
    prefix_of,
)
from paramedic.state.transactions import Change, ConditionFailedError, Delete, Put, Update, put_new, transact

KEPT_WHERE_GIVEN = ("url", "fast", "asked", "on_host", "silent_after_seconds", "probe_from")
"""Attributes of what is looked at that a target may be without."""


class TargetExistsError(ParamedicError):
    """The target is registered already."""


class NothingToRelaunchError(ParamedicError):
    """The target is only observed, for there is nothing that could relaunch it."""


class TargetMissingError(ParamedicError):
    """There is no such target."""


def adding(target: Target) -> list[Change]:
    """The changes that register `target`, by a random word unless it has one; they fail as a whole when it exists."""
    target.registration = target.registration or uuid.uuid4().hex
    named = [TargetCount.fast.add({target.target_id})] if target.fast else []
    waits = [Put(Report(target.target_id))] if _reports(target.target_id) else []
    return [put_new(target), _count(int(target.bucket), TargetCount.targets.add(1), *named), *waits]


def was_added(target: Target) -> bool:
    """Whether the changes of `adding` were applied to exactly this `target`, whatever their reply was.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    stored = Target.read(target.bucket, target.target_id)
    return stored is not None and stored.registration == target.registration


def add_target(target: Target, clock: Clock, beside: Sequence[Change] = ()) -> None:
    """Register `target`, and make the changes `beside` with it.

    Raises:
        TargetExistsError: it is registered already.
        StateUnreachableError: DynamoDB did not answer; look before repeating.
    """
    target.added_at = to_iso(clock.now())
    try:
        transact([*adding(target), *beside], clock)
    except ConditionFailedError as error:
        if not was_added(target):
            raise TargetExistsError(f"target {target.target_id} is registered already; remove it first") from error


def change_target(before: Target, after: Target, clock: Clock, beside: Sequence[Change] = ()) -> None:
    """Have the target `before`, as it was read, checked like `after`; what was found of it stays.

    The changes `beside` are made with it.

    Raises:
        TargetMissingError: it was removed, or registered anew, or what is `beside` was changed, meanwhile.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    actions = (
        Target.timeout_seconds.set(after.timeout_seconds),
        Target.every_minutes.set(after.every_minutes),
        *(_kept(getattr(Target, name), getattr(after, name)) for name in KEPT_WHERE_GIVEN),
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
        # The token lets a repetition after a lost answer find that it was made, whatever `beside` is conditional on.
        transact([*changes, *beside], clock, token=uuid.uuid4().hex)
    except ConditionFailedError as error:
        raise TargetMissingError(f"target {before.target_id} was removed or changed meanwhile; repeat it") from error


def change_host_check(target_id: str, on_host: str | None, clock: Clock) -> None:
    """Have a target's host asked `on_host` when its probe times out, or not at all; nothing else of it changes.

    Raises:
        TargetMissingError: there is no such target.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    row = Target(bucket_of(target_id), target_id)
    change = Update(row, (_kept(Target.on_host, on_host),), Target.target_id.exists())
    try:
        transact([change], clock)
    except ConditionFailedError as error:
        raise TargetMissingError(f"target {target_id} is not registered") from error


def change_mode(target_id: str, mode: TargetMode, clock: Clock) -> None:
    """Set how much is done for a target by itself; nothing else of it changes.

    Raises:
        TargetMissingError: there is no such target.
        NothingToRelaunchError: it is to be more than observed, and nothing can relaunch it.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    row = Target(bucket_of(target_id), target_id)
    can_be_relaunched = Target.profile.exists()
    condition = Target.target_id.exists() if mode is TargetMode.OBSERVE else can_be_relaunched
    try:
        transact([Update(row, (Target.mode.set(mode),), condition)], clock)
    except ConditionFailedError as error:
        if is_registered(target_id):
            raise NothingToRelaunchError(
                f"target {target_id} has no launcher profile, so nothing can relaunch it: it is only observed"
            ) from error
        raise TargetMissingError(f"target {target_id} is not registered") from error


def change_profile(target_id: str, profile: str, clock: Clock) -> None:
    """Have a target relaunched by a launcher profile from its next recovery on; nothing else of it changes.

    Raises:
        TargetMissingError: there is no such target.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    row = Target(bucket_of(target_id), target_id)
    try:
        transact([Update(row, (Target.profile.set(profile),), Target.target_id.exists())], clock)
    except ConditionFailedError as error:
        raise TargetMissingError(f"target {target_id} is not registered") from error


def change_drill_window(target_id: str, window: str | None, clock: Clock) -> None:
    """Have drills of a target made only within `window` of each day, or at any time; nothing else of it changes.

    Raises:
        TargetMissingError: there is no such target.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    row = Target(bucket_of(target_id), target_id)
    change = Update(row, (_kept(Target.drill_window, window),), Target.target_id.exists())
    try:
        transact([change], clock)
    except ConditionFailedError as error:
        raise TargetMissingError(f"target {target_id} is not registered") from error


def is_registered(target_id: str) -> bool:
    """Whether there is such a target, however spoilt its row may be.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    try:
        return Target.read(bucket_of(target_id), target_id) is not None
    except InvalidRowError:
        return True


def remove_target(target_id: str, clock: Clock) -> None:
    """Forget `target_id`, with the downtimes that are planned for it.

    Raises:
        TargetMissingError: there is no such target.
        StateUnreachableError: DynamoDB did not answer; look before repeating.
    """
    bucket = bucket_of(target_id)
    if not is_registered(target_id):
        raise TargetMissingError(f"target {target_id} is not registered")
    gone = Delete(Target(bucket, target_id), Target.target_id.exists())
    unplanned = Delete(TargetDowntime(WINDOWS_BUCKET, target_id))
    unheard = [Delete(Report(target_id))] if _reports(target_id) else []
    # It was there a moment ago: where it is not any more, an earlier try of this call, or another one, removed it.
    with suppress(ConditionFailedError):
        uncounted = _count(bucket, TargetCount.targets.add(-1), TargetCount.fast.delete({target_id}))
        transact([gone, uncounted, unplanned, *unheard], clock)


def _reports(target_id: str) -> bool:
    return target_id.startswith(prefix_of(TargetKind.PUSH))


def _kept(attribute: Attribute[Any], value: object) -> Action:
    return attribute.remove() if value is None else attribute.set(value)


def _count(bucket: int, *actions: Action) -> Update:
    return Update(TargetCount(COUNTS_BUCKET, f"{bucket:02d}"), actions)
