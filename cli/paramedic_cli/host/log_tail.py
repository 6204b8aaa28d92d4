"""The end of a log file that something still writes to."""

from collections.abc import Iterator
from pathlib import Path

BLOCK_BYTES = 64 * 1024

LONGEST_TAIL_BYTES = 4 * 1024 * 1024
"""As much of a log is looked through at most: lines without end must not fill a person's terminal."""


class LogTail:
    """Reads whole lines from near the end of `path` on; each is given once."""

    def __init__(self, path: Path, last_lines: int) -> None:
        self._path = path
        self._position = _start_of(path, last_lines)

    def new_lines(self) -> Iterator[str]:
        """Lines that were completed since the last call; those of a file that was cut short begin anew.

        Raises:
            OSError: it cannot be read.
        """
        with self._path.open("rb") as file:
            if file.seek(0, 2) < self._position:
                self._position = 0
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._position += len(line)
                yield line.decode("utf-8", errors="replace").rstrip("\r\n")


def _start_of(path: Path, last_lines: int) -> int:
    """Where the last lines of the file begin."""
    with path.open("rb") as file:
        end = position = file.seek(0, 2)
        tail = b""
        while position > 0 and end - position < LONGEST_TAIL_BYTES:
            position = max(0, position - BLOCK_BYTES)
            file.seek(position)
            tail = file.read(min(BLOCK_BYTES, end - position - len(tail))) + tail
            if tail.count(b"\n") > last_lines:
                break
    *whole, unfinished = tail.split(b"\n")
    # What precedes the first line break may be half a line, unless it begins the file.
    kept = whole[1:] if position > 0 and len(whole) <= last_lines else whole
    return end - len(unfinished) - sum(len(line) + 1 for line in kept[-last_lines:])
