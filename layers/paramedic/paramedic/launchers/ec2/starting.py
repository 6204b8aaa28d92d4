"""Starting a stopped instance: EC2 takes no token for that, so its tags and its launch time tell what was done."""

from dataclasses import dataclass

from paramedic.clock import to_iso
from paramedic.launchers.aws_calls import ask
from paramedic.launchers.ec2.ending import InstanceRuns
from paramedic.launchers.ec2.reading import (
    KEY_TAG,
    LAUNCHED_BEFORE_TAG,
    OVER,
    STOPPED,
    Instance,
    instance_of,
    marks_on,
    receipt_for,
    seen,
    state_of,
    tags_for,
    tags_of,
)
from paramedic.launchers.interface import (
    FOUND_KEY,
    EpochRefusedError,
    KeyAlreadyUsedError,
    Launch,
    LauncherError,
)
from paramedic.launchers.marks import Marks, shown_environment
from paramedic.launchers.receipts import require_named
from paramedic.launchers.waiting import SETTLE_SECONDS, wait_for
from paramedic.state.receipt import Receipt


@dataclass(frozen=True)
class Ec2StartLauncher(InstanceRuns):
    """Runs one workload on one instance, by starting it."""

    instance_id: str

    def launch(self, request: Launch) -> Receipt:
        """Tag the stopped instance with the launch, then start it.

        Raises:
            EpochRefusedError: the instance was started under a higher epoch of this scope.
            KeyAlreadyUsedError: the key's run has ended.
            LauncherError: the instance is not stopped, or EC2 could not be asked.
        """
        shown_environment(request, ())
        instance = self._instance()
        if tags_of(instance).get(KEY_TAG) != request.key:
            self._refuse(instance, request)
            before = {"Key": LAUNCHED_BEFORE_TAG, "Value": to_iso(instance["LaunchTime"])}
            ask(self.api.create_tags, Resources=[self.instance_id], Tags=[*tags_for(request), before])
        elif _was_started(instance):
            return self._still_running(instance, request)
        ask(self.api.start_instances, InstanceIds=[self.instance_id])
        started = wait_for(lambda: self._started(request.key), self.clock, SETTLE_SECONDS)
        if started is None:
            raise LauncherError(f"EC2 does not show yet that instance {self.instance_id} was started; launch it again")
        return receipt_for(started, _marks(request))

    def find(self, workload: str, key: str) -> Receipt | None:
        """The receipt of the key's run, ended or not; None when the instance was not started under it.

        Raises:
            LauncherError: EC2 could not be asked, or the instance does not say what it is.
        """
        started = wait_for(lambda: self._started(key), self.clock, SETTLE_SECONDS)
        if started is None:
            return None
        return receipt_for(started, require_named(marks_on(started), workload, key, seen(started)))

    def running(self, scope: str) -> list[Receipt]:
        """The instance, if it was started for `scope` and runs.

        Raises:
            LauncherError: it cannot be seen.
        """
        instance = self._instance()
        known = marks_on(instance)
        mine = known is not None and known.scope == scope and _was_started(instance)
        return [receipt_for(instance, known)] if mine and known and state_of(instance) not in OVER else []

    def occupant(self, workload: str) -> Receipt | None:
        """The instance's present run, whoever started it; None when it has ended.

        Raises:
            LauncherError: EC2 could not be asked.
        """
        instance = self._instance()
        if state_of(instance) in OVER:
            return None
        known = marks_on(instance)
        mine = known is not None and known.workload == workload and _was_started(instance)
        return receipt_for(instance, known if mine and known else Marks(workload, FOUND_KEY, workload, 0))

    def _instance(self) -> Instance:
        instance = instance_of(self.api, self.instance_id)
        if instance is None:
            raise LauncherError(f"EC2 knows no instance {self.instance_id}")
        return instance

    def _started(self, key: str) -> Instance | None:
        instance = self._instance()
        return instance if tags_of(instance).get(KEY_TAG) == key and _was_started(instance) else None

    def _refuse(self, instance: Instance, request: Launch) -> None:
        known = marks_on(instance)
        if known is not None and known.scope == request.scope and known.epoch > request.epoch:
            raise EpochRefusedError(
                f"instance {self.instance_id} was started under epoch {known.epoch} of {known.scope}, the launch is of "
                f"epoch {request.epoch}"
            )
        if state_of(instance) != STOPPED:
            raise LauncherError(
                f"{seen(instance)}, and not by a launch that is to be stopped: only a stopped one can be started for a "
                "new epoch; stop it, then recover"
            )

    def _still_running(self, instance: Instance, request: Launch) -> Receipt:
        if state_of(instance) in OVER:
            raise KeyAlreadyUsedError(
                f"launch key {request.key!r} of workload {request.workload!r} was used and its run has ended "
                f"({seen(instance)}); launch again under a new key"
            )
        return receipt_for(instance, _marks(request))


def _was_started(instance: Instance) -> bool:
    """Whether it was started since its key was written down."""
    return tags_of(instance).get(LAUNCHED_BEFORE_TAG) != to_iso(instance["LaunchTime"])


def _marks(request: Launch) -> Marks:
    return Marks(request.workload, request.key, request.scope, request.epoch)
