"""The host directory's files: read strictly, replaced whole, changed only under a lock."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from paramedic.clock import Clock
from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import LauncherError
from paramedic.launchers.process.procfs import lock_holders
from paramedic.validation import validated_json

LOCK_RETRY_SECONDS = 0.02


class HostFileError(LauncherError):
    """A file of the host directory cannot be read, understood or written, so nothing may be decided from it."""


class HostLockHeldError(LauncherError):
    """Somebody kept a lock for longer than we were ready to wait.

    Attributes:
        holders: the processes seen to hold it; empty when this user may not see them.
    """

    def __init__(self, path: Path, waited: float, holders: tuple[int, ...]) -> None:
        self.holders = holders
        who = ", ".join(str(pid) for pid in holders) or "unknown (not visible to this user)"
        super().__init__(
            f"lock {path} is still held after {waited:g} s by process {who}; "
            "try again, and if that process is stuck or suspended, end it"
        )


def ensure_folder(path: Path) -> None:
    """Make the folder, for this user alone, unless it exists.

    Raises:
        HostFileError: it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HostFileError(
            f"cannot make folder {path}: {error.strerror}; check the owner and mode above it"
        ) from error


@contextmanager
def locked(path: Path, clock: Clock, *, wait_seconds: float, shared: bool = False) -> Iterator[None]:
    """Hold the lock `path` while inside, alone or with other sharers.

    Raises:
        HostLockHeldError: it did not become free within `wait_seconds`.
        HostFileError: the lock file cannot be opened.
    """
    try:
        # Python opens with O_CLOEXEC: a forked child shares the lock until its exec and no longer (see spawning.py).
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise HostFileError(f"cannot open lock {path}: {error.strerror}; check its owner and mode") from error
    try:
        _acquire(lock, path, clock, wait_seconds, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        # Closing alone would leave the lock with any child another thread forked meanwhile.
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


def _acquire(lock: int, path: Path, clock: Clock, wait_seconds: float, kind: int) -> None:
    deadline = clock.monotonic() + wait_seconds
    while True:
        try:
            # Never a blocking flock: its holder may be suspended, and may be the very process we are to stop.
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic() >= deadline:
                raise HostLockHeldError(path, wait_seconds, lock_holders(path)) from None
            clock.sleep(LOCK_RETRY_SECONDS)
        else:
            return


def read_model[M: BaseModel](path: Path, model: type[M]) -> M | None:
    """The file's content, or None when there is no such file.

    Raises:
        HostFileError: it cannot be read, or is malformed; the message names the file and the field.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostFileError(f"cannot read {path}: {error.strerror}; check its owner and mode") from error
    try:
        return validated_json(model, content, root=str(path))
    except InvalidInputError as error:
        raise HostFileError(f"{error}; refusing to act on it: restore or repair the file") from None


def write_model(path: Path, model: BaseModel) -> None:
    """Replace the file so that a crash at any point leaves either the old or the new content, on disk.

    The caller holds the file's lock.

    Raises:
        HostFileError: it could not be written; the old content stands.
    """
    try:
        replace_file(path, model.model_dump_json(indent=1).encode())
    except OSError as error:
        raise HostFileError(f"cannot write {path}: {error.strerror}; nothing was changed") from error


def replace_file(path: Path, content: bytes) -> None:
    """Replace the file so that a crash at any point leaves either the old or the new content, on disk.

    Raises:
        OSError: it could not be written; the old content stands.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    write_whole(temporary, content)
    temporary.rename(path)
    _sync_directory(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that nobody reads yet, so that it is on disk before it is renamed to where it is read.

    Raises:
        OSError: it could not be written; nothing of it is left.
    """
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        # What was begun takes up room, and that is what is likely to be missing.
        path.unlink(missing_ok=True)
        raise


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
