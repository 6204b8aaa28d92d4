"""`python -m paramedic_controller`: all settings come from the environment, see `settings`; exit codes, see `exits`.

`--standby` waits beside the controller until a recovery has it take over.
"""

import argparse
import gc
import logging
import os
import signal
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aws_lambda_powertools import Logger

from paramedic.clock import Clock, SystemClock
from paramedic.errors import ParamedicError
from paramedic.launchers.interface import Launcher
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.process.scopes import spawn_in_scope
from paramedic.observability import make_logger
from paramedic.settings import InvalidSettingError
from paramedic.state.standbys import StandbyReplacedError, retire_standby
from paramedic.state.tables import bind
from paramedic_controller.boot import start
from paramedic_controller.exits import Exit, exit_code
from paramedic_controller.process import ControllerProcess
from paramedic_controller.self_recovery import complete_meanwhile, make_own_surroundings
from paramedic_controller.settings import Settings
from paramedic_controller.standby import Standby, claim_grant, register
from paramedic_controller.take_over import TakeOver

SWITCH_SECONDS = 0.001
"""A thread that has something to do waits so long for the one that runs: `/health` is answered while others work."""

GARBAGE_AFTER_OBJECTS = 50_000
"""What is read of thousands of replicas is kept: looking through it again and again for garbage finds none."""

type MakeLauncher = Callable[[Settings, Clock], Launcher]
type Run = Callable[[Settings, MakeLauncher, Logger], None]


def on_this_host(settings: Settings, clock: Clock) -> Launcher:
    """Replicas are processes of the controller's host."""
    return ProcessLauncher(settings.host_dir, clock=clock, spawn=spawn_in_scope(settings.scope_command, os.environ))


def main(make_launcher: MakeLauncher = on_this_host) -> Exit:
    """Run one controller; the result is the process's exit code."""
    arguments = argparse.ArgumentParser(prog="paramedic_controller", description="Run one controller.")
    arguments.add_argument("--standby", action="store_true", help="wait to take over from the one that runs")
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(GARBAGE_AFTER_OBJECTS)
    run = _stand_by if arguments.parse_args().standby else _run
    log = make_logger("paramedic-controller")
    failure = _failure(run, make_launcher, log)
    if failure is None:
        return Exit.STOPPED
    code = exit_code(failure)
    log.error(str(failure))
    if code is Exit.FENCED:
        # At once, with launcher calls under way or not: what they still do, the host fence judges.
        logging.shutdown()
        os._exit(code)
    return code


def _failure(run: Run, make_launcher: MakeLauncher, log: Logger) -> ParamedicError | None:
    try:
        run(Settings.from_env(os.environ), make_launcher, log)
    except ParamedicError as error:
        return error
    return None


def _run(settings: Settings, make_launcher: MakeLauncher, log: Logger) -> None:
    clock, launcher = _prepare(settings, make_launcher, log)
    around = make_own_surroundings(launcher, settings.stale_seconds, clock)
    claimed = start(settings, uuid.uuid4().hex, clock, log.info, around)
    log.append_keys(epoch=claimed.epoch, process_id=claimed.process_id)
    if claimed.completes_recovery:
        complete_meanwhile(settings.controller_id, claimed.epoch, around, log.warning)
    ControllerProcess(settings, claimed, launcher, clock, log).run()


def _stand_by(settings: Settings, make_launcher: MakeLauncher, log: Logger) -> None:
    clock, launcher = _prepare(settings, make_launcher, log)
    process_id = uuid.uuid4().hex
    log.append_keys(process_id=process_id)
    standby = Standby(settings.controller_id, process_id, clock, log.warning)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: standby.stop())
    register(settings, process_id, clock)
    log.info("standing by for controller %s", settings.controller_id)
    grant = standby.wait()
    if grant is None:
        with suppress(StandbyReplacedError):
            retire_standby(settings.controller_id, process_id, clock)
        return
    claimed = claim_grant(settings, grant.epoch, process_id, clock)
    log.append_keys(epoch=claimed.epoch)
    take_over = TakeOver(settings.controller_id, grant, standby.snapshot, clock)
    ControllerProcess(settings, claimed, launcher, clock, log, take_over).run()


def _prepare(settings: Settings, make_launcher: MakeLauncher, log: Logger) -> tuple[Clock, Launcher]:
    """Whatever can fail before an epoch is claimed: a host that cannot run replicas must not spend one."""
    log.append_keys(controller_id=settings.controller_id)
    clock = SystemClock()
    bind(settings.table_prefix)
    launcher = make_launcher(settings, clock)
    _make_log_dir(settings.replica_log_dir)
    return clock, launcher


def _make_log_dir(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidSettingError("PARAMEDIC_LOG_DIR", str(path), f"cannot be made: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
