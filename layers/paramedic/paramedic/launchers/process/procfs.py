"""What Linux says about processes, read from /proc."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic.launchers.interface import LauncherError

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GONE_STATES = frozenset("ZXx")
STOPPED_STATES = frozenset("Tt")


class HiddenProcessError(LauncherError):
    """A process exists, but this user may not look at it (hidepid)."""


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """One reading of /proc/PID/stat. `pid` with `start_time` (clock ticks since boot) is unique per boot.

    `waited_cpu_seconds` are those of the children it waited for, and of theirs.
    """

    pid: int
    state: str
    parent: int
    process_group: int
    session: int
    cpu_seconds: float
    waited_cpu_seconds: float
    start_time: int
    resident_bytes: int

    @property
    def gone(self) -> bool:
        """True for a process that has ended and only waits for its parent to notice."""
        return self.state in GONE_STATES

    @property
    def leads_its_session(self) -> bool:
        """True when the process group and the session are this process's own."""
        return self.pid == self.process_group == self.session


def boot_id() -> str:
    """The kernel's random name for this boot."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def seconds_since_boot() -> float:
    """What processes' start times are counted in; it goes on while the host sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def pid_namespace() -> str:
    """Names the PID namespace of this process: the same number elsewhere is another process."""
    return str((PROC / "self/ns/pid").readlink())


def read_stat(pid: int) -> ProcessStat | None:
    """The process with this number as it is now, or None when there is none.

    Raises:
        HiddenProcessError: it exists, but is hidden from this user.
    """
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        _refuse_if_hidden(pid)
        return None
    except PermissionError:
        raise _hidden(pid) from None
    # The command name stands in parentheses and may itself hold spaces and parentheses.
    fields = text[text.rindex(")") + 2 :].split()
    return ProcessStat(
        pid=pid,
        state=fields[0],
        parent=int(fields[1]),
        process_group=int(fields[2]),
        session=int(fields[3]),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND,
        waited_cpu_seconds=(int(fields[13]) + int(fields[14])) / TICKS_PER_SECOND,
        start_time=int(fields[19]),
        resident_bytes=int(fields[21]) * PAGE_BYTES,
    )


def _refuse_if_hidden(pid: int) -> None:
    # With hidepid=2 a process of another user has no entry at all; only a signal tells it from an absent one.
    try:
        os.kill(pid, 0)
    except PermissionError:
        raise _hidden(pid) from None
    except ProcessLookupError:
        return


def _hidden(pid: int) -> HiddenProcessError:
    return HiddenProcessError(
        f"process {pid} exists but /proc hides it from user {os.getuid()}; run as its user or as root"
    )


def cgroup_of(pid: int) -> str | None:
    """The process's cgroup (v2) as this process sees it, such as /system.slice/a.service; None where it has none."""
    try:
        lines = (PROC / str(pid) / "cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)


def _all_numbers() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def all_processes() -> Iterator[ProcessStat]:
    """Every process this user can see, in no particular order."""
    for pid in _all_numbers():
        try:
            stat = read_stat(pid)
        except HiddenProcessError:
            continue
        if stat is not None:
            yield stat


def environment_of(pid: int) -> Mapping[str, str]:
    """What the process was started with, as far as we may read it; nothing when it is gone."""
    try:
        variables = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    pairs = (os.fsdecode(each).partition("=") for each in variables if each)
    return {name: value for name, _, value in pairs}


def has_markers(pid: int, markers: Mapping[str, str]) -> bool:
    """True when the process was started with all of `markers` in its environment, as far as we may read it."""
    return markers.items() <= environment_of(pid).items()


def find_marked(markers: Mapping[str, str]) -> ProcessStat | None:
    """The living session leader started with `markers`; its descendants inherit them but came later."""
    return next(iter(all_marked(markers)), None)


def all_marked(markers: Mapping[str, str]) -> list[ProcessStat]:
    """Every living session leader started with `markers`, the oldest first."""
    found = [
        stat for stat in all_processes() if stat.leads_its_session and not stat.gone and has_markers(stat.pid, markers)
    ]
    return sorted(found, key=lambda stat: stat.start_time)


def lock_holders(path: Path) -> tuple[int, ...]:
    """The processes seen to hold a flock on `path`."""
    return tuple(pid for pid in _all_numbers() if _holds_lock(pid, path))


def _holds_lock(pid: int, path: Path) -> bool:
    process = PROC / str(pid)
    try:
        return any(
            descriptor.readlink() == path and "lock:" in (process / "fdinfo" / descriptor.name).read_text()
            for descriptor in (process / "fd").iterdir()
        )
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
