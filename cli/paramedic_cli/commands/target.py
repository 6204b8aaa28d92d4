"""`paramedic target`: URLs that are checked besides the stack's own controllers and gateways."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import boto3
import typer
from botocore.config import Config
from rich.table import Table

from paramedic.clock import Clock, SystemClock
from paramedic.health.checked_target import checked_target
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome
from paramedic.health.probing import LambdaProber
from paramedic.health.url_targets import PREFIX, UrlTarget, read_url_targets
from paramedic.health.verdict import Verdict
from paramedic.state.target_registry import TargetMissingError, add_target, change_target, remove_target
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, bucket_of
from paramedic.validation import validated
from paramedic_cli.commands.options import chosen_stack
from paramedic_cli.output import answer, result_console
from paramedic_cli.usage import UsageError

PROBE_SECONDS = 60
"""Longer than the probe function may take."""

app = typer.Typer(help="URLs that are checked every minute, or every five or fifteen.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the target is called")]


@app.command()
def add(
    context: typer.Context,
    *,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="What the target is to be called")] = None,
    url: Annotated[str | None, typer.Argument(metavar="URL", help="http, https, tcp or tls")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", exists=True, dir_okay=False, help="YAML with any number of targets")
    ] = None,
    every_minutes: Annotated[int, typer.Option("--every-minutes", help="1, 5 or 15")] = 1,
    fast: Annotated[bool, typer.Option("--fast", help="Several times a minute, where the stack does that")] = False,
    timeout_seconds: Annotated[float, typer.Option("--timeout-seconds", help="For one attempt")] = 3.0,
) -> None:
    """Have a URL checked, or all those of a file; those that are checked already are changed to what is said now."""
    options = {"every_minutes": every_minutes, "timeout_seconds": timeout_seconds, "fast": fast}
    wanted = _wanted(name, url, file, options)
    chosen_stack(context)
    for target in wanted:
        answer(f"{target.target_id} {_put(target, SystemClock())}")


@app.command("list")
def list_targets(context: typer.Context) -> None:
    """Show everything that is checked, and what was found of it last."""
    chosen_stack(context)
    table = Table("target", "url", "mode", "every", "found", box=None, header_style="bold")
    rows = sorted(_all_rows(), key=lambda row: str(row.target_id))
    for row in rows:
        table.add_row(str(row.target_id), str(row.url), str(row.mode), _rhythm(row), _found(row))
    result_console().print(table if rows else "nothing is checked yet")


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Have a URL checked no more."""
    chosen_stack(context)
    remove_target(PREFIX + name, SystemClock())
    answer(f"{PREFIX}{name} is not checked any more")


@app.command()
def test(context: typer.Context, name: Name) -> None:
    """Probe a target now, from where the stack probes it, and say what came of it; exit 0 if that is as expected."""
    stack = chosen_stack(context)
    row = Target.read(bucket_of(PREFIX + name), PREFIX + name)
    if row is None:
        raise TargetMissingError(
            f"target {PREFIX}{name} is not registered; `paramedic target list` shows those that are"
        )
    request = checked_target(row).request
    once = Config(connect_timeout=5, read_timeout=PROBE_SECONDS, retries={"total_max_attempts": 1})
    # A session of its own, for the shared one keeps the credentials it began with.
    prober = LambdaProber(boto3.Session().client("lambda", config=once), stack.probe_function)
    outcome = prober.probe([request.model_copy(update={"attempts": 1})]).outcomes[request.target_id]
    answer(f"{request.target_id}: {_told(outcome)}")
    if outcome.kind is not OutcomeKind.OK:
        raise typer.Exit(1)


def _wanted(name: str | None, url: str | None, file: Path | None, options: Mapping[str, object]) -> Sequence[UrlTarget]:
    match name, url, file:
        case None, None, Path() as path:
            return read_url_targets(path)
        case str(), str(), None:
            return (validated(UrlTarget, {"name": name, "url": url, **options}, root="target"),)
        case _:
            raise UsageError("give NAME and URL, or --file FILE")


def _put(wanted: UrlTarget, clock: Clock) -> str:
    """Have it checked as it is wanted; what that came to."""
    row = wanted.row()
    before = Target.read(row.bucket, row.target_id)
    if before is None:
        add_target(row, clock)
        return "is checked from the next minute on"
    if _facts(before) == _facts(row):
        return "is checked like that already"
    change_target(before, row, clock)
    return "is checked in another way from the next minute on"


def _facts(row: Target) -> tuple[object, ...]:
    return (row.url, float(row.timeout_seconds), int(row.every_minutes or 1), bool(row.fast), row.asked)


def _all_rows() -> Iterator[Target]:
    for count in TargetCount.read_all(COUNTS_BUCKET):
        if count.targets:
            yield from Target.read_all(int(count.target_id))


def _rhythm(row: Target) -> str:
    return "fast" if row.fast else f"{int(row.every_minutes or 1)} min"


def _found(row: Target) -> str:
    if row.paused:
        return "paused"
    if row.bad is None or row.bad.verdict == Verdict.HEALTHY:
        return "healthy"
    return f"{row.bad.diagnosis} since {row.bad.since}: {row.bad.detail}"


def _told(outcome: ProbeOutcome) -> str:
    timings = outcome.timings
    parts = {"dns": timings.dns, "connect": timings.connect, "tls": timings.tls, "first byte": timings.first_byte}
    spent = ", ".join(f"{part} {ms:.1f} ms" for part, ms in parts.items() if ms is not None)
    status = "" if outcome.status is None else f" {outcome.status}"
    days = "" if outcome.certificate_days is None else f"; certificate valid for {outcome.certificate_days} days"
    why = f": {outcome.detail}" if outcome.detail else ""
    return f"{outcome.kind}{status}{why} ({spent}){days}"
