"""Tasks started by RunTask: at most one per launch key, known by the client token and by who started them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from paramedic.clock import Clock
from paramedic.launchers.aws_calls import ask
from paramedic.launchers.ecs.profile import EcsProfile, EcsTask, family_of
from paramedic.launchers.ecs.reading import (
    STOPPED,
    EcsApi,
    Task,
    ailing,
    described,
    find_task,
    is_over,
    listed,
    marks_in,
    seen,
    tasks_of_family,
)
from paramedic.launchers.interface import (
    Description,
    KeyAlreadyUsedError,
    Launch,
    LauncherError,
    NoPlaceError,
    RunState,
    StopResult,
)
from paramedic.launchers.marks import Marks, shown_environment, token_of
from paramedic.launchers.receipts import (
    elsewhere,
    identity_in,
    make_receipt,
    not_its_own,
    require_named,
    there,
)
from paramedic.launchers.stopping import await_end, stop_seen
from paramedic.launchers.waiting import SETTLE_SECONDS, wait_for
from paramedic.state.receipt import Receipt

LAUNCHER = "ecs"

SHOWN_FOR = timedelta(hours=1)
"""ECS shows a stopped task for at least so long; one it does not know sooner than that it may not show yet."""

ON_ITS_OWN_MACHINE = "FARGATE"
"""Launch type of tasks that nothing keeps running once ECS has forgotten them."""


class TaskIdentity(BaseModel):
    """One exact task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: str
    task_arn: str
    launch_type: str
    created_at: datetime
    scope: str


