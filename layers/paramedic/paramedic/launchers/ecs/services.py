"""A workload that an ECS service keeps running: the epoch is part of the task definition's revision.

The service starts a task again by itself, with the epoch of its revision. So what a receipt names is the service at
one exact revision: every task of that one, and nothing of another launch. Two invocations that make the same launch at
once register a revision each; whichever of the two the service is at, it is that launch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from paramedic.clock import Clock
from paramedic.launchers.aws_calls import ask
from paramedic.launchers.ecs.profile import EcsProfile, EcsService, family_of
from paramedic.launchers.ecs.reading import EcsApi, Task, is_over, marks_in, seen, tasks_of_family, tasks_of_service
from paramedic.launchers.ecs.revisions import copy_with_environment, definition_of
from paramedic.launchers.interface import (
    FOUND_KEY,
    Description,
    EpochRefusedError,
    KeyAlreadyUsedError,
    Launch,
    LauncherError,
    RunState,
    StopResult,
)
from paramedic.launchers.marks import Marks, shown_environment
from paramedic.launchers.receipts import elsewhere, identity_in, make_receipt, not_its_own, there
from paramedic.launchers.stopping import await_end, stop_seen
from paramedic.launchers.waiting import SETTLE_SECONDS, wait_for
from paramedic.state.receipt import Receipt

LAUNCHER = "ecs"

STOP_FIRST = {"minimumHealthyPercent": 0, "maximumPercent": 100}
"""The one deployment configuration in which a service ends the old task before it starts the new one."""


class StartsNewBeforeOldError(LauncherError):
    """The service would run two at once, or bring an earlier epoch back; nothing was changed."""


class ServiceIdentity(BaseModel):
    """A service at one exact revision of its task definition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: str
    service: str
    task_definition: str
    scope: str


