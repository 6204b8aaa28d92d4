"""`paramedic target drill-every` and `drills`: targets that are drilled by themselves."""

from typing import Annotated

import typer

from paramedic.clock import SystemClock
from paramedic.errors import InvalidInputError
from paramedic.state.drills import DRILLS, DrillSchedule, end_drills, schedule_drills
from paramedic.state.tables import InvalidRowError
from paramedic.state.target_registry import TargetMissingError
from paramedic.state.targets import Target, bucket_of
from paramedic_cli.commands.options import Actor, Reason, chosen_stack
from paramedic_cli.commands.target import Name, id_of
from paramedic_cli.output import answer

NEVER = "never"
MOST_DAYS = 366


def drill_every(
    context: typer.Context,
    name: Name,
    days: Annotated[str, typer.Argument(metavar=f"DAYS|{NEVER}", help="How often; its drill window says at what time")],
    reason: Reason,
    actor: Actor,
) -> None:
    """Have a target drilled by itself every so many days: within its window, and only while all else is well."""
    every = None if days == NEVER else _days(days)
    chosen_stack(context)
    target_id = id_of(name)
    if every is None:
        end_drills(target_id, SystemClock())
        answer(f"{target_id} is not drilled by itself any more")
        return
    row = Target.read(bucket_of(target_id), target_id)
    if row is None:
        raise TargetMissingError(f"target {target_id} was removed meanwhile")
    due = schedule_drills(row, every, actor, reason, SystemClock())
    when = f"at {row.drill_window} UTC every {every} days, from {due:%Y-%m-%d %H:%M}Z on"
    answer(f"{target_id} is drilled {when}; `paramedic drill {target_id}` makes one now")


def drills(context: typer.Context) -> None:
    """Show which targets are drilled by themselves, when each is due, and what keeps it from that."""
    chosen_stack(context)
    rows = [row for row in DrillSchedule.read_each(DRILLS).values() if _is_kept(row)]
    for row in rows:
        answer(str(row) if isinstance(row, InvalidRowError) else _told(row))
    if not rows:
        answer("no target is drilled by itself")


def _is_kept(row: DrillSchedule | InvalidRowError) -> bool:
    return isinstance(row, InvalidRowError) or bool(row.every_days)


def _told(row: DrillSchedule) -> str:
    last = f"last drilled {row.last_at}" if row.last_at else "not drilled yet"
    waits = f"; waits: {row.waits_for}" if row.waits_for else ""
    every = f"every {int(row.every_days or 0)} days by {row.actor} ({row.reason})"
    return f"{row.opened}: {every}, due {row.due_at}, {last}{waits}"


def _days(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MOST_DAYS:
        return int(text)
    raise InvalidInputError("DAYS", text, f"must be a number of days from 1 to {MOST_DAYS}, or {NEVER}")
