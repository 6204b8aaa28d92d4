"""`paramedic dstack`: gateways of dstack are kept as they are desired."""

import json
import logging
import signal
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from paramedic.clock import SystemClock
from paramedic_cli.commands.options import Actor, chosen_stack
from paramedic_cli.output import answer, say

KEYS = Path("/etc/paramedic/dstack")
SHORTEST_SECONDS, LONGEST_SECONDS = 1, 3600

app = typer.Typer(help="Gateways of dstack 0.22, each replica kept as it is desired.", no_args_is_help=True)

Gateway = Annotated[str, typer.Argument(metavar="GATEWAY", help="What the gateway is called in its file")]


@app.command()
def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML; see docs/dstack-gateways.md")],
    *,
    actor: Actor,
) -> None:
    """Make what a file says what is desired; `reconcile` brings it about."""
    from paramedic.gateways.dstack.stored import apply as store
    from paramedic_cli.dstack.files import read_gateway

    wanted = read_gateway(file)
    chosen_stack(context)
    applied = store(wanted, actor, SystemClock())
    if not (applied.gateway or applied.written or applied.removed):
        answer(f"{wanted.name} is desired so already")
    else:
        answer(f"{wanted.name} is desired so: {applied.written} services changed, {applied.removed} removed")


@app.command()
def reconcile(
    context: typer.Context,
    gateway: Gateway,
    keys: Annotated[
        Path, typer.Option("--keys", metavar="DIRECTORY", help="Where the projects' private SSH keys are")
    ] = KEYS,
    every: Annotated[
        float | None,
        typer.Option(
            "--every",
            metavar="SECONDS",
            min=SHORTEST_SECONDS,
            max=LONGEST_SECONDS,
            help="Go on, a pass every so often; else one pass, for cron, which exits with 1 when more is to be done",
        ),
    ] = None,
) -> None:
    """Bring every replica nearer to what is desired, none of which waits for another."""
    from paramedic_cli.dstack.keeping import passes_over, reconcile_once, reconcile_until

    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    chosen_stack(context)
    passes = passes_over(gateway, keys, SystemClock())
    if every is not None:
        reconcile_until(_set_when_asked_to_end(), passes, every, answer, SystemClock())
    elif not reconcile_once(passes, answer):
        raise typer.Exit(1)


@app.command()
def status(context: typer.Context, gateway: Gateway) -> None:
    """Look at every replica now, and say what a pass would do; changes nothing."""
    from paramedic_cli.dstack.keeping import passes_over
    from paramedic_cli.dstack.telling import outlook_lines

    chosen_stack(context)
    passes = passes_over(gateway, KEYS, SystemClock())
    try:
        for line in (line for each in passes.outlooks() for line in outlook_lines(each)):
            answer(line)
    finally:
        passes.close()


@app.command()
def stats(
    context: typer.Context,
    gateway: Gateway,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for programs")] = False,
) -> None:
    """Requests by service, summed over the replicas that answer; exits with 1 when one is missing in the sums."""
    from paramedic.gateways.dstack.client import connect
    from paramedic.gateways.dstack.stats import collect
    from paramedic.gateways.dstack.stored import read_desired
    from paramedic_cli.dstack.telling import figure_lines

    chosen_stack(context)
    figures = collect(read_desired(gateway).gateway, connect)
    if as_json:
        typer.echo(json.dumps({"requests": figures.requests, "missing": figures.missing, "whole": figures.is_whole}))
    else:
        for line in figure_lines(figures):
            answer(line)
    if not figures.is_whole:
        say("the sums are partial: they may add replicas to a service, and take none from it")
        raise typer.Exit(1)


def _set_when_asked_to_end() -> Event:
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended
