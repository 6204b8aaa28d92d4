"""What ECS makes of launches, and when one of its tasks counts as gone."""

from typing import Any

import pytest

from paramedic.launchers.interface import EpochRefusedError, KeyAlreadyUsedError, LauncherError, RunState
from tests.fakes.launchers import ecs
from tests.fakes.launchers.stages import SCOPE, Stage, ecs_stage, make_stage, request_for


@pytest.fixture
def tasks(tmp_path: Any) -> Stage:
    return make_stage("ecs-task", tmp_path, tmp_path)


@pytest.fixture
def service(tmp_path: Any) -> Stage:
    return make_stage("ecs-service", tmp_path, tmp_path)


def test_a_task_is_told_its_epoch_and_whose_it_is(tasks: Stage) -> None:
    tasks.launch(3)
    ((_, asked),) = tasks.backend.told
    (override,) = asked["overrides"]["containerOverrides"]
    assert override["name"] == ecs.CONTAINER
    assert {pair["name"]: pair["value"] for pair in override["environment"]} == {
        "PARAMEDIC_CONTROLLER_ID": "main",
        "PARAMEDIC_EPOCH": "3",
        "PARAMEDIC_LAUNCH_KEY": f"{SCOPE}/3",
        "PARAMEDIC_SCOPE": SCOPE,
        "PARAMEDIC_WORKLOAD": SCOPE,
    }
    assert (asked["count"], asked["launchType"]) == (1, "FARGATE")


def test_a_token_that_gives_a_task_which_ecs_has_forgotten_is_used_up(tasks: Stage) -> None:
    receipt = tasks.launch(3)
    tasks.backend.forgotten.add(receipt.identity["task_arn"])
    with pytest.raises(KeyAlreadyUsedError, match="does not show it"):
        tasks.launch(3)


def test_a_task_that_no_longer_says_what_it_is_is_an_error_and_never_nothing_there(tasks: Stage) -> None:
    receipt = tasks.launch(3)
    tasks.backend.tasks[receipt.identity["task_arn"]]["overrides"] = {}
    with pytest.raises(LauncherError, match="was started under 'controller:main/3'"):
        tasks.launcher.find(SCOPE, receipt.key)


def test_the_one_capacity_provider_of_a_profile_has_a_weight(tmp_path: Any) -> None:
    # Without one it is among those that no task is placed on.
    task = {"task_definition": "controller:7", "capacity_provider": "FARGATE_SPOT"}
    fields = {"launcher": "ecs", "cluster": ecs.CLUSTER, "container": ecs.CONTAINER, "task": task}
    stage = ecs_stage(fields, "run_task")
    stage.launch(3)
    ((_, asked),) = stage.backend.told
    assert asked["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]


def test_a_task_that_is_being_stopped_is_not_handed_out_again(tasks: Stage) -> None:
    tasks.backend.stuck = True
    tasks.stop(tasks.launch(3))
    with pytest.raises(KeyAlreadyUsedError, match="STOPPING"):
        tasks.launch(3)


def test_a_task_that_does_not_end_is_unconfirmed_and_named(tasks: Stage) -> None:
    receipt = tasks.launch(3)
    tasks.backend.stuck = True
    result = tasks.launcher.stop(receipt, epoch=4, grace_seconds=0)
    assert result.outcome == "unconfirmed"
    assert receipt.identity["task_arn"] in result.detail
    assert "STOPPED would confirm it" in result.detail


@pytest.mark.parametrize(
    ("launch_type", "minutes", "state"),
    [
        ("FARGATE", 30, RunState.UNKNOWN),
        ("FARGATE", 61, RunState.ABSENT),
        ("EC2", 61, RunState.UNKNOWN),
        ("EXTERNAL", 61, RunState.UNKNOWN),
    ],
)
def test_a_task_that_ecs_does_not_know_is_gone_only_where_nothing_can_run_it_on(
    tasks: Stage, launch_type: str, minutes: float, state: RunState
) -> None:
    receipt = tasks.launch(3)
    identity = {**receipt.identity, "launch_type": launch_type}
    tasks.backend.forgotten.add(receipt.identity["task_arn"])
    tasks.clock.advance(60 * minutes)
    assert tasks.launcher.describe(receipt.model_copy(update={"identity": identity})).state is state


def test_tasks_that_are_listed_and_not_shown_make_the_list_an_error(tasks: Stage) -> None:
    receipt = tasks.launch(3)
    tasks.launch(4)
    tasks.backend.unshown.add(receipt.identity["task_arn"])
    with pytest.raises(LauncherError, match="does not show"):
        tasks.launcher.running(SCOPE)


def test_a_list_goes_on_over_all_pages_and_has_what_is_being_stopped(tasks: Stage) -> None:
    receipts = [tasks.launch(epoch) for epoch in range(3, 3 + 2 * ecs.PAGE + 1)]
    tasks.backend.stuck = True
    tasks.stop(receipts[0])
    listed = sorted(tasks.launcher.running(SCOPE), key=lambda each: each.epoch)
    assert listed == receipts


def test_a_service_runs_a_revision_that_knows_its_epoch(service: Stage) -> None:
    receipt = service.launch(3)
    (task,) = service.living()
    assert task["taskDefinitionArn"] == receipt.identity["task_definition"] != ecs.BASE  # type: ignore[index]
    assert service.backend.key_of(task) == receipt.key


def test_a_service_ends_the_former_task_before_it_starts_the_next(service: Stage) -> None:
    service.launch(3)
    service.backend.stuck = True
    service.launch(4)
    assert [service.backend.key_of(task) for task in service.backend.living()] == [f"{SCOPE}/3"]
    service.backend.stuck = False
    service.backend.settle()
    assert [service.backend.key_of(task) for task in service.backend.living()] == [f"{SCOPE}/4"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 100}}, "minimumHealthyPercent"),
        ({"deploymentConfiguration": {"minimumHealthyPercent": 0, "maximumPercent": 200}}, "maximumPercent is 200"),
        ({"deploymentConfiguration": {}}, "maximumPercent is None"),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, "CODE_DEPLOY deploys it"),
        ({"schedulingStrategy": "DAEMON"}, "REPLICA"),
        (
            {"deploymentConfiguration": {"minimumHealthyPercent": 0, "maximumPercent": 100, "strategy": "BLUE_GREEN"}},
            "BLUE_GREEN",
        ),
        (
            {
                "deploymentConfiguration": {
                    "minimumHealthyPercent": 0,
                    "maximumPercent": 100,
                    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                }
            },
            "circuit breaker rolls back",
        ),
        (
            {
                "deploymentConfiguration": {
                    "minimumHealthyPercent": 0,
                    "maximumPercent": 100,
                    "alarms": {"alarmNames": ["slow"], "enable": True, "rollback": True},
                }
            },
            "alarms roll back",
        ),
    ],
)
def test_a_service_that_may_run_two_or_an_earlier_epoch_is_refused_and_left_as_it_is(
    service: Stage, change: dict[str, Any], named: str
) -> None:
    service.backend.service |= change
    with pytest.raises(LauncherError, match=named):
        service.launch(3)
    assert not service.backend.told


