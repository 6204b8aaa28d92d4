"""Which host this is, and whether a host directory belongs to it."""

import socket
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from paramedic.clock import Clock, SystemClock
from paramedic.launchers.interface import HostNotSharedError
from paramedic.launchers.process import procfs
from paramedic.launchers.process.files import ensure_folder, locked, read_model, write_model

MACHINE_ID = Path("/etc/machine-id")
LOCK_SECONDS = 5.0


class Host(BaseModel):
    """Where processes live: a machine, one boot of it, and one PID namespace in that."""

    model_config = ConfigDict(frozen=True)

    hostname: str
    machine_id: str
    boot_id: str
    pid_namespace: str

    @property
    def name(self) -> str:
        """The machine's lasting name: its machine id, or its hostname where it has none."""
        return self.machine_id or self.hostname

    @property
    def survives_reboot(self) -> bool:
        """True when a later boot can be told to be the same machine; hostnames alone repeat."""
        return bool(self.machine_id)


def this_host() -> Host:
    """The host this process runs on."""
    machine_id = MACHINE_ID.read_text().strip() if MACHINE_ID.is_file() else ""
    return Host(
        hostname=socket.gethostname(),
        machine_id=machine_id,
        boot_id=procfs.boot_id(),
        pid_namespace=procfs.pid_namespace(),
    )


def initialise_host_dir(path: Path, clock: Clock | None = None) -> Host:
    """Make `path` the host directory of this host; harmless when it already is.

    Raises:
        HostNotSharedError: it is another host's; fences kept there say nothing about this one.
        HostFileError: it cannot be read or written.
    """
    ensure_folder(path)
    here = this_host()
    with locked(path / "host.lock", clock or SystemClock(), wait_seconds=LOCK_SECONDS):
        there = read_model(path / "host.json", Host)
        if there is not None and not _same_machine(here, there):
            raise _foreign(path, here, there)
        if there != here:
            write_model(path / "host.json", here)
    return here


def require_shared_host(path: Path, clock: Clock) -> Host:
    """This host, once `path` is known to be its host directory; a reboot since is noted in it.

    Raises:
        HostNotSharedError: the directory is missing, was never initialised, or belongs elsewhere.
        HostFileError: it cannot be read or written.
    """
    there = read_model(path / "host.json", Host)
    if there is None:
        raise HostNotSharedError(
            f"{path / 'host.json'} does not exist on host {socket.gethostname()}: the process launcher must run on "
            "the workload's own host. Use another launcher for a workload elsewhere; if this is the right host, "
            "initialise its host directory once (initialise_host_dir)"
        )
    here = this_host()
    same_processes = there.boot_id != here.boot_id or there.pid_namespace == here.pid_namespace
    if not (_same_machine(here, there) and same_processes):
        raise _foreign(path, here, there)
    return here if there == here else initialise_host_dir(path, clock)


def _same_machine(here: Host, there: Host) -> bool:
    return here.name == there.name and (here.survives_reboot or here.boot_id == there.boot_id)


def _foreign(path: Path, here: Host, there: Host) -> HostNotSharedError:
    return HostNotSharedError(
        f"host directory {path} belongs to host {there.hostname} ({there.name}, {there.pid_namespace}), this is "
        f"{here.hostname} ({here.name}, {here.pid_namespace}): processes there cannot be seen from here. Run on that "
        "host (in its PID namespace), or give this host a directory of its own, not shared and not copied"
    )
