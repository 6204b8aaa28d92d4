"""Launcher profiles: strict about what they say, silent about secrets."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import Launcher
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.launchers.process.profile import ProcessProfile
from paramedic.launchers.profiles import (
    KINDS,
    EnvironmentFileError,
    LauncherProfile,
    UnknownProfileError,
    launch_request,
    make_launcher,
    parse_profiles,
    profile_named,
)
from paramedic.launchers.secret_places import SecretPlace
from paramedic_cli.local.project import project_root

MAIN = {"launcher": "process", "host_dir": "/var/lib/paramedic", "command": ["python", "-m", "paramedic_controller"]}

ECS = {"launcher": "ecs", "cluster": "c", "container": "c", "task": {"task_definition": "controller:7"}}
KUBERNETES = {
    "launcher": "kubernetes",
    "server": "https://cluster",
    "namespace": "models",
    "container": "controller",
    "deployment": "controller",
    "token": {"file": "/token"},
}
WEBHOOK = {"launcher": "webhook", "url": "https://runner.example/", "secret": {"file": "/secret"}}


def parsed(fields: Mapping[str, object]) -> LauncherProfile:
    return parse_profiles(json.dumps({"main": fields}))["main"]


def profile(**changes: object) -> LauncherProfile:
    return parsed(MAIN | changes)


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


@pytest.mark.parametrize("fields", [WEBHOOK | {"secret": "hunter2"}, KUBERNETES | {"token": {"value": "hunter2"}}])
def test_a_secret_that_stands_where_its_place_belongs_is_not_shown(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError, match=r"LAUNCHER_PROFILES\.main\.(secret|token)") as refusal:
        parsed(fields)
    assert "hunter2" not in str(refusal.value)


def test_every_profile_of_the_documentation_makes_its_launcher(host_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("SSM_LAUNCHER_DOCUMENT", "prod-launch")
    monkeypatch.setattr(SecretPlace, "read", lambda _: "secret")
    text = (project_root() / "docs/launchers.md").read_text()
    found = [
        profile for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) for profile in json.loads(block).values()
    ]
    assert {fields["launcher"] for fields in found} == set(KINDS)
    for fields in found:
        here = {"host_dir": str(host_dir)} if fields["launcher"] == "process" else {}
        # Its certificate is cut short.
        fields.pop("ca", None)
        launcher = make_launcher(parsed(fields | here))
        assert all(callable(getattr(launcher, name)) for name in vars(Launcher) if not name.startswith("_"))


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"launcher": "ecs", "cluster": "c", "container": "c"}, "", "must have either task or service"),
        (ECS | {"env_file": "/etc/secrets"}, ".env_file", "would show secrets to whoever may look at tasks"),
        (ECS | {"command": ["sh"]}, ".command", "Extra inputs"),
        (ECS | {"task": {"task_definition": "controller"}}, ".task.task_definition", "pattern"),
        ({"launcher": "ec2", "instance": "i-01234567"}, ".shares_with", "required"),
        ({"launcher": "ec2", "shares_with": []}, "", "must have either instance or replace"),
        (
            {"launcher": "ec2", "shares_with": [], "replace": {"id": "lt-01234567", "version": "$Latest"}},
            ".replace.version",
            "integer",
        ),
        (KUBERNETES | {"server": "http://cluster"}, ".server", "pattern"),
        (KUBERNETES | {"env_file": "/etc/secrets"}, ".env_file", "would show secrets to whoever may look at pods"),
        (KUBERNETES | {"token": {"file": "/t", "arn": None}, "job_from": "j"}, "", "either deployment or job_from"),
        (WEBHOOK | {"url": "http://runner.example"}, ".url", "pattern"),
        (WEBHOOK | {"secret": {}}, ".secret", "must have either file or arn"),
        (WEBHOOK | {"secret": "hunter2"}, ".secret", "SecretPlace"),
    ],
)
def test_what_is_wrong_with_a_launchers_own_fields_is_named(
    fields: Mapping[str, object], field: str, problem: str
) -> None:
    with pytest.raises(InvalidInputError, match=problem) as refusal:
        parsed(fields)
    assert refusal.value.field == f"LAUNCHER_PROFILES.main{field}"


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
