"""This replica's Envoy as one exact process, whoever of its agents started it."""

import hashlib
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from paramedic.gateways.replica import DIRECTORY_VARIABLE
from paramedic.launchers.process import procfs
from paramedic.launchers.process.files import HostFileError, read_model, write_model
from paramedic.launchers.process.spawning import SpawnPlan, reap, spawn_session
from paramedic_gateway.layout import Layout

FLUSH_MILLISECONDS = 200
"""How much of its access log a killed Envoy takes along."""

END_SECONDS = 5.0
KILL_SECONDS = 5.0


class EnvoyIdentity(BaseModel):
    """One process of one boot, and what it was started with."""

    model_config = ConfigDict(frozen=True)

    pid: int
    start_time: int
    boot_id: str
    started_with: str


@dataclass(frozen=True)
class EnvoyCommand:
    """How Envoy is started for one replica: always alike, so that its successor has the same ports and files."""

    binary: Path
    layout: Layout
    workers: int

    def plan(self) -> SpawnPlan:
        """The process to start: nothing of the agent's environment goes along."""
        arguments = {
            "-c": str(self.layout.bootstrap),
            "--concurrency": str(self.workers),
            "--log-path": str(self.layout.envoy_log),
            "--log-level": "warning",
            "--file-flush-interval-msec": str(FLUSH_MILLISECONDS),
            "--drain-time-s": "600",
        }
        words = [word for pair in arguments.items() for word in pair]
        return SpawnPlan(
            command=(str(self.binary), *words, "--disable-hot-restart"),
            environment=self.markers(),
            working_directory=str(self.layout.root),
            log_file=str(self.layout.envoy_log),
        )

    def markers(self) -> dict[str, str]:
        """What tells this replica's Envoy from all others, even where nobody lived to write its identity down."""
        digest = hashlib.blake2s(self.layout.bootstrap.read_bytes(), digest_size=8)
        digest.update(f"{self.binary} {self.workers}".encode())
        return {DIRECTORY_VARIABLE: str(self.layout.root), "PARAMEDIC_ENVOY_STARTED_WITH": digest.hexdigest()}


class EnvoyProcess:
    """Finds, starts and ends exactly one process."""

    def __init__(self, command: EnvoyCommand) -> None:
        self._command = command
        self._identity: EnvoyIdentity | None = None
        self._recorded_identity: EnvoyIdentity | None = None
        self.problem: str | None = None

    @property
    def identity(self) -> EnvoyIdentity | None:
        """The process last started or adopted."""
        return self._identity

    def adopt(self) -> bool:
        """Take over the Envoy an earlier agent left running; False when there is none.

        One that was started with other settings is ended: its successor takes its place.
        """
        found = self._recorded() or self._marked()
        if found is None:
            return False
        self._identity = found
        if found.started_with == self._command.markers()["PARAMEDIC_ENVOY_STARTED_WITH"]:
            self.record()
            return True
        self.end(END_SECONDS)
        return False

    def start(self) -> None:
        """Start a new one.

        Raises:
            LauncherError: it cannot be started.
        """
        plan = self._command.plan()
        stat = procfs.read_stat(spawn_session(plan))
        if stat is None:
            return
        boot = procfs.boot_id()
        started_with = plan.environment["PARAMEDIC_ENVOY_STARTED_WITH"]
        self._identity = EnvoyIdentity(
            pid=stat.pid, start_time=stat.start_time, boot_id=boot, started_with=started_with
        )
        self.record()

    def record(self) -> None:
        """Write down which process it is, unless that is done. What cannot be written is a problem and no more: its
        environment tells as well, to whoever looks at all processes.
        """
        if self._identity is None or self._identity == self._recorded_identity:
            return
        try:
            write_model(self._command.layout.envoy_identity, self._identity)
        except HostFileError as error:
            self.problem = f"it is not recorded which process Envoy is, trying again: {error}"
        else:
            self._recorded_identity = self._identity
            self.problem = None

    def wait_end(self, seconds: float) -> bool:
        """Whether it ended within `seconds`; returns as soon as it does."""
        if self._identity is None:
            return True
        try:
            handle = os.pidfd_open(self._identity.pid)
        except ProcessLookupError:
            return True
        try:
            if not _is_alive(self._identity):
                return True
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            return bool(poll.poll(max(0.0, seconds) * 1000))
        finally:
            os.close(handle)

    def bury(self) -> None:
        """Take note of its end, so that no zombie stays when it was a child of this process."""
        if self._identity is not None:
            reap(self._identity.pid)

    def end(self, grace_seconds: float) -> None:
        """Ask it to end, which writes out its logs, and force it after `grace_seconds`; harmless when it is dead."""
        for number, patience in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, KILL_SECONDS)):
            if not self._signal(number) or self.wait_end(patience):
                break
        self.bury()

    def _signal(self, number: signal.Signals) -> bool:
        if self._identity is None:
            return False
        try:
            handle = os.pidfd_open(self._identity.pid)
        except ProcessLookupError:
            return False
        try:
            # Only now is the number pinned: had it been taken over before, the start time would differ.
            if not _is_alive(self._identity):
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def _recorded(self) -> EnvoyIdentity | None:
        try:
            identity = read_model(self._command.layout.envoy_identity, EnvoyIdentity)
        except HostFileError:
            # A file cut short says nothing; the process's own environment does.
            return None
        return identity if identity is not None and _is_alive(identity) else None

    def _marked(self) -> EnvoyIdentity | None:
        directory = {DIRECTORY_VARIABLE: str(self._command.layout.root)}
        for stat in procfs.all_processes():
            if stat.leads_its_session and not stat.gone and procfs.has_markers(stat.pid, directory):
                started_with = _variable(stat.pid, "PARAMEDIC_ENVOY_STARTED_WITH")
                if started_with is not None:
                    boot = procfs.boot_id()
                    return EnvoyIdentity(
                        pid=stat.pid, start_time=stat.start_time, boot_id=boot, started_with=started_with
                    )
        return None


def _is_alive(identity: EnvoyIdentity) -> bool:
    stat = procfs.read_stat(identity.pid)
    same = stat is not None and stat.start_time == identity.start_time and not stat.gone
    return same and identity.boot_id == procfs.boot_id()


def _variable(pid: int, name: str) -> str | None:
    prefix = os.fsencode(f"{name}=")
    try:
        environment = (procfs.PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return next((os.fsdecode(each.removeprefix(prefix)) for each in environment if each.startswith(prefix)), None)
