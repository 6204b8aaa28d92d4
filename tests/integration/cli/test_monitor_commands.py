"""`paramedic monitor` and what else is typed where a stack has tables and no functions."""

import json
import uuid
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner, Result

from paramedic.state import tables
from paramedic.state.recoveries import Step
from paramedic.state.targets import Target, bucket_of
from paramedic_cli.local.emulator import Emulator
from paramedic_cli.main import app
from tests.fakes.recovery_world import TARGET, RecoveryWorld

pytestmark = pytest.mark.integration


def types(stack: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--stack", stack, "--without-lambda", *arguments])


@pytest.fixture
def stack(table_prefix: str) -> str:
    tables.bind(table_prefix)
    return table_prefix.removesuffix("-")


@pytest.fixture
def nowhere(dynamodb: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """A stack of which there is nothing, not even its tables."""
    for name, value in dynamodb.environment.items():
        monkeypatch.setenv(name, value)
    return f"t{uuid.uuid4().hex[:12]}"


def test_the_tables_that_are_missing_are_created_and_no_others(nowhere: str) -> None:
    missing = types(nowhere, "monitor", "--once")
    assert missing.exit_code == 1
    assert types(nowhere, "monitor", "--once", "--create-tables").exit_code == 0
    types(nowhere, "target", "add", "nightly", "--push", "--silent-after", "3600")
    assert types(nowhere, "monitor", "--once", "--create-tables").exit_code == 0
    assert Target.read(bucket_of("push:nightly"), "push:nightly") is not None


def test_a_url_that_is_down_is_told_once_and_the_exit_code_is_about_the_monitor(stack: str) -> None:
    types(stack, "target", "add", "shop", "http://127.0.0.1:1/")
    found = types(stack, "monitor", "--once", "--allow", "127.0.0.0/8")
    assert (found.exit_code, "TargetsDown 1" in found.stdout) == (0, True), found.output
    assert "refused" in types(stack, "target", "list").stdout


def test_a_verb_is_done_here_by_the_monitors_own_settings(
    table_prefix: str, stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = RecoveryWorld(table_prefix)
    assert "is held" in types(stack, "hold", TARGET, "--reason", "its disk").stdout
    assert "its own switch is hold" in types(stack, "status").stdout
    types(stack, "release", TARGET, "--reason", "mended")
    world.first.alive = False
    world.found_bad()
    profile = {"launcher": "process", "host_dir": "/nowhere", "command": ["true"]}
    monkeypatch.setenv("LAUNCHER_PROFILES", json.dumps({"local": profile}))
    monkeypatch.setenv("ALLOWED_CIDRS", "127.0.0.0/8")
    waits = types(stack, "recover", TARGET, "--reason", "try")
    assert (waits.exit_code, "/nowhere" in waits.stdout) == (1, True), waits.output
    assert world.recovery(2).step == Step.STOP


def test_where_targets_are_probed_from_here_they_are_tried_from_here(stack: str) -> None:
    types(stack, "target", "add", "shop", "http://127.0.0.1:1/")
    assert "ALLOWED_CIDRS" in types(stack, "target", "test", "shop").stdout


def test_gateways_are_kept_as_they_are_wanted_and_what_keeps_one_from_it_is_told(stack: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("type: gateway\nname: front\nbackend: nowhere\n")
    wanted = types(stack, "gateway", "up", str(file))
    assert (wanted.exit_code, wanted.stderr) == (0, ""), wanted.output
    told = types(stack, "monitor", "--once").stdout
    assert "front/1: place: " in told
    assert "launcher profile 'nowhere' does not exist" in told


@pytest.mark.parametrize(
    ("profiles", "arguments", "variables", "named"),
    [
        ('{"local": {"launcher": "magic"}}', [], {}, "LAUNCHER_PROFILES.local.launcher: must be one of"),
        ("{}", ["--allow", "everywhere"], {}, "ALLOWED_CIDRS: not a network"),
        ("{}", [], {"STALE_SECONDS": "1"}, "STALE_SECONDS: Input should be greater than or equal to 10"),
        ("{}", [], {"FAST_CHECKS_PER_MINUTE": "5"}, "FAST_CHECKS_PER_MINUTE: Input should be 1, 2, 3 or 6"),
        (None, [], {}, "--profiles: cannot be read"),
    ],
)
def test_a_setting_that_is_none_is_named_before_anything_is_done(
    nowhere: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    profiles: str | None,
    arguments: list[str],
    variables: dict[str, str],
    named: str,
) -> None:
    file = tmp_path / "profiles.json"
    if profiles is not None:
        file.write_text(profiles)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    refused = types(nowhere, "monitor", "--once", "--create-tables", "--profiles", str(file), *arguments)
    assert (refused.exit_code, refused.stderr.startswith(f"error: {named}")) == (2, True), refused.stderr
    assert not [each for each in boto3.client("dynamodb").list_tables()["TableNames"] if each.startswith(nowhere)]
