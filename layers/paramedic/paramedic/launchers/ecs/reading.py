"""Looking at tasks: all of them or an error, and what their words mean."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
from typing import Any, Protocol

from paramedic.launchers.aws_calls import ask, pages
from paramedic.launchers.interface import LauncherError
from paramedic.launchers.marks import Marks, read_marks

STOPPED = "STOPPED"
"""The only status in which nothing of a task runs any more; all others may still act."""

UNHEALTHY = "UNHEALTHY"
"""What a task is once the health check of an essential container has failed as often as its definition says."""

MOST_AT_ONCE = 100
"""Tasks that DescribeTasks takes."""

type Task = Mapping[str, Any]


class EcsApi(Protocol):
    """What is used of botocore's client for ECS."""

    def run_task(self, **arguments: Any) -> Mapping[str, Any]:
        """Start a task, once per client token."""

    def stop_task(self, **arguments: Any) -> Mapping[str, Any]:
        """Ask one task to end; ECS kills what has not ended by its stopTimeout."""

    def list_tasks(self, **arguments: Any) -> Mapping[str, Any]:
        """ARNs of tasks."""

    def describe_tasks(self, **arguments: Any) -> Mapping[str, Any]:
        """Tasks by ARN."""

    def describe_services(self, **arguments: Any) -> Mapping[str, Any]:
        """Services by name."""

    def update_service(self, **arguments: Any) -> Mapping[str, Any]:
        """Change what a service runs."""

    def describe_task_definition(self, **arguments: Any) -> Mapping[str, Any]:
        """One revision."""

    def register_task_definition(self, **arguments: Any) -> Mapping[str, Any]:
        """Another revision."""


def find_task(api: EcsApi, cluster: str, arn: str) -> Task | None:
    """The task; None when ECS says that it has none of that ARN.

    Raises:
        LauncherError: ECS could not be asked, or answers something else.
    """
    answer = ask(api.describe_tasks, cluster=cluster, tasks=[arn])
    for task in answer.get("tasks", ()):
        if task["taskArn"] == arn:
            return dict(task)
    reasons = [str(each.get("reason")) for each in answer.get("failures", ())]
    if reasons == ["MISSING"]:
        return None
    raise LauncherError(f"ECS does not show task {arn}: {', '.join(reasons) or 'it gives no reason'}")


def tasks_of_family(api: EcsApi, cluster: str, family: str) -> list[Task]:
    """Every task of a family that ECS still shows, ended ones too.

    Raises:
        LauncherError: not all of them can be seen.
    """
    # Whatever is being stopped is listed as stopped long before it is.
    arns = [
        arn
        for status in ("RUNNING", STOPPED)
        for arn in listed(api, cluster=cluster, family=family, desiredStatus=status)
    ]
    return described(api, cluster, arns)


def tasks_of_service(api: EcsApi, cluster: str, name: str) -> list[Task]:
    """Every task of a service that ECS still shows, ended ones too.

    Raises:
        LauncherError: not all of them can be seen.
    """
    arns = [
        arn
        for status in ("RUNNING", STOPPED)
        for arn in listed(api, cluster=cluster, serviceName=name, desiredStatus=status)
    ]
    return described(api, cluster, arns)


def listed(api: EcsApi, **arguments: Any) -> Iterator[str]:
    """The ARNs that ListTasks gives, page after page.

    Raises:
        AwsCallError: one of the pages could not be had.
    """
    for page in pages(api.list_tasks, "nextToken", **arguments):
        yield from page["taskArns"]


def described(api: EcsApi, cluster: str, arns: Sequence[str]) -> list[Task]:
    """The tasks of these ARNs.

    Raises:
        LauncherError: one of them is not shown.
    """
    tasks: list[Task] = []
    for some in batched(dict.fromkeys(arns), MOST_AT_ONCE, strict=False):
        answer = ask(api.describe_tasks, cluster=cluster, tasks=list(some))
        if answer.get("failures"):
            unseen = ", ".join(f"{each.get('arn')} ({each.get('reason')})" for each in answer["failures"])
            raise LauncherError(f"ECS lists tasks in {cluster} that it does not show: {unseen}")
        tasks.extend(answer["tasks"])
    return tasks


def marks_in(containers: Sequence[Mapping[str, Any]], container: str) -> Marks | None:
    """The marks in one container's environment, of a task's overrides or a task definition."""
    variables = [pair for each in containers if each.get("name") == container for pair in each.get("environment", ())]
    return read_marks({pair["name"]: pair["value"] for pair in variables})


def is_over(task: Task) -> bool:
    """Whether ECS says that nothing of it runs any more."""
    return bool(task["lastStatus"] == STOPPED)


def ailing(task: Task) -> str:
    """What the health checks of its containers, which ECS makes in them, find wrong with it; empty without such."""
    return f"the health check in task {task['taskArn']} fails" if task.get("healthStatus") == UNHEALTHY else ""


def seen(task: Task) -> str:
    """The task in words."""
    why = task.get("stoppedReason")
    return f"task {task['taskArn']} is {task['lastStatus']}" + (f" ({why})" if why else "")
