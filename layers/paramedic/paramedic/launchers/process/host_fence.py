"""The host's memory of epochs and launch keys: what makes a late caller harmless on this host.

Every scope and every workload has a JSON file and a lock beside it; locks are always taken in the order scope,
workload. Actions share their scope's lock while they last, and `raise_scope` takes it alone: once it returns, no
action below the new epoch is still under way.

Epochs count within one scope. Who takes a workload over from another scope says so by acting on it: the one before
has made sure by then that none of its own calls is under way, or comes later.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from paramedic.clock import Clock
from paramedic.launchers.interface import EpochRefusedError
from paramedic.launchers.process.files import HostFileError, ensure_folder, locked, read_model, write_model
from paramedic.state.receipt import Receipt

REMEMBERED_KEYS = 100
LONGEST_FILE_STEM = 200


class FenceFile(BaseModel):
    """What both kinds of file hold; fields a newer release added are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    epoch: int = Field(ge=0)


class LaunchRecord(BaseModel):
    """One use of a key, written before its process is started; `receipt` follows once it is known."""

    model_config = ConfigDict(frozen=True, extra="allow")

    key: str
    scope: str
    epoch: int
    receipt: Receipt | None = None


class WorkloadFile(FenceFile):
    """A workload's highest epoch in the scope that acted on it last, and its last launches, oldest first.

    `scope` is absent where only an earlier release acted on it: then it is that of the launches.
    """

    scope: str | None = None
    launches: tuple[LaunchRecord, ...] = ()

    def seen_by(self, scope: str) -> int:
        """The highest epoch that counts for `scope`: epochs of another owner say nothing about this one's."""
        owner = self.scope or next((each.scope for each in reversed(self.launches)), scope)
        return self.epoch if owner == scope else 0


class WorkloadLedger:
    """A workload's file, open for change; exists only while the workload's lock is held."""

    def __init__(self, path: Path, content: WorkloadFile) -> None:
        self._path = path
        self._content = content

    def launch_of(self, key: str) -> LaunchRecord | None:
        """What is remembered of `key`."""
        return next((record for record in self._content.launches if record.key == key), None)

    def newest_first(self) -> tuple[LaunchRecord, ...]:
        """What is remembered of all keys."""
        return self._content.launches[::-1]

    def raise_epoch(self, scope: str, epoch: int) -> None:
        """Remember `epoch`, durably, when it is higher than any that `scope` acted with since it took over."""
        if epoch > self._content.seen_by(scope):
            self._save(self._content.model_copy(update={"scope": scope, "epoch": epoch}))

    def record(self, launch: LaunchRecord) -> None:
        """Remember `launch` in place of anything known of its key, durably."""
        others = tuple(known for known in self._content.launches if known.key != launch.key)
        self._save(self._content.model_copy(update={"launches": (*others, launch)[-REMEMBERED_KEYS:]}))

    def _save(self, content: WorkloadFile) -> None:
        write_model(self._path, content)
        self._content = content


class HostFence:
    """Decides on this host whether a call may still act."""

    def __init__(self, host_dir: Path, clock: Clock, *, lock_seconds: float) -> None:
        self._scopes = host_dir / "scopes"
        self._workloads = host_dir / "workloads"
        self._clock = clock
        self._lock_seconds = lock_seconds
        for folder in (self._scopes, self._workloads):
            ensure_folder(folder)

    def raise_scope(self, scope: str, epoch: int) -> None:
        """Refuse every later call for `scope` below `epoch`; returns when none of them is under way any more.

        Raises:
            HostLockHeldError: an action of this scope took too long; nothing was changed.
            HostFileError: the scope's file is malformed or cannot be written.
        """
        with self._locked(self._scopes, scope):
            if epoch > self._epoch(self._scopes, scope):
                write_model(_file(self._scopes, scope), FenceFile(name=scope, epoch=epoch))

    def refuse_passed(self, *, workload: str, scope: str, epoch: int) -> None:
        """One look without locks.

        Raises:
            EpochRefusedError: a higher epoch was seen for the scope or the workload.
            HostFileError: one of the files is malformed.
        """
        known = read_model(_file(self._workloads, workload), WorkloadFile)
        in_workload = 0 if known is None else self._named(self._workloads, workload, known).seen_by(scope)
        seen_in = (("scope", scope, self._epoch(self._scopes, scope)), ("workload", workload, in_workload))
        for kind, name, seen in seen_in:
            if seen > epoch:
                raise EpochRefusedError(
                    f"{kind} {name!r} has seen epoch {seen} on this host, the call carries {epoch}: "
                    "the caller's time has passed, it must stop acting"
                )

    @contextmanager
    def admitted(self, *, workload: str, scope: str, epoch: int) -> Iterator[WorkloadLedger]:
        """Act on `workload` while inside, every lower epoch refused from here on.

        Raises:
            EpochRefusedError: a higher epoch was seen for the scope or the workload.
            HostLockHeldError: another action did not end in time.
            HostFileError: a file is malformed or cannot be written.
        """
        if epoch > self._epoch(self._scopes, scope):
            self.raise_scope(scope, epoch)
        with self._locked(self._scopes, scope, shared=True), self.ledger(workload) as ledger:
            self.refuse_passed(workload=workload, scope=scope, epoch=epoch)
            ledger.raise_epoch(scope, epoch)
            yield ledger

    @contextmanager
    def ledger(self, workload: str) -> Iterator[WorkloadLedger]:
        """The workload's file, whatever the epoch, with nobody else acting on the workload.

        Raises:
            HostLockHeldError: another action did not end in time.
            HostFileError: the file is malformed.
        """
        with self._locked(self._workloads, workload):
            path = _file(self._workloads, workload)
            content = read_model(path, WorkloadFile) or WorkloadFile(name=workload, epoch=0)
            yield WorkloadLedger(path, content)

    @contextmanager
    def _locked(self, folder: Path, name: str, *, shared: bool = False) -> Iterator[None]:
        path = folder / f"{file_stem(name)}.lock"
        with locked(path, self._clock, wait_seconds=self._lock_seconds, shared=shared):
            yield

    def _epoch(self, folder: Path, name: str) -> int:
        content = read_model(_file(folder, name), FenceFile)
        return 0 if content is None else self._named(folder, name, content).epoch

    def _named[F: FenceFile](self, folder: Path, name: str, content: F) -> F:
        if content.name != name:
            raise HostFileError(
                f"{_file(folder, name)}.name: is {content.name!r} where {name!r} belongs; "
                "refusing to act on it: restore or repair the file"
            )
        return content


def _file(folder: Path, name: str) -> Path:
    return folder / f"{file_stem(name)}.json"


def file_stem(name: str) -> str:
    """What the files of a scope or workload are called, but for what follows the last dot."""
    stem = quote(name, safe="")
    if len(stem) <= LONGEST_FILE_STEM:
        return stem
    # A file name ends at 255 bytes; the digest keeps long names apart.
    return stem[: LONGEST_FILE_STEM - 65] + "~" + sha256(name.encode()).hexdigest()
