"""`paramedic monitor`: the work of the stack's functions on this host, without Lambda."""

import logging
import os
import signal
import time
from pathlib import Path
from threading import Event
from typing import Annotated

import boto3
import typer

from paramedic.errors import InvalidInputError
from paramedic_cli.commands.options import chosen_stack
from paramedic_cli.local.project import project_root
from paramedic_cli.local.template_tables import create_missing_tables
from paramedic_cli.output import answer
from paramedic_cli.stack import Stack


def monitor(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="One pass, for cron; exit 1 when some of it failed")] = False,
    profiles: Annotated[
        Path | None,
        typer.Option("--profiles", metavar="FILE", help="Launcher profiles as JSON; else LAUNCHER_PROFILES"),
    ] = None,
    allow: Annotated[
        str | None, typer.Option("--allow", metavar="CIDRS", help="Private networks to probe; else ALLOWED_CIDRS")
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option("--topic", metavar="ARN", help="Where people are told; else ALERT_TOPIC_ARN, or the log"),
    ] = None,
    create_tables: Annotated[
        bool, typer.Option("--create-tables", help="First create the tables that are missing, by template.yaml")
    ] = False,
) -> None:
    """Check, recover, sweep and keep planned downtimes from this host, each minute or once; needs DynamoDB alone."""
    # No other command pays for the prober and all of recovery.
    from paramedic_cli.monitor.making import make_monitor
    from paramedic_cli.monitor.settings import MonitorSettings

    _log_to_stderr()
    stack = chosen_stack(context)
    given = {"LAUNCHER_PROFILES": _text(profiles), "ALLOWED_CIDRS": allow, "ALERT_TOPIC_ARN": topic}
    settings = MonitorSettings.from_env({**os.environ, **{name: text for name, text in given.items() if text}})
    made = make_monitor(settings, answer)
    if create_tables:
        _create_tables(stack)
    if once:
        raise typer.Exit(1 if made.run_once() else 0)
    made.run(_set_when_asked_to_end())


def _create_tables(stack: Stack) -> None:
    dynamodb = boto3.Session().client("dynamodb")
    for name in create_missing_tables(project_root() / "template.yaml", dynamodb, stack.table_prefix):
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError("--profiles", str(path), f"cannot be read: {error}") from error


def _set_when_asked_to_end() -> Event:
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _log_to_stderr() -> None:
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(format="%(asctime)sZ %(levelname)s %(name)s: %(message)s")
    logging.getLogger("paramedic").setLevel(logging.INFO)
