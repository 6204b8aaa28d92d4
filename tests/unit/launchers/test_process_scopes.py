"""Processes started through `systemd-run --scope`, which registers itself and then becomes the command."""

import os
import shlex
from pathlib import Path

import pytest

from paramedic.launchers.interface import Launch, RunState, StopOutcome
from paramedic.launchers.process import procfs
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.process.scopes import spawn_in_scope
from paramedic.settings import InvalidSettingError
from paramedic_controller.settings import Settings

REQUIRED = {"TABLE_PREFIX": "t-", "PARAMEDIC_CONTROLLER_ID": "main", "PARAMEDIC_HOST_DIR": "/h"}


@pytest.fixture
def systemd_run(tmp_path: Path) -> Path:
    """What of `systemd-run` matters here, which needs no systemd: it notes its number and executes in place."""
    path = tmp_path / "systemd-run"
    noted = shlex.quote(str(tmp_path / "noted"))
    script = f'echo $$ "$XDG_RUNTIME_DIR" "$1" > {noted}\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
    return path


def test_a_process_in_a_scope_is_the_one_its_receipt_names_and_is_found_by_its_key(
    host_dir: Path, sleeper: Launch, systemd_run: Path, tmp_path: Path
) -> None:
    spawn = spawn_in_scope((str(systemd_run), "--scope", "--"), {"XDG_RUNTIME_DIR": "/run/user/7", "AWS_SECRET": "no"})
    launcher = ProcessLauncher(host_dir, spawn=spawn)
    # It says that it has taken the place of systemd-run by the fifo, and then only waits.
    os.mkfifo(tmp_path / "fifo")
    command = ("sh", "-c", f"echo $$ > {shlex.quote(str(tmp_path / 'fifo'))}; exec sleep 600")
    receipt = launcher.launch(sleeper.model_copy(update={"command": command}))
    assert (tmp_path / "fifo").read_text().strip() == receipt.identity["pid"]
    assert (tmp_path / "noted").read_text().split() == [receipt.identity["pid"], "/run/user/7", "--scope"]
    assert "AWS_SECRET" not in procfs.environment_of(int(receipt.identity["pid"]))
    assert launcher.describe(receipt).state is RunState.RUNNING
    (stat,) = procfs.all_marked({"PARAMEDIC_LAUNCH_KEY": sleeper.key, "PARAMEDIC_HOST_DIR": str(host_dir)})
    assert stat.pid == int(receipt.identity["pid"])
    assert launcher.stop(receipt, epoch=sleeper.epoch, grace_seconds=0).outcome is StopOutcome.STOPPED


def test_a_scope_command_is_words_of_a_shell_and_none_by_default(systemd_run: Path) -> None:
    given = {**REQUIRED, "PARAMEDIC_SCOPE_COMMAND": f"{systemd_run} --slice='a b' --"}
    assert Settings.from_env(given).scope_command == (str(systemd_run), "--slice=a b", "--")
    assert Settings.from_env(REQUIRED).scope_command == ()


def test_a_scope_command_that_is_not_there_is_refused_before_an_epoch_is_spent() -> None:
    with pytest.raises(InvalidSettingError, match=r"PARAMEDIC_SCOPE_COMMAND.*no command 'nowhere-run' on PATH"):
        Settings.from_env({**REQUIRED, "PARAMEDIC_SCOPE_COMMAND": "nowhere-run --"})