@dataclass(frozen=True)
class EcsServiceLauncher:
    """Runs a workload as the one task of a service."""

    profile: EcsProfile
    service: EcsService
    api: EcsApi
    clock: Clock

    def launch(self, request: Launch) -> Receipt:
        """Have the service run a revision with the request's epoch; a repeated key finds its revision.

        Raises:
            EpochRefusedError: the service's revision carries a higher epoch for this scope.
            KeyAlreadyUsedError: the key's revision is there, and stopped or replaced.
            StartsNewBeforeOldError: the service is not set to stop the old task first.
            LauncherError: ECS could not be asked.
        """
        environment = shown_environment(request, self.profile.environment)
        known = self._find_now(request.workload, request.key)
        if known is not None:
            return self._still_wanted(known)
        current = self._current()
        _require_stop_first(current, self.service.name)
        self._refuse_passed(current, request)
        base = definition_of(self.api, self.service.task_definition)
        revision = copy_with_environment(self.api, base, self.profile.container, environment)
        ask(
            self.api.update_service,
            cluster=self.profile.cluster,
            service=self.service.name,
            taskDefinition=revision,
            desiredCount=1,
            # As it was read, so that whoever changed it since does not make it run two.
            deploymentConfiguration=current["deploymentConfiguration"],
        )
        return self._receipt(revision, Marks(request.workload, request.key, request.scope, request.epoch))

    def find(self, workload: str, key: str) -> Receipt | None:
        """The receipt of the key's revision, if looks for a while show the service at it, or tasks that have not ended.

        Raises:
            LauncherError: ECS could not be asked.
        """
        return wait_for(lambda: self._find_now(workload, key), self.clock, SETTLE_SECONDS)

    def _find_now(self, workload: str, key: str) -> Receipt | None:
        # Others may have set the service to something else since, and what does not end stays all the same.
        known = self._known([self._current()["taskDefinition"], *self._living_revisions()])
        found = [(each, marks) for each, marks in known if (marks.workload, marks.key) == (workload, key)]
        return self._receipt(*found[0]) if found else None

    def running(self, scope: str) -> list[Receipt]:
        """The revisions launched for `scope` of which tasks run in the profile's cluster.

        Raises:
            LauncherError: not all of them can be seen.
        """
        known = self._known(self._living_revisions())
        return [self._receipt(each, marks) for each, marks in known if marks.scope == scope]

    def occupant(self, workload: str) -> Receipt | None:
        """The service at the one revision that it runs or wants, whoever set it to that; None when it does neither.

        Raises:
            LauncherError: it is changing from one revision to another, or ECS could not be asked.
        """
        current = self._current()
        wanted = [str(current["taskDefinition"])] if current["desiredCount"] > 0 else []
        revisions = list(dict.fromkeys([*wanted, *_revisions(self._tasks_of_service())]))
        if not revisions:
            return None
        if len(revisions) > 1:
            raise LauncherError(f"service {self.service.name} is between {' and '.join(revisions)}")
        known = self._marks(revisions[0])
        mine = known is not None and known.workload == workload
        return self._receipt(revisions[0], known if mine and known else Marks(workload, FOUND_KEY, workload, 0))

    def describe(self, receipt: Receipt) -> Description:
        """Whether tasks of exactly this revision run, or the service would start one.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """
        foreign = elsewhere(receipt, LAUNCHER)
        if foreign is not None:
            return foreign
        identity = identity_in(receipt, ServiceIdentity)
        if (identity.cluster, identity.service) != (self.profile.cluster, self.service.name):
            return there(f"service {identity.service} of cluster {identity.cluster}")
        try:
            marks = self._marks(identity.task_definition)
            if receipt.key != FOUND_KEY and (marks is None or marks.key != receipt.key):
                return not_its_own(receipt, identity.task_definition)
            if self._wants(receipt):
                return Description(state=RunState.RUNNING, detail=f"service {identity.service} keeps it running")
            living = self._living(receipt)
            if not living and self._appears_late(receipt):
                return Description(state=RunState.RUNNING, detail=f"service {identity.service} runs it, shown late")
        except LauncherError as error:
            return Description(state=RunState.UNKNOWN, detail=str(error))
        if living:
            return Description(state=RunState.RUNNING, detail="; ".join(map(seen, living)))
        return Description(state=RunState.ABSENT, detail=f"no task of {identity.task_definition} runs or is wanted")

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        """Have the service want no task, if it is at exactly this revision, and end the revision's tasks.

        How long a task is asked before it is killed is its own stopTimeout, whatever `grace_seconds` says.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """

        def end() -> Description | None:
            identity = identity_in(receipt, ServiceIdentity)
            if self._wants(receipt):
                ask(self.api.update_service, cluster=identity.cluster, service=identity.service, desiredCount=0)
            reason = f"paramedic: {scope or identity.scope} goes on under epoch {epoch}"
            for task in self._living(receipt):
                ask(self.api.stop_task, cluster=identity.cluster, task=task["taskArn"], reason=reason)
            return await_end(receipt, self.describe, self.clock)

        revision = receipt.identity.get("task_definition")
        confirms = f"ECS showing no task of {revision} but stopped ones would confirm it"
        return stop_seen(receipt, self.describe, end, confirms)

    def fence(self, scope: str, epoch: int) -> None:
        """Nothing: the service's revision carries the epoch, and `launch` looks at it."""

    def _current(self) -> Any:
        cluster, name = self.profile.cluster, self.service.name
        answer = ask(self.api.describe_services, cluster=cluster, services=[name])
        for service in answer.get("services", ()):
            if service["status"] == "ACTIVE":
                return service
        reasons = [str(each.get("reason")) for each in answer.get("failures", ())]
        reasons += [str(each["status"]) for each in answer.get("services", ())]
        raise LauncherError(f"ECS has no active service {name} in {cluster}: {', '.join(reasons) or 'no reason given'}")

    def _wants(self, receipt: Receipt) -> bool:
        current = self._current()
        return bool(current["desiredCount"] > 0) and self._is_of(receipt, current["taskDefinition"])

    def _living(self, receipt: Receipt) -> list[Task]:
        family = family_of(identity_in(receipt, ServiceIdentity).task_definition)
        # What others defined may run elsewhere in the cluster too, and is none of this service's.
        tasks = self._tasks_of_service() if receipt.key == FOUND_KEY else self._not_over(family)
        mine = {each for each in _revisions(tasks) if self._is_of(receipt, each)}
        return [task for task in tasks if task["taskDefinitionArn"] in mine]

    def _appears_late(self, receipt: Receipt) -> bool:
        """Whether what ECS does not show is there all the same: it shows late what a service was told just before."""
        self.clock.sleep(SETTLE_SECONDS)
        return self._wants(receipt) or bool(self._living(receipt))

    def _is_of(self, receipt: Receipt, revision: str) -> bool:
        # What the receipt itself names was seen to carry its key.
        if revision == receipt.identity.get("task_definition"):
            return True
        marks = self._marks(revision)
        return marks is not None and marks.key == receipt.key

    def _living_revisions(self) -> list[str]:
        return _revisions(self._not_over(family_of(self.service.task_definition)))

    def _not_over(self, family: str) -> list[Task]:
        return [task for task in tasks_of_family(self.api, self.profile.cluster, family) if not is_over(task)]

    def _tasks_of_service(self) -> list[Task]:
        tasks = tasks_of_service(self.api, self.profile.cluster, self.service.name)
        return [task for task in tasks if not is_over(task)]

    def _known(self, revisions: Sequence[str]) -> list[tuple[str, Marks]]:
        marked = [(revision, self._marks(revision)) for revision in dict.fromkeys(revisions)]
        return [(revision, marks) for revision, marks in marked if marks is not None]

    def _still_wanted(self, receipt: Receipt) -> Receipt:
        look = self.describe(receipt)
        match look.state:
            case RunState.RUNNING if self._wants(receipt):
                return receipt
            case RunState.UNKNOWN:
                raise LauncherError(f"launch key {receipt.key!r} was used and cannot be looked at: {look.detail}")
            case _:
                raise KeyAlreadyUsedError(
                    f"launch key {receipt.key!r} of workload {receipt.workload!r} was used and its revision is not "
                    f"wanted any more ({look.detail}); launch again under a new key"
                )

    def _refuse_passed(self, current: Any, request: Launch) -> None:
        marks = self._marks(current["taskDefinition"])
        if marks is not None and marks.scope == request.scope and marks.epoch > request.epoch:
            raise EpochRefusedError(
                f"service {self.service.name} is at epoch {marks.epoch} of {marks.scope}, the launch is of epoch "
                f"{request.epoch}"
            )

    def _marks(self, revision: str) -> Marks | None:
        return marks_in(definition_of(self.api, revision)["containerDefinitions"], self.profile.container)

    def _receipt(self, revision: str, marks: Marks) -> Receipt:
        identity = ServiceIdentity(
            cluster=self.profile.cluster, service=self.service.name, task_definition=revision, scope=marks.scope
        )
        return make_receipt(LAUNCHER, identity, workload=marks.workload, key=marks.key, epoch=marks.epoch)


