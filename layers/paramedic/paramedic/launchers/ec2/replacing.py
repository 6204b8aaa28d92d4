"""Replacing an instance by a new one from a launch template, at most one per launch key."""

from dataclasses import dataclass
from typing import Any

from paramedic.launchers.aws_calls import ask
from paramedic.launchers.ec2.ending import STOPPING, TERMINATING, InstanceRuns
from paramedic.launchers.ec2.profile import LaunchTemplate
from paramedic.launchers.ec2.reading import (
    OVER,
    SCOPE_TAG,
    Instance,
    instance_of,
    instances,
    marks_on,
    receipt_for,
    seen,
    state_of,
    tags_for,
)
from paramedic.launchers.interface import KeyAlreadyUsedError, Launch, NoPlaceError
from paramedic.launchers.marks import Marks, shown_environment, token_of
from paramedic.launchers.receipts import require_named
from paramedic.launchers.waiting import SETTLE_SECONDS, wait_for
from paramedic.state.receipt import Receipt


@dataclass(frozen=True)
class Ec2ReplaceLauncher(InstanceRuns):
    """Runs each launch on an instance of its own."""

    template: LaunchTemplate

    def launch(self, request: Launch) -> Receipt:
        """Make an instance, once per key.

        Raises:
            KeyAlreadyUsedError: the key's instance has ended or is ending.
            LauncherError: EC2 made none, or could not be asked.
        """
        shown_environment(request, ())
        instance = self._of_key(request.key) or self._run(request)
        if state_of(instance) in OVER | {STOPPING, TERMINATING}:
            raise _used(request, seen(instance))
        return receipt_for(instance, Marks(request.workload, request.key, request.scope, request.epoch))

    def find(self, workload: str, key: str) -> Receipt | None:
        """The receipt of the key's instance, ended or not; None when looks for a while showed none.

        Raises:
            LauncherError: EC2 could not be asked, or the instance does not say what it is.
        """
        instance = wait_for(lambda: self._of_key(key), self.clock, SETTLE_SECONDS)
        if instance is None:
            return None
        return receipt_for(instance, require_named(marks_on(instance), workload, key, seen(instance)))

    def running(self, scope: str) -> list[Receipt]:
        """Every instance of the region that is tagged with `scope` and has not ended.

        Raises:
            LauncherError: not all of them can be seen.
        """
        tagged = list(instances(self.api, Filters=_filter(f"tag:{SCOPE_TAG}", scope)))
        known = [(each, marks_on(each)) for each in tagged if state_of(each) not in OVER]
        return [receipt_for(each, marks) for each, marks in known if marks is not None]

    def occupant(self, workload: str) -> Receipt | None:
        """Each launch has an instance of its own, so there is no one place.

        Raises:
            NoPlaceError: always.
        """
        raise NoPlaceError(
            f"template {self.template.id} makes an instance for each launch, so the profile names no one "
            "place; one with `instance` does"
        )

    def _of_key(self, key: str) -> Instance | None:
        """The instance made with the key's token, a living one first."""
        made = list(instances(self.api, Filters=_filter("client-token", token_of(key))))
        return min(made, key=lambda each: state_of(each) in OVER, default=None)

    def _run(self, request: Launch) -> Instance:
        answer = ask(
            self.api.run_instances,
            LaunchTemplate={"LaunchTemplateId": self.template.id, "Version": str(self.template.version)},
            MinCount=1,
            MaxCount=1,
            ClientToken=token_of(request.key),
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags_for(request)}],
        )
        # The answer to a token that was used before may be of an instance that has ended since.
        instance_id = str(answer["Instances"][0]["InstanceId"])
        instance = wait_for(lambda: instance_of(self.api, instance_id), self.clock, SETTLE_SECONDS)
        if instance is None:
            raise _used(request, f"EC2 answers with instance {instance_id} and does not show it")
        return instance


def _filter(name: str, value: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": [value]}]


def _used(request: Launch, why: str) -> KeyAlreadyUsedError:
    return KeyAlreadyUsedError(
        f"launch key {request.key!r} of workload {request.workload!r} was used and its instance has ended ({why}); "
        "launch again under a new key"
    )
