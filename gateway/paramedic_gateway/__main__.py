"""`python -m paramedic_gateway`: all settings come from the environment, see `settings`; exit codes, see `exits`."""

import os
import sys

from aws_lambda_powertools import Logger

from paramedic.clock import SystemClock
from paramedic.errors import ParamedicError
from paramedic.state.tables import bind
from paramedic_gateway.agent import Agent
from paramedic_gateway.exits import Exit, exit_code
from paramedic_gateway.layout import Layout
from paramedic_gateway.settings import Settings


def main() -> Exit:
    """Run one gateway replica's agent; the result is the process's exit code."""
    log = Logger(service="paramedic-gateway")
    try:
        settings = Settings.from_env(os.environ)
        log.append_keys(gateway=settings.gateway, replica=settings.replica)
        # Envoy's files hold the health token and clients' paths.
        os.umask(0o077)
        bind(settings.table_prefix)
        settings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        Agent(settings, Layout(settings.directory.absolute()), SystemClock(), log).run()
    except ParamedicError as error:
        log.error(str(error))  # noqa: TRY400 - the message is for people, a trace would hide it
        return exit_code(error)
    return Exit.STOPPED


if __name__ == "__main__":
    sys.exit(main())
