"""Start the controller of one SkyServe service in the place of whatever is left of its last one.

For the host of a SkyPilot serve controller, under SkyPilot's own Python there (3.10 or newer):

    skyserve_controller.py SERVICE

What it becomes is what SkyServe runs itself, `python -m sky.serve.service`, which takes up a service that it finds in
SkyServe's database. Exit codes: 2 when starting it would be wrong, and the message says why.
"""

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import psutil
from sky.serve import serve_state, serve_utils
from sky.skylet import autostop_lib

MODULE = "sky.serve.service"
ENDING_SECONDS = 20.0
KEPT = "SKYPILOT_"
"""Variables that say whose controller it is and how it is set up; their names start so."""


class CannotStartError(Exception):
    """Nothing was started, and the message says why."""


class Service:
    """One service, by name, and what SkyServe keeps of it on this host."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.directory = Path(serve_utils.generate_remote_service_dir_name(name)).expanduser()
        self.log = Path(serve_utils.generate_remote_controller_log_file_name(name)).expanduser()
        self.task = serve_utils.generate_remote_tmp_task_yaml_file_name(name)
        self.variables = self.directory / "paramedic.env"
        self.lock = self.directory / "paramedic.lock"

    def record(self) -> Mapping[str, Any]:
        """What SkyServe's database says of it.

        Raises:
            CannotStartError: it knows no such service, or somebody is taking it down.
        """
        record: Mapping[str, Any] | None = serve_state.get_service_from_name(self.name)
        if record is None:
            raise CannotStartError(f"SkyServe knows no service {self.name!r}: start it with `sky serve up`")
        status = record["status"]
        if status in (serve_state.ServiceStatus.SHUTTING_DOWN, serve_state.ServiceStatus.FAILED_CLEANUP):
            raise CannotStartError(
                f"service {self.name!r} is {status.value}: a controller would launch its replicas again; "
                f"finish with `sky serve down {self.name} --purge`"
            )
        return record


def start(service: Service) -> NoReturn:
    """End what is left of the service's controller, then become it; the lock is held for as long as it lives.

    Raises:
        CannotStartError: it would be wrong, or something of the last one cannot be ended.
    """
    record = service.record()
    lock = os.open(service.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + ENDING_SECONDS
    while True:
        # In this order: what was found under the lock is all there is.
        held = _try_lock(lock)
        left = _left_of(service)
        _note(service, left)
        if held and not left:
            break
        _end(left)
        if time.monotonic() > until:
            raise CannotStartError(f"still there after {ENDING_SECONDS:.0f} s: {left or service.lock}")
    variables = _noted(service)
    _let_the_host_run()
    os.set_inheritable(lock, True)
    _become(service, record, variables)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.1)
        return False
    return True


def _left_of(service: Service) -> list[psutil.Process]:
    """The processes of the service's controllers, the one that started the others first.

    Killed alone, that one leaves the others behind, and they go on; they are known by the log that they write. The
    API server that a controller starts to launch replicas is none of them: all services of the host share it.
    """
    started, helpers = [], []
    for process in psutil.process_iter():
        try:
            arguments = process.cmdline()
            if _runs(arguments, service.name):
                started.append(process)
            elif any("multiprocessing" in argument for argument in arguments) and _helps(service, process):
                helpers.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
    return started + helpers


def _runs(arguments: list[str], name: str) -> bool:
    return MODULE in arguments and ("--service-name", name) in pairwise(arguments)


def _helps(service: Service, process: psutil.Process) -> bool:
    try:
        log = Path(f"/proc/{process.pid}/fd/1").resolve()
    except OSError:
        return False
    if log != service.log.resolve():
        return False
    # Names that differ in "-" and "_" share a log.
    parent = process.parent()
    arguments = parent.cmdline() if parent else []
    return MODULE not in arguments or _runs(arguments, service.name)


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            # At once: whoever is suspended must not wake up once more. psutil kills the process it has looked at.
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=1)


def _note(service: Service, processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            kept = {name: value for name, value in process.environ().items() if name.startswith(KEPT)}
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
        if not kept and service.variables.exists():
            # Somebody started this one without them.
            continue
        new = service.variables.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text("".join(f"{name}={value}\0" for name, value in kept.items()), encoding="utf-8")
        new.replace(service.variables)
        return


def _noted(service: Service) -> dict[str, str]:
    try:
        text = service.variables.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CannotStartError(
            f"nobody has noted how the controller of {service.name!r} is set up, and it is gone: "
            f"write SKYPILOT_USER_ID and what else it had to {service.variables}, a NUL after each"
        ) from None
    return dict(line.split("=", 1) for line in text.split("\0") if line)


def _let_the_host_run() -> None:
    """To SkyPilot, a host on which no job of its own runs is idle, and is stopped after a while."""
    if autostop_lib.get_autostop_config().autostop_idle_minutes >= 0:
        autostop_lib.set_autostop(-1, None, autostop_lib.DEFAULT_AUTOSTOP_WAIT_FOR, down=False)


def _become(service: Service, record: Mapping[str, Any], variables: Mapping[str, str]) -> NoReturn:
    command = [sys.executable, "-u", "-m", MODULE, "--service-name", service.name, "--task-yaml", service.task]
    command += ["--entrypoint", record["entrypoint"] or "", "--job-id", str(record["controller_job_id"])]
    if record.get("user_hash"):
        command += ["--user-hash", record["user_hash"]]
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    log = os.open(service.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(Path.home())
    os.execve(command[0], command, {**os.environ, **variables, "PATH": path})  # noqa: S606


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("service")
    given = parser.parse_args()
    try:
        start(Service(given.service))
    except CannotStartError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
