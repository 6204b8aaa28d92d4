"""Launching, describing and stopping real processes of this host."""

import json
import os
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import (
    EpochRefusedError,
    HostNotSharedError,
    KeyAlreadyUsedError,
    Launch,
    RunState,
    StopOutcome,
)
from paramedic.launchers.process import procfs
from paramedic.launchers.process.files import HostFileError
from paramedic.launchers.process.host import initialise_host_dir
from paramedic.launchers.process.launcher import ProcessLauncher, receipt_of_this_process
from paramedic.launchers.process.spawning import SpawnFailedError, SpawnPlan, spawn_session
from paramedic.state.receipt import Receipt

SCOPE_LOCK = "scopes/controller%3Amain.lock"


def pid_of(receipt: Receipt) -> int:
    return int(receipt.identity["pid"])


def altered(receipt: Receipt, **identity: str) -> Receipt:
    return receipt.model_copy(update={"identity": {**receipt.identity, **identity}})


def shell(launch: Launch, script: str) -> Launch:
    return launch.model_copy(update={"command": ("sh", "-c", script)})


def await_line(path: Path) -> str:
    """The first line a process writes into a fifo; opening it waits for the writer, without polling."""
    with path.open() as fifo:
        return fifo.readline().strip()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def test_a_launched_process_runs_in_a_session_of_its_own(launcher: ProcessLauncher, sleeper: Launch) -> None:
    receipt = launcher.launch(sleeper)
    seen = procfs.read_stat(pid_of(receipt))
    assert seen is not None
    assert seen.leads_its_session
    look = launcher.describe(receipt)
    assert look.state is RunState.RUNNING
    assert look.cpu_seconds is not None


