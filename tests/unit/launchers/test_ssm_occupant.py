"""Launcher `ssm`: what runs in a unit, whoever started it, is seen, ended and replaced, never doubled."""

import os
import signal
import subprocess

import pytest

from paramedic.launchers.interface import FOUND_KEY, LauncherError, NoPlaceError, RunState, StopOutcome
from paramedic.launchers.process import procfs
from tests.fakes.launchers.ssm import UNIT, SsmHost
from tests.fakes.launchers.ssm_cases import BY_UNIT, COMMAND, lives, pid_of, stop
from tests.fakes.launchers.stages import SCOPE, request_for


def start_by_hand(host: SsmHost) -> int:
    """As a person, or systemd by itself, does; the new main process."""
    subprocess.run(
        [host.systemd.folder / "bin/systemctl", "--user", "restart", UNIT],
        env={"PATH": host.systemd.path, **host.systemd.environment},
        check=True,
    )
    (pid,) = host.systemd.pids()
    return pid


def test_what_a_person_started_is_the_units_occupant_by_its_exact_identity(host: SsmHost) -> None:
    pid = start_by_hand(host)
    found = host.launcher(**BY_UNIT).occupant(SCOPE)
    assert found is not None
    assert (found.key, found.epoch, found.workload, pid_of(found)) == (FOUND_KEY, 0, SCOPE, pid)
    assert host.launcher(**BY_UNIT).describe(found).state is RunState.RUNNING


def test_what_was_launched_is_the_occupant_under_its_own_key(host: SsmHost) -> None:
    launcher = host.launcher(**BY_UNIT)
    receipt = launcher.launch(request_for(3))
    assert launcher.occupant(SCOPE) == receipt


def test_a_launch_of_which_nobody_heard_is_the_occupant_under_its_own_key(host: SsmHost) -> None:
    systemctl = host.systemd.folder / "bin/systemctl"
    working = systemctl.read_text()
    # systemd is still starting it when the script that asked for it gives up.
    systemctl.write_text(working.replace("    start\n", "    start\n    exit 124\n"))
    with pytest.raises(LauncherError, match="still at work"):
        host.launcher(**BY_UNIT).launch(request_for(3))
    systemctl.write_text(working)
    found = host.launcher(**BY_UNIT).occupant(SCOPE)
    assert found is not None
    assert (found.key, found.epoch) == (request_for(3).key, 3)


def test_a_unit_that_runs_nothing_is_empty(host: SsmHost) -> None:
    launcher = host.launcher(**BY_UNIT)
    assert launcher.occupant(SCOPE) is None
    receipt = launcher.launch(request_for(3))
    os.kill(pid_of(receipt), signal.SIGKILL)
    while lives(pid_of(receipt)):
        pass
    assert launcher.occupant(SCOPE) is None


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("silent", "", "does not answer"),
        (f"{UNIT}.job", "17\n", "still at work"),
        (f"{UNIT}.state", "deactivating\n", "still at work"),
        (f"{UNIT}.state", "active\n", "has no main process"),
    ],
)
def test_while_systemd_cannot_tell_a_unit_is_not_taken_for_empty(
    host: SsmHost, file: str, text: str, words: str
) -> None:
    (host.systemd.folder / file).write_text(text)
    with pytest.raises(LauncherError, match=words):
        host.launcher(**BY_UNIT).occupant(SCOPE)


def test_a_command_names_no_place(host: SsmHost) -> None:
    with pytest.raises(NoPlaceError, match="a profile with `unit`"):
        host.launcher(**COMMAND).occupant(SCOPE)


def test_a_suspended_occupant_is_ended_with_its_workers_before_its_successor_starts(host: SsmHost) -> None:
    (host.systemd.folder / UNIT).write_text("ExecStart=sh -c 'sleep 600 & sleep 600; :'\n")
    leader = start_by_hand(host)
    while len(session := of_session(leader)) < 3:
        pass
    os.kill(leader, signal.SIGSTOP)
    launcher = host.launcher(**BY_UNIT)
    found = launcher.occupant(SCOPE)
    assert found is not None
    while launcher.describe(found).state is not RunState.SUSPENDED:
        pass
    assert stop(launcher, found) is StopOutcome.STOPPED
    assert not any(lives(pid) for pid in session)
    receipt = launcher.launch(request_for(9))
    assert launcher.occupant(SCOPE) == receipt
    stop(launcher, receipt)


def test_a_unit_that_started_itself_meanwhile_is_not_stopped_for_another_and_is_replaced_by_the_launch(
    host: SsmHost,
) -> None:
    launcher = host.launcher(**BY_UNIT)
    start_by_hand(host)
    found = launcher.occupant(SCOPE)
    assert found is not None
    by_itself = start_by_hand(host)
    assert stop(launcher, found) is StopOutcome.STOPPED
    assert lives(by_itself)
    receipt = launcher.launch(request_for(9))
    assert not lives(by_itself)
    assert [stat.pid for stat in host.living()] == [pid_of(receipt)]


def test_work_that_a_main_process_leaves_to_others_counts_as_the_units(host: SsmHost) -> None:
    (host.systemd.folder / UNIT).write_text("ExecStart=sh -c '(while :; do :; done) & wait'\n")
    start_by_hand(host)
    launcher = host.launcher(**BY_UNIT)
    found = launcher.occupant(SCOPE)
    assert found is not None
    first = launcher.describe(found).cpu_seconds
    while (second := launcher.describe(found).cpu_seconds) == first:
        pass
    assert first is not None
    assert second is not None
    assert second > first
    stop(launcher, found)


def of_session(leader: int) -> list[int]:
    return [stat.pid for stat in procfs.all_processes() if stat.session == leader and not stat.gone]
