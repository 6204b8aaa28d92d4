"""Ends one exact process, and what it left behind in its own process group."""

import os
import select
import signal
from collections.abc import Mapping

from paramedic.clock import Clock
from paramedic.launchers.interface import StopOutcome, StopResult
from paramedic.launchers.process import procfs
from paramedic.launchers.process.identity import ProcessIdentity

KILL_WAIT_SECONDS = 5.0

type Member = tuple[int, int]


def end_process(
    identity: ProcessIdentity, markers: Mapping[str, str], grace_seconds: float, clock: Clock
) -> StopResult:
    """Ask the process to end, wait `grace_seconds`, then force it; whatever stays of its group is forced at once.

    Nothing but that process and its group's members is ever signalled. `stopped` only when all are seen gone.

    Raises:
        HiddenProcessError: the process cannot be looked at.
    """
    members = group_of(identity)
    try:
        pidfd = os.pidfd_open(identity.pid)
    except OSError as error:
        if identity.is_process(procfs.read_stat(identity.pid)):
            return _unconfirmed(identity, f"cannot be held on to ({error.strerror})")
        return _end_leftovers(identity, members, markers, "was already gone", clock)
    try:
        # Only now is the number pinned: had it been taken over before, the start time would differ.
        if not identity.is_process(procfs.read_stat(identity.pid)):
            return _end_leftovers(identity, members, markers, "was already gone", clock)
        how = _end_pinned(pidfd, grace_seconds)
        members |= group_of(identity)
    except PermissionError:
        return _unconfirmed(identity, f"belongs to a user whom user {os.getuid()} may not signal")
    finally:
        os.close(pidfd)
    if how is None:
        return _unconfirmed(identity, f"is still there {KILL_WAIT_SECONDS:g} s after SIGKILL (blocked in the kernel?)")
    return _end_leftovers(identity, members, markers, how, clock)


def group_of(identity: ProcessIdentity) -> set[Member]:
    """The living members of the process's own group, provably its own: empty once the process is gone."""
    leader = procfs.read_stat(identity.pid)
    if leader is None or not leader.leads_its_session or leader.start_time != identity.start_time:
        return set()
    members = {(stat.pid, stat.start_time) for stat in _group_processes(identity.pid)}
    # A number cannot pass to another process while this one holds it, so the same process after the look
    # means that everything seen in between was its group.
    after = procfs.read_stat(identity.pid)
    return members if after is not None and after.start_time == identity.start_time else set()


def _group_processes(group: int) -> list[procfs.ProcessStat]:
    return [
        stat
        for stat in procfs.all_processes()
        if stat.process_group == stat.session == group and stat.pid != group and not stat.gone
    ]


def _end_pinned(pidfd: int, grace_seconds: float) -> str | None:
    if grace_seconds > 0:
        _signal(pidfd, signal.SIGTERM)
        if _ended_within(pidfd, grace_seconds):
            return "ended on SIGTERM"
    _signal(pidfd, signal.SIGKILL)
    return "was killed" if _ended_within(pidfd, KILL_WAIT_SECONDS) else None


def _signal(pidfd: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return  # Already ended: waiting for it will say so.


def _ended_within(pidfd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(max(seconds, 0) * 1000))


def _end_leftovers(
    identity: ProcessIdentity, known: set[Member], markers: Mapping[str, str], how: str, clock: Clock
) -> StopResult:
    deadline = clock.monotonic() + KILL_WAIT_SECONDS
    # Again and again until a look finds none: a member may fork while it is being killed.
    while left := _leftovers(identity, known, markers):
        for pid, start_time in left:
            remaining = deadline - clock.monotonic()
            if remaining <= 0 or not _kill(pid, start_time, remaining):
                return _unconfirmed(identity, f"{how}, but process {pid} of its group could not be killed")
    return StopResult(outcome=StopOutcome.STOPPED, detail=f"process {identity.pid} {how}")


def _leftovers(identity: ProcessIdentity, known: set[Member], markers: Mapping[str, str]) -> list[Member]:
    # Once the leader is gone its number may be given out again, so being in a group of that number proves nothing.
    return [
        (stat.pid, stat.start_time)
        for stat in _group_processes(identity.pid)
        if (stat.pid, stat.start_time) in known or procfs.has_markers(stat.pid, markers)
    ]


def _kill(pid: int, start_time: int, seconds: float) -> bool:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        stat = procfs.read_stat(pid)
        if stat is None or stat.start_time != start_time:
            return True
        _signal(pidfd, signal.SIGKILL)
        return _ended_within(pidfd, seconds)
    except PermissionError:
        return False
    finally:
        os.close(pidfd)


def _unconfirmed(identity: ProcessIdentity, problem: str) -> StopResult:
    return StopResult(
        outcome=StopOutcome.UNCONFIRMED,
        detail=f"process {identity.pid} (started at tick {identity.start_time}) {problem}; it is confirmed once "
        f"`ps -o pid,stat,lstart,user,cmd -g {identity.pid}` on the host shows none of it",
    )
