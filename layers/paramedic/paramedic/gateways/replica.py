"""What a gateway replica and whoever starts, asks or ends one agree on."""

SHARED_PORT = 8080
"""Where all services are reached by their host names, unless another port is chosen."""

SHARED_TLS_PORT = 8443
"""The same by TLS, where there is a certificate."""

HEALTH_PATH = "/.paramedic/health"
"""Of a host name no service has, it is answered to anybody by a status alone; more is told for a token."""

NO_SERVICE = "replica.paramedic.invalid"
"""A host name that no service has: who asks for it means the replica itself."""

ROUTE_PATH = "/.paramedic/route"
"""Asks a service, by its host name, for nothing: the request goes the way of all others and is not counted."""

ROUTE_LOST = 599
"""What Envoy answers there, and only there, when it has nowhere to send the request; no replica's answer is that."""

TOKEN_HEADER = "x-paramedic-token"  # noqa: S105 - the header's name, not its value

DIRECTORY_VARIABLE = "PARAMEDIC_GATEWAY_DIR"
"""What a replica's agent and its Envoy are both started with: it tells them from all other processes."""
