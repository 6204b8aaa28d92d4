"""The process launcher against callers that are killed, and callers that race."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic.launchers.interface import EpochRefusedError, Launch, RunState
from paramedic.launchers.process import procfs
from paramedic.launchers.process.files import HostLockHeldError
from paramedic.launchers.process.host import initialise_host_dir
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.state.receipt import Receipt

REQUEST = Launch(workload="controller:main", scope="controller:main", epoch=2, key="op-1", command=("sleep", "600"))

CALLER = """
import os, signal, sys
from pathlib import Path
from paramedic.launchers.interface import Launch
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.process.spawning import spawn_session

def spawn_and_die(plan):
    spawn_session(plan)
    os.kill(os.getpid(), signal.SIGKILL)

def die_before_exec(plan):
    if os.fork() == 0:
        os.setsid()
        Path(os.environ["FIFO"]).read_bytes()
        os.execvpe(plan.command[0], plan.command, plan.environment)
    os.kill(os.getpid(), signal.SIGKILL)

spawn = {"spawn_session": spawn_session, "spawn_and_die": spawn_and_die, "die_before_exec": die_before_exec}
launcher = ProcessLauncher(Path(sys.argv[1]), spawn=spawn[sys.argv[3]], lock_seconds=30)
print("ready", flush=True)
sys.stdin.readline()
print(launcher.launch(Launch.model_validate_json(sys.argv[2])).model_dump_json(), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def host_dir(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "host"
    initialise_host_dir(path)
    yield path
    for pid in living(path):
        os.kill(pid, signal.SIGKILL)


def living(host_dir: Path) -> list[int]:
    """The processes any launcher of this host directory has started and that still live."""
    markers = {"PARAMEDIC_HOST_DIR": str(host_dir)}
    return [stat.pid for stat in procfs.all_processes() if procfs.has_markers(stat.pid, markers)]


class Caller:
    """A process of its own group, ready to launch when told to."""

    def __init__(self, host_dir: Path, spawn: str = "spawn_session", **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CALLER, str(host_dir), REQUEST.model_dump_json(), spawn],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        assert self._read() == "ready\n"

    def launch(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def receipt(self) -> Receipt:
        return Receipt.model_validate_json(self._read())

    def kill_group_after(self, seconds: float) -> None:
        """SIGKILL to the caller and all of its process group."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
        self.close()

    def close(self) -> int:
        """Let the caller go on to its end; how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        return self._process.wait()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def test_a_workload_outlives_the_process_group_that_launched_it(host_dir: Path) -> None:
    caller = Caller(host_dir)
    caller.launch()
    receipt = caller.receipt()
    caller.kill_group_after(0)
    launcher = ProcessLauncher(host_dir)
    assert launcher.describe(receipt).state is RunState.RUNNING
    assert launcher.find(REQUEST.workload, REQUEST.key) == receipt


def test_eight_processes_racing_for_one_key_start_one_process(host_dir: Path) -> None:
    callers = [Caller(host_dir) for _ in range(8)]
    for caller in callers:
        caller.launch()
    receipts = [caller.receipt() for caller in callers]
    for caller in callers:
        caller.close()
    assert receipts == [receipts[0]] * 8
    assert living(host_dir) == [int(receipts[0].identity["pid"])]


def test_a_caller_killed_after_the_start_and_before_its_record_leaves_one_process(host_dir: Path) -> None:
    caller = Caller(host_dir, "spawn_and_die")
    caller.launch()
    assert caller.close() == -signal.SIGKILL
    launcher = ProcessLauncher(host_dir)
    found = launcher.find(REQUEST.workload, REQUEST.key)
    assert found is not None
    assert launcher.launch(REQUEST) == found
    assert living(host_dir) == [int(found.identity["pid"])]


def test_a_child_whose_caller_died_before_its_exec_is_waited_for(host_dir: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    caller = Caller(host_dir, "die_before_exec", FIFO=str(fifo))
    caller.launch()
    with fifo.open("w"):
        with pytest.raises(HostLockHeldError):
            ProcessLauncher(host_dir, lock_seconds=0.05).find(REQUEST.workload, REQUEST.key)
        assert living(host_dir) == []
    found = ProcessLauncher(host_dir, lock_seconds=30).find(REQUEST.workload, REQUEST.key)
    assert found is not None
    assert living(host_dir) == [int(found.identity["pid"])]
    assert caller.close() == -signal.SIGKILL


def test_callers_killed_at_any_moment_leave_at_most_one_process(host_dir: Path) -> None:
    moments = random.Random(7)
    for _ in range(10):
        caller = Caller(host_dir)
        caller.launch()
        caller.kill_group_after(moments.uniform(0, 0.03))
        assert len(living(host_dir)) <= 1
    receipt = ProcessLauncher(host_dir).launch(REQUEST)
    assert living(host_dir) == [int(receipt.identity["pid"])]


def test_a_caller_that_lost_its_time_while_it_was_away_starts_nothing(host_dir: Path) -> None:
    caller = Caller(host_dir)
    ProcessLauncher(host_dir).fence(REQUEST.scope, REQUEST.epoch + 1)
    caller.launch()
    assert caller.close() == 1
    with pytest.raises(EpochRefusedError):
        ProcessLauncher(host_dir).launch(REQUEST)
    assert living(host_dir) == []
