"""`paramedic history` and `paramedic report`: what was done, asked and would have been done. Both only read."""

from datetime import datetime, timedelta
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict

from paramedic.clock import SystemClock, from_iso
from paramedic.errors import InvalidInputError
from paramedic.recovery.drills import timed
from paramedic.recovery.history import Doings, PastRecovery, read_doings, read_history
from paramedic_cli.commands.options import chosen_stack
from paramedic_cli.fleet import relaunched_targets
from paramedic_cli.output import answer

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

_Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs")]


class Report(BaseModel):
    """What there was about each target that can be relaunched."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    targets: tuple[Doings, ...]


def history(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Which one: controller:ID or url:NAME")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many of the newest")] = 10,
    as_json: _Json = False,
) -> None:
    """Show the recoveries of a target, the newest first, step by step with what was seen."""
    chosen_stack(context)
    found = read_history(target, limit)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    answer(found.message)
    for recovery in found.recoveries:
        _show(recovery)


def report(
    context: typer.Context,
    since: Annotated[str, typer.Option("--since", help="A time with its offset, or how long ago: 90m, 24h, 7d")] = "7d",
    as_json: _Json = False,
) -> None:
    """Show for each target what would have been done (observe), what was asked (ask) and what was done."""
    now = SystemClock().now()
    begin = beginning(since, now)
    chosen_stack(context)
    doings = tuple(read_doings(target_id, begin, now) for target_id in relaunched_targets())
    if as_json:
        typer.echo(Report(since=begin, targets=doings).model_dump_json(indent=2))
        return
    for each in doings:
        _tell(each, begin)


def beginning(since: str, now: datetime) -> datetime:
    """The moment that `since` means.

    Raises:
        InvalidInputError: it is neither a time with an offset nor a number with m, h or d.
    """
    number, unit = since[:-1], _UNITS.get(since[-1:])
    try:
        return now - timedelta(**{unit: int(number)}) if unit else from_iso(since)
    except (ValueError, OverflowError) as error:
        problem = "must be how long ago (90m, 24h, 7d) or a time such as 2026-11-22T11:15:00Z"
        raise InvalidInputError("--since", since, problem) from error


def _show(recovery: PastRecovery) -> None:
    if recovery.problem:
        answer(f"epoch {recovery.epoch}: {recovery.problem}")
        return
    how = f", by plan {recovery.plan}" if recovery.plan else ", as a drill" if recovery.drill else ""
    answer(f"epoch {recovery.epoch}: {recovery.step}, opened by {recovery.actor}{how}: {recovery.reason}")
    for entry in recovery.steps:
        answer(f"  {entry.at}  {entry.step}: {entry.text}")


def _tell(doings: Doings, since: datetime) -> None:
    lines = [f"  would have: {plan.text}" for plan in doings.observed]
    lines += [f"  asked at {plan.made_at} about plan {plan.plan}: {plan.outcome}" for plan in doings.asked]
    lines += [_done(recovery) for recovery in doings.done]
    answer(f"{doings.target}" if lines else f"{doings.target}: nothing since {since:%Y-%m-%d %H:%M}Z")
    for line in lines:
        answer(line)


def _done(recovery: PastRecovery) -> str:
    if recovery.problem:
        return f"  done as epoch {recovery.epoch}: {recovery.problem}"
    last = recovery.steps[-1].text if recovery.steps else ""
    times = f"; drill: {timed(recovery.steps)}" if recovery.drill and recovery.steps else ""
    return f"  done at {recovery.opened_at} by {recovery.actor}: {_named(recovery)} {recovery.step}: {last}{times}"


def _named(recovery: PastRecovery) -> str:
    return f"epoch {recovery.epoch} (drill)" if recovery.drill else f"epoch {recovery.epoch}"
