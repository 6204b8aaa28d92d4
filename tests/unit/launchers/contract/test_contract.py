"""What every launcher promises, each against what it talks to."""

from collections.abc import Callable

import pytest

from paramedic.launchers.interface import KeyAlreadyUsedError, LauncherError, RunState
from paramedic.state.receipt import Receipt
from tests.fakes.launchers.stages import CLOUDS, SCOPE, STAGES, Stage, request_for
from tests.fakes.launchers.trouble import Trouble

every_launcher = pytest.mark.parametrize("stage", STAGES, indirect=True)
every_cloud = pytest.mark.parametrize("stage", CLOUDS, indirect=True)


@every_launcher
def test_the_same_key_twice_is_one_workload(stage: Stage) -> None:
    first = stage.launch(3)
    assert stage.launch(3) == first
    assert len(stage.living()) == 1
    assert stage.launcher.describe(first).state is RunState.RUNNING


@every_launcher
def test_who_runs_in_a_launchers_place_is_who_was_launched_there_or_cannot_be_told(stage: Stage) -> None:
    untold = object()

    def occupant() -> object:
        try:
            return stage.launcher.occupant(SCOPE)
        except LauncherError:
            return untold

    assert occupant() in (None, untold)
    receipt = stage.launch(3)
    assert occupant() in (receipt, untold)
    stage.end()
    assert occupant() in (None, untold)


@every_launcher
def test_a_launch_whose_reply_was_lost_is_found_and_repeated_as_the_first(stage: Stage) -> None:
    stage.lose_reply()
    with pytest.raises(LauncherError):
        stage.launch(3)
    found = stage.launcher.find(SCOPE, request_for(3).key)
    assert found is not None
    assert stage.launch(3) == found
    assert len(stage.living()) == 1


@every_launcher
def test_a_key_whose_workload_has_ended_starts_nothing_more(stage: Stage) -> None:
    stage.launch(3)
    stage.end()
    with pytest.raises(KeyAlreadyUsedError, match=r"controller:main/3|key_used"):
        stage.launch(3)
    assert not stage.living()


@every_launcher
def test_a_key_whose_workload_was_stopped_starts_nothing_more(stage: Stage) -> None:
    stage.stop(stage.launch(3), epoch=3)
    with pytest.raises(KeyAlreadyUsedError):
        stage.launch(3)
    assert not stage.living()


@every_launcher
def test_nothing_is_found_under_a_key_that_was_never_used(stage: Stage) -> None:
    stage.launch(3)
    assert stage.launcher.find(SCOPE, "controller:main/4") is None


@every_launcher
def test_a_key_is_found_after_its_workload_has_ended(stage: Stage) -> None:
    receipt = stage.launch(3)
    stage.end()
    found = stage.launcher.find(SCOPE, receipt.key)
    assert found == receipt
    assert stage.launcher.describe(receipt).state is RunState.ABSENT


@every_launcher
def test_what_is_stopped_is_gone_and_stopping_it_again_is_harmless(stage: Stage) -> None:
    receipt = stage.launch(3)
    assert stage.stop(receipt) == "stopped"
    assert not stage.living()
    assert stage.launcher.describe(receipt).state is RunState.ABSENT
    assert stage.stop(receipt) == "stopped"


@every_launcher
def test_stopping_what_was_leaves_its_successor_of_the_same_name_alone(stage: Stage) -> None:
    former = stage.launch(3)
    stage.stop(former, epoch=4)
    successor = stage.launch(4)
    assert stage.stop(former, epoch=4) == "stopped"
    assert stage.launcher.describe(successor).state is RunState.RUNNING
    assert len(stage.living()) == 1


@every_launcher
def test_what_runs_for_a_scope_is_listed_until_it_is_gone(stage: Stage) -> None:
    assert stage.launcher.running(SCOPE) == []
    receipt = stage.launch(3)
    assert stage.launcher.running(SCOPE) == [receipt]
    assert stage.launcher.running("controller:other") == []
    stage.stop(receipt)
    assert stage.launcher.running(SCOPE) == []


