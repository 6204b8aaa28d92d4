"""How gateway replicas are called: among targets, and by themselves."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class GatewayReplicaKey:
    """Which replica of which gateway."""

    gateway: str
    number: int

    @property
    def target_id(self) -> str:
        """What it is called among all targets, and among workloads."""
        return f"gateway:{self.gateway}/{self.number}"

    @property
    def replica_name(self) -> str:
        """What it calls itself over all its lives, where it was launched for its gateway."""
        return f"{self.gateway}-{self.number}"


def gateway_replica_of(target_id: str) -> GatewayReplicaKey | None:
    """The gateway replica a target id names, or None for other kinds."""
    match = _GATEWAY_REPLICA.fullmatch(target_id)
    return None if match is None else GatewayReplicaKey(match[1], int(match[2]))


_GATEWAY_REPLICA = re.compile(r"gateway:([^/]+)/([1-9][0-9]{0,5})")
