"""Ending one run of an instance: asked, then forced, then, where another will replace it, terminated.

How far that has come is not written down anywhere; the instance's own state tells. What is still stopping when this is
called has been asked before.
"""

from dataclasses import dataclass
from datetime import timedelta

from paramedic.clock import Clock
from paramedic.launchers.aws_calls import AwsCallError, ask
from paramedic.launchers.ec2.profile import Ec2Profile
from paramedic.launchers.ec2.reading import (
    KEY_TAG,
    LAUNCHER,
    OVER,
    Ec2Api,
    InstanceIdentity,
    ailing,
    instance_of,
    seen,
    state_of,
    tags_of,
)
from paramedic.launchers.interface import FOUND_KEY, Description, LauncherError, RunState, StopResult
from paramedic.launchers.receipts import elsewhere, identity_in, not_its_own, there
from paramedic.launchers.stopping import await_end, stop_seen
from paramedic.launchers.waiting import STOP_SECONDS
from paramedic.state.receipt import Receipt

SHOWN_FOR = timedelta(hours=1)
"""EC2 shows a terminated instance for about so long; one it does not know sooner it may not show yet."""

STOPPING = "stopping"
TERMINATING = "shutting-down"
CANNOT_BE_STOPPED = "UnsupportedOperation"
"""EC2's word for instances that can only be terminated, such as one-time spot instances."""


class RunsOthersTooError(LauncherError):
    """The instance runs what may not be stopped with it; nothing was done."""


@dataclass(frozen=True)
class InstanceRuns:
    """Describes and ends runs of instances: what launchers have in common, whichever way they start them."""

    profile: Ec2Profile
    api: Ec2Api
    clock: Clock

    def describe(self, receipt: Receipt) -> Description:
        """Look at exactly this run; EC2 tells no CPU time, but what its status checks find.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """
        foreign = elsewhere(receipt, LAUNCHER)
        if foreign is not None:
            return foreign
        identity = identity_in(receipt, InstanceIdentity)
        if self.profile.instance not in (None, identity.instance_id):
            return there(f"instance {identity.instance_id}")
        try:
            return self._look(receipt, identity)
        except LauncherError as error:
            return Description(state=RunState.UNKNOWN, detail=str(error))

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        """End exactly this run, as far as the profile allows: asked by this call, and forced by the next one if it is
        still stopping then; one that another will replace is terminated at last.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """

        def end() -> Description | None:
            instance_id = identity_in(receipt, InstanceIdentity).instance_id
            others = ", ".join(self.profile.shares_with)
            if others and not self.profile.may_stop_others:
                raise RunsOthersTooError(
                    f"instance {instance_id} was not stopped, for it runs {others} too: stop it by hand, or let the "
                    "profile's may_stop_others say that it may be"
                )
            return self._take_next_means(receipt, instance_id)

        confirms = (
            f"EC2 showing instance {receipt.identity.get('instance_id')} as stopped or terminated would confirm it"
        )
        return stop_seen(receipt, self.describe, end, confirms)

    def fence(self, scope: str, epoch: int) -> None:
        """Nothing: no instance refuses anything. One that is started again carries its epoch in its tags."""

    def _look(self, receipt: Receipt, identity: InstanceIdentity) -> Description:
        instance = instance_of(self.api, identity.instance_id)
        if instance is None:
            gone = self.clock.now() - identity.launch_time >= SHOWN_FOR
            state = RunState.ABSENT if gone else RunState.UNKNOWN
            return Description(state=state, detail=f"EC2 knows no instance {identity.instance_id}")
        if instance["LaunchTime"] < identity.launch_time:
            detail = f"EC2 still shows an earlier start of instance {identity.instance_id}"
            return Description(state=RunState.UNKNOWN, detail=detail)
        if state_of(instance) in OVER:
            return Description(state=RunState.ABSENT, detail=seen(instance))
        if instance["LaunchTime"] > identity.launch_time:
            detail = f"instance {identity.instance_id} was stopped and started again since"
            return Description(state=RunState.ABSENT, detail=detail)
        if receipt.key not in (FOUND_KEY, tags_of(instance).get(KEY_TAG)):
            return not_its_own(receipt, f"instance {identity.instance_id}")
        wrong = ailing(self.api, identity.instance_id)
        return Description(state=RunState.RUNNING, ailing=wrong, detail=seen(instance))

    def _take_next_means(self, receipt: Receipt, instance_id: str) -> Description | None:
        instance = instance_of(self.api, instance_id)
        state = "" if instance is None else state_of(instance)
        if state == TERMINATING:
            return await_end(receipt, self.describe, self.clock)
        if state != STOPPING:
            self._stop(instance_id, force=False)
            return await_end(receipt, self.describe, self.clock)
        self._stop(instance_id, force=True)
        over = await_end(receipt, self.describe, self.clock, STOP_SECONDS / 2)
        if over is None and self.profile.replace is not None:
            ask(self.api.terminate_instances, InstanceIds=[instance_id])
            over = await_end(receipt, self.describe, self.clock, STOP_SECONDS / 2)
        return over

    def _stop(self, instance_id: str, *, force: bool) -> None:
        try:
            ask(self.api.stop_instances, InstanceIds=[instance_id], Force=force)
        except AwsCallError as error:
            if error.code != CANNOT_BE_STOPPED or self.profile.replace is None:
                raise
            ask(self.api.terminate_instances, InstanceIds=[instance_id])
