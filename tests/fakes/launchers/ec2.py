"""Amazon EC2 in memory, where it matters: tokens, states, launch times and tags."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any

from tests.fakes.clock import FakeClock
from tests.fakes.launchers.aws import RefusalError

INSTANCE = "i-0123456789abcdef0"
TEMPLATE = "lt-0123456789abcdef0"
ENDS = {"stopping": "stopped", "shutting-down": "terminated"}
PAGE = 1


class Ec2Backend:
    """Has one stopped instance. Only the means in `works` get one to end; what EC2 was `told` to change is noted.

    The next `lag` looks show what there was before the last change.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.instances: dict[str, dict[str, Any]] = {}
        self.works = {"ask", "force", "terminate"}
        self.spot = False
        self.impaired = False
        self.lag = 0
        self._before: dict[str, dict[str, Any]] = {}
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self._tokens: dict[str, tuple[Mapping[str, Any], str]] = {}
        self._ending: dict[str, str] = {}
        self._add(INSTANCE, "stopped", [])
        self.instances[INSTANCE]["LaunchTime"] -= timedelta(days=1)

    def describe_instances(
        self,
        *,
        InstanceIds: list[str] | None = None,  # noqa: N803
        Filters: list[dict[str, Any]] | None = None,  # noqa: N803
        NextToken: str = "0",  # noqa: N803
    ) -> Mapping[str, Any]:
        shown = self._before if self.lag else self.instances
        self.lag = max(self.lag - 1, 0)
        for instance_id in InstanceIds or ():
            if instance_id not in shown:
                raise RefusalError("InvalidInstanceID.NotFound")
        found = [
            each
            for each in shown.values()
            if each["InstanceId"] in (InstanceIds or shown) and all(_fits(each, wanted) for wanted in Filters or ())
        ]
        start = int(NextToken)
        following = {"NextToken": str(start + PAGE)} if start + PAGE < len(found) else {}
        return {"Reservations": [{"Instances": [each]} for each in found[start : start + PAGE]], **following}

    def describe_instance_status(self, *, InstanceIds: list[str]) -> Mapping[str, Any]:  # noqa: N803
        status = {"Status": "impaired" if self.impaired else "ok"}
        return {"InstanceStatuses": [{"InstanceId": each, "InstanceStatus": status} for each in InstanceIds]}

    def create_tags(self, *, Resources: list[str], Tags: list[dict[str, str]]) -> Mapping[str, Any]:  # noqa: N803
        self._changing()
        (instance_id,) = Resources
        self.told.append(("create_tags", {"Tags": Tags}))
        written = {tag["Key"] for tag in Tags}
        instance = self._known(instance_id)
        instance["Tags"] = [tag for tag in instance["Tags"] if tag["Key"] not in written] + Tags
        return {}

    def start_instances(self, *, InstanceIds: list[str]) -> Mapping[str, Any]:  # noqa: N803
        self._changing()
        self.told.append(("start_instances", {}))
        instance = self._known(*InstanceIds)
        if instance["State"]["Name"] == "stopped":
            instance |= {"State": {"Name": "running"}, "LaunchTime": self.clock.now()}
        return {"StartingInstances": []}

    def run_instances(self, **asked: Any) -> Mapping[str, Any]:
        token = asked["ClientToken"]
        first, instance_id = self._tokens.setdefault(token, (asked, f"i-{len(self.instances):08x}"))
        if first != asked:
            raise RefusalError("IdempotentParameterMismatch")
        if instance_id not in self.instances:
            self._changing()
            self.told.append(("run_instances", asked))
            self._add(instance_id, "pending", asked["TagSpecifications"][0]["Tags"], ClientToken=token)
        return {"Instances": [{**self.instances[instance_id], "State": {"Name": "pending"}}]}

    def stop_instances(self, *, InstanceIds: list[str], Force: bool) -> Mapping[str, Any]:  # noqa: N803
        if self.spot:
            raise RefusalError("UnsupportedOperation")
        return self._told_to_end("force" if Force else "ask", "stopping", *InstanceIds)

    def terminate_instances(self, *, InstanceIds: list[str]) -> Mapping[str, Any]:  # noqa: N803
        return self._told_to_end("terminate", "shutting-down", *InstanceIds)

    def settle(self) -> None:
        """What EC2 does meanwhile."""
        for instance_id, means in self._ending.items():
            instance = self.instances[instance_id]
            if means in self.works:
                instance["State"] = {"Name": ENDS.get(instance["State"]["Name"], instance["State"]["Name"])}

    def forget(self, instance_id: str) -> None:
        """As EC2 does some time after an end."""
        del self.instances[instance_id]

    def living(self) -> list[dict[str, Any]]:
        """The instances of which something may run."""
        return [each for each in self.instances.values() if each["State"]["Name"] not in ENDS.values()]

    def _told_to_end(self, means: str, state: str, instance_id: str) -> Mapping[str, Any]:
        self._changing()
        self.told.append((means, {"instance": instance_id}))
        self._known(instance_id)["State"] = {"Name": state}
        self._ending[instance_id] = means
        return {}

    def _changing(self) -> None:
        self._before = deepcopy(self.instances)

    def _known(self, instance_id: str) -> dict[str, Any]:
        if instance_id not in self.instances:
            raise RefusalError("InvalidInstanceID.NotFound")
        return self.instances[instance_id]

    def _add(self, instance_id: str, state: str, tags: list[dict[str, str]], **more: str) -> None:
        self.instances[instance_id] = {
            "InstanceId": instance_id,
            "State": {"Name": state},
            "LaunchTime": self.clock.now(),
            "Tags": tags,
            **more,
        }


def _fits(instance: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    kind, _, tag = wanted["Name"].partition(":")
    if kind == "client-token":
        return instance.get("ClientToken") in wanted["Values"]
    tags = {each["Key"]: each["Value"] for each in instance["Tags"]}
    return tags.get(tag) in wanted["Values"]
