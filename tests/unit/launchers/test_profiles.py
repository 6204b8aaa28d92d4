"""Launcher profiles: strict about what they say, silent about secrets."""

import json
from pathlib import Path

import pytest

from paramedic.errors import InvalidInputError
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.profiles import (
    EnvironmentFileError,
    ProcessProfile,
    UnknownProfileError,
    launch_request,
    make_launcher,
    parse_profiles,
    profile_named,
)

MAIN = {"launcher": "process", "host_dir": "/var/lib/paramedic", "command": ["python", "-m", "paramedic_controller"]}


def profile(**changes: object) -> ProcessProfile:
    return parse_profiles(json.dumps({"main": MAIN | changes}))["main"]


def test_no_profiles_is_a_valid_setting() -> None:
    assert parse_profiles("{}") == {}


def test_a_profile_is_read_with_its_defaults() -> None:
    assert profile() == ProcessProfile(
        launcher="process",
        host_dir=Path("/var/lib/paramedic"),
        command=("python", "-m", "paramedic_controller"),
        verify_seconds=60,
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"launcher": "teleport"}, "LAUNCHER_PROFILES.main.launcher"),
        ({"command": []}, "LAUNCHER_PROFILES.main.command"),
        ({"command": "sh -c x"}, "LAUNCHER_PROFILES.main.command"),
        ({"hostdir": "/x"}, "LAUNCHER_PROFILES.main.hostdir"),
        ({"verify_seconds": 0}, "LAUNCHER_PROFILES.main.verify_seconds"),
    ],
)
def test_a_malformed_profile_is_named_with_its_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        profile(**change)
    assert refusal.value.field == field


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="LAUNCHER_PROFILES: Invalid JSON"):
        parse_profiles("{main: }")


def test_an_unknown_profile_says_which_are_known() -> None:
    with pytest.raises(UnknownProfileError, match=r"'spare' does not exist \(known: main\)"):
        profile_named({"main": profile()}, "spare")


def test_a_process_profile_makes_a_process_launcher(host_dir: Path) -> None:
    assert isinstance(make_launcher(profile(host_dir=str(host_dir))), ProcessLauncher)


def test_a_request_carries_the_profile_and_its_environment_file(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("# secrets\n\nTOKEN=a=b c\nEMPTY=\n")
    request = launch_request(
        profile(env_file=str(path), log_file="/l", working_directory="/w"),
        workload="controller:main",
        scope="controller:main",
        epoch=4,
        key="op",
    )
    assert request.environment == {"TOKEN": "a=b c", "EMPTY": ""}
    assert (request.command[0], request.log_file, request.working_directory) == ("python", "/l", "/w")


@pytest.mark.parametrize("line", ["hunter2", "=hunter2", "my-token=hunter2", "export TOKEN=hunter2"])
def test_a_malformed_line_is_named_by_number_without_its_content(tmp_path: Path, line: str) -> None:
    path = tmp_path / "env"
    path.write_text(f"A=1\n{line}\n")
    with pytest.raises(EnvironmentFileError, match=f"{path}, line 2") as refusal:
        launch_request(profile(env_file=str(path)), workload="w", scope="s", epoch=1, key="k")
    assert "hunter2" not in str(refusal.value)


def test_a_missing_environment_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFileError, match=f"{tmp_path}/none: No such file"):
        launch_request(profile(env_file=str(tmp_path / "none")), workload="w", scope="s", epoch=1, key="k")


def test_a_binary_environment_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(EnvironmentFileError, match="not UTF-8"):
        launch_request(profile(env_file=str(path)), workload="w", scope="s", epoch=1, key="k")
