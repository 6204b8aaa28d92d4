"""Which process is this replica's Envoy: one exact one, whatever the files of an earlier life or boot say."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic.launchers.process import procfs
from paramedic.launchers.process.files import HostFileError
from paramedic.launchers.process.scopes import spawn_in_scope
from paramedic_gateway.layout import Layout
from paramedic_gateway.proxy.process import EnvoyCommand, EnvoyIdentity, EnvoyProcess
from tests.fakes.waiting import eventually


@pytest.fixture
def command(tmp_path: Path) -> EnvoyCommand:
    (tmp_path / "bootstrap.json").write_text("{}")
    (tmp_path / "envoy").write_bytes(b"release 1")
    return EnvoyCommand(tmp_path / "envoy", Layout(tmp_path), 1)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with Envoy."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def identity_of(pid: int, **other: object) -> EnvoyIdentity:
    stat = procfs.read_stat(pid)
    assert stat is not None
    known = {"pid": pid, "start_time": stat.start_time, "boot_id": procfs.boot_id(), "started_with": "s"}
    return EnvoyIdentity.model_validate({**known, **other})


@pytest.mark.parametrize("other", [{"start_time": 1}, {"boot_id": "an earlier one"}])
def test_a_process_that_took_over_an_envoys_number_is_neither_adopted_nor_ended(
    command: EnvoyCommand, stranger: subprocess.Popen[bytes], other: dict[str, object]
) -> None:
    stale = identity_of(stranger.pid, **other)
    command.layout.envoy_identity.write_text(stale.model_dump_json())
    assert EnvoyProcess(command).running() == []
    envoy = EnvoyProcess(command, stale)
    assert envoy.wait_end(0)
    envoy.end(0)
    assert stranger.poll() is None


@pytest.mark.parametrize("text", ["", "{", "\0\0\0", '{"pid": "x"}'])
def test_a_record_that_was_cut_short_names_nobody(command: EnvoyCommand, text: str) -> None:
    command.layout.envoy_identity.write_text(text)
    assert EnvoyProcess(command).running() == []


def test_the_recorded_envoy_is_found(command: EnvoyCommand, stranger: subprocess.Popen[bytes]) -> None:
    recorded = identity_of(stranger.pid)
    EnvoyProcess(command).adopt(recorded)
    assert EnvoyProcess(command).running() == [recorded]


def test_a_newer_release_at_the_same_path_replaces_the_envoy_that_runs(command: EnvoyCommand) -> None:
    envoy = EnvoyProcess(command)
    runs = identity_of(os.getpid(), started_with=command.markers()["PARAMEDIC_ENVOY_STARTED_WITH"])
    assert envoy.has_these_settings(runs)
    command.binary.write_bytes(b"release 1.1")
    assert not envoy.has_these_settings(runs)


@pytest.mark.parametrize("gone", ["bootstrap.json", "envoy"])
def test_what_is_not_there_cannot_be_started_and_is_named(command: EnvoyCommand, gone: str) -> None:
    (command.layout.root / gone).unlink()
    with pytest.raises(HostFileError, match=rf"{gone}.*cannot be started"):
        EnvoyProcess(command).start()


def test_an_envoy_in_a_scope_is_the_one_that_is_recorded_and_needs_no_other_when_scopes_go(
    command: EnvoyCommand, tmp_path: Path
) -> None:
    (tmp_path / "envoy").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "envoy").chmod(0o755)
    noted = tmp_path / "noted"
    in_place = ("sh", "-c", f'echo $$ > {shlex.quote(str(noted))}; shift; exec "$@"', "systemd-run", "--")
    envoy = EnvoyProcess(command, spawn=spawn_in_scope(in_place, {}))
    envoy.start()
    try:
        (found,) = eventually(EnvoyProcess(command).running, "the Envoy that was started")
        assert found == envoy.identity
        assert eventually(lambda: noted.exists() and noted.read_text().strip(), "its number") == str(found.pid)
        assert EnvoyProcess(command).has_these_settings(found)
    finally:
        envoy.end(0)
    assert EnvoyProcess(command).running() == []
