"""`python -m paramedic_controller`: all settings come from the environment, see `settings`; exit codes, see `exits`."""

import logging
import os
import sys
import uuid
from pathlib import Path

from aws_lambda_powertools import Logger

from paramedic.clock import SystemClock
from paramedic.errors import ParamedicError
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.process.scopes import spawn_in_scope
from paramedic.observability import make_logger
from paramedic.settings import InvalidSettingError
from paramedic.state.tables import bind
from paramedic_controller.boot import start
from paramedic_controller.exits import Exit, exit_code
from paramedic_controller.process import ControllerProcess
from paramedic_controller.self_recovery import complete_meanwhile, make_own_surroundings
from paramedic_controller.settings import Settings


def main() -> Exit:
    """Run one controller; the result is the process's exit code."""
    log = make_logger("paramedic-controller")
    failure = _failure(log)
    if failure is None:
        return Exit.STOPPED
    code = exit_code(failure)
    log.error(str(failure))
    if code is Exit.FENCED:
        # At once, with launcher calls under way or not: what they still do, the host fence judges.
        logging.shutdown()
        os._exit(code)
    return code


def _failure(log: Logger) -> ParamedicError | None:
    try:
        _run(Settings.from_env(os.environ), log)
    except ParamedicError as error:
        return error
    return None


def _run(settings: Settings, log: Logger) -> None:
    log.append_keys(controller_id=settings.controller_id)
    clock = SystemClock()
    bind(settings.table_prefix)
    # Before the claim: a host that cannot run replicas must not spend an epoch.
    launcher = ProcessLauncher(settings.host_dir, clock=clock, spawn=spawn_in_scope(settings.scope_command, os.environ))
    _make_log_dir(settings.replica_log_dir)
    around = make_own_surroundings(launcher, settings.stale_seconds, clock)
    claimed = start(settings, uuid.uuid4().hex, clock, log.info, around)
    log.append_keys(epoch=claimed.epoch, process_id=claimed.process_id)
    if claimed.completes_recovery:
        complete_meanwhile(settings.controller_id, claimed.epoch, around, log.warning)
    ControllerProcess(settings, claimed, launcher, clock, log).run()


def _make_log_dir(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidSettingError("PARAMEDIC_LOG_DIR", str(path), f"cannot be made: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