@every_cloud
@pytest.mark.parametrize("trouble", Trouble)
def test_what_nobody_can_ask_about_is_unknown_and_its_end_unconfirmed(stage: Stage, trouble: Trouble) -> None:
    receipt, line = stage.launch(3), stage.line
    assert line is not None
    line.trouble = trouble
    assert stage.launcher.describe(receipt).state is RunState.UNKNOWN
    result = stage.launcher.stop(receipt, epoch=4, grace_seconds=0)
    assert (result.outcome, "would confirm it" in result.detail) == ("unconfirmed", True), result
    assert len(stage.living()) == 1


@every_cloud
@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize(
    "ask",
    [
        lambda stage: stage.launch(4),
        lambda stage: stage.launcher.find(SCOPE, "controller:main/3"),
        lambda stage: stage.launcher.running(SCOPE),
    ],
    ids=["launch", "find", "running"],
)
def test_no_answer_is_an_error_and_never_nothing_there(
    stage: Stage, trouble: Trouble, ask: Callable[[Stage], object]
) -> None:
    stage.launch(3)
    assert stage.line is not None
    stage.line.trouble = trouble
    with pytest.raises(LauncherError):
        ask(stage)


@every_cloud
def test_what_another_launcher_started_is_elsewhere_and_nothing_is_done_about_it(stage: Stage) -> None:
    stage.launch(3)
    others = Receipt(launcher="process", workload=SCOPE, key="k", epoch=1, identity={"pid": "4711"})
    look = stage.launcher.describe(others)
    assert (look.state, "process 4711" in look.detail) == (RunState.ELSEWHERE, True)
    assert stage.stop(others) == "unconfirmed"
    assert len(stage.living()) == 1


SPOILT = {
    "ecs-task": {"cluster": "other"},
    "ecs-service": {"service": "other"},
    "ec2-start": {"instance_id": "i-00000000"},
    "kubernetes-deployment": {"namespace": "other"},
    "kubernetes-job": {"server": "https://other.example"},
    "webhook-slow": {"url": "https://other.example/"},
}
"""Where a receipt says that a workload ran, and its profile does not look."""


@pytest.mark.parametrize(("stage", "elsewhere"), SPOILT.items(), indirect=["stage"])
def test_what_a_receipt_names_outside_the_profile_is_elsewhere_and_left_alone(
    stage: Stage, elsewhere: dict[str, str]
) -> None:
    receipt = stage.launch(3)
    other = receipt.model_copy(update={"identity": {**receipt.identity, **elsewhere}})
    assert stage.launcher.describe(other).state is RunState.ELSEWHERE
    assert stage.stop(other) == "unconfirmed"
    assert len(stage.living()) == 1


@pytest.mark.parametrize("stage", [each for each in CLOUDS if not each.startswith("webhook")], indirect=True)
def test_a_receipt_whose_key_is_not_that_of_what_it_names_ends_nothing(stage: Stage) -> None:
    receipt = stage.launch(3).model_copy(update={"key": "controller:other/3"})
    assert stage.launcher.describe(receipt).state is RunState.UNKNOWN
    assert stage.stop(receipt) == "unconfirmed"
    assert len(stage.living()) == 1


@pytest.mark.parametrize("stage", [each for each in CLOUDS if not each.startswith("webhook")], indirect=True)
def test_variables_that_may_be_secret_are_not_shown_on_a_platform(stage: Stage) -> None:
    request = request_for(3).model_copy(update={"environment": {"API_TOKEN": "hunter2"}})
    with pytest.raises(LauncherError, match="API_TOKEN may be secret") as refusal:
        stage.launcher.launch(request)
    assert "hunter2" not in str(refusal.value)
    assert not stage.living()