def test_the_process_gets_nothing_of_the_callers_environment(
    launcher: ProcessLauncher, sleeper: Launch, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for children")
    request = shell(sleeper, f"env | cut -d= -f1 | sort | tr '\\n' ' ' > {fifo}")
    launcher.launch(request.model_copy(update={"environment": {"MODEL": "m", "PARAMEDIC_EPOCH": "99"}}))
    markers = {"PARAMEDIC_EPOCH", "PARAMEDIC_HOST_DIR", "PARAMEDIC_LAUNCH_KEY", "PARAMEDIC_SCOPE", "PARAMEDIC_WORKLOAD"}
    shells_own = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert set(await_line(fifo).split()) - shells_own == {"PATH", "HOME", "LANG", "MODEL"} | markers


def test_markers_win_over_the_requests_environment(launcher: ProcessLauncher, sleeper: Launch, fifo: Path) -> None:
    request = shell(sleeper, f'echo "$PARAMEDIC_EPOCH" > {fifo}')
    launcher.launch(request.model_copy(update={"environment": {"PARAMEDIC_EPOCH": "99"}}))
    assert await_line(fifo) == "3"


def test_output_is_appended_to_the_log_and_input_is_empty(
    launcher: ProcessLauncher, sleeper: Launch, tmp_path: Path
) -> None:
    log = tmp_path / "out.log"
    log.write_text("before\n")
    request = shell(sleeper, "cat; echo out; echo err >&2; pwd")
    receipt = launcher.launch(request.model_copy(update={"log_file": str(log), "working_directory": str(tmp_path)}))
    wait_for_end(receipt)
    assert log.read_text() == f"before\nout\nerr\n{tmp_path}\n"


def wait_for_end(receipt: Receipt) -> None:
    os.waitid(os.P_PID, pid_of(receipt), os.WEXITED | os.WNOWAIT)


def test_the_same_key_is_one_process(launcher: ProcessLauncher, host_dir: Path, sleeper: Launch) -> None:
    first = launcher.launch(sleeper)
    assert launcher.launch(sleeper) == first
    assert ProcessLauncher(host_dir).launch(sleeper) == first
    assert ProcessLauncher(host_dir).find(sleeper.workload, sleeper.key) == first


def test_a_successor_repeating_the_key_gets_the_first_receipt_and_shuts_out_its_predecessor(
    launcher: ProcessLauncher, sleeper: Launch
) -> None:
    first = launcher.launch(sleeper)
    assert launcher.launch(sleeper.model_copy(update={"epoch": 4})) == first
    with pytest.raises(EpochRefusedError):
        launcher.launch(sleeper)


def test_a_key_whose_process_ended_is_refused_and_the_ended_child_is_reaped(
    launcher: ProcessLauncher, sleeper: Launch
) -> None:
    receipt = launcher.launch(sleeper.model_copy(update={"command": ("true",)}))
    wait_for_end(receipt)
    with pytest.raises(KeyAlreadyUsedError, match=r"'op-1'.*ended"):
        launcher.launch(sleeper)
    assert procfs.read_stat(pid_of(receipt)) is None


def test_a_zombie_is_absent_for_a_launcher_that_is_not_its_parent(
    launcher: ProcessLauncher, host_dir: Path, sleeper: Launch
) -> None:
    receipt = launcher.launch(sleeper.model_copy(update={"command": ("true",)}))
    wait_for_end(receipt)
    seen = procfs.read_stat(pid_of(receipt))
    assert seen is not None
    assert seen.state == "Z"
    assert ProcessLauncher(host_dir).describe(receipt).state is RunState.ABSENT


def test_a_new_key_starts_a_new_process(launcher: ProcessLauncher, sleeper: Launch) -> None:
    first = launcher.launch(sleeper)
    second = launcher.launch(sleeper.model_copy(update={"key": "op-2"}))
    assert pid_of(first) != pid_of(second)


def test_a_lower_epoch_may_neither_launch_nor_stop(launcher: ProcessLauncher, sleeper: Launch) -> None:
    receipt = launcher.launch(sleeper)
    launcher.fence(sleeper.scope, 4)
    with pytest.raises(EpochRefusedError):
        launcher.launch(sleeper.model_copy(update={"key": "op-2"}))
    with pytest.raises(EpochRefusedError):
        launcher.stop(receipt, epoch=3, grace_seconds=0)
    assert launcher.describe(receipt).state is RunState.RUNNING


def test_a_malformed_fence_file_stops_nothing_and_starts_nothing(
    launcher: ProcessLauncher, host_dir: Path, sleeper: Launch
) -> None:
    receipt = launcher.launch(sleeper)
    (host_dir / "workloads/replica%3Au1%2F1.json").write_text("{")
    with pytest.raises(HostFileError):
        launcher.stop(receipt, epoch=3, grace_seconds=0)
    with pytest.raises(HostFileError):
        launcher.launch(sleeper)
    assert launcher.describe(receipt).state is RunState.RUNNING


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"command": ("/no/such/program",)}, "/no/such/program"),
        ({"working_directory": "/no/such/dir"}, "/no/such/dir"),
        ({"log_file": "/no/such/dir/log"}, "/no/such/dir/log"),
        ({"command": ("nul\0",)}, "null byte"),
    ],
)
def test_a_command_that_cannot_start_says_why_and_may_be_retried_under_its_key(
    launcher: ProcessLauncher, sleeper: Launch, change: dict[str, object], problem: str
) -> None:
    with pytest.raises(SpawnFailedError, match=problem):
        launcher.launch(sleeper.model_copy(update=change))
    assert launcher.find(sleeper.workload, sleeper.key) is None
    assert launcher.describe(launcher.launch(sleeper)).state is RunState.RUNNING


def test_a_crash_after_the_start_and_before_its_record_is_found_and_not_repeated(
    host_dir: Path, sleeper: Launch
) -> None:
    class Crash(BaseException):
        pass

    started: list[int] = []

    def spawn_and_crash(plan: SpawnPlan) -> int:
        started.append(spawn_session(plan))
        raise Crash

    with pytest.raises(Crash):
        ProcessLauncher(host_dir, spawn=spawn_and_crash).launch(sleeper)
    successor = ProcessLauncher(host_dir)
    found = successor.find(sleeper.workload, sleeper.key)
    assert found is not None
    assert pid_of(found) == started[0]
    assert (found.epoch, found.identity["scope"]) == (sleeper.epoch, sleeper.scope)
    assert successor.launch(sleeper.model_copy(update={"epoch": 4})) == found


def test_an_intent_whose_process_never_started_is_carried_out_on_retry(host_dir: Path, sleeper: Launch) -> None:
    class Crash(BaseException):
        pass

    def crash(plan: SpawnPlan) -> int:
        raise Crash

    with pytest.raises(Crash):
        ProcessLauncher(host_dir, spawn=crash).launch(sleeper)
    successor = ProcessLauncher(host_dir)
    assert successor.find(sleeper.workload, sleeper.key) is None
    assert successor.describe(successor.launch(sleeper)).state is RunState.RUNNING


