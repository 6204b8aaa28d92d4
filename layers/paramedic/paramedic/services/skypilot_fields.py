"""Fields of SkyPilot's and SkyServe's YAML that mean nothing here: each is refused with why and what to do instead.

The names are those of SkyPilot 0.14's schemas for tasks and services, and the ones its older releases had.
"""

from collections.abc import Mapping

_HOST = "replicas are processes on the controller's host and use what that host has"
_ONE_HOST = f"{_HOST}; remove it"
_NO_SPOT = f"{_HOST}, which is no spot instance; remove it"
_NO_POOL = "pools of workers do not exist here, only services that answer HTTP; give `replicas` or a `replica_policy`"
_PREPARE = "nothing is copied to replicas: put the files on the controller's host, or have `run` fetch them"
_BY_PROBES = "how often replicas are asked is the controller's setting PARAMEDIC_PROBE_SECONDS; remove it"
_BY_FAILURES = "a replica leaves the routes after 3 failed probes and is replaced after 30; remove it"
_BY_RATE = "replicas are scaled by `target_qps_per_replica`; give that instead"
_OUR_SECRETS = "secrets of SkyPilot's server are not known here; say under `secrets` where each value comes from"

_SIZE = f"{_HOST}; remove it, and start the controller on a host that has it"

_RESOURCES = (
    *("any_of", "ordered", "cloud", "region", "zone", "infra", "cpus", "memory", "job_recovery", "volumes"),
    *("disk_size", "ephemeral_storage", "disk_tier", "network_tier", "local_disk", "max_hourly_cost", "labels"),
    *("accelerator_args", "image_id", "autostop", "priority", "priority_class"),
)
"""What SkyPilot looks for a machine by."""

REFUSED: Mapping[tuple[str, ...], str] = {
    **{("resources", name): _SIZE for name in _RESOURCES},
    ("resources", "accelerators"): "write what replicas run on as `instance_type`, a name that rates may be given for",
    ("resources", "use_spot"): _NO_SPOT,
    ("resources", "ports"): "a replica's port is $PARAMEDIC_REPLICA_PORT, the gateway's is `service.ports`; remove it",
    ("num_nodes",): _ONE_HOST,
    ("setup",): "nothing is run once per host: put what prepares a replica before its server in `run`",
    ("file_mounts",): _PREPARE,
    ("file_mounts_mapping",): _PREPARE,
    ("volumes",): f"{_HOST}; mount them there and remove it",
    ("volume_mounts",): f"{_HOST}; mount them there and remove it",
    ("config",): "there is no SkyPilot to configure; remove it",
    ("experimental",): "there is no SkyPilot to configure; remove it",
    ("event_callback",): "nothing is called back; alarms go to the stack's AlertEmail. Remove it",
    ("inputs",): "costs are not estimated; remove it",
    ("outputs",): "costs are not estimated; remove it",
    ("managed_secrets",): _OUR_SECRETS,
    ("api_server_access",): "there is no SkyPilot API server; remove it",
    ("pool",): _NO_POOL,
    ("service", "pool"): _NO_POOL,
    ("service", "workers"): _NO_POOL,
    ("service", "tls"): "gateways have the certificates; make the service's port speak TLS by `requests.tls: true`",
    ("service", "load_balancer"): "say it under `requests`: `timeout_seconds` and `idle_timeout_seconds` bound streams",
    ("service", "readiness_probe", "endpoint_probe_interval_seconds"): _BY_PROBES,
    ("service", "readiness_probe", "consecutive_failure_threshold_timeout"): _BY_FAILURES,
    ("service", "readiness_suffix"): "give its value to `readiness_probe`",
    ("service", "controller"): "controllers are started by themselves, not with a service; remove it",
    ("service", "replica_policy", "auto_restart"): "replicas that end or hang are always replaced; remove it",
    ("service", "replica_policy", "base_ondemand_fallback_replicas"): _NO_SPOT,
    ("service", "replica_policy", "dynamic_ondemand_fallback"): _NO_SPOT,
    ("service", "replica_policy", "spot_placer"): _NO_SPOT,
    ("service", "replica_policy", "qps_upper_threshold"): _BY_RATE,
    ("service", "replica_policy", "qps_lower_threshold"): _BY_RATE,
}
"""By path, what is said about a field."""


def refusal(path: tuple[str, ...], value: object) -> str | None:
    """What to say about `value` at `path`, where SkyPilot knows it and this release does not."""
    if path in REFUSED:
        return f"is a field of SkyPilot's that is not honoured here: {REFUSED[path]}"
    match path:
        case ("service", "load_balancing_policy") if value == "instance_aware_least_load":
            return "is called weighted_least_load here: weights follow from the rates of target_qps_per_replica"
        case ("workdir",) if isinstance(value, Mapping):
            return "must be a folder on the controller's host: no repository is cloned; have `run` do that"
        case ("envs", _) if value is None:
            return "has no value, and none can be given on the command line; write it, or name a source in `secrets`"
        case _:
            return None
