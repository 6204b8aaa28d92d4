"""How a gateway replica is launched: what it is told besides what its profile says."""

from collections.abc import Mapping

from paramedic.gateways.spec import GatewaySpec
from paramedic.launchers.interface import Launch, launch_key
from paramedic.recovery.surroundings import LaunchPlan
from paramedic.state.gateway_keys import GatewayReplicaKey


def environment_of(key: GatewayReplicaKey, spec: GatewaySpec) -> Mapping[str, str]:
    """The variables of one replica: what its gateway is told, and its own name."""
    return {**spec.environment(), "PARAMEDIC_GATEWAY_REPLICA": key.replica_name}


def launch_of(key: GatewayReplicaKey, epoch: int, spec: GatewaySpec, plan: LaunchPlan) -> Launch:
    """What is launched for a replica under `epoch`: the same epoch is the same launch.

    Raises:
        EnvironmentFileError: the profile's environment file is missing or malformed.
    """
    target_id = key.target_id
    request = plan.request(target_id, target_id, epoch, launch_key(target_id, epoch))
    return request.model_copy(update={"environment": {**request.environment, **environment_of(key, spec)}})
