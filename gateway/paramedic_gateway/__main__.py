"""`python -m paramedic_gateway`: all settings come from the environment, see `settings`; exit codes, see `exits`."""

import os
import sys

from aws_lambda_powertools import Logger

from paramedic.clock import Clock, SystemClock
from paramedic.errors import ParamedicError
from paramedic.launchers.process.files import HostLockHeldError, ensure_folder, locked
from paramedic.observability import make_logger
from paramedic_gateway.exits import CannotStartError, Exit, exit_code
from paramedic_gateway.front import Front
from paramedic_gateway.layout import Layout
from paramedic_gateway.settings import Settings
from paramedic_gateway.signals import EndSignals

LOCK_SECONDS = 2.0
"""A predecessor that was just killed holds the lock no longer than the kernel needs to clear it away."""


def main() -> Exit:
    """Run one gateway replica's agent; the result is the process's exit code."""
    log = make_logger("paramedic-gateway")
    try:
        settings = Settings.from_env(os.environ)
        log.append_keys(gateway=settings.gateway, replica=settings.replica)
        return _run(settings, log)
    except ParamedicError as error:
        log.error(str(error))  # noqa: TRY400 - the message is for people, a trace would hide it
        return exit_code(error)


def _run(settings: Settings, log: Logger) -> Exit:
    # Its files hold the certificate's key and the paths of clients' requests.
    os.umask(0o077)
    layout = Layout(settings.directory.absolute())
    ensure_folder(layout.root)
    clock = SystemClock()
    try:
        with locked(layout.lock, clock, wait_seconds=LOCK_SECONDS):
            ending = EndSignals()
            front = Front(settings, layout, clock, log)
            front.start()
            return Exit.STOPPED if _look_after(front, settings, layout, ending, clock, log) else Exit.UNEXPECTED
    except HostLockHeldError as error:
        raise CannotStartError(Exit.ALREADY_RUNNING, f"another agent serves from {layout.root}: {error}") from error


def _look_after(
    front: Front, settings: Settings, layout: Layout, ending: EndSignals, clock: Clock, log: Logger
) -> bool:
    # Only now: the libraries for AWS take longer to load than Envoy to serve.
    from paramedic.state.tables import bind
    from paramedic_gateway.agent import Agent

    bind(settings.table_prefix)
    return Agent(settings, layout, front, ending=ending, clock=clock, log=log).run()


if __name__ == "__main__":
    sys.exit(main())
