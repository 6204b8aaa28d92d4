"""What a workload's processes use of their host: by their own cgroup (v2) where they have one, else summed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paramedic.launchers.interface import LauncherError
from paramedic.launchers.process import procfs
from paramedic.launchers.process.host import Host
from paramedic.launchers.process.identity import identity_of
from paramedic.launchers.process.procfs import ProcessStat
from paramedic.state.receipt import Receipt

CGROUPS = Path("/sys/fs/cgroup")


class UsageUnknownError(LauncherError):
    """Nobody on this host can tell what the workload uses."""


@dataclass(frozen=True)
class Footprint:
    """All processes of one workload that were seen, and the cgroup that holds them and nothing else."""

    processes: tuple[ProcessStat, ...]
    cgroup: Path | None

    def cpu_seconds(self) -> float:
        """CPU time used so far. Summed up, it lacks what descendants used that have ended with nobody waiting."""
        used = self._number("cpu.stat", "usage_usec")
        if used is not None:
            return used / 1e6
        return round(sum(each.cpu_seconds + each.waited_cpu_seconds for each in self.processes), 6)

    def memory_bytes(self) -> int:
        """Memory that could not be had back without harm: Kubernetes' working set, or the sum of resident sets.

        The sum counts what processes share once for each.
        """
        current, inactive = self._number("memory.current"), self._number("memory.stat", "inactive_file")
        if current is not None and inactive is not None:
            return max(0, current - inactive)
        return sum(each.resident_bytes for each in self.processes)

    def _number(self, file: str, name: str = "") -> int | None:
        """A number of the cgroup's; None where there is no cgroup, or it does not count this."""
        if self.cgroup is None:
            return None
        try:
            lines = (self.cgroup / file).read_text().splitlines()
        except OSError:
            return None
        found = [line.removeprefix(name).strip() for line in lines if line.split()[:-1] == ([name] if name else [])]
        return int(found[0]) if found else None


def footprint(receipt: Receipt, seen: Sequence[ProcessStat], host: Host, cgroups: Path = CGROUPS) -> Footprint:
    """The workload's processes among all those `seen` on `host`.

    Those are the members of its session and all descendants of its first process; what detached itself from both is
    found in the workload's cgroup alone.

    Raises:
        InvalidInputError: the receipt is not one of the process launcher's.
        UsageUnknownError: the workload is not among them.
    """
    identity = identity_of(receipt)
    here = (host.name, host.boot_id, host.pid_namespace)
    if (identity.host, identity.boot_id, identity.pid_namespace) != here:
        raise UsageUnknownError(f"process {identity.pid} runs on host {identity.host}, this is {host.name}")
    leader = next((each for each in seen if each.pid == identity.pid), None)
    if leader is None or not identity.is_process(leader):
        raise UsageUnknownError(f"process {identity.pid} is not there, or hidden from this user")
    members = _members(leader, seen)
    return Footprint(tuple(members), _own_cgroup(receipt, leader, {each.pid for each in members}, cgroups))


def _members(leader: ProcessStat, seen: Sequence[ProcessStat]) -> list[ProcessStat]:
    children: dict[int, list[ProcessStat]] = {}
    for each in seen:
        children.setdefault(each.parent, []).append(each)
    session = leader.session if leader.leads_its_session else None
    found = {each.pid: each for each in seen if each.pid == leader.pid or each.session == session}
    unfollowed = list(found.values())
    while unfollowed:
        new = [each for each in children.get(unfollowed.pop().pid, []) if each.pid not in found]
        found |= {each.pid: each for each in new}
        unfollowed += new
    return list(found.values())


def _own_cgroup(receipt: Receipt, leader: ProcessStat, members: set[int], cgroups: Path) -> Path | None:
    name = procfs.cgroup_of(leader.pid)
    if name is None or name == "/" or ".." in name:
        return None
    cgroup = cgroups / name.removeprefix("/")
    markers = {"PARAMEDIC_WORKLOAD": receipt.workload, "PARAMEDIC_LAUNCH_KEY": receipt.key}
    try:
        inside = [int(pid) for file in cgroup.rglob("cgroup.procs") for pid in file.read_text().split()]
    except OSError:
        return None
    is_own = leader.pid in inside and all(pid in members or procfs.has_markers(pid, markers) for pid in inside)
    return cgroup if is_own else None