def test_a_suspended_process_is_seen_as_such_and_killed(launcher: ProcessLauncher, sleeper: Launch) -> None:
    receipt = launcher.launch(sleeper)
    os.kill(pid_of(receipt), signal.SIGSTOP)
    os.waitid(os.P_PID, pid_of(receipt), os.WSTOPPED | os.WNOWAIT)
    assert launcher.describe(receipt).state is RunState.SUSPENDED
    assert launcher.stop(receipt, epoch=3, grace_seconds=0).outcome is StopOutcome.STOPPED
    assert launcher.describe(receipt).state is RunState.ABSENT


def test_a_process_that_heeds_sigterm_ends_within_its_grace(launcher: ProcessLauncher, sleeper: Launch) -> None:
    result = launcher.stop(launcher.launch(sleeper), epoch=3, grace_seconds=30)
    assert result.outcome is StopOutcome.STOPPED
    assert "SIGTERM" in result.detail


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(
    launcher: ProcessLauncher, sleeper: Launch, fifo: Path
) -> None:
    receipt = launcher.launch(shell(sleeper, f"trap '' TERM; echo ready > {fifo}; sleep 600; :"))
    assert await_line(fifo) == "ready"
    result = launcher.stop(receipt, epoch=3, grace_seconds=0.05)
    assert result.outcome is StopOutcome.STOPPED
    assert "killed" in result.detail


def test_whoever_took_a_workload_over_stops_it_under_its_own_epoch_and_fences_nobody_else(
    launcher: ProcessLauncher, sleeper: Launch
) -> None:
    receipt = launcher.launch(sleeper)
    launcher.fence("controller:other", 1)
    result = launcher.stop(receipt, scope="controller:other", epoch=1, grace_seconds=0)
    assert result.outcome is StopOutcome.STOPPED
    launcher.stop(launcher.launch(sleeper.model_copy(update={"key": "op-2"})), epoch=sleeper.epoch, grace_seconds=0)


@pytest.mark.parametrize("grace", [0, 30])
def test_a_shells_child_ends_with_its_shell(
    launcher: ProcessLauncher, sleeper: Launch, fifo: Path, grace: float
) -> None:
    receipt = launcher.launch(shell(sleeper, f"env -i sleep 600 & echo $! > {fifo}; wait"))
    child = int(await_line(fifo))
    assert launcher.stop(receipt, epoch=3, grace_seconds=grace).outcome is StopOutcome.STOPPED
    seen = procfs.read_stat(child)
    assert seen is None or seen.gone


def test_what_a_vanished_shell_left_behind_is_ended_by_a_late_stop(
    launcher: ProcessLauncher, sleeper: Launch, fifo: Path
) -> None:
    receipt = launcher.launch(shell(sleeper, f"sleep 600 & echo $! > {fifo}; wait"))
    child = int(await_line(fifo))
    os.kill(pid_of(receipt), signal.SIGKILL)
    wait_for_end(receipt)
    assert launcher.describe(receipt).state is RunState.ABSENT
    assert launcher.stop(receipt, epoch=3, grace_seconds=0).outcome is StopOutcome.STOPPED
    seen = procfs.read_stat(child)
    assert seen is None or seen.gone


def test_a_session_the_workload_started_for_others_is_left_alone(
    launcher: ProcessLauncher, sleeper: Launch, fifo: Path
) -> None:
    receipt = launcher.launch(shell(sleeper, f"setsid sh -c 'echo $$ > {fifo}; exec sleep 600' & wait"))
    other = int(await_line(fifo))
    launcher.stop(receipt, epoch=3, grace_seconds=0)
    seen = procfs.read_stat(other)
    assert seen is not None
    assert not seen.gone


def test_stopping_twice_is_stopping(launcher: ProcessLauncher, sleeper: Launch) -> None:
    receipt = launcher.launch(sleeper)
    launcher.stop(receipt, epoch=3, grace_seconds=0)
    assert launcher.stop(receipt, epoch=3, grace_seconds=0).outcome is StopOutcome.STOPPED


