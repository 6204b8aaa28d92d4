"""One exact process: a pid alone may by now belong to somebody else, a pid with its start time cannot."""

import os
import signal
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_START_TIME_FIELD = 19  # of /proc/PID/stat, counted behind the command's closing bracket
_STATE_FIELD = 0


class ProcessIdentity(BaseModel):
    """A process as the kernel tells it apart from all others of this boot."""

    model_config = ConfigDict(frozen=True)

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """The identity of the living process with this pid; None when there is none or it is a zombie."""
        fields = _stat_fields(pid)
        if fields is None or fields[_STATE_FIELD] == "Z":
            return None
        return cls(pid=pid, start_ticks=int(fields[_START_TIME_FIELD]))

    def is_alive(self) -> bool:
        """Whether this very process, not a later one with its pid, still runs."""
        return ProcessIdentity.of(self.pid) == self

    def stop(self, grace: float = 5.0) -> None:
        """End exactly this process, politely first; returns only when it is gone. Ending a dead one does nothing."""
        for signal_number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            if not self._signal(signal_number) or self.gone_within(patience):
                return

    def _signal(self, number: signal.Signals) -> bool:
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # Checked after the handle is held: from here on the pid cannot be given to another process.
            if not self.is_alive():
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def gone_within(self, seconds: float) -> bool:
        """Whether it is gone by then; returns as soon as it is."""
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _stat_fields(pid: int) -> list[str] | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return stat.rpartition(")")[2].split()
