"""Launcher `ssm`: how a command or a unit is started on the host, and what it is told."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paramedic.launchers.marks import UnsafeEnvironmentError
from paramedic.launchers.process import procfs
from paramedic.launchers.ssm.answers import HostRefusedError
from tests.fakes.launchers.ssm import UNIT, SsmHost
from tests.fakes.launchers.ssm_cases import BY_UNIT, COMMAND, environment_told, pid_of
from tests.fakes.launchers.stages import SCOPE, request_for


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
