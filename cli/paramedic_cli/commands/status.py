"""`paramedic status`: what the stack looks after and how it is."""

from typing import Annotated

import typer

from paramedic.clock import SystemClock
from paramedic_cli.commands.options import chosen_stack
from paramedic_cli.fleet import read_fleet
from paramedic_cli.output import result_console
from paramedic_cli.render import fleet_tables


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for programs")] = False,
) -> None:
    """Controllers, gateways, services and replicas, as the stack's tables say it now."""
    chosen_stack(context)
    fleet = read_fleet()
    if as_json:
        typer.echo(fleet.model_dump_json(indent=2))
    else:
        result_console().print(fleet_tables(fleet, SystemClock().now()))
