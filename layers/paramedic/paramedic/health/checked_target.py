"""A target whose row holds everything a check needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from paramedic.clock import from_iso
from paramedic.health.outcomes import ProbeRequest
from paramedic.state.tables import InvalidRowError
from paramedic.state.targets import Target, TargetKind, TargetMode, controller_id_of


@dataclass(frozen=True)
class CheckedTarget:
    """`controller_id` is None for targets without a heartbeat; `row` is what is stored, kept up to date by writes."""

    row: Target
    kind: TargetKind
    mode: TargetMode
    request: ProbeRequest
    controller_id: str | None


def checked_target(row: Target) -> CheckedTarget:
    """`row`, understood.

    Raises:
        InvalidRowError: its kind, mode, url, timeout or recorded times make no sense.
    """
    kind = _member(row, "kind", tuple(TargetKind))
    mode = _member(row, "mode", tuple(TargetMode))
    _check_times(row)
    try:
        request = ProbeRequest(target_id=row.target_id, url=row.url, timeout_seconds=row.timeout_seconds)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _invalid(row, str(first["loc"][0]), first["input"], first["msg"]) from error
    controller_id = controller_id_of(row.target_id)
    if (kind is TargetKind.CONTROLLER) != (controller_id is not None):
        raise _invalid(row, "kind", row.kind, "only ids that begin with 'controller:' name controllers, and all do")
    return CheckedTarget(row, kind, mode, request, controller_id)


def _member[E: StrEnum](row: Target, field: str, members: Sequence[E]) -> E:
    value = str(getattr(row, field))
    for member in members:
        if member.value == value:
            return member
    raise _invalid(row, field, value, f"must be one of {', '.join(members)}")


def _check_times(row: Target) -> None:
    if row.bad is None:
        return
    for field in ("since", "last_tick", "timeouts_since"):
        text = getattr(row.bad, field)
        if text is None:
            continue
        try:
            from_iso(text)
        except ValueError as error:
            raise _invalid(row, f"bad.{field}", text, str(error)) from error


def _invalid(row: Target, field: str, value: object, problem: str) -> InvalidRowError:
    return InvalidRowError(Target.Meta.table_name, row.key_text(), field, value, problem)
