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
    instance_of,
    seen,
    state_of,
    tags_of,
)
from paramedic.launchers.interface import Description, LauncherError, RunState, StopResult
from paramedic.launchers.receipts import elsewhere, identity_in, not_its_own, stopped, there, unconfirmed
from paramedic.launchers.waiting import STOP_SECONDS, wait_for
from paramedic.state.receipt import Receipt

SHOWN_FOR = timedelta(hours=1)
"""EC2 shows a terminated instance for about so long; one it does not know sooner it may not show yet."""

STOPPING = "stopping"
TERMINATING = "shutting-down"
CANNOT_BE_STOPPED = "UnsupportedOperation"
"""EC2's word for instances that can only be terminated, such as one-time spot instances."""


@dataclass(frozen=True)
class InstanceRuns:
    """Describes and ends runs of instances, for every way to start them."""

    profile: Ec2Profile
    api: Ec2Api
    clock: Clock

    def describe(self, receipt: Receipt) -> Description:
        """Look at exactly this run; EC2 tells no CPU time.

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

    def stop(self, receipt: Receipt) -> StopResult:
        """End exactly this run and wait until EC2 says so, as far as the profile allows.

        Raises:
            InvalidInputError: the receipt's identity is malformed.
        """
        look = self.describe(receipt)
        if look.state is RunState.ABSENT:
            return stopped(look.detail)
        if look.state is RunState.ELSEWHERE:
            return unconfirmed(look.detail)
        identity = identity_in(receipt, InstanceIdentity)
        if look.state is not RunState.RUNNING:
            return unconfirmed(f"{look.detail}; {_confirmed_by(identity)}")
        others = ", ".join(self.profile.shares_with)
        if others and not self.profile.may_stop_others:
            return unconfirmed(
                f"{look.detail} and was not stopped, for it runs {others} too: stop it by hand, or let the profile's "
                "may_stop_others say that it may be"
            )
        return self._end(receipt, identity)

    def _look(self, receipt: Receipt, identity: InstanceIdentity) -> Description:
        instance = instance_of(self.api, identity.instance_id)
        if instance is None:
            gone = self.clock.now() - identity.launch_time >= SHOWN_FOR
            state = RunState.ABSENT if gone else RunState.UNKNOWN
            return Description(state=state, detail=f"EC2 knows no instance {identity.instance_id}")
        if state_of(instance) in OVER:
            return Description(state=RunState.ABSENT, detail=seen(instance))
        if instance["LaunchTime"] > identity.launch_time:
            detail = f"instance {identity.instance_id} was stopped and started again since"
            return Description(state=RunState.ABSENT, detail=detail)
        if instance["LaunchTime"] < identity.launch_time:
            detail = f"EC2 still shows an earlier start of instance {identity.instance_id}"
            return Description(state=RunState.UNKNOWN, detail=detail)
        if tags_of(instance).get(KEY_TAG) != receipt.key:
            return not_its_own(receipt, f"instance {identity.instance_id}")
        return Description(state=RunState.RUNNING, detail=seen(instance))

    def _end(self, receipt: Receipt, identity: InstanceIdentity) -> StopResult:
        try:
            over = self._take_next_means(receipt, identity.instance_id)
        except LauncherError as error:
            return unconfirmed(f"{error}; {_confirmed_by(identity)}")
        if over is not None:
            return stopped(over.detail)
        return unconfirmed(f"{self.describe(receipt).detail}; {_confirmed_by(identity)}")

    def _take_next_means(self, receipt: Receipt, instance_id: str) -> Description | None:
        instance = instance_of(self.api, instance_id)
        state = "" if instance is None else state_of(instance)
        if state == TERMINATING:
            return self._await_end(receipt, STOP_SECONDS)
        if state != STOPPING:
            self._stop(instance_id, force=False)
            return self._await_end(receipt, STOP_SECONDS)
        self._stop(instance_id, force=True)
        over = self._await_end(receipt, STOP_SECONDS / 2)
        if over is None and self.profile.replace is not None:
            ask(self.api.terminate_instances, InstanceIds=[instance_id])
            over = self._await_end(receipt, STOP_SECONDS / 2)
        return over

    def _stop(self, instance_id: str, *, force: bool) -> None:
        try:
            ask(self.api.stop_instances, InstanceIds=[instance_id], Force=force)
        except AwsCallError as error:
            if error.code != CANNOT_BE_STOPPED or self.profile.replace is None:
                raise
            ask(self.api.terminate_instances, InstanceIds=[instance_id])

    def _await_end(self, receipt: Receipt, seconds: float) -> Description | None:
        return wait_for(lambda: self._over(receipt), self.clock, seconds)

    def _over(self, receipt: Receipt) -> Description | None:
        look = self.describe(receipt)
        return look if look.state is RunState.ABSENT else None


def _confirmed_by(identity: InstanceIdentity) -> str:
    return f"EC2 showing instance {identity.instance_id} as stopped or terminated would confirm it"
