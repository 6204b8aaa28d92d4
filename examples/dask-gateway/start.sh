#!/bin/sh
# Starts dask-gateway-server as the very process that its pid file names. Needs DASK_GATEWAY_CONFIG and
# DASK_GATEWAY_PID_FILE besides what that configuration takes, and DASK_GATEWAY_ENCRYPT_KEYS and DASK_GATEWAY_PROXY_TOKEN,
# the same at every start: with other keys it can read nothing of its database.
set -eu
: "${DASK_GATEWAY_ENCRYPT_KEYS:?}" "${DASK_GATEWAY_PROXY_TOKEN:?}"
echo $$ >"$DASK_GATEWAY_PID_FILE.new"
mv "$DASK_GATEWAY_PID_FILE.new" "$DASK_GATEWAY_PID_FILE"
exec dask-gateway-server --config "$DASK_GATEWAY_CONFIG"
