"""`paramedic gateway`: front doors with any number of replicas."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paramedic.clock import SystemClock
from paramedic.gateways import verbs, view
from paramedic.gateways.spec_files import read_gateway
from paramedic.gateways.verbs import GatewayMissingError
from paramedic.gateways.view import GatewayView, ReplicaView
from paramedic_cli.commands.options import Actor, chosen_stack
from paramedic_cli.output import answer, result_console
from paramedic_cli.reconcile_function import ask_to_reconcile
from paramedic_cli.usage import UsageError

app = typer.Typer(help="Gateways: replicas are launched, replaced and ended by the stack.", no_args_is_help=True)

File = Annotated[
    Path, typer.Argument(metavar="GATEWAY.yaml", exists=True, dir_okay=False, help="The gateway's description")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The gateway's name")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs")]

_NOTHING = "-"


@app.command()
def up(context: typer.Context, spec_file: File, actor: Actor) -> None:
    """Ask for a new gateway; the stack launches its replicas."""
    spec = read_gateway(spec_file)
    stack = chosen_stack(context)
    verbs.up(spec, actor, SystemClock())
    answer(f"gateway {spec.name} is wanted with {spec.replicas} replicas; `paramedic gateway list` shows them")
    ask_to_reconcile(stack, spec.name)


@app.command()
def update(
    context: typer.Context,
    actor: Actor,
    spec_file: Annotated[
        Path | None,
        typer.Argument(metavar="[GATEWAY.yaml]", exists=True, dir_okay=False, help="The gateway's description"),
    ] = None,
    redeploy: Annotated[
        str | None, typer.Option("--redeploy", metavar="NAME", help="Replace each replica of this gateway, one by one")
    ] = None,
) -> None:
    """Change a gateway, in the number of its replicas too; or replace its replicas as they are."""
    match spec_file, redeploy:
        case Path() as path, None:
            spec = read_gateway(path)
            stack, name = chosen_stack(context), spec.name
            asked = verbs.update(spec, actor, SystemClock())
        case None, str() as name:
            stack = chosen_stack(context)
            asked = verbs.redeploy(name, actor, SystemClock())
        case _:
            raise UsageError("give GATEWAY.yaml, or --redeploy NAME")
    how = "its replicas are replaced one after another" if asked.replaces else "no replica is replaced for it"
    answer(f"gateway {name} is at revision {asked.revision}; {how}")
    ask_to_reconcile(stack, name)


@app.command()
def down(context: typer.Context, name: Name, actor: Actor) -> None:
    """Ask for a gateway to be ended, with all its replicas."""
    stack = chosen_stack(context)
    verbs.down(name, actor, SystemClock())
    answer(f"gateway {name} is to end; `paramedic gateway list` shows when it has")
    ask_to_reconcile(stack, name)


@app.command("list")
def list_gateways(context: typer.Context, as_json: AsJson = False) -> None:
    """Show every gateway, and a line for each of its replicas."""
    chosen_stack(context)
    views = view.read_views()
    if as_json:
        typer.echo("[" + ",".join(each.model_dump_json() for each in views) + "]")
        return
    result_console().print(_listed(views) if views else "no gateway is wanted yet")


@app.command()
def show(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Show one gateway with what each replica serves, and why one is not as it should be."""
    chosen_stack(context)
    rows = view.read_rows(name)
    if rows is None:
        raise GatewayMissingError(f"there is no gateway {name!r}; `paramedic gateway list` shows those that are")
    found = view.view_of(rows)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    result_console().print(_shown(found))


def _listed(views: tuple[GatewayView, ...]) -> RenderableType:
    table = Table("NAME", "BACKEND", "REGION", "HOSTNAME", "STATUS", box=None, header_style="bold")
    for each in views:
        table.add_row(each.name, each.backend, each.region or _NOTHING, each.domain or _NOTHING, each.status)
        for replica in each.replicas:
            table.add_row(f"  replica={replica.number}", *_place(replica), replica.status)
    return table


def _place(replica: ReplicaView) -> tuple[str, str, str]:
    return (replica.backend or _NOTHING, replica.region or _NOTHING, replica.hostname or _NOTHING)


def _shown(found: GatewayView) -> RenderableType:
    wanted = f"revision {found.revision} of {found.changed_at} by {found.changed_by}: {found.wanted} replicas"
    title = Text(f"{found.name} {found.status}, version {found.version}; {wanted}")
    table = Table("replica", "profile", "hostname", "status", "registered", box=None, header_style="bold")
    for each in found.replicas:
        profile = "/".join(filter(None, (each.backend, each.region))) or _NOTHING
        services = len(each.registered) + len(each.missing)
        table.add_row(
            str(each.number), profile, each.hostname or _NOTHING, each.status, f"{len(each.registered)} of {services}"
        )
    # Reasons hold what others wrote: they are no markup.
    return Group(title, table, *map(Text, _remarks(found)))


def _remarks(found: GatewayView) -> list[str]:
    reasons = [f"replica {each.number}: {each.reason}" for each in found.replicas if each.reason]
    missing = [
        f"replica {each.number} has not been seen to reach {', '.join(each.missing)}"
        for each in found.replicas
        if each.missing and each.version is not None
    ]
    return [*reasons, *missing]
