"""What Envoy starts from: its admin surface, the agent's, and where everything else is followed."""

import json
from pathlib import Path

from paramedic.launchers.process.files import HostFileError, replace_file
from paramedic_gateway.render.frame import Frame, watched_file
from paramedic_gateway.render.virtual_hosts import AGENT_CLUSTER

# Anybody may ask with a wrong token. Refusing takes the agent less than a millisecond, but a thread each: more at once
# wait in Envoy.
_BREAKER = {"max_connections": 8, "max_pending_requests": 128}


def bootstrap(frame: Frame, gateway: str, replica: str) -> str:
    """The bootstrap file; it changes only with the release and the settings."""
    agent = {"endpoint": {"address": {"pipe": {"path": str(frame.layout.agent_socket)}}}}
    document = {
        "node": {"id": replica, "cluster": gateway},
        "admin": {"address": {"pipe": {"path": str(frame.layout.admin_socket), "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": watched_file(frame, "lds.json"),
            "cds_config": watched_file(frame, "cds.json"),
        },
        "static_resources": {
            "clusters": [
                {
                    "name": AGENT_CLUSTER,
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "circuit_breakers": {"thresholds": [_BREAKER]},
                    "load_assignment": {"cluster_name": AGENT_CLUSTER, "endpoints": [{"lb_endpoints": [agent]}]},
                }
            ]
        },
    }
    return json.dumps(document, indent=1) + "\n"


def keep_bootstrap(path: Path, text: str) -> str | None:
    """Put `text` in place at `path`, unless it is there; what is wrong when the former one has to do.

    Raises:
        HostFileError: there is no former one either, so that nothing can be started.
    """
    try:
        if path.exists() and path.read_bytes() == text.encode():
            return None
        replace_file(path, text.encode())
    except OSError as error:
        problem = f"{path} cannot be written: {error.strerror}"
        if not path.exists():
            raise HostFileError(f"{problem}; Envoy has nothing to start from: make room on the disk") from error
        return f"{problem}; Envoy has its former settings: make room on the disk, then restart the agent"
    return None
