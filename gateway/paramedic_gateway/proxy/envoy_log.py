"""What Envoy says about itself, kept from filling the disk."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from paramedic.launchers.process.files import replace_file

LONGEST_BYTES = 10 * 1024 * 1024
"""A file that Envoy refuses is written to its log whole, and again with every look, five times a second at most."""

KEPT_BYTES = 1024 * 1024

LOOK_SECONDS = 5.0


class EnvoyLog:
    """One file that Envoy goes on to append to, with its output as well: only where it is can it be cut."""

    def __init__(self, path: Path, former: Path, warn: Callable[[str], None]) -> None:
        self._path = path
        self._former = former
        self._warn = warn
        self.problem: str | None = None

    def cap(self) -> None:
        """Empty a log that is too long; its end is kept in the former one's file, unless the disk does not take it."""
        try:
            if self._path.exists() and self._path.stat().st_size > LONGEST_BYTES:
                self._begin_anew()
        except OSError as error:
            problem = f"{self._path} is too long and cannot be emptied: {error.strerror}"
            if self.problem is None:
                self._warn(problem)
            self.problem = problem
        else:
            self.problem = None

    def _begin_anew(self) -> None:
        with suppress(OSError):
            replace_file(self._former, self._end())
        # What Envoy adds in between is lost. It opened the file for appending: it goes on at its beginning.
        os.truncate(self._path, 0)

    def _end(self) -> bytes:
        with self._path.open("rb") as log:
            log.seek(-KEPT_BYTES, os.SEEK_END)
            return log.read(KEPT_BYTES).partition(b"\n")[2]
