"""What a workload uses of its host: all of its processes and nobody else's."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paramedic.launchers.interface import Launch
from paramedic.launchers.process import procfs
from paramedic.launchers.process.host import Host, this_host
from paramedic.launchers.process.identity import make_receipt
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.process.procfs import ProcessStat
from paramedic.launchers.process.usage import Footprint, UsageUnknownError, footprint
from paramedic.state.receipt import Receipt
from tests.fakes.waiting import eventually

MIB = 2**20
HOST = Host(hostname="h", machine_id="m", boot_id="b", pid_namespace="n")


def python(launch: Launch, script: str) -> Launch:
    return launch.model_copy(update={"command": (sys.executable, "-c", script)})


def seen_now(receipt: Receipt) -> Footprint:
    return footprint(receipt, list(procfs.all_processes()), this_host())


def eventually_seen(receipt: Receipt, fits: Callable[[Footprint], bool], what: str) -> Footprint:
    def look() -> Footprint | None:
        now = seen_now(receipt)
        return now if fits(now) else None

    return eventually(look, what)


def process(pid: int, parent: int = 1, session: int | None = None, **values: float) -> ProcessStat:
    leads = session or pid
    known = {"cpu_seconds": 0.0, "waited_cpu_seconds": 0.0, "resident_bytes": 0, **values}
    return ProcessStat(pid=pid, state="S", parent=parent, process_group=leads, session=leads, start_time=7, **known)  # type: ignore[arg-type]


def receipt_of(stat: ProcessStat) -> Receipt:
    return make_receipt(HOST, stat, workload="replica:u/1", scope="controller:main", epoch=1, key="op-1")


@pytest.fixture
def host_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /proc and a cgroup tree with process 10 in the cgroup /replicas/one, which has used 2.5 s and 300 MiB."""
    monkeypatch.setattr(procfs, "PROC", tmp_path / "proc")
    cgroup = tmp_path / "cgroups/replicas/one"
    (cgroup / "inner").mkdir(parents=True)
    (cgroup / "cgroup.procs").write_text("10\n")
    (cgroup / "inner/cgroup.procs").write_text("11\n")
    (cgroup / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 2000000\n")
    (cgroup / "memory.current").write_text(f"{400 * MIB}\n")
    (cgroup / "memory.stat").write_text(f"anon {250 * MIB}\ninactive_file {100 * MIB}\n")
    (tmp_path / "proc/10").mkdir(parents=True)
    (tmp_path / "proc/10/cgroup").write_text("4:memory:/other\n0::/replicas/one\n")
    return tmp_path


def test_the_cpu_time_of_children_counts_while_they_run_and_once_they_have_ended(
    launcher: ProcessLauncher, sleeper: Launch, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    os.mkfifo(end)
    busy = f"import time\nwhile time.process_time() < 0.3: pass\nopen({str(end)!r}).read()"
    script = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {busy!r}])\ntime.sleep(600)"
    receipt = launcher.launch(python(sleeper, script))
    running = eventually_seen(receipt, lambda now: now.cpu_seconds() >= 0.3, "a busy child")
    assert len(running.processes) == 2
    end.write_text("")
    ended = eventually_seen(receipt, lambda now: len(now.processes) == 1, "the child's end")
    assert ended.cpu_seconds() >= 0.3 > ended.processes[0].cpu_seconds


def test_the_memory_of_a_child_in_a_session_of_its_own_counts(launcher: ProcessLauncher, sleeper: Launch) -> None:
    hoard = "import time\nkept = b'x' * (64 << 20)\ntime.sleep(600)"
    script = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {hoard!r}], start_new_session=True)"
    receipt = launcher.launch(python(sleeper, script))
    found = eventually_seen(receipt, lambda now: now.memory_bytes() > 64 * MIB, "64 MiB in use")
    assert len({each.session for each in found.processes}) == 2


def test_a_process_that_is_gone_or_of_another_host_uses_nothing_anybody_knows() -> None:
    gone, other = process(10), process(20)
    with pytest.raises(UsageUnknownError, match="process 10 is not there"):
        footprint(receipt_of(gone), [other], HOST)
    with pytest.raises(UsageUnknownError, match="runs on host m, this is elsewhere"):
        footprint(receipt_of(gone), [gone], HOST.model_copy(update={"machine_id": "elsewhere"}))


def test_processes_of_others_do_not_count() -> None:
    ours = [process(10, cpu_seconds=1.0, waited_cpu_seconds=0.5), process(11, parent=1, session=10, cpu_seconds=2.0)]
    adopted = process(12, parent=11, session=12, cpu_seconds=4.0, resident_bytes=7)
    found = footprint(receipt_of(ours[0]), [process(9, cpu_seconds=8.0), adopted, *ours], HOST)
    assert (found.cpu_seconds(), found.memory_bytes()) == (7.5, 7)


def test_a_cgroup_of_its_own_tells_more_than_the_processes(host_files: Path) -> None:
    seen = [process(10, cpu_seconds=1.0, resident_bytes=MIB), process(11, parent=10)]
    found = footprint(receipt_of(seen[0]), seen, HOST, host_files / "cgroups")
    assert (found.cpu_seconds(), found.memory_bytes()) == (2.5, 300 * MIB)


def test_what_detached_itself_is_known_by_its_environment(host_files: Path) -> None:
    detached = host_files / "proc/11"
    detached.mkdir()
    (detached / "environ").write_bytes(b"PARAMEDIC_WORKLOAD=replica:u/1\0PARAMEDIC_LAUNCH_KEY=op-1\0")
    only = process(10, cpu_seconds=1.0)
    assert footprint(receipt_of(only), [only, process(11)], HOST, host_files / "cgroups").cpu_seconds() == 2.5


def test_a_cgroup_shared_with_others_tells_nothing(host_files: Path) -> None:
    seen = [process(10, cpu_seconds=1.0, resident_bytes=MIB), process(11)]
    found = footprint(receipt_of(seen[0]), seen, HOST, host_files / "cgroups")
    assert (found.cpu_seconds(), found.memory_bytes()) == (1.0, MIB)


def test_a_cgroup_that_counts_no_memory_leaves_that_to_the_processes(host_files: Path) -> None:
    (host_files / "cgroups/replicas/one/memory.current").unlink()
    seen = [process(10, resident_bytes=MIB), process(11, parent=10, resident_bytes=MIB)]
    found = footprint(receipt_of(seen[0]), seen, HOST, host_files / "cgroups")
    assert (found.cpu_seconds(), found.memory_bytes()) == (2.5, 2 * MIB)
