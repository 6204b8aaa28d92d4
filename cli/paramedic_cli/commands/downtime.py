"""`paramedic downtime`: when services, a controller or a target are off on purpose."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from paramedic.clock import Clock, SystemClock, from_iso
from paramedic.downtime.periods import upcoming
from paramedic.downtime.stored import AnySubject, Subject, TargetSubject
from paramedic.downtime.windows import add_window, read_all_windows, read_windows, remove_window
from paramedic.errors import InvalidInputError
from paramedic.state.downtime_windows import OneOff, Recurring, Window
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.targets import controller_id_of
from paramedic_cli.commands.options import Actor, chosen_stack
from paramedic_cli.commands.services import only_controller
from paramedic_cli.output import answer
from paramedic_cli.usage import UsageError

_FORMS = "--stop CRON --start CRON --timezone TZ, or --from TIME --until TIME --reason TEXT, or --remove NUMBER"


def downtime(
    context: typer.Context,
    *,
    actor: Actor,
    service: Annotated[
        str | None,
        typer.Argument(metavar="SERVICE", help="The service, or a target such as url:shop; without it, the controller"),
    ] = None,
    controller: Annotated[
        str | None, typer.Option("--controller", metavar="ID", help="The service's controller, or the one meant itself")
    ] = None,
    stop: Annotated[
        str | None, typer.Option("--stop", metavar="CRON", help="When it is stopped, again and again")
    ] = None,
    start: Annotated[str | None, typer.Option("--start", metavar="CRON", help="When it is started again")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="TZ", help="Whose wall clock both mean, such as Europe/Berlin")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Once: when it is stopped, such as 2026-11-22T20:00Z")
    ] = None,
    end: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Once: when it is started again")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; shown while it is stopped")] = "",
    remove: Annotated[int | None, typer.Option("--remove", metavar="NUMBER", help="Plan this one no more")] = None,
) -> None:
    """Plan when a service is stopped on purpose; without options, show what is planned."""
    plan = _plan((stop, start, timezone), (begin, end), reason)
    if plan is not None and remove is not None:
        raise UsageError(f"one thing at a time: {_FORMS}")
    chosen_stack(context)
    clock = SystemClock()
    if plan is None and remove is None and service is None and controller is None:
        _show(read_all_windows(), clock)
        return
    subject = _subject(service, controller)
    if plan is not None:
        _show([(subject, add_window(subject, plan, actor, reason, clock))], clock)
    elif remove is not None:
        removed = remove_window(subject, remove, actor, clock)
        answer(f"{_called(subject)}: window {removed.number} (by {removed.owner}) is not planned any more")
    else:
        _show([(subject, window) for window in read_windows(subject)], clock)


def _plan(
    recurring: tuple[str | None, str | None, str | None], once: tuple[str | None, str | None], reason: str
) -> Recurring | OneOff | None:
    match recurring, once:
        case (None, None, None), (None, None):
            return None
        case (str(stop), str(start), str(timezone)), (None, None):
            return Recurring(stop=stop, start=start, timezone=timezone)
        case (None, None, None), (str(begin), str(end)) if reason:
            return OneOff(begin=_moment("from", begin), end=_moment("until", end))
        case _:
            raise UsageError(f"give all of one: {_FORMS}")


def _moment(field: str, text: str) -> datetime:
    try:
        return from_iso(text)
    except ValueError as error:
        problem = "is not a time with an offset, such as 2026-11-22T20:00Z or 2026-11-22T20:00+01:00"
        raise InvalidInputError(field, text, problem) from error


def _subject(service: str | None, controller: str | None) -> AnySubject:
    match service, controller:
        case None, None:
            raise UsageError("name a SERVICE or target, or with --controller ID the controller itself")
        case str(target_id), None if ":" in target_id:
            itself = controller_id_of(target_id)
            return TargetSubject(target_id) if itself is None else Subject(itself)
        case str(target_id), _ if ":" in target_id:
            raise UsageError(f"{target_id} is a target and belongs to no controller: leave --controller out")
        case _:
            return Subject(controller or only_controller(), service)


def _called(subject: AnySubject) -> str:
    if isinstance(subject, TargetSubject):
        return f"target {subject.target_id}"
    if subject.service is None:
        return f"controller {subject.controller_id}"
    return f"service {subject.service} of controller {subject.controller_id}"


def _show(planned: Iterable[tuple[AnySubject, Window]], clock: Clock) -> None:
    lines = [_line(subject, window, clock.now()) for subject, window in planned]
    for line in lines or ["no downtime is planned"]:
        answer(line)


def _line(subject: AnySubject, window: Window, now: datetime) -> str:
    plan, zone = _described(window.plan)
    when = _when(upcoming(window, now), now, zone)
    why = f" ({window.reason})" if window.reason else ""
    return f"{_called(subject)}: window {window.number}: {plan}, {when}; by {window.owner}{why}"


def _described(plan: Recurring | OneOff) -> tuple[str, ZoneInfo]:
    """In its own words, and in whose time."""
    match plan:
        case Recurring(stop=stop, start=start, timezone=timezone):
            return f"stop '{stop}' start '{start}' {timezone}", ZoneInfo(timezone)
        case OneOff():
            return "once", ZoneInfo("UTC")


def _when(period: PlannedPeriod | None, now: datetime, zone: ZoneInfo) -> str:
    if period is None:
        return "is over"
    since, until = (each.astimezone(zone).isoformat(" ", "minutes") for each in (period.since, period.until))
    return f"now until {until}" if period.covers(now) else f"next {since} until {until}"
