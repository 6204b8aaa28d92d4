"""`paramedic target`: what is checked besides the stack's own controllers and gateways."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import boto3
import typer
from botocore.config import Config
from rich.table import Table
from rich.text import Text

from paramedic.clock import SystemClock
from paramedic.health.checked_target import CheckedTarget, checked_target
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome
from paramedic.health.probing import LambdaProber, Prober
from paramedic.health.push_targets import PushTarget, Reported, look_at_reports
from paramedic.health.target_files import WrittenTarget, read_targets
from paramedic.health.url_targets import UrlTarget
from paramedic.health.verdict import Verdict
from paramedic.state.probe_location import ProbeLocation
from paramedic.state.reports import Report, read_reports
from paramedic.state.reports import report as send_report
from paramedic.state.tables import InvalidRowError
from paramedic.state.target_registry import (
    TargetMissingError,
    is_registered,
    remove_target,
)
from paramedic.state.targets import Target, TargetKind, bucket_of, prefix_of
from paramedic.validation import validated
from paramedic_cli.commands.options import Actor, chosen_stack
from paramedic_cli.output import answer, result_console, say
from paramedic_cli.probe_locations import require_probers
from paramedic_cli.putting_targets import put_target
from paramedic_cli.reachable_hosts import refuse_hosts_out_of_reach
from paramedic_cli.stack import Stack
from paramedic_cli.target_downtimes import in_downtime, next_downtime, windows_by_target
from paramedic_cli.target_rows import read_target_rows
from paramedic_cli.usage import UsageError

PROBE_SECONDS = 60
"""Longer than the probe function may take."""

NAMED_KINDS = (TargetKind.URL, TargetKind.PUSH, TargetKind.SSM)
"""What people add and name; controllers add themselves."""

app = typer.Typer(help="What is checked every minute, or every five or fifteen.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the target is called")]


@app.command()
def add(
    context: typer.Context,
    *,
    actor: Actor,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="What the target is to be called")] = None,
    url: Annotated[str | None, typer.Argument(metavar="URL", help="http, https, tcp or tls")] = None,
    push: Annotated[
        bool, typer.Option("--push", help="It reports in by itself; see `paramedic target report`")
    ] = False,
    silent_after: Annotated[
        int | None, typer.Option("--silent-after", metavar="SECONDS", help="For how long a --push target may be silent")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", exists=True, dir_okay=False, help="YAML with any number of targets")
    ] = None,
    every_minutes: Annotated[int, typer.Option("--every-minutes", help="1, 5 or 15")] = 1,
    fast: Annotated[bool, typer.Option("--fast", help="Several times a minute, where the stack does that")] = False,
    probe_from: Annotated[str, typer.Option("--probe-from", help="public or vpc")] = ProbeLocation.PUBLIC,
    timeout_seconds: Annotated[float, typer.Option("--timeout-seconds", help="For one attempt")] = 3.0,
) -> None:
    """Have a URL checked, or one that reports by itself, or all of a file; what is checked already is changed."""
    said = _Said(name, url, push, silent_after, file, every_minutes, timeout_seconds, fast, probe_from)
    written = said.written()
    stack = chosen_stack(context)
    wanted = [each.target for each in written]
    require_probers(wanted, stack)
    refuse_hosts_out_of_reach(wanted, stack)
    for each in written:
        answer(f"{each.target.target_id} {put_target(each, actor, SystemClock())}")


@app.command("list")
def list_targets(context: typer.Context) -> None:
    """Show everything that is checked, and what was found of it last."""
    chosen_stack(context)
    table = Table("target", "looked at", "mode", "every", "found", box=None, header_style="bold")
    found = read_target_rows()
    rows = found.rows
    reports = read_reports([row.target_id for row in rows if row.kind == TargetKind.PUSH])
    windows, now = windows_by_target(), SystemClock().now()
    for row in rows:
        # What is found is in part what others wrote: it is no markup.
        planned = next_downtime(windows.get(row.target_id, ()), now)
        seen = in_downtime(row, now) or "; ".join(filter(None, (_found(row, reports.get(row.target_id)), planned)))
        cells = (row.target_id, _looked_at(row), row.mode, _rhythm(row), seen)
        table.add_row(*(Text(str(cell)) for cell in cells))
    result_console().print(table if rows else "nothing is checked yet")
    for problem in found.unreadable:
        say(problem)


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Have a target checked no more."""
    chosen_stack(context)
    target_id = id_of(name)
    remove_target(target_id, SystemClock())
    answer(f"{target_id} is not checked any more")


@app.command()
def report(
    context: typer.Context,
    name: Name,
    failing: Annotated[str | None, typer.Option("--failing", metavar="WHY", help="It is not well, and why")] = None,
) -> None:
    """Say that a target that reports by itself is well, or that it is not; made for cron and the like."""
    problem = validated(Reported, {"problem": failing}, root="--failing").problem
    chosen_stack(context)
    target_id = prefix_of(TargetKind.PUSH) + name
    send_report(target_id, problem, SystemClock().now())
    answer(f"{target_id} is reported {'failing' if problem else 'well'}")


