"""Revisions of task definitions: reading one, and registering its copy that knows its epoch."""

from collections.abc import Mapping
from typing import Any

from paramedic.launchers.aws_calls import ask
from paramedic.launchers.ecs.reading import EcsApi
from paramedic.launchers.interface import LauncherError

CARRIED = (
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "ephemeralStorage",
    "runtimePlatform",
    "enableFaultInjection",
)
"""What RegisterTaskDefinition takes of what DescribeTaskDefinition gives."""


def definition_of(api: EcsApi, revision: str) -> Mapping[str, Any]:
    """One revision.

    Raises:
        AwsCallError: ECS does not give it.
    """
    definition: Mapping[str, Any] = ask(api.describe_task_definition, taskDefinition=revision)["taskDefinition"]
    return definition


def copy_with_environment(api: EcsApi, base: Mapping[str, Any], container: str, environment: Mapping[str, str]) -> str:
    """The ARN of a new revision of `base` whose `container` has these variables too. It runs nothing by itself.

    Raises:
        LauncherError: there is no such container, or ECS does not register it.
    """
    containers = [dict(each) for each in base["containerDefinitions"]]
    told = next((each for each in containers if each["name"] == container), None)
    if told is None:
        names = ", ".join(each["name"] for each in containers)
        raise LauncherError(f"{base['taskDefinitionArn']} has no container {container!r} (it has {names})")
    own = [pair for pair in told.get("environment", ()) if pair["name"] not in environment]
    told["environment"] = own + [{"name": name, "value": value} for name, value in sorted(environment.items())]
    carried = {name: base[name] for name in CARRIED if name in base}
    answer = ask(api.register_task_definition, **{**carried, "containerDefinitions": containers})
    return str(answer["taskDefinition"]["taskDefinitionArn"])
