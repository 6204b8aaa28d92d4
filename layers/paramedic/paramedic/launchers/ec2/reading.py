"""Looking at instances: which one, started when, and as what."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from paramedic.launchers import marks
from paramedic.launchers.aws_calls import AwsCallError, ask, pages
from paramedic.launchers.interface import Launch
from paramedic.launchers.marks import Marks
from paramedic.launchers.receipts import make_receipt
from paramedic.state.receipt import Receipt

LAUNCHER = "ec2"

STOPPED = "stopped"
TERMINATED = "terminated"
OVER = frozenset({STOPPED, TERMINATED})
"""States in which nothing of an instance runs; all others may still act."""

NOT_FOUND = "InvalidInstanceID.NotFound"
IMPAIRED = "impaired"

TAGS = {
    "paramedic:workload": marks.WORKLOAD,
    "paramedic:key": marks.KEY,
    "paramedic:scope": marks.SCOPE,
    "paramedic:epoch": marks.EPOCH,
}
"""The tags that stand for the variables of other launchers: a unit on the instance reads them from its metadata."""

KEY_TAG = "paramedic:key"
SCOPE_TAG = "paramedic:scope"

LAUNCHED_BEFORE_TAG = "paramedic:launched-before"
"""The instance's launch time when its key was written down: as long as that stands, the key started nothing."""

type Instance = Mapping[str, Any]


class Ec2Api(Protocol):
    """What is used of botocore's client for EC2."""

    def describe_instances(self, **arguments: Any) -> Mapping[str, Any]:
        """Instances by id or filter."""

    def describe_instance_status(self, **arguments: Any) -> Mapping[str, Any]:
        """What EC2's own checks find of running instances."""

    def create_tags(self, **arguments: Any) -> Mapping[str, Any]:
        """Write tags over."""

    def start_instances(self, **arguments: Any) -> Mapping[str, Any]:
        """Start what is stopped."""

    def run_instances(self, **arguments: Any) -> Mapping[str, Any]:
        """Make instances, once per client token."""

    def stop_instances(self, **arguments: Any) -> Mapping[str, Any]:
        """Ask instances to shut down, or force them to."""

    def terminate_instances(self, **arguments: Any) -> Mapping[str, Any]:
        """End instances for good."""


class InstanceIdentity(BaseModel):
    """One run of one instance: a later start of it is another workload."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance_id: str
    launch_time: datetime
    scope: str


def instance_of(api: Ec2Api, instance_id: str) -> Instance | None:
    """The instance; None when EC2 says that it has none of that id.

    Raises:
        AwsCallError: EC2 could not be asked.
    """
    try:
        return next(instances(api, InstanceIds=[instance_id]), None)
    except AwsCallError as error:
        if error.code == NOT_FOUND:
            return None
        raise


def ailing(api: Ec2Api, instance_id: str) -> str:
    """What EC2's status checks find wrong with a running instance; empty where that is nothing or cannot be asked.

    They reach its operating system, and know nothing of what runs there.
    """
    try:
        statuses = ask(api.describe_instance_status, InstanceIds=[instance_id]).get("InstanceStatuses", ())
    except AwsCallError:
        return ""
    checks = [status.get(kind, {}).get("Status") for status in statuses for kind in ("InstanceStatus", "SystemStatus")]
    return f"EC2's status checks of instance {instance_id} fail" if IMPAIRED in checks else ""


def instances(api: Ec2Api, **arguments: Any) -> Iterator[Instance]:
    """All instances that DescribeInstances gives, page after page.

    Raises:
        AwsCallError: one of the pages could not be had.
    """
    for page in pages(api.describe_instances, "NextToken", **arguments):
        for reservation in page.get("Reservations", ()):
            yield from reservation["Instances"]


def state_of(instance: Instance) -> str:
    """EC2's word for what it does."""
    return str(instance["State"]["Name"])


def tags_of(instance: Instance) -> dict[str, str]:
    """Its tags by name."""
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}


def marks_on(instance: Instance) -> Marks | None:
    """What its tags say it was launched as; None where they are not complete."""
    tags = tags_of(instance)
    return marks.read_marks({variable: tags.get(tag, "") for tag, variable in TAGS.items()})


def tags_for(request: Launch) -> list[dict[str, str]]:
    """The tags of one launch."""
    values = marks.marks_of(request)
    return [{"Key": tag, "Value": values[variable]} for tag, variable in TAGS.items()]


def receipt_for(instance: Instance, known: Marks) -> Receipt:
    """The receipt for this run of the instance."""
    identity = InstanceIdentity(
        instance_id=instance["InstanceId"], launch_time=instance["LaunchTime"], scope=known.scope
    )
    return make_receipt(LAUNCHER, identity, workload=known.workload, key=known.key, epoch=known.epoch)


def seen(instance: Instance) -> str:
    """The instance in words."""
    why = instance.get("StateReason", {}).get("Message")
    return f"instance {instance['InstanceId']} is {state_of(instance)}" + (f" ({why})" if why else "")
