"""Who runs in the one place that a pid file names, whoever started it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic.launchers.interface import (
    FOUND_KEY,
    Launch,
    LauncherError,
    NoPlaceError,
    PlaceTakenError,
    RunState,
    StopOutcome,
)
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.state.receipt import Receipt

WORKLOAD = "url:peer"


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "peer.pid"


@pytest.fixture
def launcher(host_dir: Path, pid_file: Path) -> ProcessLauncher:
    return ProcessLauncher(host_dir, lock_seconds=0.2, pid_file=pid_file)


@pytest.fixture
def stranger(pid_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that no launcher started, named by the pid file."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        pid_file.write_text(f"{process.pid}\n")
        yield process
        process.kill()


def launch(key: str = f"{WORKLOAD}/2", *script: str) -> Launch:
    command = ("sh", "-c", *script) if script else ("sleep", "600")
    return Launch(workload=WORKLOAD, scope=WORKLOAD, epoch=2, key=key, command=command)


def pid_of(receipt: Receipt | None) -> int:
    assert receipt is not None
    return int(receipt.identity["pid"])


def test_a_profile_without_a_pid_file_names_no_place(host_dir: Path) -> None:
    with pytest.raises(NoPlaceError, match="pid_file"):
        ProcessLauncher(host_dir).occupant(WORKLOAD)


@pytest.mark.parametrize("text", ["", "main", "-7", "1", "4711 4712"])
def test_a_pid_file_that_names_no_process_is_no_empty_place(
    launcher: ProcessLauncher, pid_file: Path, text: str
) -> None:
    pid_file.write_text(text)
    with pytest.raises(LauncherError, match=f"{pid_file}.*{text}"):
        launcher.occupant(WORKLOAD)


def test_a_pid_file_that_cannot_be_read_is_no_empty_place(launcher: ProcessLauncher, pid_file: Path) -> None:
    pid_file.mkdir()
    with pytest.raises(LauncherError, match=str(pid_file)):
        launcher.occupant(WORKLOAD)


def test_a_number_that_was_given_out_again_is_taken_neither_for_the_workload_nor_for_an_empty_place(
    launcher: ProcessLauncher, pid_file: Path, stranger: subprocess.Popen[bytes]
) -> None:
    before = pid_file.stat().st_mtime - 60
    os.utime(pid_file, (before, before))
    with pytest.raises(LauncherError, match=f"process {stranger.pid} began after"):
        launcher.occupant(WORKLOAD)


def test_without_a_pid_file_or_with_one_of_a_process_that_ended_the_place_is_empty(
    launcher: ProcessLauncher, stranger: subprocess.Popen[bytes], pid_file: Path
) -> None:
    stranger.kill()
    stranger.wait()
    assert launcher.occupant(WORKLOAD) is None
    pid_file.unlink()
    assert launcher.occupant(WORKLOAD) is None


def test_what_nobody_launched_is_found_suspended_and_ended_as_exactly_that_process(
    launcher: ProcessLauncher, stranger: subprocess.Popen[bytes]
) -> None:
    found = launcher.occupant(WORKLOAD)
    assert found is not None
    assert (found.key, found.epoch, found.workload, pid_of(found)) == (FOUND_KEY, 0, WORKLOAD, stranger.pid)
    assert launcher.describe(found).state is RunState.RUNNING
    stranger.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, stranger.pid, os.WSTOPPED)
    assert launcher.describe(found).state is RunState.SUSPENDED
    assert launcher.stop(found, epoch=2, grace_seconds=0).outcome is StopOutcome.STOPPED
    assert launcher.describe(found).state is RunState.ABSENT
    assert launcher.occupant(WORKLOAD) is None


def test_what_was_launched_is_found_before_it_has_written_its_number(launcher: ProcessLauncher) -> None:
    launched = launcher.launch(launch())
    assert launcher.occupant(WORKLOAD) == launched


def test_of_a_wrapper_and_the_program_that_it_started_the_launch_is_the_workload(
    launcher: ProcessLauncher, pid_file: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    launched = launcher.launch(launch(f"{WORKLOAD}/2", f"sleep 600 & echo $! > {pid_file}; echo > {fifo}; wait"))
    fifo.read_text()
    assert launcher.occupant(WORKLOAD) == launched
    os.kill(pid_of(launched), signal.SIGKILL)
    os.waitid(os.P_PID, pid_of(launched), os.WEXITED | os.WNOWAIT)
    left = launcher.occupant(WORKLOAD)
    assert left is not None
    assert (left.key, pid_of(left)) == (launched.key, int(pid_file.read_text()))


def test_nothing_is_launched_beside_what_somebody_else_started(
    launcher: ProcessLauncher, stranger: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(PlaceTakenError, match=str(stranger.pid)):
        launcher.launch(launch())
    stranger.kill()
    stranger.wait()
    assert launcher.occupant(WORKLOAD) is None
    launcher.launch(launch())


def test_two_that_run_are_not_taken_for_one(
    launcher: ProcessLauncher, pid_file: Path, stranger: subprocess.Popen[bytes]
) -> None:
    pid_file.unlink()
    launched = launcher.launch(launch())
    pid_file.write_text(f"{stranger.pid}\n")
    with pytest.raises(LauncherError, match=rf"{pid_of(launched)} and process {stranger.pid}"):
        launcher.occupant(WORKLOAD)
