"""Pods of a Deployment that no launch of ours made: each is known by its own uid, and the Deployment replaces it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from paramedic.clock import Clock
from paramedic.launchers.interface import FOUND_KEY, Description, LauncherError, RunState, StopResult
from paramedic.launchers.kubernetes.api import KubernetesApi
from paramedic.launchers.kubernetes.pods import LAUNCHER, Object, ailing, has_ended, may_run, seen
from paramedic.launchers.kubernetes.profile import NAME, KubernetesProfile
from paramedic.launchers.receipts import identity_in, make_receipt, there
from paramedic.launchers.stopping import await_end, stop_seen
from paramedic.state.receipt import Receipt


class PodIdentity(BaseModel):
    """One exact pod. `labels` are the selector that lists it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str
    namespace: str
    kind: Literal["pods"] = "pods"
    name: str = Field(pattern=NAME)
    uid: str
    labels: str
    scope: str


@dataclass(frozen=True)
class FoundPods:
    """Finds, describes and ends such pods."""

    profile: KubernetesProfile
    api: KubernetesApi
    clock: Clock

    def living(self, deployment: Object) -> list[Object]:
        """The pods of the Deployment of which something may still run, whoever made them.

        Raises:
            LauncherError: not all of them can be seen.
        """
        return [pod for pod in self.api.list("pods", selector_of(deployment)) if may_run(pod)]

    def receipt_of(self, pod: Object, deployment: Object, workload: str) -> Receipt:
        """The receipt for exactly this pod."""
        metadata = pod["metadata"]
        identity = PodIdentity(
            server=self.profile.server,
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            labels=selector_of(deployment),
            scope=workload,
        )
        return make_receipt(LAUNCHER, identity, workload=workload, key=FOUND_KEY, epoch=0)

    def describe(self, receipt: Receipt) -> Description:
        """Look at exactly this pod; the API tells no CPU time, but what its readiness probe finds.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """
        identity = identity_in(receipt, PodIdentity)
        if (identity.server, identity.namespace) != (self.profile.server, self.profile.namespace):
            return there(f"namespace {identity.namespace} of {identity.server}")
        try:
            pods = self._exactly(identity)
        except LauncherError as error:
            return Description(state=RunState.UNKNOWN, detail=str(error))
        if any(map(may_run, pods)):
            wrong = ailing(pods, self.profile.container)
            return Description(state=RunState.RUNNING, ailing=wrong, detail=seen(pods))
        return Description(state=RunState.ABSENT, detail=f"the cluster has no pod {identity.uid} that runs any more")

    def stop(self, receipt: Receipt, grace_seconds: int) -> StopResult:
        """Delete exactly this pod, and wait until the API has it no more. What the Deployment makes then is another.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """

        def end() -> Description | None:
            identity = identity_in(receipt, PodIdentity)
            # One that is called ended would be forgotten at once, whatever its lost node runs.
            if not any(map(has_ended, self._exactly(identity))):
                self.api.delete_exactly("pods", identity.name, identity.uid, grace_seconds)
            return await_end(receipt, self.describe, self.clock)

        confirms = "the node answering again, or its machine seen to be off, would confirm it"
        return stop_seen(receipt, self.describe, end, confirms)

    def _exactly(self, identity: PodIdentity) -> list[Object]:
        return [each for each in self.api.list("pods", identity.labels) if each["metadata"]["uid"] == identity.uid]


def selector_of(deployment: Object) -> str:
    """What lists the pods of a Deployment.

    Raises:
        LauncherError: it selects them by more than labels.
    """
    name, selector = deployment["metadata"]["name"], deployment["spec"].get("selector") or {}
    labels: Mapping[str, str] = selector.get("matchLabels") or {}
    if selector.get("matchExpressions") or not labels:
        raise LauncherError(f"deployment {name} does not select its pods by labels alone, so its pods cannot be told")
    return ",".join(f"{label}={value}" for label, value in sorted(labels.items()))
