"""Launcher `ssm`: epochs and keys on the host, whoever dies when; the real script under the real bash."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from paramedic.launchers.interface import (
    EpochRefusedError,
    KeyAlreadyUsedError,
)
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.ssm.answers import HostRefusedError
from tests.fakes.launchers.ssm import SsmHost
from tests.fakes.launchers.ssm_cases import BY_UNIT, COMMAND, EITHER, environment_told, pid_of, stop
from tests.fakes.launchers.stages import SCOPE, request_for


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
