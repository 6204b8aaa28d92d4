"""Launcher `kubernetes`: what runs is told by the API, and gone is only what the API has no more."""

from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.launchers.interface import (
    FOUND_KEY,
    Description,
    KeyAlreadyUsedError,
    Launch,
    LauncherError,
    RunState,
    StopResult,
)
from paramedic.launchers.kubernetes.api import KubernetesApi
from paramedic.launchers.kubernetes.found import FoundPods
from paramedic.launchers.kubernetes.owners import Owner
from paramedic.launchers.kubernetes.pods import (
    LAUNCH_LABEL,
    LAUNCHER,
    SCOPE_LABEL,
    LaunchIdentity,
    Object,
    ailing,
    has_ended,
    label_of,
    living_pods,
    marks_on,
    receipt_for,
    seen,
)
from paramedic.launchers.kubernetes.profile import KubernetesProfile
from paramedic.launchers.marks import shown_environment
from paramedic.launchers.receipts import (
    elsewhere,
    identity_in,
    not_its_own,
    require_named,
    there,
)
from paramedic.launchers.stopping import await_end, stop_seen
from paramedic.state.receipt import Receipt

SHORTEST_GRACE_SECONDS = 1
"""With none, the API forgets a pod at once whether or not its node has ended it, and proves nothing any more."""


@dataclass(frozen=True)
class KubernetesLauncher:
    """Runs workloads as pods that `owner` has made."""

    profile: KubernetesProfile
    api: KubernetesApi
    owner: Owner
    clock: Clock

    def launch(self, request: Launch) -> Receipt:
        """Have the launch's pod made, once per key.

        Raises:
            EpochRefusedError: the owner carries a higher epoch of the scope.
            KeyAlreadyUsedError: the key's pod has ended, or no pod of it is wanted any more.
            LauncherError: the API could not be asked, refused, or the owner would run two pods at once.
        """
        environment = shown_environment(request, self.profile.environment)
        known = self.find(request.workload, request.key)
        if known is None:
            made = self.owner.make(request, self.profile.container, environment)
            known = self._receipt(made, request.workload, request.key)
        identity = identity_in(known, LaunchIdentity)
        if self.owner.makes_pods(identity) is None and not living_pods(self.api, LAUNCH_LABEL, identity.launch):
            raise KeyAlreadyUsedError(
                f"launch key {request.key!r} of workload {request.workload!r} was used and its pod has ended; launch "
                "again under a new key"
            )
        return known

    def find(self, workload: str, key: str) -> Receipt | None:
        """The receipt of the key's launch, ended or not; None when the cluster knows of none.

        Raises:
            LauncherError: the API could not be asked, or what it has of the key does not say what it is.
        """
        owner = self.owner.of_key(key)
        if owner is not None:
            return self._receipt(owner, workload, key)
        # What made them may have passed on to something else, and a node that does not answer keeps them.
        left = living_pods(self.api, LAUNCH_LABEL, label_of(key))
        return self._receipt_of_pod(left[0]) if left else None

    def running(self, scope: str) -> list[Receipt]:
        """The launches for `scope` in the profile's namespace of which pods may still run.

        Raises:
            LauncherError: not all of them can be seen, or what made one of them is gone.
        """
        receipts = map(self._receipt_of_pod, living_pods(self.api, SCOPE_LABEL, label_of(scope)))
        return list({each.key: each for each in receipts}.values())

    def occupant(self, workload: str) -> Receipt | None:
        """The Deployment's pods: of a launch as that launch, else the one pod, whoever had it made.

        Raises:
            NoPlaceError: the profile has Jobs made.
            LauncherError: there are several, or the API could not be asked.
        """
        deployment = self.owner.place()
        pods = self._found.living(deployment)
        launches = {label for pod in pods if (label := (pod["metadata"].get("labels") or {}).get(LAUNCH_LABEL))}
        unmarked = [pod for pod in pods if LAUNCH_LABEL not in (pod["metadata"].get("labels") or {})]
        if len(launches) + len(unmarked) > 1:
            raise LauncherError(f"deployment {deployment['metadata']['name']} has several: {seen(pods)}")
        if unmarked:
            return self._found.receipt_of(unmarked[0], deployment, workload)
        return self._receipt_of_pod(pods[0]) if pods else None

    def describe(self, receipt: Receipt) -> Description:
        """Look at exactly this launch's pods; the API tells no CPU time, but what their readiness probes find.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """
        foreign = elsewhere(receipt, LAUNCHER)
        if foreign is not None:
            return foreign
        if receipt.key == FOUND_KEY:
            return self._found.describe(receipt)
        identity = identity_in(receipt, LaunchIdentity)
        here = (self.profile.server, self.profile.namespace, self.owner.kind)
        if here != (identity.server, identity.namespace, identity.kind):
            return there(f"namespace {identity.namespace} of {identity.server}, as one of its {identity.kind}")
        if identity.launch != label_of(receipt.key):
            return not_its_own(receipt, f"launch {identity.launch}")
        if identity.name != self.owner.name_for(receipt.key):
            return there(f"{identity.kind} {identity.name}")
        try:
            # In this order: what the owner had made before it was held is listed then.
            why = self.owner.makes_pods(identity)
            pods = living_pods(self.api, LAUNCH_LABEL, identity.launch)
        except LauncherError as error:
            return Description(state=RunState.UNKNOWN, detail=str(error))
        if pods or why is not None:
            wrong = ailing(pods, self.profile.container)
            return Description(state=RunState.RUNNING, ailing=wrong, detail=seen(pods) or str(why))
        return Description(state=RunState.ABSENT, detail=f"the cluster has no pod of launch {identity.launch} any more")

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        """Let no further pod of the launch be made, delete each by its uid, and wait until the API has none.

        A pod on a node that does not answer stays, and the end is not confirmed.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """

        if receipt.launcher == LAUNCHER and receipt.key == FOUND_KEY:
            return self._found.stop(receipt, _grace(grace_seconds))

        def end() -> Description | None:
            identity = identity_in(receipt, LaunchIdentity)
            self.owner.hold(identity)
            self._delete(living_pods(self.api, LAUNCH_LABEL, identity.launch), grace_seconds)
            return await_end(receipt, self.describe, self.clock)

        confirms = "the node answering again, or its machine seen to be off, would confirm it"
        return stop_seen(receipt, self.describe, end, confirms)

    def fence(self, scope: str, epoch: int) -> None:
        """Nothing: no node keeps epochs."""

    @property
    def _found(self) -> FoundPods:
        return FoundPods(self.profile, self.api, self.clock)

    def _delete(self, pods: list[Object], grace_seconds: float) -> None:
        for pod in pods:
            if has_ended(pod):
                continue
            metadata = pod["metadata"]
            self.api.delete_exactly("pods", metadata["name"], metadata["uid"], _grace(grace_seconds))

    def _receipt_of_pod(self, pod: Object) -> Receipt:
        known = marks_on(pod["metadata"])
        maker = None if known is None else self.owner.maker_of(known.key)
        if known is None or maker is None:
            raise LauncherError(f"{seen([pod])}, and nothing tells any more what it was launched as")
        return receipt_for(self.profile.server, self.owner.kind, maker, known)

    def _receipt(self, owner: Object, workload: str, key: str) -> Receipt:
        shown, what = owner["spec"]["template"]["metadata"], f"{self.owner.kind} {owner['metadata']['name']}"
        known = require_named(marks_on(shown), workload, key, what)
        return receipt_for(self.profile.server, self.owner.kind, owner, known)


def _grace(seconds: float) -> int:
    return max(SHORTEST_GRACE_SECONDS, round(seconds))
