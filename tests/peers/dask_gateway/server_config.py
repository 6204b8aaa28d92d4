"""The example's configuration with a backend that starts clusters on this machine."""

import os

c = get_config()  # type: ignore[name-defined] # noqa: F821 -- what traitlets gives a configuration
load_subconfig(os.environ["EXAMPLE_CONFIG"])  # type: ignore[name-defined] # noqa: F821

c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.SimpleAuthenticator.password = os.environ["GATEWAY_PASSWORD"]
c.LocalBackend.clusters_directory = os.environ["CLUSTERS_DIRECTORY"]
c.DBBackendBase.cluster_heartbeat_period = 2
c.DBBackendBase.cluster_status_period = c.DBBackendBase.worker_status_period = 2
c.ClusterConfig.scheduler_cmd = os.environ["SCHEDULER_COMMAND"].split()
# distributed has no dask-worker any more, which is the default.
c.ClusterConfig.worker_cmd = ["dask", "worker"]
c.ClusterConfig.worker_threads = 1
