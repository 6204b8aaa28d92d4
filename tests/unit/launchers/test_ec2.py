"""Starting, replacing and ending instances."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from paramedic.launchers.ec2.making import make_ec2_launcher
from paramedic.launchers.ec2.profile import Ec2Profile
from paramedic.launchers.interface import EpochRefusedError, LauncherError, RunState
from tests.fakes.launchers import ec2
from tests.fakes.launchers.aws import RefusalError, client_of
from tests.fakes.launchers.ec2 import TEMPLATE
from tests.fakes.launchers.stages import SCOPE, Stage, ec2_stage, make_stage, request_for
from tests.fakes.launchers.trouble import Line

REPLACE = {"replace": {"id": TEMPLATE, "version": 4}}


@pytest.fixture
def starting(tmp_path: Path) -> Stage:
    return make_stage("ec2-start", tmp_path, tmp_path)


@pytest.fixture
def replacing(tmp_path: Path) -> Stage:
    return make_stage("ec2-replace", tmp_path, tmp_path)


def ends(stage: Stage) -> list[str]:
    """The means by which ends were asked for."""
    return [call for call, _ in stage.backend.told if call in ("ask", "force", "terminate")]


def test_an_instance_can_read_its_epoch_in_its_tags(starting: Stage, replacing: Stage) -> None:
    for stage in (starting, replacing):
        receipt = stage.launch(3)
        instance = stage.backend.instances[receipt.identity["instance_id"]]
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        assert (tags["paramedic:epoch"], tags["paramedic:workload"]) == ("3", SCOPE)


def test_a_new_instance_is_of_the_pinned_version(replacing: Stage) -> None:
    replacing.launch(3)
    ((_, asked),) = replacing.backend.told
    assert asked["LaunchTemplate"] == {"LaunchTemplateId": TEMPLATE, "Version": "4"}
    assert (asked["MinCount"], asked["MaxCount"]) == (1, 1)


def test_an_instance_of_which_ec2_still_shows_how_it_was_before_its_start_is_not_taken_for_stopped(
    starting: Stage,
) -> None:
    receipt = starting.launch(3)
    instance = starting.backend.instances[ec2.INSTANCE]
    started = dict(instance)
    instance |= {"State": {"Name": "stopped"}, "LaunchTime": instance["LaunchTime"] - timedelta(days=1)}
    assert starting.launcher.describe(receipt).state is RunState.UNKNOWN
    assert starting.stop(receipt) == "unconfirmed"
    instance |= started
    assert starting.launcher.describe(receipt).state is RunState.RUNNING


def test_an_instance_that_ec2_could_not_start_says_why(starting: Stage) -> None:
    receipt = starting.launch(3)
    reason = {"Code": "Client.InternalError", "Message": "Client.InternalError: Client error on launch"}
    starting.backend.instances[ec2.INSTANCE] |= {"State": {"Name": "stopped"}, "StateReason": reason}
    look = starting.launcher.describe(receipt)
    assert (look.state, "Client error on launch" in look.detail) == (RunState.ABSENT, True)


def test_an_instance_that_no_longer_says_what_it_is_is_an_error_and_never_nothing_there(
    starting: Stage, replacing: Stage
) -> None:
    for stage in (starting, replacing):
        receipt = stage.launch(3)
        instance = stage.backend.instances[receipt.identity["instance_id"]]
        instance["Tags"] = [tag for tag in instance["Tags"] if tag["Key"] != "paramedic:workload"]
        with pytest.raises(LauncherError, match="does not say so"):
            stage.launcher.find(SCOPE, receipt.key)


def test_a_key_is_the_same_instance_also_when_the_profile_has_changed_since(replacing: Stage) -> None:
    first = replacing.launch(3)
    profile = Ec2Profile.model_validate(
        {"launcher": "ec2", "shares_with": [], "replace": {"id": TEMPLATE, "version": 5}}
    )
    changed = make_ec2_launcher(profile, client_of("ec2", replacing.backend, Line()), replacing.clock)
    assert changed.launch(request_for(3)) == first
    assert len(replacing.living()) == 1


def test_a_start_that_was_written_down_and_never_made_is_made_by_the_next_launch(starting: Stage) -> None:
    assert starting.line is not None
    starting.line.losing.add("create_tags")
    with pytest.raises(LauncherError):
        starting.launch(3)
    assert starting.launcher.find(SCOPE, request_for(3).key) is None
    assert starting.launcher.running(SCOPE) == []
    assert not starting.living()
    assert starting.launcher.describe(starting.launch(3)).state is RunState.RUNNING


def test_an_instance_that_runs_already_is_not_given_another_epoch(starting: Stage) -> None:
    starting.launch(3)
    with pytest.raises(LauncherError, match="only a stopped one"):
        starting.launch(4)
    assert starting.launcher.find(SCOPE, request_for(3).key) is not None


def test_an_instance_is_not_taken_back_to_a_lower_epoch(starting: Stage) -> None:
    starting.stop(starting.launch(4))
    with pytest.raises(EpochRefusedError, match="epoch 4"):
        starting.launch(3)


def test_a_run_is_over_once_the_instance_was_started_again(starting: Stage) -> None:
    receipt = starting.launch(3)
    starting.backend.instances[ec2.INSTANCE]["State"] = {"Name": "stopped"}
    starting.clock.advance(60)
    starting.backend.start_instances(InstanceIds=[ec2.INSTANCE])
    assert starting.stop(receipt) == "stopped"
    assert not ends(starting)
    assert len(starting.living()) == 1


@pytest.mark.parametrize(
    ("fields", "means"),
    [
        ({"instance": ec2.INSTANCE}, ["ask", "force", "force"]),
        (REPLACE, ["ask", "force", "terminate", "force", "terminate"]),
    ],
    ids=["start", "replace"],
)
def test_what_does_not_stop_is_forced_by_the_next_try_and_terminated_only_where_it_is_replaced(
    fields: dict[str, Any], means: list[str]
) -> None:
    stage = ec2_stage(fields, "")
    receipt = stage.launch(3)
    stage.backend.works = set()
    results = []
    for _ in range(3):
        results.append(stage.launcher.stop(receipt, epoch=4, grace_seconds=0))
        for instance in stage.backend.living():
            instance["State"] = {"Name": "stopping"}
    assert {result.outcome for result in results} == {"unconfirmed"}
    assert receipt.identity["instance_id"] in results[0].detail
    assert ends(stage) == means


def test_an_instance_that_is_being_terminated_is_only_waited_for(replacing: Stage) -> None:
    receipt = replacing.launch(3)
    replacing.backend.terminate_instances(InstanceIds=[receipt.identity["instance_id"]])
    assert replacing.stop(receipt) == "stopped"
    assert ends(replacing) == ["terminate"]


def test_what_can_only_be_terminated_is(replacing: Stage) -> None:
    replacing.backend.spot = True
    receipt = replacing.launch(3)
    assert replacing.stop(receipt) == "stopped"
    assert replacing.backend.instances[receipt.identity["instance_id"]]["State"] == {"Name": "terminated"}


def test_an_instance_with_other_workloads_is_stopped_only_where_the_operator_allows_it() -> None:
    shared = {"instance": ec2.INSTANCE, "shares_with": ["the billing database"]}
    careful, allowed = ec2_stage(shared, ""), ec2_stage(shared | {"may_stop_others": True}, "")
    result = careful.launcher.stop(careful.launch(3), epoch=4, grace_seconds=0)
    assert result.outcome == "unconfirmed"
    assert "the billing database" in result.detail
    assert not ends(careful)
    assert allowed.stop(allowed.launch(3)) == "stopped"


@pytest.mark.parametrize(("minutes", "state"), [(30, RunState.UNKNOWN), (61, RunState.ABSENT)])
def test_an_instance_that_ec2_does_not_know_is_gone_only_when_it_has_had_time_to_be_shown(
    replacing: Stage, minutes: float, state: RunState
) -> None:
    receipt = replacing.launch(3)
    replacing.backend.forget(receipt.identity["instance_id"])
    replacing.clock.advance(60 * minutes)
    assert replacing.launcher.describe(receipt).state is state


def test_a_list_goes_on_over_all_pages(replacing: Stage) -> None:
    receipts = [replacing.launch(epoch) for epoch in (3, 4, 5)]
    assert replacing.launcher.running(SCOPE) == receipts


def test_an_instance_is_ailing_only_while_ec2s_status_checks_fail(starting: Stage) -> None:
    receipt = starting.launch(3)
    assert starting.launcher.describe(receipt).ailing == ""
    starting.backend.impaired = True
    look = starting.launcher.describe(receipt)
    assert (look.state, "status checks of instance" in look.ailing) == (RunState.RUNNING, True)


def test_status_checks_that_may_not_be_asked_for_say_nothing(starting: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    receipt = starting.launch(3)

    def refused(**_: Any) -> None:
        raise RefusalError("UnauthorizedOperation")

    monkeypatch.setattr(starting.backend, "describe_instance_status", refused)
    look = starting.launcher.describe(receipt)
    assert (look.state, look.ailing) == (RunState.RUNNING, "")
