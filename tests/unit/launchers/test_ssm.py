"""Launcher `ssm`: the script that runs on the host, under the real bash, with real processes; what SSM is sent."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import (
    EpochRefusedError,
    KeyAlreadyUsedError,
    LauncherError,
    RunState,
    StopOutcome,
)
from paramedic.launchers.marks import UnsafeEnvironmentError
from paramedic.launchers.process import procfs
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.profiles import make_launcher
from paramedic.launchers.ssm import profile as ssm_profile
from paramedic.launchers.ssm.answers import HostRefusedError, HostSilentError
from paramedic.launchers.ssm.commands import ANSWER_SECONDS, HostCommands
from paramedic.launchers.ssm.launcher import NAME_PATTERN, SsmLauncher
from paramedic.settings import InvalidSettingError
from paramedic.state.receipt import Receipt
from tests.fakes.clock import FakeClock
from tests.fakes.launchers.ssm import INSTANCE, UNIT, SsmHost
from tests.fakes.launchers.stages import SCOPE, request_for
from tests.fakes.ssm import LAUNCH, BashHosts, document, refusal, script_of

COMMAND = {"command": ["sleep", "600"]}
NOBODY = pwd.getpwnam("nobody").pw_uid
BY_UNIT = {"unit": UNIT, "manager": "user"}
EITHER = pytest.mark.parametrize("fields", [COMMAND, BY_UNIT], ids=["command", "unit"])


@pytest.fixture
def host(host_dir: Path) -> SsmHost:
    return SsmHost(host_dir, host_dir / "systemd")


def pid_of(receipt: Receipt) -> int:
    return int(receipt.identity["pid"])


def altered(receipt: Receipt, **identity: str) -> Receipt:
    return receipt.model_copy(update={"identity": {**receipt.identity, **identity}})


def stop(launcher: SsmLauncher, receipt: Receipt, epoch: int = 9) -> StopOutcome:
    return launcher.stop(receipt, epoch=epoch, grace_seconds=0).outcome


def lives(pid: int) -> bool:
    stat = procfs.read_stat(pid)
    return stat is not None and not stat.gone


def environment_told(pid: int) -> dict[str, str]:
    return {name: value for name, value in procfs.environment_of(pid).items() if name.startswith("PARAMEDIC_")}


# ------------------------------------------------------------------------------------------------ epochs and keys


@EITHER
def test_a_lower_epoch_launches_nothing_and_stops_nothing(host: SsmHost, fields: dict[str, Any]) -> None:
    launcher = host.launcher(**fields)
    receipt = launcher.launch(request_for(4))
    with pytest.raises(EpochRefusedError, match=f"scope {SCOPE} has seen epoch 4, the call carries 3"):
        launcher.launch(request_for(3))
    with pytest.raises(EpochRefusedError):
        stop(launcher, receipt, epoch=3)
    assert [stat.pid for stat in host.living()] == [pid_of(receipt)]


def test_a_fence_refuses_every_lower_epoch_and_never_goes_down(host: SsmHost) -> None:
    launcher = host.launcher(**COMMAND)
    launcher.fence(SCOPE, 6)
    launcher.fence(SCOPE, 5)
    with pytest.raises(EpochRefusedError):
        launcher.launch(request_for(5))
    launcher.launch(request_for(6))


def test_what_ssm_fences_the_controllers_own_launcher_on_that_host_refuses_and_the_other_way_round(
    host: SsmHost,
) -> None:
    own = ProcessLauncher(host.host_dir)
    replica = request_for(1).model_copy(update={"workload": "replica:u/1", "key": "op-1"})
    host.launcher(**COMMAND).fence(SCOPE, 2)
    with pytest.raises(EpochRefusedError):
        own.launch(replica)
    own.fence(SCOPE, 3)
    with pytest.raises(EpochRefusedError):
        host.launcher(**COMMAND).launch(request_for(2))


def test_a_workload_refuses_a_lower_epoch_also_where_its_scopes_file_was_lost(host: SsmHost) -> None:
    launcher = host.launcher(**COMMAND)
    stop(launcher, launcher.launch(request_for(4)), epoch=4)
    (host.host_dir / "scopes/controller%3Amain.json").unlink()
    with pytest.raises(EpochRefusedError, match=f"workload {SCOPE} has seen epoch 4"):
        launcher.launch(request_for(3))


@EITHER
def test_what_was_fenced_instead_of_stopped_ends_before_its_successor_starts(
    host: SsmHost, fields: dict[str, Any]
) -> None:
    launcher = host.launcher(**fields)
    former = launcher.launch(request_for(3))
    os.kill(pid_of(former), signal.SIGSTOP)
    others = request_for(3, "other").model_copy(update={"workload": "controller:other", "scope": "controller:other"})
    other = host.launcher(**COMMAND).launch(others)
    successor = launcher.launch(request_for(4))
    assert {stat.pid for stat in host.living()} == {pid_of(other), pid_of(successor)}


def test_keys_are_remembered_and_only_the_last_hundred(host: SsmHost) -> None:
    launcher = host.launcher(**COMMAND)
    stop(launcher, launcher.launch(request_for(1)))
    ledger = host.host_dir / "ssm/controller%3Amain.launches"
    head, first = ledger.read_text().splitlines()
    others = [first.replace(f"{SCOPE}/1", f"older/{number}") for number in range(100)]
    ledger.write_text("\n".join([head, *others, first]) + "\n")
    stop(launcher, launcher.launch(request_for(9)))
    kept = [line.rpartition(" ")[2] for line in ledger.read_text().splitlines()[1:]]
    assert kept == [*(f"older/{number}" for number in range(2, 100)), f"{SCOPE}/1", f"{SCOPE}/9"]
    with pytest.raises(KeyAlreadyUsedError):
        launcher.launch(request_for(9))


@pytest.mark.parametrize("file", ["scopes/controller%3Amain.json", "ssm/controller%3Amain.launches"])
@pytest.mark.parametrize("content", ["", "nonsense\n", '{"name": "controller:other", "epoch": 1}\n'])
def test_a_file_that_is_not_understood_is_named_and_nothing_is_done(host: SsmHost, file: str, content: str) -> None:
    launcher = host.launcher(**COMMAND)
    launcher.fence(SCOPE, 1)
    (host.host_dir / file).write_text(content)
    with pytest.raises(HostRefusedError, match=file.rpartition("/")[2]):
        launcher.launch(request_for(2))
    assert not host.living()


def test_commands_at_once_are_done_one_after_another_and_a_key_is_one_process(host: SsmHost) -> None:
    with ThreadPoolExecutor(6) as pool:
        launches = [pool.submit(host.launcher(**COMMAND).launch, request_for(3)) for _ in range(6)]
    receipts = {pid_of(launch.result()) for launch in launches}
    assert len(receipts) == len(host.living()) == 1


def test_of_commands_at_once_under_many_epochs_the_highest_is_never_refused(host: SsmHost) -> None:
    with ThreadPoolExecutor(4) as pool:
        fences = [pool.submit(host.launcher(**COMMAND).fence, SCOPE, epoch) for epoch in (5, 2, 8, 3)]
    for each in fences:
        each.result()
    with pytest.raises(EpochRefusedError, match="has seen epoch 8"):
        host.launcher(**COMMAND).launch(request_for(7))


# ------------------------------------------------------------------------------------------------ crashes


def crashing(host: SsmHost, at: int, whom: str) -> None:
    """From the next command on, the script dies at its n-th write, once: alone, or `all` that it has begun with it."""
    folder = host.systemd.folder
    (folder / "count").write_text("0")
    sync = folder / "bin/sync"
    sync.write_text(
        f"""#!/bin/bash
