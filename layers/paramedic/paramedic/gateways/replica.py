"""What a gateway replica and whoever starts, asks or ends one agree on."""

SHARED_PORT = 8080
"""Where all services are reached by their host names, unless another port is chosen."""

HEALTH_PATH = "/.paramedic/health"
TOKEN_HEADER = "x-paramedic-token"  # noqa: S105 - the header's name, not its value

DIRECTORY_VARIABLE = "PARAMEDIC_GATEWAY_DIR"
"""What a replica's agent and its Envoy are both started with: it tells them from all other processes."""
