"""The access log as one endless text over restarts and rotations."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from paramedic_gateway.counting.ledger import Position
from paramedic_gateway.counting.records import NEW_LIFE
from paramedic_gateway.proxy.admin import AdminUnreachableError

CHUNK_BYTES = 4 * 1024 * 1024

_NUMBERED = re.compile(r"\.(\d+)\.log$")


class AccessLog:
    """`access.log` is being written; a file that is full becomes `access.<generation>.log` and is read to its end.

    That makes every crash harmless: which file a position is in follows from which files there are. `is_shared` says
    whether more than one Envoy writes.
    """

    def __init__(
        self,
        path: Path,
        reopen: Callable[[], None],
        warn: Callable[[str], None],
        is_shared: Callable[[], bool] = lambda: False,
    ) -> None:
        self._path = path
        self._reopen = reopen
        self._warn = warn
        self._is_shared = is_shared
        self._owes_mark = False

    def end(self) -> Position:
        """Where the next line will be; for whoever does not know what was counted before."""
        generation = max((number for number, _ in self._full_files()), default=-1) + 1
        return Position(generation=generation, offset=self._path.stat().st_size if self._path.exists() else 0)

    def read(self, start: Position) -> tuple[str, Position]:
        """Whole lines from `start` on, and where they end; nothing and `start` when there are none yet.

        Raises:
            OSError: the log cannot be read.
        """
        full = self._full(start.generation)
        path = full if full.exists() else self._path
        text, end = self._read_lines(path, start)
        if not text and path == full and self._path.exists():
            # Envoy opens the next file only when it is done with this one.
            return "", Position(generation=start.generation + 1)
        return text, end

    def rotate(self, position: Position) -> None:
        """Begin a new file; `position` is in the one that is now full. While the log is shared nothing happens.

        Raises:
            OSError: it cannot be renamed.
        """
        if self._is_shared():
            # Each would be done with the full file in its own time, and whose next one is there says nothing of others.
            return
        full = self._full(position.generation)
        if not full.exists():
            self._path.rename(full)
        self.finish_rotation()

    def finish_rotation(self) -> None:
        """Have Envoy open the next file, where a rotation was begun or somebody removed the one it had."""
        if self._path.exists():
            return
        try:
            self._reopen()
        except AdminUnreachableError as error:
            # Its successor opens the new file by itself.
            self._warn(f"the access log's next file is not open yet: {error}")

    def drop_before(self, position: Position) -> None:
        """Remove the files that were read to their end, once that is recorded for good."""
        for generation, path in self._full_files():
            if generation < position.generation:
                path.unlink(missing_ok=True)

    def begin_life(self) -> None:
        """Tell readers that what was open is lost, and end a line that was cut short. Before each start of Envoy.

        Where the disk does not take it, `make_up_for_mark` does so later: Envoy starts all the same.
        """
        try:
            self._mark()
        except OSError as error:
            self._warn(f"what Envoy had under way stays open in the counts until {self._path} can be written: {error}")
            self._owes_mark = True

    def make_up_for_mark(self) -> None:
        """Mark a beginning that could not be marked in time; what has begun since counts as lost as well.

        Raises:
            OSError: the log still cannot be written.
        """
        # Not while the next file is yet to be opened: Envoy is to make that one.
        if self._owes_mark and self._path.exists():
            self._mark()

    def _mark(self) -> None:
        with self._path.open("ab", buffering=0) as log:
            mark = f"\n{NEW_LIFE}\n".encode()
            if log.write(mark) != len(mark):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._owes_mark = False

    def _read_lines(self, path: Path, start: Position) -> tuple[str, Position]:
        try:
            log = path.open("rb")
        except FileNotFoundError:
            return "", start
        with log:
            offset = self._checked_offset(log.fileno(), path, start.offset)
            log.seek(offset)
            data = log.read(CHUNK_BYTES)
        whole = data.rfind(b"\n") + 1
        # Paths hold whatever bytes clients sent; in Latin-1 every one of them is a character.
        return data[:whole].decode("latin-1"), Position(generation=start.generation, offset=offset + whole)

    def _checked_offset(self, descriptor: int, path: Path, offset: int) -> int:
        size = os.fstat(descriptor).st_size
        if size >= offset:
            return offset
        self._warn(f"{path} was cut from {offset} to {size} bytes by somebody else; what it held is not counted twice")
        return 0

    def _full(self, generation: int) -> Path:
        return self._path.with_name(f"{self._path.stem}.{generation}.log")

    def _full_files(self) -> list[tuple[int, Path]]:
        found = ((_NUMBERED.search(path.name), path) for path in self._path.parent.glob(f"{self._path.stem}.*.log"))
        return [(int(match.group(1)), path) for match, path in found if match]
