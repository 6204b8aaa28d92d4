"""Amazon ECS in memory, where it matters: tokens, statuses, what lists show, and a service that stops first."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from tests.fakes.clock import FakeClock
from tests.fakes.launchers.aws import RefusalError

CLUSTER = "models"
CONTAINER = "controller"
SERVICE = "controllers"
BASE = "arn:aws:ecs:eu-central-1:123456789012:task-definition/controller:7"
PAGE = 2


class EcsBackend:
    """One cluster and one service. `stuck` tasks never end; what ECS was `told` to change is noted.

    Of what is `unshown` only the ARN is listed, of what is `forgotten` not even that. The next `lag` looks show what
    there was before the last change.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.tasks: dict[str, dict[str, Any]] = {}
        self.stuck = False
        self.lag = 0
        self._before: tuple[dict[str, dict[str, Any]], dict[str, Any]] = ({}, {})
        self.unshown: set[str] = set()
        self.forgotten: set[str] = set()
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.definitions = {BASE: {"taskDefinitionArn": BASE, "family": "controller", **_containers([])}}
        self.service: dict[str, Any] = {
            "serviceName": SERVICE,
            "status": "ACTIVE",
            "taskDefinition": BASE,
            "desiredCount": 0,
            "deploymentConfiguration": {"minimumHealthyPercent": 0, "maximumPercent": 100},
        }
        self._tokens: dict[str, tuple[Mapping[str, Any], str]] = {}

    def run_task(self, **asked: Any) -> Mapping[str, Any]:
        token = asked["clientToken"]
        first, arn = self._tokens.setdefault(token, (asked, f"{_ARN}:task/{CLUSTER}/{len(self.tasks)}"))
        if first != asked:
            raise RefusalError("ConflictException")
        if arn not in self.tasks:
            self._changing()
            self.told.append(("run_task", asked))
            self._start(arn, asked["taskDefinition"], asked["overrides"], asked["startedBy"])
        return {
            "tasks": [{**self.tasks[arn], "lastStatus": "PROVISIONING", "desiredStatus": "RUNNING"}],
            "failures": [],
        }

    def stop_task(self, *, cluster: str, task: str, reason: str) -> Mapping[str, Any]:
        if cluster != CLUSTER or task not in self.tasks:
            raise RefusalError("InvalidParameterException", "The referenced task was not found.")
        self._changing()
        self.told.append(("stop_task", {"task": task}))
        self._end(self.tasks[task])
        return {"task": self.tasks[task]}

    def list_tasks(
        self,
        *,
        cluster: str,
        family: str | None = None,
        serviceName: str | None = None,  # noqa: N803
        startedBy: str | None = None,  # noqa: N803
        desiredStatus: str | None = None,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
    ) -> Mapping[str, Any]:
        if cluster != CLUSTER:
            raise RefusalError("ClusterNotFoundException")
        if startedBy is not None and (family is not None or desiredStatus is not None):
            raise RefusalError("InvalidParameterException", "startedBy must be the only filter")
        wanted = desiredStatus or "RUNNING"
        found = [
            arn
            for arn, task in self._shown()[0].items()
            if arn not in self.forgotten
            and task["desiredStatus"] == wanted
            and family in (None, task["group"].partition(":")[2])
            and (serviceName is None or (serviceName == SERVICE and "startedBy" not in task))
            and startedBy in (None, task.get("startedBy"))
        ]
        start = int(nextToken)
        following = {"nextToken": str(start + PAGE)} if start + PAGE < len(found) else {}
        return {"taskArns": found[start : start + PAGE], **following}

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> Mapping[str, Any]:
        if cluster != CLUSTER:
            raise RefusalError("ClusterNotFoundException")
        shown, _ = self._shown()
        known = [arn for arn in tasks if arn in shown and arn not in self.unshown | self.forgotten]
        missing = [{"arn": arn, "reason": "MISSING"} for arn in tasks if arn not in known]
        return {"tasks": [shown[arn] for arn in known], "failures": missing}

    def describe_services(self, *, cluster: str, services: list[str]) -> Mapping[str, Any]:
        if services != [SERVICE]:
            return {"services": [], "failures": [{"arn": services[0], "reason": "MISSING"}]}
        return {"services": [self._shown()[1]], "failures": []}

    def update_service(self, *, cluster: str, service: str, **changes: Any) -> Mapping[str, Any]:
        self._changing()
        self.told.append(("update_service", changes))
        self.service |= changes
        self.settle()
        return {"service": self.service}

    def describe_task_definition(self, *, taskDefinition: str) -> Mapping[str, Any]:  # noqa: N803
        if taskDefinition not in self.definitions:
            raise RefusalError("ClientException", "Unable to describe task definition.")
        return {"taskDefinition": self.definitions[taskDefinition]}

    def register_task_definition(self, **definition: Any) -> Mapping[str, Any]:
        arn = f"{BASE.rpartition(':')[0]}:{len(self.definitions) + 7}"
        self.definitions[arn] = {"taskDefinitionArn": arn, **definition}
        return {"taskDefinition": self.definitions[arn]}

    def settle(self) -> None:
        """What ECS does meanwhile: ends what was stopped; a service ends what it has passed, then starts."""
        of_service = [task for task in self.living() if "startedBy" not in task]
        wanted = self.service["taskDefinition"] if self.service["desiredCount"] else None
        for task in of_service:
            if task["taskDefinitionArn"] != wanted:
                self._end(task)
        for task in self.living():
            if task["desiredStatus"] == "STOPPED" and not self.stuck:
                task["lastStatus"] = "STOPPED"
        if wanted is not None and not [task for task in self.living() if "startedBy" not in task]:
            self._start(f"{_ARN}:task/{CLUSTER}/s{len(self.tasks)}", wanted, {}, None)

    def living(self) -> list[dict[str, Any]]:
        """The tasks of which something may run."""
        return [task for task in self.tasks.values() if task["lastStatus"] != "STOPPED"]

    def key_of(self, task: Mapping[str, Any]) -> str:
        """The launch key that a task was started under."""
        definition = self.definitions[task["taskDefinitionArn"]]
        containers = [*definition["containerDefinitions"], *task["overrides"].get("containerOverrides", [])]
        pairs = [pair for container in containers for pair in container.get("environment", [])]
        return str({pair["name"]: pair["value"] for pair in pairs}.get("PARAMEDIC_LAUNCH_KEY"))

    def _changing(self) -> None:
        self._before = deepcopy((self.tasks, self.service))

    def _shown(self) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        late, self.lag = self.lag > 0, max(self.lag - 1, 0)
        return self._before if late and self._before[1] else (self.tasks, self.service)

    def _start(self, arn: str, definition: str, overrides: Mapping[str, Any], started_by: str | None) -> None:
        task = {
            "taskArn": arn,
            "taskDefinitionArn": definition,
            "group": "family:controller",
            "overrides": overrides,
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "launchType": "FARGATE",
            "createdAt": self.clock.now(),
        }
        self.tasks[arn] = task if started_by is None else {**task, "startedBy": started_by}

    def _end(self, task: dict[str, Any]) -> None:
        if task["lastStatus"] != "STOPPED":
            task |= {"desiredStatus": "STOPPED", "lastStatus": "STOPPING"}


_ARN = "arn:aws:ecs:eu-central-1:123456789012"


def _containers(environment: list[Mapping[str, str]]) -> dict[str, Any]:
    return {"containerDefinitions": [{"name": CONTAINER, "image": "controller:1", "environment": environment}]}
