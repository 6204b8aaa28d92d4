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
from paramedic.launchers.process.spawning import Spawn, SpawnPlan, reap, spawn_session
from paramedic_gateway.layout import Layout

FLUSH_MILLISECONDS = 200
"""How much of its access log a killed Envoy takes along."""

STARTED_WITH = "PARAMEDIC_ENVOY_STARTED_WITH"
"""The variable that an Envoy has in its environment, and nobody else of the same directory."""

END_SECONDS = 5.0
KILL_SECONDS = 5.0


class EnvoyIdentity(BaseModel):
    """One process of one boot, and what it was started with."""

    model_config = ConfigDict(frozen=True)

    pid: int
    start_time: int
    boot_id: str
    started_with: str

    @property
    def name(self) -> str:
        """No other process ever has it."""
        return f"{self.boot_id}/{self.pid}/{self.start_time}"

    def age(self, since_boot: float) -> float:
        """Seconds since it was started, so many seconds after the boot."""
        return since_boot - self.start_time / procfs.TICKS_PER_SECOND


@dataclass(frozen=True)
class EnvoyCommand:
    """How Envoy is started for one replica: always alike, so that its successor has the same ports and files."""

    binary: Path
    layout: Layout
    workers: int

    def plan(self) -> SpawnPlan:
        """The process to start: nothing of the agent's environment goes along.

        Raises:
            HostFileError: there is nothing to start.
        """
        return SpawnPlan(
            command=self._words(),
            environment=self.markers(),
            working_directory=str(self.layout.root),
            log_file=str(self.layout.envoy_log),
        )

    def _words(self) -> tuple[str, ...]:
        arguments = {
            "-c": str(self.layout.bootstrap),
            "--concurrency": str(self.workers),
            "--log-path": str(self.layout.envoy_log),
            "--log-level": "warning",
            "--file-flush-interval-msec": str(FLUSH_MILLISECONDS),
            "--drain-time-s": "600",
        }
        words = (word for pair in arguments.items() for word in pair)
        return (str(self.binary), *words, "--disable-hot-restart")

    def markers(self) -> dict[str, str]:
        """What tells this replica's Envoy from all others, even where nobody lived to write its identity down.

        Raises:
            HostFileError: there is nothing to start.
        """
        try:
            digest = hashlib.blake2s(self.layout.bootstrap.read_bytes(), digest_size=8)
            # A newer release comes to the same path.
            release = self.binary.stat()
        except OSError as error:
            raise HostFileError(f"cannot read {error.filename}: {error.strerror}; Envoy cannot be started") from error
        words = [*self._words(), str(release.st_size), str(release.st_mtime_ns)]
        digest.update("\0".join(words).encode())
        return {DIRECTORY_VARIABLE: str(self.layout.root), STARTED_WITH: digest.hexdigest()}


class EnvoyProcess:
    """Finds, starts and ends exactly one process; without an `identity` it is none yet."""

    def __init__(
        self, command: EnvoyCommand, identity: EnvoyIdentity | None = None, *, spawn: Spawn = spawn_session
    ) -> None:
        self._command = command
        self._spawn = spawn
        self._identity = identity
        self._recorded_identity: EnvoyIdentity | None = None
        self.problem: str | None = None

    @property
    def identity(self) -> EnvoyIdentity | None:
        """The process last started or adopted."""
        return self._identity

    def running(self) -> list[EnvoyIdentity]:
        """Every Envoy that earlier agents left running."""
        recorded = self.recorded()
        marked = self._marked()
        return marked if recorded is None or recorded in marked else [recorded, *marked]

    def recorded(self) -> EnvoyIdentity | None:
        """The one last started, as far as that could be written down; None when it has ended."""
        try:
            identity = read_model(self._command.layout.envoy_identity, EnvoyIdentity)
        except HostFileError:
            # A file cut short says nothing; the process's own environment does.
            return None
        return identity if identity is not None and is_alive(identity) else None

    def has_these_settings(self, identity: EnvoyIdentity) -> bool:
        """Whether it was started as `start` would start it now."""
        return identity.started_with == self._command.markers()[STARTED_WITH]

    def adopt(self, identity: EnvoyIdentity) -> None:
        """Be that process from now on."""
        self._identity = identity
        self.record()

    def start(self) -> None:
        """Start a new one.

        Raises:
            LauncherError: it cannot be started.
        """
        # Whoever was there before has ended: what cannot be started must not pass for it.
        self._identity = None
        plan = self._command.plan()
        stat = procfs.read_stat(self._spawn(plan))
        if stat is None:
            return
        self.adopt(_identity(stat, plan.environment[STARTED_WITH]))

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
            if not is_alive(self._identity):
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
            if not is_alive(self._identity):
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def _marked(self) -> list[EnvoyIdentity]:
        found = procfs.all_marked({DIRECTORY_VARIABLE: str(self._command.layout.root)})
        started_with = {stat.pid: procfs.environment_of(stat.pid).get(STARTED_WITH) for stat in found}
        # The agent has its directory in its environment as well, and was started with nothing else.
        return [_identity(stat, each) for stat in found if (each := started_with[stat.pid]) is not None]


def _identity(stat: procfs.ProcessStat, started_with: str) -> EnvoyIdentity:
    return EnvoyIdentity(pid=stat.pid, start_time=stat.start_time, boot_id=procfs.boot_id(), started_with=started_with)


def is_alive(identity: EnvoyIdentity) -> bool:
    """Whether exactly this process still runs."""
    try:
        stat = procfs.read_stat(identity.pid)
    except procfs.HiddenProcessError:
        # Its number has passed to a process of another user.
        return False
    same = stat is not None and stat.start_time == identity.start_time and not stat.gone
    return same and identity.boot_id == procfs.boot_id()
