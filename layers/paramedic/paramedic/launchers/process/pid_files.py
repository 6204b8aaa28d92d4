"""Which living process a pid file names, and when it cannot be believed."""

import time
from pathlib import Path

from paramedic.launchers.interface import LauncherError
from paramedic.launchers.process import procfs

SLACK_SECONDS = 2.0
"""How much later than its pid file a process may seem to have begun: file systems and boot times are rounded."""


class PidFileError(LauncherError):
    """A pid file cannot be read or believed, so nobody knows whether its process runs."""


def process_named_by(pid_file: Path) -> procfs.ProcessStat | None:
    """The living process that a pid file names; None where there is no such file, or no such process any more.

    Raises:
        PidFileError: it holds no number of a process, or that number was given out again since.
        HiddenProcessError: the process is hidden from this user.
    """
    try:
        text, written_at = pid_file.read_text(errors="replace").strip(), pid_file.stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PidFileError(f"pid file {pid_file} cannot be read: {error.strerror}") from error
    # Number 1 is the host's own: no program that writes pid files.
    if not text.isdecimal() or int(text) <= 1:
        raise PidFileError(f"pid file {pid_file} names no process: it says {text[:40]!r}")
    stat = procfs.read_stat(int(text))
    if stat is None or stat.gone:
        return None
    if _began_at(stat) > written_at + SLACK_SECONDS:
        raise PidFileError(
            f"pid file {pid_file} is not to be believed: process {stat.pid} began after it was written, so it is "
            "another one, or the clock was set; remove the file if its process is gone"
        )
    return stat


def _began_at(stat: procfs.ProcessStat) -> float:
    return time.time() - procfs.seconds_since_boot() + stat.start_time / procfs.TICKS_PER_SECOND
