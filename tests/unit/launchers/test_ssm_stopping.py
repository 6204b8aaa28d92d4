"""Launcher `ssm`: looking at exactly one process on the host, and ending that and nothing else."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paramedic.launchers.interface import (
    KeyAlreadyUsedError,
    RunState,
    StopOutcome,
)
from paramedic.launchers.process import procfs
from paramedic.launchers.process.launcher import ProcessLauncher
from tests.fakes.launchers.ssm import SsmHost
from tests.fakes.launchers.ssm_cases import COMMAND, EITHER, altered, lives, pid_of, stop
from tests.fakes.launchers.stages import SCOPE, request_for


@EITHER
def test_a_suspended_workload_is_seen_as_that_and_ended(host: SsmHost, fields: dict[str, Any]) -> None:
    launcher = host.launcher(**fields)
    receipt = launcher.launch(request_for(3))
    assert launcher.describe(receipt).state is RunState.RUNNING
    os.kill(pid_of(receipt), signal.SIGSTOP)
    while launcher.describe(receipt).state is not RunState.SUSPENDED:
        pass
    assert stop(launcher, receipt) is StopOutcome.STOPPED
    assert not host.living()


def test_the_time_that_a_workload_uses_is_seen(host: SsmHost) -> None:
    launcher = host.launcher(command=["bash", "-c", "while :; do :; done"])
    receipt = launcher.launch(request_for(3))
    first = launcher.describe(receipt)
    while (second := launcher.describe(receipt)).cpu_seconds == first.cpu_seconds:
        pass
    assert (first.state, second.state) == (RunState.RUNNING, RunState.RUNNING)
    assert first.cpu_seconds is not None
    assert second.cpu_seconds is not None
    assert second.cpu_seconds > first.cpu_seconds
    stop(launcher, receipt)


@EITHER
def test_a_number_that_another_process_has_by_now_is_never_ended(host: SsmHost, fields: dict[str, Any]) -> None:
    launcher = host.launcher(**fields)
    receipt = launcher.launch(request_for(3))
    former = altered(receipt, start_time=str(int(receipt.identity["start_time"]) - 1))
    assert launcher.describe(former).state is RunState.ABSENT
    assert stop(launcher, former) is StopOutcome.STOPPED
    assert lives(pid_of(receipt))


def test_its_own_group_ends_with_it_and_nothing_else_does(host: SsmHost, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $! >{pids}; setsid sleep 600 & echo $! >>{pids}; exec sleep 600"
    launcher = host.launcher(command=["bash", "-c", script])
    receipt = launcher.launch(request_for(3))
    while not (pids.exists() and len(pids.read_text().split()) == 2):
        pass
    of_its_group, detached = map(int, pids.read_text().split())
    while procfs.read_stat(detached) is None:
        pass
    assert stop(launcher, receipt) is StopOutcome.STOPPED
    assert (lives(pid_of(receipt)), lives(of_its_group), lives(detached)) == (False, False, True)


def test_who_is_given_time_ends_as_it_is_asked_to_and_who_does_not_is_killed(host: SsmHost) -> None:
    launcher = host.launcher(**COMMAND)
    receipt = launcher.launch(request_for(3))
    assert "ended on SIGTERM" in launcher.stop(receipt, epoch=3, grace_seconds=5).detail
    deaf = host.launcher(command=["bash", "-c", "trap '' TERM; while :; do sleep 0.1; done"])
    receipt = deaf.launch(request_for(4))
    assert "was killed" in deaf.stop(receipt, epoch=4, grace_seconds=0.5).detail
    assert not host.living()


def test_the_receipt_that_a_controller_claims_with_names_it_too(host: SsmHost) -> None:
    claimant = ProcessLauncher(host.host_dir).launch(request_for(3))
    launcher = host.launcher(**COMMAND)
    assert launcher.describe(claimant).state is RunState.RUNNING
    assert stop(launcher, claimant) is StopOutcome.STOPPED
    assert not lives(pid_of(claimant))


def test_a_controller_that_systemd_starts_on_its_host_can_end_what_ssm_launched_there(host: SsmHost) -> None:
    receipt = host.launcher(**COMMAND).launch(request_for(3))
    own = ProcessLauncher(host.host_dir)
    assert own.describe(receipt).state is RunState.RUNNING
    assert own.stop(receipt, epoch=4, grace_seconds=0).outcome is StopOutcome.STOPPED
    assert not host.living()


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ({"host": "another"}, "it ran on host another"),
        ({"instance": "i-0fffffffffffffff0"}, "ran on i-0fffffffffffffff0, the profile names"),
        ({"pid_namespace": "pid:[1]"}, "another PID namespace"),
    ],
)
def test_what_ran_elsewhere_is_never_taken_for_gone(host: SsmHost, identity: dict[str, str], words: str) -> None:
    launcher = host.launcher(**COMMAND)
    receipt = launcher.launch(request_for(3))
    look = launcher.describe(altered(receipt, **identity))
    assert (look.state, words in look.detail) == (RunState.ELSEWHERE, True), look
    assert stop(launcher, altered(receipt, **identity)) is StopOutcome.UNCONFIRMED
    assert lives(pid_of(receipt))


def test_what_ran_before_a_restart_of_the_same_machine_is_gone_and_its_key_is_used(host: SsmHost) -> None:
    if not Path("/etc/machine-id").is_file():
        pytest.skip("without a machine id a later boot may be another machine's")
    launcher = host.launcher(**COMMAND)
    receipt = launcher.launch(request_for(3))
    before = altered(receipt, boot_id="0" * 8)
    assert launcher.describe(before).state is RunState.ABSENT
    assert stop(launcher, before, epoch=3) is StopOutcome.STOPPED
    assert lives(pid_of(receipt))
    ledger = host.host_dir / "ssm/controller%3Amain.launches"
    ledger.write_text(ledger.read_text().replace(receipt.identity["boot_id"], "0" * 8))
    with pytest.raises(KeyAlreadyUsedError):
        launcher.launch(request_for(3))
    assert launcher.running(SCOPE) == []


HOLDER = """
import fcntl, os, sys
for name in sys.argv[1:]:
    fcntl.flock(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_SH)
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(host: SsmHost) -> Iterator[subprocess.Popen[str]]:
    """Somebody who acts for the scope, and comes to no end."""
    lock = host.host_dir / "scopes/controller%3Amain.lock"
    lock.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_who_keeps_a_lock_is_waited_for_and_nothing_is_done_meanwhile(
    host: SsmHost, holder: subprocess.Popen[str]
) -> None:
    other = ProcessLauncher(host.host_dir).launch(request_for(1).model_copy(update={"scope": "controller:other"}))
    result = host.launcher(**COMMAND).stop(altered(other, scope=SCOPE), epoch=4, grace_seconds=0)
    assert (result.outcome, "controller%3Amain.lock is kept" in result.detail) == (StopOutcome.UNCONFIRMED, True)
    assert lives(pid_of(other))


def test_a_suspended_process_that_keeps_its_lock_can_be_ended_all_the_same(
    host: SsmHost, holder: subprocess.Popen[str]
) -> None:
    os.kill(holder.pid, signal.SIGSTOP)
    stat = procfs.read_stat(holder.pid)
    assert stat is not None
    sample = ProcessLauncher(host.host_dir).launch(request_for(1).model_copy(update={"scope": "controller:other"}))
    receipt = altered(sample, pid=str(holder.pid), start_time=str(stat.start_time), scope=SCOPE)
    assert stop(host.launcher(**COMMAND), receipt) is StopOutcome.STOPPED
    assert holder.wait(5) == -signal.SIGKILL
