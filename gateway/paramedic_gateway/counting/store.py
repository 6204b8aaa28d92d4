"""The ledger on disk: replaced whole, so that figures and position never disagree."""

import uuid
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from paramedic.launchers.process.files import replace_file
from paramedic_gateway.counting.ledger import Ledger, Position
from paramedic_gateway.counting.timescale import HostTime


class LedgerStore:
    """One file."""

    def __init__(self, path: Path, time: HostTime, warn: Callable[[str], None]) -> None:
        self._path = path
        self._time = time
        self._warn = warn

    def load(self, log_end: Callable[[], Position]) -> Ledger:
        """The ledger as last saved; without one, a new life that begins at the log's end.

        Raises:
            OSError: the file cannot be read.
        """
        if self._path.exists():
            try:
                return Ledger.model_validate_json(self._path.read_bytes())
            except ValidationError as error:
                aside = self._path.with_suffix(".broken")
                self._path.rename(aside)
                problem = f"{error.error_count()} problems, the first: {error.errors(include_url=False)[0]['msg']}"
                self._warn(f"the ledger cannot be understood ({problem}): it is now {aside}, and counting begins anew")
        position = log_end()
        # Where a log is there already, requests of this very second may be behind us.
        scale = self._time.scale()
        first = int(self._time.now(scale)) + (1 if position != Position() else 0)
        ledger = Ledger(incarnation=uuid.uuid4().hex[:16], covers_from=first, scale=scale, position=position)
        # At once: an agent killed before its first report must not begin anew behind what was logged since.
        self._try_save(ledger)
        return ledger

    def _try_save(self, ledger: Ledger) -> None:
        try:
            self.save(ledger)
        except OSError as error:
            self._warn(f"the ledger cannot be kept yet: {error}")

    def save(self, ledger: Ledger) -> None:
        """Put `ledger` in the place of the former one.

        Raises:
            OSError: it cannot be written; the former one stays.
        """
        replace_file(self._path, ledger.model_dump_json().encode())
