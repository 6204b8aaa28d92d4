"""`paramedic logs`: what the replicas of a service wrote, read on the host they run on."""

from pathlib import Path
from typing import Annotated

import typer

from paramedic.clock import Clock, SystemClock
from paramedic.errors import ParamedicError
from paramedic.launchers.process.host import this_host
from paramedic.services.desired import read_desired
from paramedic.state.replicas import Replica
from paramedic_cli.commands.options import ControllerOption, chosen_stack
from paramedic_cli.commands.services import only_controller
from paramedic_cli.host.log_tail import LogTail
from paramedic_cli.output import answer, say

LOOK_SECONDS = 0.5


class NoLogsError(ParamedicError):
    """There is no log that could be read here."""


def logs(
    context: typer.Context,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name")],
    *,
    replica: Annotated[int | None, typer.Option("--replica", help="Only of this one")] = None,
    lines: Annotated[int, typer.Option("--lines", min=1, max=10_000, help="So many of each replica's last")] = 100,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written from now on")] = False,
    controller: ControllerOption = None,
) -> None:
    """Show what a service's replicas wrote, each line with its replica's number."""
    chosen_stack(context)
    tails = {
        number: LogTail(path, lines)
        for number, path in log_files(controller or only_controller(), service, replica).items()
    }
    _show(tails)
    if follow:
        _follow(tails, SystemClock())


def log_files(controller_id: str, service: str, only: int | None) -> dict[int, Path]:
    """The log files on this host, by replica.

    Raises:
        ServiceMissingError: there is no such service.
        NoLogsError: none of its replicas, or not the one asked for, has a log here.
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    desired = read_desired(controller_id, service)
    here, found, elsewhere = this_host().name, dict[int, Path](), set[str]()
    for row in Replica.read_all(desired.uid):
        number, receipt = int(row.replica_id), row.receipt
        if receipt is None or receipt.log_file is None or only not in (None, number):
            continue
        host = receipt.identity.get("host", "")
        if host == here and Path(receipt.log_file).is_file():
            found[number] = Path(receipt.log_file)
        else:
            elsewhere.add(f"{receipt.log_file} on host {host}")
    if not found:
        raise NoLogsError(_nothing(service, only, elsewhere))
    for place in sorted(elsewhere):
        say(f"not shown: {place}")
    return found


def _nothing(service: str, only: int | None, elsewhere: set[str]) -> str:
    if elsewhere:
        return f"service {service!r} has no log on this host; look into {', '.join(sorted(elsewhere))}"
    whose = f"no replica {only}" if only is not None else "no replica that was started"
    return f"service {service!r} has {whose}; see `paramedic status`"


def _show(tails: dict[int, LogTail]) -> None:
    for number, tail in tails.items():
        for line in tail.new_lines():
            answer(f"{number}: {line}")


def _follow(tails: dict[int, LogTail], clock: Clock) -> None:
    while True:
        clock.sleep(LOOK_SECONDS)
        _show(tails)
