"""Registers the replicas that serve in the target group of a load balancer, which is the gateway's alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from paramedic.gateways.unpublished import UnpublishedError

LEAVING = "draining"


class TargetGroupError(UnpublishedError):
    """The target group could not be read or changed; it stays as it is."""


@dataclass(frozen=True)
class Door:
    """Where a replica is reached."""

    address: str
    port: int


@dataclass(frozen=True)
class Registrations:
    """Who is to come and who is to go."""

    register: Sequence[Door]
    deregister: Sequence[Door]

    def __bool__(self) -> bool:
        return bool(self.register or self.deregister)


NONE = Registrations((), ())


def registrations(serving: Sequence[Door], present: Sequence[Door]) -> Registrations:
    """What makes `present` as `serving`; nothing where nobody serves."""
    if not serving:
        return Registrations((), ())
    come = [each for each in serving if each not in present]
    return Registrations(come, [each for each in present if each not in serving])


class TargetGroups:
    """Reads and changes target groups; `client` is botocore's."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def present(self, arn: str) -> list[Door]:
        """Everybody who is registered and not on their way out.

        Raises:
            TargetGroupError: it could not be read; that is no empty group.
        """
        try:
            found = self._client.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        except (ClientError, BotoCoreError) as error:
            raise TargetGroupError(f"target group {arn} could not be read: {error}") from error
        staying = [each["Target"] for each in found if each.get("TargetHealth", {}).get("State") != LEAVING]
        return [Door(each["Id"], int(each["Port"])) for each in staying]

    def change(self, arn: str, wanted: Registrations) -> None:
        """Register first, then deregister: each again is harmless.

        Raises:
            TargetGroupError: refused, or no answer; the next look goes on.
        """
        try:
            if wanted.register:
                self._client.register_targets(TargetGroupArn=arn, Targets=[_target(each) for each in wanted.register])
            if wanted.deregister:
                gone = [_target(each) for each in wanted.deregister]
                self._client.deregister_targets(TargetGroupArn=arn, Targets=gone)
        except (ClientError, BotoCoreError) as error:
            raise TargetGroupError(f"target group {arn} could not be changed: {error}") from error


def _target(door: Door) -> dict[str, str | int]:
    return {"Id": door.address, "Port": door.port}
