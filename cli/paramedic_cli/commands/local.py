"""`paramedic local …`: the whole stack on this machine."""

from typing import Annotated

import typer

from paramedic.gateways.replica import SHARED_PORT
from paramedic_cli.commands.options import choice_of, chosen_stack
from paramedic_cli.host import embedded
from paramedic_cli.host.first_controller import start_first_controller
from paramedic_cli.host.gateway_replica import start_gateway
from paramedic_cli.host.layout import PROFILE, HostLayout
from paramedic_cli.host.standby import start_standby
from paramedic_cli.local.emulator import DEFAULT_PORT
from paramedic_cli.local.stack import LocalStack, load
from paramedic_cli.output import answer, say

app = typer.Typer(help="Run the whole stack on this machine: no AWS account, no Docker.", no_args_is_help=True)


@app.command()
def up(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the embedded AWS listens")] = DEFAULT_PORT,
) -> None:
    """Start an embedded AWS and deploy the stack on it; repeated, bring it up to date."""
    say("starting the embedded AWS and deploying the stack (about a minute the first time)")
    state_dir = choice_of(context).state_dir
    _describe(embedded.up(state_dir, port), HostLayout(state_dir.resolve()))


@app.command()
def controller(
    context: typer.Context,
    controller_id: Annotated[str, typer.Argument(metavar="ID", help="The new controller's id")] = "main",
    standby: Annotated[
        bool, typer.Option("--standby", help="Start a process that waits to take over from the one that runs")
    ] = False,
) -> None:
    """Start a first controller on this host; from then on the stack itself keeps it alive."""
    state_dir = choice_of(context).state_dir
    load(state_dir)
    chosen_stack(context)
    if standby:
        waiting = start_standby(HostLayout(state_dir.resolve()), controller_id)
        answer(f"{waiting.called} stands by for controller {controller_id}")
        return
    started = start_first_controller(HostLayout(state_dir.resolve()), controller_id)
    answer(f"controller {controller_id} runs at {started.url}, epoch {started.epoch}")


@app.command()
def gateway(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The gateway that services name in their spec")
    ] = "default",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Shared by all services, told apart by host name")
    ] = SHARED_PORT,
) -> None:
    """Start a gateway replica on this host; repeated after its agent died, take over the Envoy that serves on."""
    state_dir = choice_of(context).state_dir
    load(state_dir)
    started = start_gateway(HostLayout(state_dir.resolve()), name, port)
    answer(f"gateway {name} serves at http://{started.host}:{port}, and each service at its own port there")


@app.command()
def status(context: typer.Context) -> None:
    """Whether a local stack runs from the state directory, and where."""
    state_dir = choice_of(context).state_dir
    _describe(load(state_dir), HostLayout(state_dir.resolve()))


@app.command()
def down(context: typer.Context) -> None:
    """End the local stack with every controller, gateway and replica it started; all its state is gone."""
    for receipt in embedded.down(choice_of(context).state_dir):
        say(f"stopped {receipt.workload}")
    answer("the local stack is gone")


def _describe(stack: LocalStack, layout: HostLayout) -> None:
    lines = (
        f"stack {stack.stack_name} runs at {stack.endpoint}",
        f"controllers log to {layout.controller_log}, gateways to {layout.gateway_log}; launcher profile {PROFILE!r}",
        "commands given in this folder find it by themselves; for other programs and folders:",
        f"    set -a; . {layout.operator_environment}; set +a",
    )
    for line in lines:
        answer(line)