number=$(($(cat {folder}/count) + 1))
echo $number >{folder}/count
[[ $number == {at} ]] || exec /bin/sync "$@"
# The script itself is the highest of its name; the one who writes may be a child of it.
script=$PPID
while next=$(sed -n 's/^PPid:\\t//p' /proc/$script/status) && grep -q '\\.sh' /proc/$next/cmdline; do script=$next; done
kill -9 $script
[[ {whom} != all ]] || kill -9 $PPID 2>/dev/null
exec /bin/sync "$@"
"""
    )
    sync.chmod(0o700)


LAUNCH_WRITES = 8
"""What is made durable by the first launch: a scope, the epoch, the intent and the process, file and folder each."""


@EITHER
def test_the_crashes_below_cover_every_write_of_a_launch(host: SsmHost, fields: dict[str, Any]) -> None:
    crashing(host, 0, "all")
    host.launcher(**fields).launch(request_for(3))
    # A unit is told its epoch by two files besides.
    expected = LAUNCH_WRITES if fields is COMMAND else LAUNCH_WRITES + 4
    assert int((host.systemd.folder / "count").read_text()) == expected


# What a script has begun goes on alone in the last two, which are the process's own.
@pytest.mark.parametrize(
    ("at", "whom"), [*((at, "all") for at in range(1, LAUNCH_WRITES)), *((at, "alone") for at in (7, 8))]
)
def test_a_launch_whose_script_dies_at_any_write_is_one_process_once_it_is_asked_again(
    host: SsmHost, at: int, whom: str
) -> None:
    crashing(host, at, whom)
    # The launcher asks again by itself.
    receipt = host.launcher(**COMMAND).launch(request_for(3))
    while not host.living():
        pass
    assert [stat.pid for stat in host.living()] == [pid_of(receipt)]
    assert len(host.hosts.sent) == 2
    assert host.launcher(**COMMAND).find(SCOPE, f"{SCOPE}/3") == receipt


def test_a_process_that_was_written_down_and_died_before_it_was_the_workload_has_used_its_key(host: SsmHost) -> None:
    crashing(host, LAUNCH_WRITES, "all")
    with pytest.raises(KeyAlreadyUsedError):
        host.launcher(**COMMAND).launch(request_for(3))
    assert not host.living()


@pytest.mark.parametrize("at", range(LAUNCH_WRITES - 3, LAUNCH_WRITES + 5))
def test_a_unit_whose_script_dies_at_any_write_is_one_process_once_it_is_asked_again(host: SsmHost, at: int) -> None:
    crashing(host, at, "all")
    receipt = host.launcher(**BY_UNIT).launch(request_for(3))
    assert [stat.pid for stat in host.living()] == [pid_of(receipt)]
    assert environment_told(pid_of(receipt))["PARAMEDIC_EPOCH"] == "3"


def test_a_unit_that_was_started_and_not_written_down_is_found_by_its_key(host: SsmHost) -> None:
    launcher = host.launcher(**BY_UNIT)
    receipt = launcher.launch(request_for(3))
    ledger = host.host_dir / "ssm/controller%3Amain.launches"
    written = f"{pid_of(receipt)} {receipt.identity['start_time']} 3"
    assert written in ledger.read_text()
    ledger.write_text(ledger.read_text().replace(written, "0 0 3"))
    assert launcher.find(SCOPE, receipt.key) == receipt
    assert written in ledger.read_text()
    assert launcher.launch(request_for(3)) == receipt


# ------------------------------------------------------------------------------------------------ what it is told


def test_a_command_gets_its_marks_and_the_hosts_file_of_variables_and_nothing_else(
    host: SsmHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file, log = tmp_path / "main.env", tmp_path / "main.log"
    env_file.write_text("# for the model\n\nTOKEN=s3cret $HOME 'x' = \\n\nPARAMEDIC_EPOCH=99\n")
    script = 'cat; pwd; echo "$TOKEN"; echo to-stderr >&2; env | cut -d= -f1 | sort | xargs; exec sleep 600'
    odd = 'a b\n$(id) "quoted" \\ é'
    command = ["bash", "-c", f"{script}; :", "x", odd]
    launcher = host.launcher(
        command=command, env_file=str(env_file), working_directory=str(tmp_path), log_file=str(log)
    )
    receipt = launcher.launch(request_for(3))
    shown = str(host.hosts.sent)
    while "PWD" not in log.read_text():
        pass
    first, token, stderr, names = log.read_text().splitlines()
    assert (first, token, stderr) == (str(tmp_path), "s3cret $HOME 'x' = \\n", "to-stderr")
    told = {
        "PARAMEDIC_CONTROLLER_ID": "main",
        "PARAMEDIC_EPOCH": "3",
        "PARAMEDIC_HOST_DIR": str(host.host_dir),
        "PARAMEDIC_LAUNCH_KEY": f"{SCOPE}/3",
        "PARAMEDIC_SCOPE": SCOPE,
        "PARAMEDIC_WORKLOAD": SCOPE,
    }
    assert environment_told(pid_of(receipt)) == told
    assert set(names.split()) - {"PWD", "OLDPWD", "SHLVL", "_"} == {*told, "PATH", "HOME", "LANG", "TOKEN"}
    assert "s3cret" not in shown
    assert receipt.log_file == str(log)
    seen = procfs.read_stat(pid_of(receipt))
    assert seen is not None
    assert seen.leads_its_session


def test_arguments_arrive_as_they_are_in_the_profile(host: SsmHost, tmp_path: Path) -> None:
    out = tmp_path / "arguments"
    odd = ["a b", "", "new\nline", '$(id) `id` "q" \\', "é", "{{ key }}", "-n"]
    program = f"import sys, time; open({str(out)!r}, 'w').write(repr(sys.argv[1:])); time.sleep(600)"
    host.launcher(command=[sys.executable, "-c", program, *odd]).launch(request_for(3))
    while not (out.exists() and out.read_text().endswith("]")):
        pass
    assert out.read_text() == repr(odd)


def test_variables_of_a_request_are_refused_for_whoever_sees_commands_could_read_them(host: SsmHost) -> None:
    request = request_for(3).model_copy(update={"environment": {"API_TOKEN": "hunter2"}})
    with pytest.raises(UnsafeEnvironmentError, match="API_TOKEN may be secret"):
        host.launcher(**COMMAND).launch(request)
    assert host.hosts.sent == []


def test_a_line_of_the_file_of_variables_that_is_none_is_named_and_not_shown(host: SsmHost, tmp_path: Path) -> None:
    env_file = tmp_path / "main.env"
    env_file.write_text("A=1\nhunter2\n")
    with pytest.raises(HostRefusedError, match="line 2: not NAME=VALUE") as refused:
        host.launcher(**COMMAND, env_file=str(env_file)).launch(request_for(3))
    assert "hunter2" not in str(refused.value)
    assert not host.living()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"command": ["/no/such/program"]}, "cannot find /no/such/program"),
        ({**COMMAND, "working_directory": "/no/such/place"}, "cannot go to /no/such/place"),
        ({**COMMAND, "log_file": "/no/such/place/log"}, "cannot write log"),
        ({**COMMAND, "env_file": "/no/such/file"}, "cannot read environment file"),
        ({"unit": "other.service", "manager": "user"}, "unit other.service is not-found"),
    ],
)
def test_what_cannot_be_started_is_said_and_may_be_tried_again_by_the_same_key(
    host: SsmHost, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(HostRefusedError, match=words):
        host.launcher(**fields).launch(request_for(3))
    assert not host.living()
    host.launcher(**COMMAND).launch(request_for(3))
    assert len(host.living()) == 1


def test_a_unit_is_told_its_epoch_once_and_what_systemd_starts_by_itself_has_none(host: SsmHost) -> None:
    receipt = host.launcher(**BY_UNIT).launch(request_for(3))
    told = environment_told(pid_of(receipt))
    assert (told["PARAMEDIC_EPOCH"], told["PARAMEDIC_CONTROLLER_ID"]) == ("3", "main")
    # A unit has a directory of its own.
    assert "PARAMEDIC_HOST_DIR" not in told
    subprocess.run(
        [host.systemd.folder / "bin/systemctl", "--user", "restart", UNIT],
        env={"PATH": host.systemd.path, **host.systemd.environment},
        check=True,
    )
    (pid,) = host.systemd.pids()
    assert pid != pid_of(receipt)
    assert environment_told(pid) == {}


def test_the_file_that_tells_a_unit_its_epoch_is_its_users_alone(host: SsmHost) -> None:
    broken = host.systemd.folder / "bin/restart-seen"
    systemctl = host.systemd.folder / "bin/systemctl"
    told = host.host_dir / f"ssm/{UNIT}.env"
    systemctl.write_text(
        systemctl.read_text().replace("  restart)\n", f"  restart)\n    stat -c %a {told} >{broken}\n")
    )
    host.launcher(**BY_UNIT).launch(request_for(3))
    assert broken.read_text() == "600\n"
    assert not told.exists()


@pytest.mark.parametrize(("file", "words"), [("silent", "does not answer"), (f"{UNIT}.job", "still at work")])
def test_while_systemd_cannot_tell_nothing_is_started(host: SsmHost, file: str, words: str) -> None:
    trouble = host.systemd.folder / file
    trouble.write_text("17\n")
    with pytest.raises(HostRefusedError, match=words):
        host.launcher(**BY_UNIT).launch(request_for(3))
    trouble.unlink()
    host.launcher(**BY_UNIT).launch(request_for(3))
    assert len(host.living()) == 1


def test_a_unit_that_does_not_start_leaves_no_epoch_behind(host: SsmHost) -> None:
    (host.systemd.folder / "broken").touch()
    with pytest.raises(HostRefusedError, match=f"unit {UNIT} does not start"):
        host.launcher(**BY_UNIT).launch(request_for(3))
    assert not (host.host_dir / f"ssm/{UNIT}.env").exists()


# ------------------------------------------------------------------------------------------------ looking, stopping


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


# ------------------------------------------------------------------------------------------------ SSM, and its trouble


@pytest.mark.parametrize("trouble", ["offline", "silent"])
def test_of_a_host_that_is_not_reached_nothing_is_concluded(host: SsmHost, trouble: str) -> None:
    receipt = host.launcher(**COMMAND).launch(request_for(3))
    if trouble == "offline":
        host.hosts.offline.add(INSTANCE)
    else:
        host.hosts.silent = True
    assert host.launcher(**COMMAND).describe(receipt).state is RunState.UNKNOWN
    result = host.launcher(**COMMAND).stop(receipt, epoch=4, grace_seconds=0)
    assert (result.outcome, "would confirm it" in result.detail) == (StopOutcome.UNCONFIRMED, True)
    for ask in (
        lambda: host.launcher(**COMMAND).launch(request_for(4)),
        lambda: host.launcher(**COMMAND).find(SCOPE, "k"),
        lambda: host.launcher(**COMMAND).running(SCOPE),
        lambda: host.launcher(**COMMAND).fence(SCOPE, 4),
    ):
        with pytest.raises(HostSilentError):
            ask()
    assert lives(pid_of(receipt))


def test_a_host_that_was_silent_is_waited_for_once_in_an_invocation(host: SsmHost) -> None:
    receipt = host.launcher(**COMMAND).launch(request_for(3))
    host.hosts.silent = True
    launcher, before = host.launcher(**COMMAND), host.clock.monotonic()
    stop(launcher, receipt)
    launcher.describe(receipt)
    with pytest.raises(LauncherError):
        launcher.fence(SCOPE, 4)
    assert host.clock.monotonic() - before == pytest.approx(ANSWER_SECONDS)


def test_a_launch_whose_reply_was_lost_is_asked_for_again_by_its_key(host: SsmHost) -> None:
    host.hosts.losing = 1
    receipt = host.launcher(**COMMAND).launch(request_for(3))
    assert [stat.pid for stat in host.living()] == [pid_of(receipt)]


def test_an_answer_that_is_cut_off_is_none(host: SsmHost, monkeypatch: pytest.MonkeyPatch) -> None:
    look = host.hosts.get_command_invocation

    def cut(**arguments: Any) -> dict[str, Any]:
        answer = dict(look(**arguments))
        return answer | {"StandardOutputContent": answer["StandardOutputContent"][:-6]}

    monkeypatch.setattr(host.hosts, "get_command_invocation", cut)
    with pytest.raises(HostSilentError, match="no whole answer"):
        host.launcher(**COMMAND).launch(request_for(3))


@pytest.fixture(scope="module")
def ssm() -> Any:
    """A client that checks every call against SSM's own model."""
    return boto3.client("ssm", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


def test_ssm_is_sent_the_document_for_one_instance_and_asked_until_it_knows(ssm: Any, host: SsmHost) -> None:
    looked_for = {"CommandId": "0" * 36, "InstanceId": INSTANCE}
    said = "launch m b pid:[1] 7 8 3 controller:main controller:main/3\nend -\n"
    with Stubber(ssm) as stubber:
        parameters = {
            "action": ["launch"],
            "hostDir": [str(host.host_dir)],
            "user": [host.profile(**COMMAND).user],
            "manager": ["system"],
            "workload": [SCOPE],
            "workloadFile": ["controller%3Amain"],
            "scope": [SCOPE],
            "scopeFile": ["controller%3Amain"],
            "key": [f"{SCOPE}/3"],
            "epoch": ["3"],
            "controllerId": ["main"],
            "commandLine": ["c2xlZXAANjAwAA=="],
        }
        sent = {"DocumentName": "launch", "InstanceIds": [INSTANCE], "Parameters": parameters, "TimeoutSeconds": 30}
        stubber.add_response("send_command", {"Command": {"CommandId": "0" * 36}}, sent)
        stubber.add_client_error("get_command_invocation", "InvocationDoesNotExist", expected_params=looked_for)
        stubber.add_response("get_command_invocation", {"Status": "InProgress", "ResponseCode": -1}, looked_for)
        ended = {"Status": "Success", "ResponseCode": 0, "StandardOutputContent": said}
        stubber.add_response("get_command_invocation", ended, looked_for)
        receipt = SsmLauncher(host.profile(**COMMAND), HostCommands(ssm, "launch", INSTANCE, FakeClock())).launch(
            request_for(3)
        )
        stubber.assert_no_pending_responses()
    assert (receipt.called, receipt.epoch, receipt.identity["instance"]) == ("ssm 7", 3, INSTANCE)


@pytest.mark.parametrize(
    ("status", "code"), [("TimedOut", -1), ("Cancelled", -1), ("Failed", 137), ("Undeliverable", -1)]
)
def test_a_command_that_came_to_no_end_is_asked_again_and_then_unknown(
    ssm: Any, host: SsmHost, status: str, code: int
) -> None:
    launcher = SsmLauncher(host.profile(**COMMAND), HostCommands(ssm, "launch", INSTANCE, FakeClock()))
    with Stubber(ssm) as stubber:
        for _ in range(2):
            stubber.add_response("send_command", {"Command": {"CommandId": "0" * 36}})
            stubber.add_response("get_command_invocation", {"Status": status, "ResponseCode": code})
        with pytest.raises(HostSilentError, match=f"came to no end on {INSTANCE}"):
            launcher.launch(request_for(3))
        stubber.assert_no_pending_responses()


# ------------------------------------------------------------------------------------------------ what may be written


def test_profile_and_document_allow_the_same() -> None:
    defined = document(LAUNCH)["parameters"]

    def inner(name: str) -> str:
        return str(defined[name]["allowedPattern"]).removeprefix("^").removesuffix("$")

    path, unit = ssm_profile.PATH_PATTERN[1:-1], ssm_profile.UNIT_PATTERN[1:-1]
    assert {inner(name) for name in ("workload", "scope", "key")} == {NAME_PATTERN[1:-1]}
    assert (inner("hostDir"), inner("user")) == (path, ssm_profile.USER_PATTERN[1:-1])
    assert {inner(name) for name in ("envFile", "workingDirectory", "logFile")} == {f"(-|{path})"}
    assert inner("unit") == f"(-|{unit})"
    # Everything else has a pattern or a list: nothing comes through as it is.
    assert [name for name, each in defined.items() if not {"allowedPattern", "allowedValues"} & set(each)] == []


TEXTS = st.text(st.characters(codec="ascii"), max_size=20) | st.sampled_from(
    ["'; id; '", "$(id)", "`id`", "a\n", "{{ key }}"]
)


@given(st.sampled_from(sorted(document(LAUNCH)["parameters"])), TEXTS)
def test_nothing_that_ssm_takes_ends_the_quotes_of_the_script(name: str, text: str) -> None:
    common = {each: ["a"] for each in ("workload", "scope", "key", "workloadFile", "scopeFile", "user")}
    given_all = {**common, "action": ["find"], "hostDir": ["/a"], name: [text]}
    try:
        script_of(given_all, LAUNCH)
    except type(refusal("")):
        return
    assert not set("'\"`$\\\n ;|<>(){}") & set(text)


@pytest.mark.parametrize("name", ["a'b", "a b", "a\nb", "", "ü", "x" * 201])
def test_a_name_that_the_document_does_not_take_is_an_error_before_anything_is_sent(host: SsmHost, name: str) -> None:
    with pytest.raises(InvalidInputError, match="workload"):
        host.launcher(**COMMAND).find(name, "k")
    assert host.hosts.sent == []


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "main", "must have either unit or command"),
        ({**COMMAND, **BY_UNIT}, "main", "must have either unit or command"),
        ({**BY_UNIT, "env_file": "/a/b"}, "main", "a unit has its own environment"),
        ({"unit": UNIT, "user": "model"}, "main", "only root may ask the system's systemd"),
        ({**COMMAND, "instance": "web-1"}, "main.instance", "pattern"),
        ({**COMMAND, "host_dir": "var/lib"}, "main.host_dir", "pattern"),
        ({**COMMAND, "host_dir": "/var/lib/$(id)"}, "main.host_dir", "pattern"),
        ({**COMMAND, "user": "a b"}, "main.user", "pattern"),
        ({"unit": "-a"}, "main.unit", "pattern"),
        ({**COMMAND, "document": "AWS-RunShellScript"}, "main.document", "not permitted"),
    ],
)
def test_a_malformed_profile_is_named_with_its_field(
    host: SsmHost, fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        host.profile(**fields)
    assert refused.value.field == f"LAUNCHER_PROFILES.{field}"
    assert words in str(refused.value)


def test_a_stack_that_launches_nothing_by_ssm_says_which_setting_is_missing(
    host: SsmHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("SSM_LAUNCHER_DOCUMENT", raising=False)
    with pytest.raises(InvalidSettingError, match="SSM_LAUNCHER_DOCUMENT"):
        make_launcher(host.profile(**COMMAND))
    monkeypatch.setenv("SSM_LAUNCHER_DOCUMENT", "prod-launch")
    assert isinstance(make_launcher(host.profile(**COMMAND)), SsmLauncher)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_all_is_done_as_the_user_of_the_profile(host_dir: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="paramedic-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        theirs = Path(folder) / "host"
        theirs.mkdir()
        os.chown(theirs, NOBODY, NOBODY)
        launcher = SsmHost(theirs, host_dir / "systemd").launcher(**COMMAND, user="nobody")
        receipt = launcher.launch(request_for(3))
        owners = {Path(f"/proc/{pid_of(receipt)}").stat().st_uid, *(each.stat().st_uid for each in theirs.rglob("*"))}
        assert owners == {NOBODY}
        assert stop(launcher, receipt) is StopOutcome.STOPPED


def test_the_fake_takes_what_ssm_takes_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(type(refusal("")), match="InvalidParameters"):
        BashHosts(tmp_path, logical_id=LAUNCH).send_command(
            InstanceIds=[INSTANCE], Parameters={"action": ["launch"], "hostDir": ["/a/$(id)"]}
        )