def test_two_invocations_that_make_one_launch_at_once_make_one_workload_that_either_receipt_names(
    service: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, others = service.backend.update_service, []

    def late(**changes: Any) -> object:
        monkeypatch.setattr(service.backend, "update_service", update)
        others.append(service.launcher.launch(request_for(3)))
        return update(**changes)

    monkeypatch.setattr(service.backend, "update_service", late)
    receipts = [service.launch(3), *others]
    service.backend.settle()
    assert len(service.living()) == 1
    assert [service.launcher.describe(each).state for each in receipts] == [RunState.RUNNING] * 2
    assert service.stop(receipts[1]) == "stopped"
    assert not service.living()


def test_a_service_that_ecs_shows_late_is_not_taken_for_one_that_runs_nothing(service: Stage) -> None:
    receipt = service.launch(3)
    service.backend.lag = 2
    assert service.launcher.describe(receipt).state is RunState.RUNNING
    service.backend.lag = 2
    assert service.stop(receipt) == "stopped"
    assert not service.living()


def test_tasks_of_a_service_that_others_have_set_to_something_else_are_found_by_their_key(service: Stage) -> None:
    receipt = service.launch(3)
    service.backend.stuck = True
    service.backend.update_service(cluster=ecs.CLUSTER, service=ecs.SERVICE, taskDefinition=ecs.BASE)
    assert service.launcher.find(SCOPE, receipt.key) == receipt
    assert service.stop(receipt) == "unconfirmed"


def test_a_service_is_not_taken_back_to_a_lower_epoch(service: Stage) -> None:
    service.launch(4)
    with pytest.raises(EpochRefusedError, match="at epoch 4"):
        service.launch(3)


def test_what_a_service_starts_again_by_itself_is_the_same_workload_and_is_stopped_with_it(service: Stage) -> None:
    receipt = service.launch(3)
    (first,) = service.backend.living()
    first |= {"desiredStatus": "STOPPED", "lastStatus": "STOPPED"}
    assert service.launcher.describe(receipt).state is RunState.RUNNING
    service.backend.settle()
    assert len(service.living()) == 1
    assert service.stop(receipt) == "stopped"
    assert not service.living()


def test_a_former_task_that_does_not_end_is_no_reason_to_stop_the_services_next_one(service: Stage) -> None:
    former = service.launch(3)
    service.backend.stuck = True
    successor = service.launch(4)
    assert service.stop(former) == "unconfirmed"
    assert service.backend.service["desiredCount"] == 1
    assert service.launcher.describe(successor).state is RunState.RUNNING


def test_a_service_that_is_gone_is_an_error_and_its_workload_unknown(service: Stage) -> None:
    receipt = service.launch(3)
    service.backend.service["status"] = "INACTIVE"
    assert service.launcher.describe(receipt).state is RunState.UNKNOWN
    with pytest.raises(LauncherError, match="no active service controllers in models: INACTIVE"):
        service.launcher.find(SCOPE, receipt.key)


def test_a_container_that_is_not_there_is_named_beside_those_that_are(service: Stage) -> None:
    service.backend.definitions[ecs.BASE]["containerDefinitions"][0]["name"] = "app"
    with pytest.raises(LauncherError, match=r"no container 'controller' \(it has app\)"):
        service.launcher.launch(request_for(3))
    assert not service.backend.told


def test_a_task_is_ailing_only_while_ecs_says_that_the_health_check_in_it_fails(tasks: Stage) -> None:
    receipt = tasks.launch(3)
    task = tasks.backend.tasks[receipt.identity["task_arn"]]
    for said, found in (("UNKNOWN", False), ("HEALTHY", False), ("UNHEALTHY", True)):
        task["healthStatus"] = said
        look = tasks.launcher.describe(receipt)
        assert (look.state, bool(look.ailing)) == (RunState.RUNNING, found)
