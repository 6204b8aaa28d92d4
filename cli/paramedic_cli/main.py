"""The console script `paramedic`."""

from pathlib import Path
from typing import Annotated

import typer

from paramedic_cli.commands import dstack, gateway, local, target, target_drills, target_mode
from paramedic_cli.commands.approving import acknowledge, approve
from paramedic_cli.commands.changes import restart, scale, update
from paramedic_cli.commands.downtime import downtime
from paramedic_cli.commands.guard import guard
from paramedic_cli.commands.holding import hold, release
from paramedic_cli.commands.logs import logs
from paramedic_cli.commands.monitor import monitor
from paramedic_cli.commands.moving import move
from paramedic_cli.commands.options import Choice
from paramedic_cli.commands.past import history, report
from paramedic_cli.commands.pausing import pause, resume
from paramedic_cli.commands.recover import drill, force, recover, replace
from paramedic_cli.commands.schema import schema
from paramedic_cli.commands.services import down, up
from paramedic_cli.commands.status import status
from paramedic_cli.failures import ReportingGroup
from paramedic_cli.stack import STACK_VARIABLE, STATE_DIR

app = typer.Typer(
    cls=ReportingGroup,
    help="Serverless monitoring and recovery for model-serving stacks.",
    no_args_is_help=True,
    add_completion=False,
    # Plain messages: an error is one line that can be searched for, not a drawn box.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def choose(
    context: typer.Context,
    stack: Annotated[
        str | None, typer.Option("--stack", envvar=STACK_VARIABLE, help="The stack, in your AWS account and region")
    ] = None,
    state_dir: Annotated[
        Path, typer.Option("--state-dir", help="Where a local stack keeps its state; used when no stack is named")
    ] = STATE_DIR,
    without_lambda: Annotated[
        bool,
        typer.Option(
            "--without-lambda",
            envvar="PARAMEDIC_WITHOUT_LAMBDA",
            help="The stack has no functions but `paramedic monitor`: do here what they would, by its settings",
        ),
    ] = False,
) -> None:
    """Remember where the person pointed the command."""
    context.obj = Choice(stack=stack, state_dir=state_dir, without_lambda=without_lambda)


app.command()(up)
app.command()(update)
app.command()(scale)
app.command()(restart)
app.command()(down)
app.command()(move)
app.command()(pause)
app.command()(resume)
app.command()(downtime)
app.command()(status)
app.command()(logs)
app.command()(recover)
app.command()(replace)
app.command()(force)
app.command()(drill)
app.command()(approve)
app.command()(acknowledge)
app.command()(hold)
app.command()(release)
app.command()(guard)
app.command()(history)
app.command()(report)
app.command()(monitor)
app.command()(schema)
target.app.command("mode")(target_mode.mode)
target.app.command("drill-window")(target_mode.drill_window)
target.app.command("drill-every")(target_drills.drill_every)
target.app.command("drills")(target_drills.drills)
app.add_typer(dstack.app, name="dstack")
app.add_typer(gateway.app, name="gateway")
app.add_typer(target.app, name="target")
app.add_typer(local.app, name="local")
