"""Bad input is answered in one clear line, before anything is sent anywhere."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from paramedic_cli.commands.past import beginning
from paramedic_cli.local.project import project_root
from paramedic_cli.main import app
from paramedic_cli.recovery_client import recover_request, verb

SERVICE = """
name: echo
service:
  readiness_probe: /health
  replicas: 2
run: python server.py
"""


def paramedic(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack is chosen, and no AWS can be reached."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PARAMEDIC_STACK", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


@pytest.mark.parametrize("command", [["status"], ["down", "echo"], ["recover", "controller:a", "--reason", "r"]])
def test_without_a_stack_every_command_says_how_to_choose_one(command: list[str]) -> None:
    result = paramedic(*command)
    assert result.exit_code == 2
    assert "--stack" in result.stderr
    assert "PARAMEDIC_STACK" in result.stderr
    assert "paramedic local up" in result.stderr


def test_an_unknown_field_of_a_service_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(SERVICE.replace("readiness_probe", "readyness_probe"))
    result = paramedic("--stack", "s", "up", "service.yaml")
    assert result.exit_code == 2
    assert "readyness_probe" in result.stderr
    assert "readiness_probe" in result.stderr


def test_a_secret_in_a_service_file_is_refused_and_not_printed(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(f"{SERVICE}secrets: {{HF_TOKEN: hf_s3cret}}\n")
    result = paramedic("--stack", "s", "up", "service.yaml")
    assert result.exit_code == 2
    assert "secrets.HF_TOKEN: is a value itself" in result.stderr
    assert "s3cret" not in result.output


def test_a_service_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_bytes(b"\xff\xfe\x00")
    result = paramedic("--stack", "s", "up", "service.yaml")
    assert result.exit_code == 2
    assert "service.yaml: is not UTF-8 text" in result.stderr


def test_a_service_file_that_is_missing_is_named() -> None:
    result = paramedic("--stack", "s", "up", "nosuch.yaml")
    assert result.exit_code == 2
    assert "nosuch.yaml" in result.stderr


@pytest.mark.parametrize("target", ["demo", "url:http://x", "controller:"])
def test_what_is_no_target_s_id_is_not_recovered(target: str) -> None:
    result = paramedic("--stack", "s", "recover", target, "--reason", "r")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: TARGET:")


@pytest.mark.parametrize(("option", "field"), [("--reason", "recover.reason"), ("--actor", "recover.actor")])
def test_an_empty_word_for_the_record_is_refused_by_name(option: str, field: str) -> None:
    words = {"--reason": "r", "--actor": "a"} | {option: ""}
    result = paramedic("--stack", "s", "recover", "controller:a", *(w for pair in words.items() for w in pair))
    assert result.exit_code == 2
    assert field in result.stderr


def test_an_error_is_one_line() -> None:
    assert paramedic("status").stderr.count("\n") == 1


def test_credentials_that_cannot_be_understood_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / ".paramedic").mkdir()
    (tmp_path / ".paramedic/operator.env").write_text("hunter2\n")
    result = paramedic("status")
    assert result.exit_code == 1
    assert "operator.env, line 1" in result.stderr
    assert "hunter2" not in result.stderr


def test_local_commands_without_a_local_stack_say_how_to_start_one() -> None:
    for command in ("status", "down", "controller"):
        result = paramedic("local", command)
        assert result.exit_code == 1
        assert "paramedic local up" in result.stderr


@pytest.mark.parametrize(
    "action", ["recover", "replace", "force", "drill", "approve", "acknowledge", "hold", "release", "guard"]
)
def test_the_recorded_manual_requests_are_what_the_commands_send(action: str) -> None:
    recorded = json.loads((project_root() / f"events/{action}.json").read_text())
    more = {name: recorded[name] for name in ("plan", "predecessor_gone", "restart") if name in recorded}
    sent = verb(action, recorded["target"], recorded["actor"], recorded["reason"], **more)
    same = {**sent.model_dump(exclude_defaults=True), "request_id": recorded["request_id"]}
    assert same == recorded


@pytest.mark.parametrize("command", ["recover", "replace", "force", "drill", "acknowledge", "approve"])
def test_only_controllers_and_urls_are_acted_on_by_hand(command: str) -> None:
    more = ["--plan", "p"] if command == "approve" else []
    result = paramedic("--stack", "s", command, "push:cron", "--reason", "r", *more)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: TARGET:")


@pytest.mark.parametrize("since", ["", "d", "yesterday", "2026-11-22T11:15:00", "999999999999d"])
def test_a_report_since_nobody_knows_when_is_refused_by_name(since: str) -> None:
    result = paramedic("--stack", "s", "report", "--since", since)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --since:")


def test_a_report_goes_back_as_far_as_it_is_told() -> None:
    now = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
    assert beginning("90m", now) == datetime(2026, 1, 5, 1, 30, tzinfo=UTC)
    assert beginning("7d", now) == datetime(2025, 12, 29, 3, 0, tzinfo=UTC)
    assert beginning("2026-01-05T02:00:00+01:00", now) == datetime(2026, 1, 5, 1, 0, tzinfo=UTC)


def test_every_request_is_a_request_of_its_own() -> None:
    first, second = (recover_request("controller:demo", "alice", "a reason") for _ in range(2))
    assert first.request_id != second.request_id