def _revisions(tasks: Sequence[Task]) -> list[str]:
    return list(dict.fromkeys(str(task["taskDefinitionArn"]) for task in tasks))


def _require_stop_first(service: Any, name: str) -> None:
    configured = service.get("deploymentConfiguration", {})
    problems = [
        f"{field} is {configured.get(field)}, must be {wanted}"
        for field, wanted in STOP_FIRST.items()
        if configured.get(field) != wanted
    ]
    strategy = configured.get("strategy", "ROLLING")
    if strategy != "ROLLING":
        problems.append(f"its strategy is {strategy}, must be ROLLING")
    controller = service.get("deploymentController", {}).get("type", "ECS")
    if controller != "ECS":
        problems.append(f"{controller} deploys it, must be ECS")
    if service.get("schedulingStrategy", "REPLICA") != "REPLICA":
        problems.append("it is no REPLICA service")
    if configured.get("deploymentCircuitBreaker", {}).get("rollback"):
        problems.append("its circuit breaker rolls back, which brings an earlier epoch back")
    if configured.get("alarms", {}).get("rollback"):
        problems.append("its alarms roll back, which brings an earlier epoch back")
    if problems:
        raise StartsNewBeforeOldError(
            f"service {name} is not set to end its task before it starts another: {'; '.join(problems)}. Nothing was "
            "changed"
        )
