"""Launcher `process`: workloads as plain processes of the Linux host the launcher runs on (5.3 or newer)."""

import os
from pathlib import Path

from paramedic.clock import Clock, SystemClock
from paramedic.launchers.interface import (
    FOUND_KEY,
    Description,
    KeyAlreadyUsedError,
    Launch,
    LauncherError,
    NoPlaceError,
    PlaceTakenError,
    RunState,
    StopOutcome,
    StopResult,
)
from paramedic.launchers.marks import Marks, read_marks
from paramedic.launchers.process import procfs
from paramedic.launchers.process.ending import end_process
from paramedic.launchers.process.files import HostLockHeldError
from paramedic.launchers.process.host import require_shared_host, this_host
from paramedic.launchers.process.host_fence import HostFence, LaunchRecord, WorkloadLedger
from paramedic.launchers.process.identity import ProcessIdentity, identity_of, make_receipt
from paramedic.launchers.process.pid_files import process_named_by
from paramedic.launchers.process.spawning import (
    Spawn,
    launch_markers,
    reap,
    scope_markers,
    spawn_plan,
    spawn_session,
)
from paramedic.state.receipt import Receipt

LOCK_SECONDS = 5.0


class ProcessLauncher:
    """Runs workloads on this host, fenced by files in `host_dir`.

    A key has at most one living process. What the files cannot tell (a caller died between starting a process
    and writing it down), the environment of the living processes does; a command must therefore keep its user
    and its environment until its caller is told of it.
    """

    def __init__(
        self,
        host_dir: Path,
        *,
        clock: Clock | None = None,
        spawn: Spawn = spawn_session,
        lock_seconds: float = LOCK_SECONDS,
        pid_file: Path | None = None,
    ) -> None:
        """Attach to a host directory.

        Raises:
            HostNotSharedError: `host_dir` is not this host's.
            HostFileError: it is malformed.
        """
        self._clock = clock or SystemClock()
        self._host_dir = host_dir.resolve()
        self._host = require_shared_host(self._host_dir, self._clock)
        self._fence = HostFence(self._host_dir, self._clock, lock_seconds=lock_seconds)
        self._spawn = spawn
        self._pid_file = pid_file
        self._children: set[int] = set()

    def launch(self, request: Launch) -> Receipt:
        """Run the workload once per key; a repeated key returns the receipt of the first.

        Raises:
            EpochRefusedError: a higher epoch was seen for this scope or workload.
            KeyAlreadyUsedError: the key's workload has ended.
            PlaceTakenError: the pid file names a process that somebody else started; nothing was started.
            HostLockHeldError: another action on this workload or scope did not end in time.
            HostFileError: a fence file is malformed or cannot be written; nothing was started.
            SpawnFailedError: the command cannot be started.
        """
        self._reap_children()
        with self._fence.admitted(workload=request.workload, scope=request.scope, epoch=request.epoch) as ledger:
            receipt = self._receipt_of(ledger, request.workload, request.key)
            if receipt is not None:
                return self._still_living(receipt)
            self._require_empty_place()
            intent = LaunchRecord(key=request.key, scope=request.scope, epoch=request.epoch)
            ledger.record(intent)
            receipt = self._start(request)
            ledger.record(intent.model_copy(update={"receipt": receipt}))
            return receipt

    def find(self, workload: str, key: str) -> Receipt | None:
        """The receipt for a key whose launch may have been interrupted; None when nothing of it was started.

        None is also the answer when the caller died just after starting a process that has ended since.

        Raises:
            HostLockHeldError: another action on this workload did not end in time.
            HostFileError: the workload's file is malformed or cannot be written.
        """
        self._reap_children()
        with self._fence.ledger(workload) as ledger:
            return self._receipt_of(ledger, workload, key)

    def running(self, scope: str) -> list[Receipt]:
        """What lives on this host with the marks of `scope` and of this host directory, the oldest first.

        Processes whose environment this user may not read are nobody's.
        """
        self._reap_children()
        found = procfs.all_marked(scope_markers(scope, self._host_dir))
        return [
            make_receipt(self._host, stat, workload=marks.workload, scope=scope, epoch=marks.epoch, key=marks.key)
            for stat in found
            if (marks := read_marks(procfs.environment_of(stat.pid))) is not None
        ]

    def occupant(self, workload: str) -> Receipt | None:
        """What the pid file names, or else what was launched here last and lives; of a launch, the launched process.

        Raises:
            NoPlaceError: there is no pid file.
            LauncherError: the file cannot be believed, or two run.
        """
        if self._pid_file is None:
            raise NoPlaceError("the profile has no `pid_file`, so it names no one place")
        self._reap_children()
        named, launched = process_named_by(self._pid_file), self._living_launch(workload)
        if named is None:
            return launched
        marks = read_marks(procfs.environment_of(named.pid))
        if marks is None or marks.workload != workload:
            marks = Marks(workload, FOUND_KEY, workload, 0)
        if launched is None:
            return make_receipt(
                self._host, named, workload=workload, scope=marks.scope, epoch=marks.epoch, key=marks.key
            )
        if launched.key != marks.key:
            raise LauncherError(
                f"{launched.called} and process {named.pid}, which {self._pid_file} names, both run for {workload}: "
                "end one of them"
            )
        return launched

    def describe(self, receipt: Receipt) -> Description:
        """Look at exactly this process; `cpu_seconds` is its own, without its children's.

        Raises:
            InvalidInputError: the receipt is not one of this launcher's.
        """
        self._reap_children()
        identity = identity_of(receipt)
        elsewhere = self._elsewhere(identity)
        if elsewhere is not None:
            return elsewhere
        try:
            stat = procfs.read_stat(identity.pid)
        except procfs.HiddenProcessError as error:
            return Description(state=RunState.UNKNOWN, detail=str(error))
        if stat is None or not identity.is_process(stat):
            return Description(state=RunState.ABSENT, detail=f"no process {identity.pid} with that start time")
        suspended = stat.state in procfs.STOPPED_STATES
        state = RunState.SUSPENDED if suspended else RunState.RUNNING
        return Description(state=state, cpu_seconds=stat.cpu_seconds, detail=f"process state {stat.state}")

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        """End exactly this process and its own group: ask it, wait `grace_seconds`, then force it (at once when 0).

        `scope` is whose `epoch` it is; absent, that of whoever launched it.

        Raises:
            EpochRefusedError: a higher epoch was seen for this workload or its scope.
            InvalidInputError: the receipt is not one of this launcher's.
            HostFileError: a fence file is malformed or cannot be written; nothing was signalled.
        """
        identity = identity_of(receipt)
        scope = scope or identity.scope
        try:
            with self._fence.admitted(workload=receipt.workload, scope=scope, epoch=epoch):
                return self._end(receipt, identity, grace_seconds)
        except HostLockHeldError as held:
            # A process suspended while it launched or stopped something keeps its lock until it ends.
            if not (self._elsewhere(identity) is None and identity.pid in held.holders):
                return StopResult(outcome=StopOutcome.UNCONFIRMED, detail=f"nothing was signalled: {held}")
            self._fence.refuse_passed(workload=receipt.workload, scope=scope, epoch=epoch)
            return self._end(receipt, identity, grace_seconds)
        finally:
            self._reap_children()

    def fence(self, scope: str, epoch: int) -> None:
        """Refuse every later call for `scope` below `epoch`, and outlast those under way; never lowers the epoch.

        Raises:
            HostLockHeldError: an action of this scope did not end in time (its process may be suspended: stop that
                first); nothing was changed.
            HostFileError: the scope's file is malformed or cannot be written.
        """
        self._fence.raise_scope(scope, epoch)

    def _require_empty_place(self) -> None:
        named = None if self._pid_file is None else process_named_by(self._pid_file)
        if named is not None:
            raise PlaceTakenError(
                f"process {named.pid}, which {self._pid_file} names, runs in the place already; nothing was started"
            )

    def _living_launch(self, workload: str) -> Receipt | None:
        with self._fence.ledger(workload) as ledger:
            receipts = [self._receipt_of(ledger, workload, each.key) for each in ledger.newest_first()]
        alive = (RunState.RUNNING, RunState.SUSPENDED)
        return next((each for each in receipts if each is not None and self.describe(each).state in alive), None)

    def _receipt_of(self, ledger: WorkloadLedger, workload: str, key: str) -> Receipt | None:
        known = ledger.launch_of(key)
        if known is None:
            return None
        if known.receipt is not None:
            return known.receipt
        stat = procfs.find_marked(launch_markers(workload, key, self._host_dir))
        if stat is None:
            return None
        receipt = make_receipt(self._host, stat, workload=workload, scope=known.scope, epoch=known.epoch, key=key)
        ledger.record(known.model_copy(update={"receipt": receipt}))
        return receipt

    def _still_living(self, receipt: Receipt) -> Receipt:
        look = self.describe(receipt)
        match look.state:
            case RunState.RUNNING | RunState.SUSPENDED:
                return receipt
            case RunState.ABSENT:
                raise KeyAlreadyUsedError(
                    f"launch key {receipt.key!r} of workload {receipt.workload!r} was used and its process has ended "
                    f"({look.detail}); launch again under a new key"
                )
            case RunState.UNKNOWN | RunState.ELSEWHERE:
                raise LauncherError(
                    f"launch key {receipt.key!r} of workload {receipt.workload!r} was used and its process cannot "
                    f"be looked at ({look.detail}); nothing was started"
                )

    def _start(self, request: Launch) -> Receipt:
        pid = self._spawn(spawn_plan(request, self._host_dir, os.environ))
        self._children.add(pid)
        stat = procfs.read_stat(pid)
        if stat is None:
            raise LauncherError(
                f"process {pid} of workload {request.workload!r} ended at once; see its log {request.log_file}"
            )
        return make_receipt(
            self._host,
            stat,
            workload=request.workload,
            scope=request.scope,
            epoch=request.epoch,
            key=request.key,
        )

    def _end(self, receipt: Receipt, identity: ProcessIdentity, grace_seconds: float) -> StopResult:
        elsewhere = self._elsewhere(identity)
        if elsewhere is not None:
            gone = elsewhere.state is RunState.ABSENT
            outcome = StopOutcome.STOPPED if gone else StopOutcome.UNCONFIRMED
            return StopResult(outcome=outcome, detail=elsewhere.detail)
        markers = launch_markers(receipt.workload, receipt.key, self._host_dir)
        try:
            return end_process(identity, markers, grace_seconds, self._clock)
        except procfs.HiddenProcessError as error:
            return StopResult(outcome=StopOutcome.UNCONFIRMED, detail=str(error))

    def _elsewhere(self, identity: ProcessIdentity) -> Description | None:
        here = self._host
        if identity.host != here.name:
            problem = f"it ran on host {identity.host}, this is {here.name}"
        elif identity.boot_id != here.boot_id and here.survives_reboot:
            return Description(state=RunState.ABSENT, detail="the host has been restarted since")
        elif (identity.boot_id, identity.pid_namespace) != (here.boot_id, here.pid_namespace):
            problem = "it ran in another PID namespace (container) of this host, or before it restarted"
        else:
            return None
        return Description(
            state=RunState.ELSEWHERE,
            detail=f"{problem}: ask there, or have a person confirm that process {identity.pid} is gone",
        )

    def _reap_children(self) -> None:
        self._children -= {pid for pid in tuple(self._children) if reap(pid)}


def receipt_of_this_process(*, workload: str, scope: str, epoch: int, key: str) -> Receipt:
    """The receipt by which a `ProcessLauncher` on this host can describe or stop the calling process."""
    stat = procfs.read_stat(os.getpid())
    if stat is None:
        raise LauncherError(f"/proc shows no process {os.getpid()}, which asks; is /proc that of this PID namespace?")
    return make_receipt(this_host(), stat, workload=workload, scope=scope, epoch=epoch, key=key)