@dataclass(frozen=True)
class EcsTaskLauncher:
    """Runs workloads as single tasks. Nothing starts them again but another launch."""

    profile: EcsProfile
    task: EcsTask
    api: EcsApi
    clock: Clock

    def launch(self, request: Launch) -> Receipt:
        """Run the task once per key.

        Raises:
            KeyAlreadyUsedError: the key's task has ended or is being stopped.
            LauncherError: ECS could not be asked, or did not start it.
        """
        environment = shown_environment(request, self.profile.environment)
        task = self._of_key(request.key) or self._run(request, environment)
        if STOPPED in (task["lastStatus"], task["desiredStatus"]):
            raise _used(request, seen(task))
        return self._receipt(task, Marks(request.workload, request.key, request.scope, request.epoch))

    def find(self, workload: str, key: str) -> Receipt | None:
        """The receipt of the key's task, ended or not; None when looks for a while showed none.

        Raises:
            LauncherError: ECS could not be asked, or the task does not say what it is.
        """
        task = wait_for(lambda: self._of_key(key), self.clock, SETTLE_SECONDS)
        if task is None:
            return None
        return self._receipt(task, require_named(self._marks(task), workload, key, seen(task)))

    def running(self, scope: str) -> list[Receipt]:
        """The tasks of the profile's family and cluster that were launched for `scope`.

        Raises:
            LauncherError: not all of them can be seen.
        """
        tasks = tasks_of_family(self.api, self.profile.cluster, family_of(self.task.task_definition))
        known = [(task, self._marks(task)) for task in tasks if not is_over(task)]
        return [self._receipt(task, marks) for task, marks in known if marks is not None and marks.scope == scope]

    def occupant(self, workload: str) -> Receipt | None:
        """Each launch is a task of its own, so there is no one place.

        Raises:
            NoPlaceError: always.
        """
        raise NoPlaceError(
            f"RunTask starts a task of {self.task.task_definition} for each launch, so the profile names no one "
            "place; one with `service` does"
        )

    def describe(self, receipt: Receipt) -> Description:
        """Look at exactly this task; ECS tells no CPU time, but what the health checks in its containers find.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """
        foreign = elsewhere(receipt, LAUNCHER)
        if foreign is not None:
            return foreign
        identity = identity_in(receipt, TaskIdentity)
        if identity.cluster != self.profile.cluster:
            return there(f"cluster {identity.cluster}")
        try:
            task = find_task(self.api, identity.cluster, identity.task_arn)
        except LauncherError as error:
            return Description(state=RunState.UNKNOWN, detail=str(error))
        if task is None:
            return self._unknown_to_ecs(identity)
        if task.get("startedBy") != _started_by(receipt.key):
            return not_its_own(receipt, f"task {identity.task_arn}")
        if is_over(task):
            return Description(state=RunState.ABSENT, detail=seen(task))
        return Description(state=RunState.RUNNING, ailing=ailing(task), detail=seen(task))

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        """Have ECS end exactly this task, and wait until it says STOPPED.

        How long the task is asked before it is killed is its own stopTimeout, whatever `grace_seconds` says.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """

        def end() -> Description | None:
            identity = identity_in(receipt, TaskIdentity)
            reason = f"paramedic: {scope or identity.scope} goes on under epoch {epoch}"
            ask(self.api.stop_task, cluster=identity.cluster, task=identity.task_arn, reason=reason)
            return await_end(receipt, self.describe, self.clock)

        confirms = f"ECS showing task {receipt.identity.get('task_arn')} as STOPPED would confirm it"
        return stop_seen(receipt, self.describe, end, confirms)

    def fence(self, scope: str, epoch: int) -> None:
        """Nothing: no host of ECS keeps epochs."""

    def _of_key(self, key: str) -> Task | None:
        """The key's task, a living one first. ECS lists by starter only what has not been stopped."""
        cluster, mark = self.profile.cluster, _started_by(key)
        living = described(self.api, cluster, list(listed(self.api, cluster=cluster, startedBy=mark)))
        if living:
            return living[0]
        others = tasks_of_family(self.api, cluster, family_of(self.task.task_definition))
        return next((task for task in others if task.get("startedBy") == mark), None)

    def _run(self, request: Launch, environment: Mapping[str, str]) -> Task:
        variables = [{"name": name, "value": value} for name, value in sorted(environment.items())]
        answer = ask(
            self.api.run_task,
            cluster=self.profile.cluster,
            taskDefinition=self.task.task_definition,
            count=1,
            clientToken=token_of(request.key),
            startedBy=_started_by(request.key),
            overrides={"containerOverrides": [{"name": self.profile.container, "environment": variables}]},
            **_where(self.task),
        )
        if not answer.get("tasks"):
            reasons = ", ".join(f"{each.get('reason')}" for each in answer.get("failures", ()))
            raise LauncherError(
                f"ECS started no task of {self.task.task_definition}: {reasons or 'it gives no reason'}"
            )
        # The answer to a token that was used before may be of a task that has ended since.
        arn = str(answer["tasks"][0]["taskArn"])
        task = wait_for(lambda: find_task(self.api, self.profile.cluster, arn), self.clock, SETTLE_SECONDS)
        if task is None:
            raise _used(request, f"ECS answers with task {arn} and does not show it")
        return task

    def _unknown_to_ecs(self, identity: TaskIdentity) -> Description:
        detail = f"ECS knows no task {identity.task_arn}"
        if self.clock.now() - identity.created_at < SHOWN_FOR:
            return Description(state=RunState.UNKNOWN, detail=f"{detail}, which was started within the hour")
        if identity.launch_type != ON_ITS_OWN_MACHINE:
            detail = f"{detail}; on an instance that was taken from the cluster it may run on: is that terminated?"
            return Description(state=RunState.UNKNOWN, detail=detail)
        return Description(state=RunState.ABSENT, detail=detail)

    def _marks(self, task: Task) -> Marks | None:
        return marks_in(task.get("overrides", {}).get("containerOverrides", ()), self.profile.container)

    def _receipt(self, task: Task, marks: Marks) -> Receipt:
        identity = TaskIdentity(
            cluster=self.profile.cluster,
            task_arn=task["taskArn"],
            launch_type=task.get("launchType", ""),
            created_at=task["createdAt"],
            scope=marks.scope,
        )
        return make_receipt(LAUNCHER, identity, workload=marks.workload, key=marks.key, epoch=marks.epoch)


def _started_by(key: str) -> str:
    return f"paramedic/{token_of(key)}"


def _where(task: EcsTask) -> dict[str, Any]:
    where: dict[str, Any] = {}
    if task.launch_type is not None:
        where["launchType"] = task.launch_type
    if task.capacity_provider is not None:
        where["capacityProviderStrategy"] = [{"capacityProvider": task.capacity_provider, "weight": 1}]
    if task.subnets:
        network = {"subnets": list(task.subnets), "securityGroups": list(task.security_groups)}
        public = "ENABLED" if task.assign_public_ip else "DISABLED"
        where["networkConfiguration"] = {"awsvpcConfiguration": {**network, "assignPublicIp": public}}
    return where


def _used(request: Launch, why: str) -> KeyAlreadyUsedError:
    return KeyAlreadyUsedError(
        f"launch key {request.key!r} of workload {request.workload!r} was used and its task has ended ({why}); launch "
        "again under a new key"
    )
