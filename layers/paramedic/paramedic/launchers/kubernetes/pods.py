"""What launches leave in a cluster: labels to find pods by, annotations to know them by, and when a pod is over."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from paramedic.launchers import marks
from paramedic.launchers.interface import Launch
from paramedic.launchers.kubernetes.api import KubernetesApi
from paramedic.launchers.kubernetes.profile import NAME
from paramedic.launchers.marks import Marks, token_of
from paramedic.launchers.receipts import make_receipt
from paramedic.state.receipt import Receipt

LAUNCHER = "kubernetes"
LAUNCH_LABEL = "paramedic/launch"
SCOPE_LABEL = "paramedic/scope"
ANNOTATIONS = {
    "paramedic/workload": marks.WORKLOAD,
    "paramedic/key": marks.KEY,
    "paramedic/scope": marks.SCOPE,
    "paramedic/epoch": marks.EPOCH,
}
LABEL_LENGTH = 63
"""Of a label's value, which takes fewer characters than keys have."""

ENDED_PHASES = frozenset({"Succeeded", "Failed"})
"""In which none of a pod's containers will start again. Whoever deletes a pod in one of them makes the API forget it at
once."""

CONTAINER_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
"""Where a pod's node has last said of each container what it does."""

type Object = Mapping[str, Any]


class LaunchIdentity(BaseModel):
    """All pods of one launch, by the label they were made with, and the object that makes them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str
    namespace: str
    kind: str
    name: str = Field(pattern=NAME)
    uid: str
    launch: str = Field(pattern=r"^[0-9a-f]+$")
    scope: str


def label_of(text: str) -> str:
    """A key or scope as a label's value."""
    return token_of(text)[:LABEL_LENGTH]


def template_marks(request: Launch) -> dict[str, dict[str, str]]:
    """The labels and annotations that a launch puts on its pods."""
    values = marks.marks_of(request)
    return {
        "labels": {LAUNCH_LABEL: label_of(request.key), SCOPE_LABEL: label_of(request.scope)},
        "annotations": {name: values[variable] for name, variable in ANNOTATIONS.items()},
    }


def variables(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """A container's env."""
    return [{"name": name, "value": value} for name, value in sorted(environment.items())]


def marks_on(metadata: Mapping[str, Any]) -> Marks | None:
    """What annotations say something was launched as; None where they are not complete."""
    annotations = metadata.get("annotations") or {}
    return marks.read_marks({variable: annotations.get(name, "") for name, variable in ANNOTATIONS.items()})


def living_pods(api: KubernetesApi, label: str, value: str) -> list[Object]:
    """The pods with this label of which something may still run, those that are being ended included.

    Raises:
        KubernetesError: not all of them can be seen.
    """
    return [pod for pod in api.list("pods", f"{label}={value}") if may_run(pod)]


def may_run(pod: Object) -> bool:
    """Whether something of a pod may still run.

    The phase alone does not tell: that of a pod whose node is lost is set by others than the node.
    """
    status = pod.get("status", {})
    told = [each for kind in CONTAINER_STATUSES for each in status.get(kind) or ()]
    return not has_ended(pod) or any(map(_runs, told))


def has_ended(pod: Object) -> bool:
    """Whether the API says that the pod is over."""
    return pod.get("status", {}).get("phase") in ENDED_PHASES


def ailing(pods: Sequence[Object], container: str) -> str:
    """What the readiness probe of `container`, made by its node, finds wrong in each of the pods; empty without one.

    One that has not started yet is not ready either, and nothing is wrong with it.
    """
    told = [_status_of(pod, container) for pod in pods]
    fails = [bool(each.get("started")) and each.get("ready") is False and _runs(each) for each in told]
    return f"the readiness probe of container {container} fails" if fails and all(fails) else ""


def _status_of(pod: Object, container: str) -> Object:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return next((each for each in statuses if each.get("name") == container), {})


def _runs(status: Object) -> bool:
    return "running" in (status.get("state") or {})


def seen(pods: Sequence[Object]) -> str:
    """Pods in words."""
    return "; ".join(
        f"pod {pod['metadata']['name']} ({pod['metadata']['uid']}) on node {pod.get('spec', {}).get('nodeName')} is "
        + ("being ended" if "deletionTimestamp" in pod["metadata"] else str(pod.get("status", {}).get("phase")))
        for pod in pods
    )


def receipt_for(server: str, kind: str, owner: Object, known: Marks) -> Receipt:
    """The receipt for a launch by `owner`."""
    metadata = owner["metadata"]
    identity = LaunchIdentity(
        server=server,
        namespace=metadata["namespace"],
        kind=kind,
        name=metadata["name"],
        uid=metadata["uid"],
        launch=label_of(known.key),
        scope=known.scope,
    )
    return make_receipt(LAUNCHER, identity, workload=known.workload, key=known.key, epoch=known.epoch)
