"""What makes a launch's pods: a Deployment whose template is changed, or a Job of its own.

An owner that makes pods by itself must be held before they are deleted, or it makes others.
"""

from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from paramedic.launchers.interface import EpochRefusedError, Launch, LauncherError, NoPlaceError
from paramedic.launchers.kubernetes.api import MERGE, STRATEGIC_MERGE, KubernetesApi, KubernetesError
from paramedic.launchers.kubernetes.pods import (
    LAUNCH_LABEL,
    LaunchIdentity,
    Object,
    label_of,
    marks_on,
    template_marks,
    variables,
)

KEPT_SECONDS = 86_400
"""How long a finished Job stays, and with it the knowledge that its key was used."""

STARTS_OTHERS = frozenset({"podFailurePolicy", "backoffLimitPerIndex", "maxFailedIndexes"})
"""What a Job may say about failures that are to be followed by another pod."""


class OverlappingPodsError(LauncherError):
    """The Deployment would run two pods at once; nothing was changed."""


class Owner(Protocol):
    """A way to have pods made."""

    @property
    def kind(self) -> str:
        """The API's word for what makes the pods."""

    def place(self) -> Object:
        """What has all pods, of whatever launch.

        Raises:
            NoPlaceError: each launch has its own.
            LauncherError: it cannot be seen.
        """

    def name_for(self, key: str) -> str:
        """What is called so makes the pods of this key."""

    def of_key(self, key: str) -> Object | None:
        """What pods of this key are made of now; None when nothing makes any."""

    def maker_of(self, key: str) -> Object | None:
        """What made the pods of this key, even if it has passed on to another; None when it is gone."""

    def make(self, request: Launch, container: str, environment: dict[str, str]) -> Object:
        """Have pods of this launch made, once per key."""

    def makes_pods(self, identity: LaunchIdentity) -> str | None:
        """Why another pod of this launch may appear; None when none will."""

    def hold(self, identity: LaunchIdentity) -> None:
        """Let no further pod of this launch be made, and of no other launch change anything."""


@dataclass(frozen=True)
class DeploymentOwner:
    """The one Deployment `name`: the launch is in its pod template."""

    api: KubernetesApi
    name: str
    kind: str = "deployments"

    def place(self) -> Object:
        """The one Deployment."""
        return self._deployment()

    def name_for(self, key: str) -> str:
        """The one Deployment, whatever the key."""
        return self.name

    def of_key(self, key: str) -> Object | None:
        """The Deployment, if its template is that of the key."""
        deployment = self._deployment()
        return deployment if _launch_in(deployment) == label_of(key) else None

    def maker_of(self, key: str) -> Object | None:
        """The Deployment: it has made all of them."""
        return self._deployment()

    def make(self, request: Launch, container: str, environment: dict[str, str]) -> Object:
        """Put the launch into the template of the Deployment as it was read.

        Raises:
            EpochRefusedError: its template carries a higher epoch of the scope.
            OverlappingPodsError: it starts new pods before old ones have ended.
            LauncherError: it has no such container, or was changed meanwhile.
        """
        told = {"containers": [{"name": container, "env": variables(environment)}]}
        body = {"spec": {"replicas": 1, "template": {"metadata": template_marks(request), "spec": told}}}

        def changed(deployment: Object | None) -> Object:
            self._require_fit(self._there(deployment), request, container)
            return body

        return self._there(self.api.change(self.kind, self.name, changed, STRATEGIC_MERGE))

    def makes_pods(self, identity: LaunchIdentity) -> str | None:
        """Whether it, or a ReplicaSet it left behind, wants pods of the launch."""
        deployment = self.api.get(self.kind, identity.name)
        if _wants(deployment, identity):
            return f"deployment {identity.name} wants it"
        if deployment is not None and not _is_taken_in(deployment):
            return f"the cluster has not taken in yet what deployment {identity.name} wants"
        for each in self.api.list("replicasets", f"{LAUNCH_LABEL}={identity.launch}"):
            has_pods = each["spec"].get("replicas", 1) > 0 or each.get("status", {}).get("replicas", 0) > 0
            if has_pods or not _is_taken_in(each):
                return f"replicaset {each['metadata']['name']} still has pods of it"
        return None

    def hold(self, identity: LaunchIdentity) -> None:
        """Scale it to none, if its template is still that of the launch."""

        def changed(deployment: Object | None) -> Object | None:
            return {"spec": {"replicas": 0}} if _wants(deployment, identity) else None

        self.api.change(self.kind, identity.name, changed, MERGE)

    def _deployment(self) -> Object:
        return self._there(self.api.get(self.kind, self.name))

    def _there(self, deployment: Object | None) -> Object:
        if deployment is None:
            raise LauncherError(f"the cluster has no deployment {self.name} in the profile's namespace")
        return deployment

    def _require_fit(self, deployment: Object, request: Launch, container: str) -> None:
        _require_recreate(deployment, self.name)
        template = deployment["spec"]["template"]
        known = marks_on(template["metadata"])
        if known is not None and known.scope == request.scope and known.epoch > request.epoch:
            raise EpochRefusedError(
                f"deployment {self.name} is at epoch {known.epoch} of {known.scope}, the launch is of {request.epoch}"
            )
        _require_container(template["spec"], container, f"deployment {self.name}")


