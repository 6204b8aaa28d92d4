"""dask-gateway-server so that it can be recovered: what runs outlives it, and its successor finds all of it again.

Add your backend and authenticator below. Addresses, database and keys come from the environment, which is the same at
every start: see start.sh.
"""

import os

c = get_config()  # noqa: F821 -- what traitlets gives a configuration

# Its default is to stop every cluster when it is asked to end.
c.DBBackendBase.stop_clusters_on_shutdown = False
# Its default is a database in memory: whatever it forgets goes on unseen, or is killed.
c.DBBackendBase.db_url = os.environ["DASK_GATEWAY_DB_URL"]

# Users' connections go through the proxy. As a child of the server it would end with it.
c.Proxy.externally_managed = True
c.Proxy.address = os.environ["DASK_GATEWAY_PROXY_ADDRESS"]
c.Proxy.tcp_address = os.environ["DASK_GATEWAY_TCP_ADDRESS"]

# Where schedulers and the proxy look for it must not change with a restart.
c.DaskGateway.address = os.environ["DASK_GATEWAY_ADDRESS"]
c.DBBackendBase.api_url = f"http://{os.environ['DASK_GATEWAY_ADDRESS']}/api"

# Clusters that it has not heard of for so long it kills, also when it was itself who was away: longer than a recovery
# takes, with HungAfterSeconds, its attempts and the time until somebody approves.
c.DBBackendBase.cluster_heartbeat_period = 15
c.DBBackendBase.cluster_heartbeat_timeout = 1800
