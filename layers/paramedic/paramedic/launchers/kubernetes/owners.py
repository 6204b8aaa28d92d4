"""What makes a launch's pods: a Deployment whose template is changed, or a Job of its own.

An owner that makes pods by itself must be held before they are deleted, or it makes others.
"""

from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from paramedic.launchers.interface import EpochRefusedError, Launch, LauncherError
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


class OverlappingPodsError(LauncherError):
    """The Deployment would run two pods at once; nothing was changed."""


class Owner(Protocol):
    """A way to have pods made."""

    @property
    def kind(self) -> str:
        """The API's word for what makes the pods."""

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
        deployment = self._deployment()
        _require_recreate(deployment, self.name)
        template = deployment["spec"]["template"]
        known = marks_on(template["metadata"])
        if known is not None and known.scope == request.scope and known.epoch > request.epoch:
            raise EpochRefusedError(
                f"deployment {self.name} is at epoch {known.epoch} of {known.scope}, the launch is of {request.epoch}"
            )
        _require_container(template["spec"], container, f"deployment {self.name}")
        told = {"containers": [{"name": container, "env": variables(environment)}]}
        body = {
            "metadata": {"resourceVersion": deployment["metadata"]["resourceVersion"]},
            "spec": {"replicas": 1, "template": {"metadata": template_marks(request), "spec": told}},
        }
        return self.api.patch(self.kind, self.name, body, STRATEGIC_MERGE)

    def makes_pods(self, identity: LaunchIdentity) -> str | None:
        """Whether it, or a ReplicaSet it left behind, wants pods of the launch."""
        deployment = self.api.get(self.kind, identity.name)
        if deployment is not None and deployment["metadata"]["uid"] == identity.uid:
            wanted = _launch_in(deployment) == identity.launch and deployment["spec"].get("replicas", 1) > 0
            if wanted:
                return f"deployment {identity.name} wants it"
        for each in self.api.list("replicasets", f"{LAUNCH_LABEL}={identity.launch}"):
            settled = each.get("status", {}).get("observedGeneration", 0) >= each["metadata"].get("generation", 0)
            if each["spec"].get("replicas", 1) > 0 or each.get("status", {}).get("replicas", 0) > 0 or not settled:
                return f"replicaset {each['metadata']['name']} still has pods of it"
        return None

    def hold(self, identity: LaunchIdentity) -> None:
        """Scale it to none, if its template is still that of the launch."""
        deployment = self.api.get(self.kind, identity.name)
        if deployment is None or deployment["metadata"]["uid"] != identity.uid:
            return
        if _launch_in(deployment) == identity.launch and deployment["spec"].get("replicas", 1) > 0:
            version = {"resourceVersion": deployment["metadata"]["resourceVersion"]}
            self.api.patch(self.kind, self.name, {"metadata": version, "spec": {"replicas": 0}}, MERGE)

    def _deployment(self) -> Object:
        deployment = self.api.get(self.kind, self.name)
        if deployment is None:
            raise LauncherError(f"the cluster has no deployment {self.name} in the profile's namespace")
        return deployment


@dataclass(frozen=True)
class JobOwner:
    """A Job for each launch, named from its key, made as the CronJob `template` says."""

    api: KubernetesApi
    template: str
    kind: str = "jobs"

    def of_key(self, key: str) -> Object | None:
        """The key's Job."""
        return self.api.get(self.kind, _job_name(key))

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
        spec = deepcopy(source["spec"]["jobTemplate"]["spec"])
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
            "metadata": {"name": _job_name(request.key), **launch},
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
        job = self._job(identity)
        if job is None:
            return None
        conditions = {each["type"]: each["status"] for each in job.get("status", {}).get("conditions", ())}
        over = "True" in (conditions.get("Complete"), conditions.get("Failed"), conditions.get("Suspended"))
        return None if over else f"job {identity.name} has neither ended nor been suspended"

    def hold(self, identity: LaunchIdentity) -> None:
        """Suspend the Job. It stays, so that its key is known to have been used."""
        job = self._job(identity)
        if job is not None and self.makes_pods(identity) is not None:
            version = {"resourceVersion": job["metadata"]["resourceVersion"]}
            self.api.patch(self.kind, identity.name, {"metadata": version, "spec": {"suspend": True}}, MERGE)

    def _job(self, identity: LaunchIdentity) -> Object | None:
        job = self.api.get(self.kind, identity.name)
        return job if job is not None and job["metadata"]["uid"] == identity.uid else None


def _job_name(key: str) -> str:
    return f"paramedic-{label_of(key)[:40]}"


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