@app.command()
def test(context: typer.Context, name: Name) -> None:
    """Look at a target now, from where the stack does, and say what came of it; exit 0 if that is as expected."""
    stack = chosen_stack(context)
    target_id = id_of(name)
    row = Target.read(bucket_of(target_id), target_id)
    if row is None:
        raise TargetMissingError(f"target {target_id} was removed meanwhile")
    outcome = _look(checked_target(row), stack)
    answer(f"{target_id}: {_told(outcome)}")
    if outcome.kind is not OutcomeKind.OK:
        raise typer.Exit(1)


def _look(target: CheckedTarget, stack: Stack) -> ProbeOutcome:
    if target.awaited is not None:
        return look_at_reports([target.awaited], SystemClock().now())[0]
    if target.request is None:
        raise UsageError("only the stack's own check may look at hosts; `paramedic target list` shows what it found")
    request = target.request.model_copy(update={"attempts": 1})
    return _prober(target, stack).probe([request]).outcomes[request.target_id]


def _prober(target: CheckedTarget, stack: Stack) -> Prober:
    if stack.without_lambda:
        from paramedic_cli.monitor.making import make_prober
        from paramedic_cli.monitor.settings import MonitorSettings

        return make_prober(MonitorSettings.from_env())
    once = Config(connect_timeout=5, read_timeout=PROBE_SECONDS, retries={"total_max_attempts": 1})
    # A session of its own, for the shared one keeps the credentials it began with.
    return LambdaProber(boto3.Session().client("lambda", config=once), stack.probe_function(target.probe_from))


def id_of(name: str) -> str:
    """The id of the target that is called `name`, whatever its kind.

    Raises:
        TargetMissingError: there is none.
        UsageError: several kinds have one; its whole id says which.
    """
    ids = [name] if ":" in name else [prefix_of(kind) + name for kind in NAMED_KINDS]
    match [each for each in ids if is_registered(each)]:
        case [target_id]:
            return target_id
        case []:
            listed = "`paramedic target list` shows those that are"
            raise TargetMissingError(f"target {name} is not registered; {listed}")
        case several:
            raise UsageError(f"there are several called {name}: say {' or '.join(several)}")


@dataclass(frozen=True)
class _Said:
    """What `add` was given."""

    name: str | None
    url: str | None
    push: bool
    silent_after: int | None
    file: Path | None
    every_minutes: int
    timeout_seconds: float
    fast: bool
    probe_from: str

    def written(self) -> Sequence[WrittenTarget]:
        """The targets that are meant.

        Raises:
            InvalidInputError: one of them cannot be used; names the field.
            UsageError: it cannot be told which are meant.
        """
        common: dict[str, object] = {"name": self.name, "every_minutes": self.every_minutes}
        if self.fast:
            common["fast"] = True
        if self.probe_from != ProbeLocation.PUBLIC:
            common["probe_from"] = self.probe_from
        match self.name, self.url, self.push, self.silent_after, self.file:
            case None, None, False, None, Path() as path:
                return read_targets(path)
            case str(), str() as url, False, None, None:
                wanted = {**common, "url": url, "timeout_seconds": self.timeout_seconds}
                return (WrittenTarget(validated(UrlTarget, wanted, root="target")),)
            case str(), None, True, int() as seconds, None:
                awaited = {**common, "push": {"silent_after_seconds": seconds}}
                return (WrittenTarget(validated(PushTarget, awaited, root="target")),)
            case _:
                raise UsageError("give NAME and URL, or NAME --push --silent-after SECONDS, or --file FILE")


def _rhythm(row: Target) -> str:
    return "fast" if row.fast else f"{int(row.every_minutes or 1)} min"


def _looked_at(row: Target) -> str:
    match row.kind:
        case TargetKind.PUSH:
            return f"reports within {int(row.silent_after_seconds or 0)} s"
        case TargetKind.SSM:
            return str(row.on_host)
        case _:
            return f"{row.url} from {row.probe_from}" if row.probe_from else str(row.url)


def _found(row: Target, reported: Report | InvalidRowError | None) -> str:
    if row.paused:
        return "paused"
    if row.left_at:
        return f"left on purpose at {row.left_at}"
    if row.bad is not None and row.bad.verdict != Verdict.HEALTHY:
        return f"{row.bad.diagnosis} since {row.bad.since}: {row.bad.detail}"
    if row.kind != TargetKind.PUSH:
        return "healthy"
    if not isinstance(reported, Report):
        return "unknown"
    return f"healthy, heard {reported.reported_at}" if reported.reported_at else "healthy, not heard yet"


def _told(outcome: ProbeOutcome) -> str:
    timings = outcome.timings
    parts = {"dns": timings.dns, "connect": timings.connect, "tls": timings.tls, "first byte": timings.first_byte}
    spent = ", ".join(f"{part} {ms:.1f} ms" for part, ms in parts.items() if ms is not None)
    status = "" if outcome.status is None else f" {outcome.status}"
    days = "" if outcome.certificate_days is None else f"; certificate valid for {outcome.certificate_days} days"
    why = f": {outcome.detail}" if outcome.detail else ""
    return f"{outcome.kind}{status}{why}{f' ({spent})' if spent else ''}{days}"
