"""Adding and removing targets, with the per-bucket counts the dispatcher groups by."""

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, bucket_of
from paramedic.state.transactions import Change, ConditionFailedError, Delete, Update, put_new, transact


class TargetExistsError(ParamedicError):
    """The target is registered already."""


class TargetMissingError(ParamedicError):
    """There is no such target."""


def adding(target: Target) -> list[Change]:
    """The changes that register `target`; they fail as a whole when it exists."""
    return [put_new(target), _count(int(target.bucket), 1)]


def add_target(target: Target, clock: Clock) -> None:
    """Register `target`.

    Raises:
        TargetExistsError: it is registered already.
    """
    try:
        transact(adding(target), clock)
    except ConditionFailedError as error:
        raise TargetExistsError(f"target {target.target_id} is registered already; remove it first") from error


def remove_target(target_id: str, clock: Clock) -> None:
    """Forget `target_id`.

    Raises:
        TargetMissingError: there is no such target.
    """
    bucket = bucket_of(target_id)
    gone = Delete(Target(bucket, target_id), Target.target_id.exists())
    try:
        transact([gone, _count(bucket, -1)], clock)
    except ConditionFailedError as error:
        raise TargetMissingError(f"target {target_id} is not registered") from error


def _count(bucket: int, change: int) -> Update:
    return Update(TargetCount(COUNTS_BUCKET, f"{bucket:02d}"), (TargetCount.targets.add(change),))