def test_a_reused_process_number_is_another_process_and_is_not_touched(
    launcher: ProcessLauncher, sleeper: Launch
) -> None:
    living = launcher.launch(sleeper)
    earlier = altered(living, start_time=str(int(living.identity["start_time"]) - 1))
    assert launcher.describe(earlier).state is RunState.ABSENT
    assert launcher.stop(earlier, epoch=3, grace_seconds=0).outcome is StopOutcome.STOPPED
    assert launcher.describe(living).state is RunState.RUNNING


def test_a_process_of_another_host_is_unknown_and_its_stop_unconfirmed(
    launcher: ProcessLauncher, sleeper: Launch
) -> None:
    living = launcher.launch(sleeper)
    foreign = altered(living, host="another-machine")
    assert launcher.describe(foreign).state is RunState.ELSEWHERE
    result = launcher.stop(foreign, epoch=3, grace_seconds=0)
    assert result.outcome is StopOutcome.UNCONFIRMED
    assert "another-machine" in result.detail
    assert launcher.describe(living).state is RunState.RUNNING


def test_a_process_of_an_earlier_boot_is_gone(launcher: ProcessLauncher, sleeper: Launch) -> None:
    earlier = altered(launcher.launch(sleeper), boot_id="an earlier boot")
    assert launcher.describe(earlier).state is RunState.ABSENT
    assert launcher.stop(earlier, epoch=3, grace_seconds=0).outcome is StopOutcome.STOPPED


def test_a_process_of_another_pid_namespace_is_unknown(launcher: ProcessLauncher, sleeper: Launch) -> None:
    contained = altered(launcher.launch(sleeper), pid_namespace="pid:[1]")
    assert launcher.describe(contained).state is RunState.ELSEWHERE
    assert launcher.stop(contained, epoch=3, grace_seconds=0).outcome is StopOutcome.UNCONFIRMED


@pytest.mark.parametrize(
    ("identity", "field"),
    [({"pid": "0"}, "receipt.identity.pid"), ({"start_time": "x"}, "receipt.identity.start_time")],
)
def test_a_malformed_receipt_is_refused_by_field(
    launcher: ProcessLauncher, sleeper: Launch, identity: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInputError, match=field):
        launcher.stop(altered(launcher.launch(sleeper), **identity), epoch=3, grace_seconds=0)


def test_another_launchers_receipt_is_refused(launcher: ProcessLauncher) -> None:
    receipt = Receipt(launcher="ecs", workload="w", key="k", epoch=1, identity={})
    with pytest.raises(InvalidInputError, match=r"receipt\.launcher"):
        launcher.describe(receipt)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a process another user may not signal")
