"""Launcher `ecs` against the embedded AWS, which honours no client tokens: all else, once, over the wire.

Launcher `ec2` cannot be tried there: an instance that is started again keeps its former launch time.
"""

from typing import Any

import pytest

from paramedic.launchers.aws_calls import client
from paramedic.launchers.ecs.making import make_ecs_launcher
from paramedic.launchers.ecs.profile import EcsProfile
from paramedic.launchers.interface import KeyAlreadyUsedError, Launcher, RunState
from paramedic_cli.local.emulator import Emulator
from tests.fakes.clock import FakeClock
from tests.fakes.launchers.stages import SCOPE, request_for

pytestmark = pytest.mark.integration

STOP_FIRST = {"minimumHealthyPercent": 0, "maximumPercent": 100}


@pytest.fixture(autouse=True)
def _its_keys(dynamodb: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in dynamodb.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def ecs() -> Any:
    """ECS with a cluster and a task definition."""
    api = client("ecs")
    api.create_cluster(clusterName="models")
    container = {"name": "controller", "image": "controller:1", "memory": 128, "essential": True}
    api.register_task_definition(family="controller", containerDefinitions=[container])
    return api


def runs_from_launch_to_stop(launcher: Launcher) -> None:
    """The life of one workload."""
    request = request_for(3)
    receipt = launcher.launch(request)
    assert launcher.describe(receipt).state is RunState.RUNNING
    assert launcher.launch(request) == receipt
    assert launcher.find(SCOPE, request.key) == receipt
    assert launcher.running(SCOPE) == [receipt]
    assert launcher.stop(receipt, epoch=4, grace_seconds=0).outcome == "stopped"
    assert launcher.describe(receipt).state is RunState.ABSENT
    assert launcher.running(SCOPE) == []
    with pytest.raises(KeyAlreadyUsedError):
        launcher.launch(request)


def test_a_task_of_ecs(ecs: Any) -> None:
    task = {"task_definition": "controller:1", "launch_type": "FARGATE"}
    profile = EcsProfile.model_validate(
        {"launcher": "ecs", "cluster": "models", "container": "controller", "task": task}
    )
    runs_from_launch_to_stop(make_ecs_launcher(profile, ecs, FakeClock()))


def test_a_service_of_ecs(ecs: Any) -> None:
    ecs.create_service(
        cluster="models",
        serviceName="controllers",
        taskDefinition="controller:1",
        desiredCount=0,
        deploymentConfiguration=STOP_FIRST,
    )
    service = {"name": "controllers", "task_definition": "controller:1"}
    profile = EcsProfile.model_validate(
        {"launcher": "ecs", "cluster": "models", "container": "controller", "service": service}
    )
    runs_from_launch_to_stop(make_ecs_launcher(profile, ecs, FakeClock()))
