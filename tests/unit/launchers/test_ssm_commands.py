"""Launcher `ssm`: what SSM is sent, what its trouble is taken for, and what may be written in profiles."""

import os
import pwd
import tempfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import (
    LauncherError,
    RunState,
    StopOutcome,
)
from paramedic.launchers.profiles import make_launcher
from paramedic.launchers.ssm import profile as ssm_profile
from paramedic.launchers.ssm.answers import HostSilentError
from paramedic.launchers.ssm.commands import ANSWER_SECONDS, HostCommands
from paramedic.launchers.ssm.launcher import NAME_PATTERN, SsmLauncher
from paramedic.settings import InvalidSettingError
from tests.fakes.clock import FakeClock
from tests.fakes.launchers.ssm import INSTANCE, UNIT, SsmHost
from tests.fakes.launchers.ssm_cases import BY_UNIT, COMMAND, lives, pid_of, stop
from tests.fakes.launchers.stages import SCOPE, request_for
from tests.fakes.ssm import LAUNCH, BashHosts, document, refusal, script_of

NOBODY = pwd.getpwnam("nobody").pw_uid


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