@dataclass(frozen=True)
class JobOwner:
    """A Job for each launch, named from its key, made as the CronJob `template` says."""

    api: KubernetesApi
    template: str
    kind: str = "jobs"

    def place(self) -> Object:
        """None.

        Raises:
            NoPlaceError: always.
        """
        raise NoPlaceError(
            "a Job is made for each launch, so the profile names no one place; one with `deployment` does"
        )

    def name_for(self, key: str) -> str:
        """The name of the key's Job."""
        return f"paramedic-{label_of(key)[:40]}"

    def of_key(self, key: str) -> Object | None:
        """The key's Job."""
        return self.api.get(self.kind, self.name_for(key))

    def maker_of(self, key: str) -> Object | None:
        """The key's Job."""
        return self.of_key(key)

    def make(self, request: Launch, container: str, environment: dict[str, str]) -> Object:
        """Make the key's Job, which starts one pod and never another.

        Raises:
            LauncherError: there is no such CronJob or container, or the API refused.
        """
        source = self.api.get("cronjobs", self.template)
        if source is None:
            raise LauncherError(f"the cluster has no cronjob {self.template} in the profile's namespace")
        if not source["spec"].get("suspend"):
            raise LauncherError(f"cronjob {self.template} is not suspended: it would start workloads by itself")
        written = source["spec"]["jobTemplate"]["spec"]
        spec = deepcopy({name: value for name, value in written.items() if name not in STARTS_OTHERS})
        pod = spec["template"]
        _require_container(pod["spec"], container, f"cronjob {self.template}")
        _tell(pod["spec"], container, environment)
        pod["spec"]["restartPolicy"] = "Never"
        launch = template_marks(request)
        pod["metadata"] = _marked(pod.get("metadata") or {}, launch)
        spec |= {"parallelism": 1, "completions": 1, "backoffLimit": 0, "ttlSecondsAfterFinished": KEPT_SECONDS}
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": self.name_for(request.key), **launch},
            "spec": spec,
        }
        try:
            return self.api.create(self.kind, job)
        except KubernetesError as error:
            existing = self.of_key(request.key) if error.status == HTTPStatus.CONFLICT else None
            if existing is None:
                raise
            return existing

    def makes_pods(self, identity: LaunchIdentity) -> str | None:
        """Whether the Job is neither held nor over."""
        going_on = _may_make_pods(self.api.get(self.kind, identity.name), identity)
        return f"job {identity.name} has neither ended nor been suspended" if going_on else None

    def hold(self, identity: LaunchIdentity) -> None:
        """Suspend the Job. It stays, so that its key is known to have been used."""

        def changed(job: Object | None) -> Object | None:
            return {"spec": {"suspend": True}} if _may_make_pods(job, identity) else None

        self.api.change(self.kind, identity.name, changed, MERGE)


def _is_taken_in(made: Object) -> bool:
    """Whether the cluster acts on what the object says now, and no longer on what it said before."""
    return bool(made.get("status", {}).get("observedGeneration", 0) >= made["metadata"].get("generation", 0))


def _wants(deployment: Object | None, identity: LaunchIdentity) -> bool:
    if deployment is None or deployment["metadata"]["uid"] != identity.uid:
        return False
    wants: bool = deployment["spec"].get("replicas", 1) > 0
    return wants and _launch_in(deployment) == identity.launch


def _may_make_pods(job: Object | None, identity: LaunchIdentity) -> bool:
    if job is None or job["metadata"]["uid"] != identity.uid:
        return False
    conditions = {each["type"]: each["status"] for each in job.get("status", {}).get("conditions", ())}
    held = conditions.get("Suspended") == "True" and bool(job["spec"].get("suspend"))
    over = "True" in (conditions.get("Complete"), conditions.get("Failed"))
    return not held and not over


def _launch_in(deployment: Object) -> str | None:
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    return labels.get(LAUNCH_LABEL)


def _marked(metadata: dict[str, Any], launch: dict[str, dict[str, str]]) -> dict[str, Any]:
    both = {part: {**(metadata.get(part) or {}), **values} for part, values in launch.items()}
    return {**metadata, **both}


def _tell(pod_spec: dict[str, Any], container: str, environment: dict[str, str]) -> None:
    for each in pod_spec["containers"]:
        if each["name"] == container:
            own = [pair for pair in each.get("env", ()) if pair["name"] not in environment]
            each["env"] = own + variables(environment)


def _require_container(pod_spec: Object, container: str, where: str) -> None:
    names = [each["name"] for each in pod_spec["containers"]]
    if container not in names:
        raise LauncherError(f"{where} has no container {container!r} (it has {', '.join(names)})")


def _require_recreate(deployment: Object, name: str) -> None:
    strategy = deployment["spec"].get("strategy", {}).get("type", "RollingUpdate")
    replicas = deployment["spec"].get("replicas", 1)
    problems = [f"its strategy is {strategy}, must be Recreate"] if strategy != "Recreate" else []
    if replicas > 1:
        problems.append(f"it has {replicas} replicas, must have 1")
    if problems:
        raise OverlappingPodsError(
            f"deployment {name} would run two at once: {'; '.join(problems)}. Nothing was changed"
        )
