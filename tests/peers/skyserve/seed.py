"""Run with SkyPilot's Python, in the home of a test: replicas that SkyServe takes for ones it launched on EC2.

    seed.py SERVICE ID@ADDRESS...

Each is a row of SkyServe's own, with the handle of a cluster whose address is on this machine; the controller probes
it and its load balancer routes to it as to any other.
"""

import sys

from sky import clouds, global_user_state
from sky import resources as resources_lib
from sky.backends import cloud_vm_ray_backend
from sky.serve import replica_managers, serve_state
from sky.skylet import autostop_lib
from sky.utils import common_utils

PORT = "8080"


def add(service: str, replica_id: int, address: str) -> None:
    """One replica that was found ready before."""
    cluster = f"{service}-{replica_id}"
    resources = resources_lib.Resources(cloud=clouds.AWS(), instance_type="t3.micro", region="us-east-1", ports=[PORT])
    handle = cloud_vm_ray_backend.CloudVmRayResourceHandle(
        cluster_name=cluster,
        cluster_name_on_cloud=cluster,
        cluster_yaml=f"~/.sky/generated/{cluster}.yml",
        launched_nodes=1,
        launched_resources=resources,
        stable_internal_external_ips=[(address, address)],
        stable_ssh_ports=[22],
    )
    handle.is_grpc_enabled = False
    global_user_state.set_cluster_yaml(cluster, "provider: {}\n")
    global_user_state.add_or_update_cluster(cluster, handle, {resources}, ready=True, is_managed=True)
    info = replica_managers.ReplicaInfo(replica_id, cluster, PORT, False, None, 1, None)
    info.status_property.sky_launch_status = common_utils.ProcessStatus.SUCCEEDED
    info.status_property.service_ready_now = True
    info.status_property.first_ready_time = 1.0
    serve_state.add_or_update_replica(service, replica_id, info)


for each in sys.argv[2:]:
    number, _, where = each.partition("@")
    add(sys.argv[1], int(number), where)
# What SkyPilot sets on a controller's host: to be stopped when no job of its own has run for ten minutes.
autostop_lib.set_autostop(10, "cloudvmray", autostop_lib.DEFAULT_AUTOSTOP_WAIT_FOR, down=False)