def test_a_process_we_may_not_signal_is_unconfirmed(sleeper: Launch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        initialise_host_dir(Path(folder))
        launcher = ProcessLauncher(Path(folder))
        receipt = launcher.launch(sleeper)
        for path in [Path(folder), *Path(folder).rglob("*")]:
            path.chmod(path.stat().st_mode | stat.S_IRWXG)
        answer = as_nobody(lambda: launcher.stop(receipt, epoch=3, grace_seconds=0).model_dump_json())
        alive = launcher.describe(receipt).state
        launcher.stop(receipt, epoch=3, grace_seconds=0)
    assert json.loads(answer)["outcome"] == "unconfirmed"
    assert "may not signal" in answer
    assert alive is RunState.RUNNING


def as_nobody(call: Callable[[], str]) -> str:
    """What `call` returns in a child process of the user nobody."""
    answer, reply = os.pipe()
    if os.fork() == 0:
        try:
            os.setuid(65534)  # The group stays, and with it the right to use the host directory.
            os.write(reply, call().encode())
        finally:
            os._exit(0)
    os.close(reply)
    with os.fdopen(answer) as pipe:
        text = pipe.read()
    os.wait()
    return text


def test_a_process_suspended_while_it_holds_the_lock_is_stopped_all_the_same(
    launcher: ProcessLauncher, host_dir: Path, sleeper: Launch, fifo: Path
) -> None:
    script = f"exec 9> {host_dir / SCOPE_LOCK}; flock 9; echo ready > {fifo}; sleep 600; :"
    holder = launcher.launch(shell(sleeper, script))
    assert await_line(fifo) == "ready"
    os.kill(pid_of(holder), signal.SIGSTOP)
    assert launcher.stop(holder, epoch=4, grace_seconds=0).outcome is StopOutcome.STOPPED
    launcher.fence(sleeper.scope, 5)


def test_a_stop_that_cannot_get_the_lock_is_unconfirmed_and_names_the_holder(
    launcher: ProcessLauncher, host_dir: Path, sleeper: Launch, fifo: Path
) -> None:
    target = launcher.launch(sleeper)
    script = f"exec 9> {host_dir / SCOPE_LOCK}; flock 9; echo $$ > {fifo}; exec sleep 600"
    holder = subprocess.Popen(["sh", "-c", script])
    try:
        number = await_line(fifo)
        result = launcher.stop(target, epoch=4, grace_seconds=0)
    finally:
        holder.kill()
        holder.wait()
    assert result.outcome is StopOutcome.UNCONFIRMED
    assert number in result.detail
    assert launcher.describe(target).state is RunState.RUNNING


def test_a_process_can_name_itself_for_others_to_see(launcher: ProcessLauncher) -> None:
    receipt = receipt_of_this_process(workload="controller:main", scope="controller:main", epoch=1, key="by hand")
    assert launcher.describe(receipt).state is RunState.RUNNING


def test_threads_racing_for_one_key_start_one_process(host_dir: Path, sleeper: Launch) -> None:
    # With the patience of production: on a busy machine eight turns take longer than the fixture waits.
    launcher = ProcessLauncher(host_dir)
    receipts: list[Receipt] = []
    threads = [threading.Thread(target=lambda: receipts.append(launcher.launch(sleeper))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == len(threads)
    assert len({pid_of(receipt) for receipt in receipts}) == 1


def test_a_directory_that_was_never_initialised_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostNotSharedError, match=r"host\.json does not exist.*initialise"):
        ProcessLauncher(tmp_path / "missing")


@pytest.mark.parametrize("change", [{"machine_id": "another"}, {"pid_namespace": "pid:[1]"}])
def test_another_hosts_directory_is_refused(host_dir: Path, change: dict[str, str]) -> None:
    change_host_file(host_dir, change)
    with pytest.raises(HostNotSharedError, match=str(host_dir)):
        ProcessLauncher(host_dir)


def test_another_machines_directory_is_not_taken_over(host_dir: Path) -> None:
    change_host_file(host_dir, {"machine_id": "another"})
    with pytest.raises(HostNotSharedError):
        initialise_host_dir(host_dir)


def test_the_directory_of_this_machine_survives_its_reboot(host_dir: Path) -> None:
    change_host_file(host_dir, {"boot_id": "the boot before", "pid_namespace": "pid:[1]"})
    ProcessLauncher(host_dir)
    assert json.loads((host_dir / "host.json").read_text())["boot_id"] == procfs.boot_id()


def test_a_malformed_host_file_is_refused(host_dir: Path) -> None:
    (host_dir / "host.json").write_text('{"hostname": "h"}')
    with pytest.raises(HostFileError, match=r"host\.json\.machine_id"):
        ProcessLauncher(host_dir)


def change_host_file(host_dir: Path, change: dict[str, str]) -> None:
    path = host_dir / "host.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def test_what_runs_for_a_scope_is_listed_by_its_marks_whatever_the_files_remember(
    launcher: ProcessLauncher, sleeper: Launch, host_dir: Path, tmp_path: Path
) -> None:
    receipts = [launcher.launch(sleeper.model_copy(update={"key": key})) for key in ("op-1", "op-2", "op-3")]
    launcher.launch(sleeper.model_copy(update={"scope": "controller:other", "workload": "replica:u2/1"}))
    elsewhere = tmp_path / "elsewhere"
    initialise_host_dir(elsewhere)
    foreign = ProcessLauncher(elsewhere)
    strange = foreign.launch(sleeper)
    for file in (host_dir / "workloads").iterdir():
        file.unlink()
    launcher.stop(receipts[1], epoch=3, grace_seconds=0)
    assert launcher.running(sleeper.scope) == [receipts[0], receipts[2]]
    assert launcher.running("controller:nobody") == []
    foreign.stop(strange, epoch=3, grace_seconds=0)
