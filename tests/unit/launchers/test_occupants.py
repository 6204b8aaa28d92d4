"""Who runs in the one place of a profile in a cloud, started by whomever, and that exactly that one is ended."""

from pathlib import Path

import pytest

from paramedic.launchers.interface import FOUND_KEY, LauncherError, NoPlaceError, RunState
from tests.fakes.launchers import ec2, ecs
from tests.fakes.launchers.stages import SCOPE, Stage, make_stage
from tests.fakes.launchers.trouble import Trouble

PLACES = ("ec2-start", "ecs-service", "kubernetes-deployment")


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return make_stage(request.param, tmp_path, tmp_path / "secret")


every_place = pytest.mark.parametrize("stage", PLACES, indirect=True)


def somebody_starts_it(stage: Stage) -> None:
    """Without any launcher."""
    stage.clock.advance(60)
    if isinstance(stage.backend, ec2.Ec2Backend):
        stage.backend.start_instances(InstanceIds=[ec2.INSTANCE])
    elif isinstance(stage.backend, ecs.EcsBackend):
        stage.backend.update_service(cluster=ecs.CLUSTER, service=ecs.SERVICE, desiredCount=1)
    else:
        stage.backend.scale(1)


@pytest.mark.parametrize("stage", ["ec2-replace", "ecs-task", "kubernetes-job", "webhook"], indirect=True)
def test_what_names_no_place_says_so(stage: Stage) -> None:
    with pytest.raises(NoPlaceError):
        stage.launcher.occupant(SCOPE)


@every_place
@pytest.mark.parametrize("trouble", Trouble)
def test_a_place_that_cannot_be_looked_at_is_not_empty(stage: Stage, trouble: Trouble) -> None:
    assert stage.line is not None
    stage.line.trouble = trouble
    with pytest.raises(LauncherError):
        stage.launcher.occupant(SCOPE)


@every_place
def test_what_somebody_started_is_found_and_ended_and_nothing_else(stage: Stage) -> None:
    assert stage.launcher.occupant(SCOPE) is None
    somebody_starts_it(stage)
    found = stage.launcher.occupant(SCOPE)
    assert found is not None
    assert (found.key, found.epoch, found.workload) == (FOUND_KEY, 0, SCOPE)
    assert stage.launcher.describe(found).state is RunState.RUNNING
    assert stage.stop(found) == "stopped"
    assert stage.launcher.describe(found).state is RunState.ABSENT
    left = stage.launcher.occupant(SCOPE)
    # A Deployment makes another pod at once, which is not what was found.
    assert left is None or left.identity != found.identity
    assert len(stage.living()) == (0 if left is None else 1)


@every_place
def test_a_launch_is_found_as_what_it_was_launched_as(stage: Stage) -> None:
    launched = stage.launch(3)
    assert stage.launcher.occupant(SCOPE) == launched
    stage.end()
    assert stage.launcher.occupant(SCOPE) is None


@every_place
def test_after_what_was_found_has_ended_its_successor_is_another(stage: Stage) -> None:
    somebody_starts_it(stage)
    found = stage.launcher.occupant(SCOPE)
    assert found is not None
    stage.stop(found)
    launched = stage.launch(3)
    assert launched.identity != found.identity
    assert stage.launcher.describe(found).state is RunState.ABSENT
    assert stage.stop(found) == "stopped"
    assert len(stage.living()) == 1


@pytest.mark.parametrize("stage", ["ec2-start"], indirect=True)
def test_an_instance_that_somebody_started_again_is_another_run_than_the_launch_that_its_tags_tell_of(
    stage: Stage,
) -> None:
    launched = stage.launch(3)
    stage.end()
    somebody_starts_it(stage)
    found = stage.launcher.occupant(SCOPE)
    assert found is not None
    assert found.identity != launched.identity
    assert stage.launcher.describe(launched).state is RunState.ABSENT
    assert stage.launcher.describe(found).state is RunState.RUNNING


@pytest.mark.parametrize("stage", ["ecs-service"], indirect=True)
def test_a_service_between_two_revisions_is_not_taken_for_one(stage: Stage) -> None:
    somebody_starts_it(stage)
    stage.backend.stuck = True
    stage.launch(3)
    with pytest.raises(LauncherError, match="is between"):
        stage.launcher.occupant(SCOPE)


@pytest.mark.parametrize("stage", ["ecs-service"], indirect=True)
def test_a_task_of_the_same_definition_that_is_not_the_service_s_is_left_alone(stage: Stage) -> None:
    somebody_starts_it(stage)
    stage.backend.run_task(
        taskDefinition=ecs.BASE, clientToken="somebody", startedBy="somebody", overrides={}, cluster=ecs.CLUSTER
    )
    found = stage.launcher.occupant(SCOPE)
    assert found is not None
    assert stage.stop(found) == "stopped"
    assert [task["startedBy"] for task in stage.backend.living()] == ["somebody"]


@pytest.mark.parametrize("stage", ["kubernetes-deployment"], indirect=True)
def test_a_found_pod_that_is_called_failed_while_its_node_shows_it_running_is_not_forgotten(stage: Stage) -> None:
    somebody_starts_it(stage)
    found = stage.launcher.occupant(SCOPE)
    assert found is not None
    (pod,) = stage.backend.living()
    pod["status"] = {"phase": "Failed", "containerStatuses": [{"name": "controller", "state": {"running": {}}}]}
    assert stage.stop(found) == "unconfirmed"
    assert pod["metadata"]["name"] in stage.backend.objects["pods"]
